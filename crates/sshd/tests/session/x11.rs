//! A display of the client's, as programs of a session see it.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;
use wire::Reader;

use super::played::{Ask, DEBUG1, Session, Setup};

/// The message that tells of a connection to a display.
const INCOMING_X11: u8 = 29;

/// A folder with a program in the place of `xauth`, which writes what it is told, and its arguments, to files beside it.
struct Stage {
    folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let xauth = folder.path().join("xauth");
        let script = format!(
            "#!/bin/sh\necho \"$*\" > {0}/arguments\ncat > {0}/told\necho $DISPLAY > {0}/display\n",
            folder.path().display()
        );
        fs::write(&xauth, script).unwrap();
        fs::set_permissions(&xauth, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    /// A session whose displays begin at this number.
    fn setup(&self, offset: u32) -> Setup {
        let home = self.folder.path().to_str().unwrap().to_owned();
        Setup { x11: Some((offset, true, format!("{home}/xauth"))), home, user_rc: true, ..Setup::default() }
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// Writes the user's own file.
    fn write_rc(&self, text: &str) {
        fs::create_dir_all(self.folder.path().join(".ssh")).unwrap();
        fs::write(self.folder.path().join(".ssh/rc"), text).unwrap();
    }
}

const GOOD: Ask<'_> = Ask::X11 { single: false, protocol: "MIT-MAGIC-COOKIE-1", cookie: "0123456789abcdef" };

/// The display that programs of this session are told, and its port.
fn told(session: &mut Session, number: u32) -> (String, u16) {
    let (display, errors, _) = session.run(number, "printf %s $DISPLAY");
    let (_, number) = display.split_once(':').unwrap_or_else(|| panic!("{display:?}, {errors}"));
    let port = 6000 + number.split_once('.').unwrap().0.parse::<u16>().unwrap();
    (display, port)
}

#[test]
fn programs_see_a_display_whose_connections_are_handed_over() {
    let stage = Stage::new();
    let mut session = stage.setup(1_100).start();
    assert!(session.ask(0, GOOD).is_some());
    let (display, port) = told(&mut session, 0);
    assert!(display.starts_with("localhost:") && display.ends_with(".0"), "{display}");
    for address in ["127.0.0.1", "127.0.0.1"] {
        let program = TcpStream::connect((address, port)).unwrap();
        let (number, payload, fds) = session.connection();
        let mut input = Reader::new(&payload);
        assert_eq!((number, input.string().unwrap(), fds.len()), (INCOMING_X11, address.as_bytes(), 1));
        assert_eq!(input.u32().unwrap(), u32::from(program.local_addr().unwrap().port()));
    }
}

#[test]
fn xauth_has_the_cookie_before_the_program_runs_and_not_as_an_argument() {
    let stage = Stage::new();
    let mut session = stage.setup(1_200).start();
    assert!(session.ask(0, GOOD).is_some());
    let told_file = stage.folder.path().join("told");
    let (output, errors, ended) =
        session.run(0, &format!("cat {}; printf %s $DISPLAY >&2; exit 7", told_file.display()));
    let entry = errors.replace("localhost", "unix");
    let cookie = "MIT-MAGIC-COOKIE-1 0123456789abcdef";
    assert_eq!(output, format!("remove {entry}\nadd {entry} {cookie}\n"));
    assert_eq!((stage.read("arguments").as_str(), ended), ("-q -\n", Ok(7)));
    assert_eq!(stage.read("display"), format!("{errors}\n"));
}

#[test]
fn a_file_of_the_users_own_gets_the_cookie_and_xauth_nothing() {
    let stage = Stage::new();
    stage.write_rc("echo rc $DISPLAY; cat");
    let mut session = stage.setup(1_300).start();
    assert!(session.ask(0, GOOD).is_some());
    let (output, _, _) = session.run(0, "printf %s $DISPLAY");
    let display = output.rsplit('\n').next().unwrap();
    assert_eq!(output, format!("rc {display}\nMIT-MAGIC-COOKIE-1 0123456789abcdef\n{display}"));
    assert_eq!(stage.read("arguments"), "");
}

#[test]
fn a_display_ends_with_its_session_and_the_others_stay() {
    let stage = Stage::new();
    let mut session = stage.setup(1_400).start();
    let ports = [0, 1].map(|number| {
        assert!(session.ask(number, GOOD).is_some());
        told(&mut session, number).1
    });
    assert_ne!(ports[0], ports[1]);
    session.close(0);
    // Answered after the session was closed.
    assert!(session.ask(1, Ask::Break).is_none());
    assert!(TcpStream::connect(("127.0.0.1", ports[0])).is_err());
    TcpStream::connect(("127.0.0.1", ports[1])).unwrap();
    assert_eq!(session.connection().0, INCOMING_X11);
}

#[test]
fn a_display_for_one_connection_takes_one() {
    let stage = Stage::new();
    let mut session = stage.setup(1_500).start();
    let single = Ask::X11 { single: true, protocol: "A", cookie: "0" };
    assert!(session.ask(0, single).is_some());
    let (_, port) = told(&mut session, 0);
    let _first = TcpStream::connect(("127.0.0.1", port)).unwrap();
    assert_eq!(session.connection().0, INCOMING_X11);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn what_is_not_permitted_or_could_deceive_xauth_is_refused() {
    let stage = Stage::new();
    let mut session = Setup::default().start();
    assert!(session.ask(0, GOOD).is_none());
    assert_eq!(session.run(0, "printf %s $DISPLAY").0, "");

    let mut session = stage.setup(1_600).start();
    for (protocol, cookie) in [("A", "0\nexit"), ("A B", "0"), ("A", "$(id)"), ("A;", "0")] {
        assert!(session.ask(0, Ask::X11 { single: false, protocol, cookie }).is_none());
        assert_eq!(session.line().unwrap(), "Invalid X11 forwarding data");
    }
    assert!(session.ask(0, GOOD).is_some());
    assert!(session.ask(0, GOOD).is_none());
    assert_eq!(session.line().unwrap(), "session_x11_req: session 0: x11 forwarding already active");
}

#[test]
fn without_xauth_there_is_no_display() {
    let stage = Stage::new();
    let nowhere = Path::new("/nonexistent/xauth").display().to_string();
    let mut session =
        Setup { x11: Some((1_700, true, nowhere)), level: DEBUG1, ..stage.setup(1_700) }.start();
    assert!(session.ask(0, GOOD).is_none());
    assert_eq!(session.line().unwrap(), "No xauth program; cannot forward X11.");
}
