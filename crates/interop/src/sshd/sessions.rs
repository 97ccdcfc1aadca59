//! Sessions of every kind, with every client.

use crate::case::{Case, Job, Report};
use crate::error::Error;
use crate::peers::{
    Algorithms, ClientKind, Finished, Input, Library, Login, Peers, Python, Server, ServerKind, Settings,
    Terminal,
};
use crate::stock::payload;

use super::with_log;
use std::time::Duration;

/// How much goes through a session and back while keys are replaced.
const BULK: usize = 10_000_000;

/// Key exchanges that so much needs at least, if one of the sides exchanges every 64 KiB. Each counts what it seals and
/// what it opens, and what is on its way during an exchange counts for the next.
const EXCHANGES_MIN: usize = 20;

/// How much goes to each output of a command that has two.
const TWO_OUTPUTS: usize = 1_500_000;

/// What the server replaces its keys after, and `ssh` too.
const REKEY: &str = "65536";

/// What `plink` replaces them after. It idles for long after each of its exchanges, with a stock server most.
const REKEY_PUTTY: &str = "1048576";

/// With which key exchange: a quick one that all clients know, as there are hundreds.
const REKEY_WITH: &str = "curve25519-sha256,curve25519-sha256@libssh.org";

/// When a client that moves much is killed.
const BULK_DEADLINE: Duration = Duration::from_secs(90);

/// A client's way through a case.
type Body = fn(&Kit<'_>, &mut Case) -> Result<(), Error>;

/// The cases of every stock client, the long ones first.
const CASES: &[(&str, Body)] = &[
    ("10 MB, rekey", bulk),
    ("terminal", terminal),
    ("two outputs", two_outputs),
    ("exec, status", statuses),
    ("signal death", signal_death),
    ("half-close", half_close),
    ("environment", environment),
    ("login shell", login_shell),
    ("refused", refused),
    ("wrong key", wrong_key),
];

/// Every case with every client.
pub(super) fn run(peers: &Peers, report: &mut Report, kind: ServerKind) -> Result<(), Error> {
    let python = Python::find()?;
    let settings = Settings { extra: vec!["AcceptEnv NACRE_*".to_owned()], ..Settings::default() };
    let server = &kind.start(peers, &settings)?;
    let settings = Settings {
        rekey_limit: Some(REKEY.to_owned()),
        algorithms: Algorithms { kex: Some(REKEY_WITH.to_owned()), ..Algorithms::default() },
        ..Settings::default()
    };
    let rekeying = &kind.start(peers, &settings)?;
    let server_of = |what: &str| if what.contains("rekey") { rekeying } else { server };
    let mut jobs = Vec::new();
    for library in Library::ALL {
        let name = python.name_of(library)?;
        for what in library.cases() {
            let python = python.clone();
            let server = server_of(what);
            jobs.push(Job::new(Case::new(&name, server.name(), what), move |_| {
                let key = if what == "wrong key" { peers.host_key() } else { peers.user_key() };
                let mark = server.log_mark();
                with_log(server, mark, python.run(library, what, peers, server, key))
            }));
        }
    }
    for (what, body) in CASES {
        for client in ClientKind::ALL {
            // It has no way to ask for one.
            if *what == "environment" && matches!(client, ClientKind::Dropbear(_)) {
                continue;
            }
            let server = server_of(what);
            let kit = Kit { peers, client, server };
            jobs.push(Job::new(Case::new(&peers.name_of_client(client), server.name(), what), move |case| {
                let mark = server.log_mark();
                with_log(server, mark, body(&kit, case))
            }));
        }
    }
    report.run_side_by_side(jobs);
    Ok(())
}

/// A client and the server it logs in to.
struct Kit<'a> {
    peers: &'a Peers,
    client: ClientKind,
    server: &'a Server,
}

impl Kit<'_> {
    /// A login with nothing but a command.
    fn login<'l>(&'l self, command: &'l str) -> Login<'l> {
        Login {
            port: self.server.address().port(),
            command,
            ..Login::new(self.peers.user_key(), self.server.host_key())
        }
    }

    fn run(&self, login: Login<'_>) -> Result<Finished, Error> {
        self.client.run(self.peers, login)
    }
}

/// What a command writes to its two outputs arrives as two, and its exit status as it is.
fn statuses(kit: &Kit<'_>, case: &mut Case) -> Result<(), Error> {
    for status in [0, 7, 255] {
        let command = format!("printf 'to %s\\n' stdout; echo to stderr >&2; exit {status}");
        let finished = kit.run(kit.login(&command))?;
        case.agreed_in_log(&finished.stderr);
        // The debug log of `ssh` has the command in it, but not these words.
        finished.must_be(status, b"to stdout\n")?;
        must_say(&finished, "to stderr\n")?;
        must_not_say(&finished, "to stdout")?;
    }
    Ok(())
}

/// What the client says and does when a signal ends the command.
fn signal_death(kit: &Kit<'_>, _: &mut Case) -> Result<(), Error> {
    let finished = kit.run(kit.login("echo before; kill -KILL $$"))?;
    let (status, word) = match kit.client {
        // It takes the signal for its own exit status 255.
        ClientKind::OpenSsh(_) => (255, "exit-signal"),
        // The others do not care which signal it was.
        ClientKind::Dropbear(_) => (0, ""),
        ClientKind::Putty(_) => (128, ""),
    };
    finished.must_be(status, b"before\n")?;
    must_say(&finished, word)
}

/// Much through `cat`, while keys are replaced by the server and by those clients that can be told to.
fn bulk(kit: &Kit<'_>, case: &mut Case) -> Result<(), Error> {
    let bytes = payload(BULK);
    let mut login = Login { input: bytes.clone().into(), deadline: BULK_DEADLINE, ..kit.login("cat") };
    login.rekey_limit = match kit.client {
        ClientKind::OpenSsh(_) => Some(REKEY.to_owned()),
        ClientKind::Putty(_) => Some(REKEY_PUTTY.to_owned()),
        ClientKind::Dropbear(_) => None,
    };
    let finished = kit.run(login)?;
    case.agreed_in_log(&finished.stderr);
    finished.must_be(0, &bytes)?;
    let exchanges = finished.stderr.matches("kex: algorithm: ").count();
    if matches!(kit.client, ClientKind::OpenSsh(_)) && exchanges < EXCHANGES_MIN {
        return Err(Error::wrong(format!("only {exchanges} key exchanges\n{}", finished.stderr)));
    }
    Ok(())
}

/// Both outputs of a command at once, each whole and in order.
fn two_outputs(kit: &Kit<'_>, _: &mut Case) -> Result<(), Error> {
    let text: String = payload(TWO_OUTPUTS / 2).iter().map(|byte| format!("{byte:02x}")).collect();
    let command = "umask 077; file=$(mktemp); cat >$file; cat $file & cat $file >&2; wait; rm $file";
    let finished = kit.run(Login { input: text.clone().into_bytes().into(), ..kit.login(command) })?;
    if !finished.stderr.contains(&text) {
        let got = finished.stderr.len();
        return Err(Error::wrong(format!("stderr is not what was written: {got} bytes in all")));
    }
    finished.must_be(0, text.as_bytes())
}

/// The size, the kind and a mode of the client's terminal reach the session's, and so does a new size.
fn terminal(kit: &Kit<'_>, _: &mut Case) -> Result<(), Error> {
    let command = "stty size; echo TERM=$TERM; \
        until [ \"$(stty size)\" = '40 120' ]; do sleep 0.05; done; \
        stty -a | grep -o 'intr = [^;]*'; tty >/dev/null && echo $SSH_TTY; exit 3";
    let terminal = Terminal {
        size: (33, 99),
        term: "vt220".to_owned(),
        interrupt: "^B".to_owned(),
        resized: Some(("TERM=".to_owned(), (40, 120))),
    };
    let input = Input { stays_open: true, ..Input::default() };
    let finished = kit.run(Login { input, terminal: Some(terminal), ..kit.login(command) })?;
    let shown = String::from_utf8_lossy(&finished.stdout);
    let expected = "33 99\r\nTERM=vt220\r\nintr = ^B\r\n/dev/pts/";
    if finished.status == Some(3) && shown.contains(expected) {
        return Ok(());
    }
    Err(Error::wrong(format!(
        "expected status 3 and {expected:?}, got status {:?} and {shown:?}\n{}",
        finished.status, finished.stderr
    )))
}

/// The end of the client's input ends nothing else, and neither does the end of the command's output.
fn half_close(kit: &Kit<'_>, _: &mut Case) -> Result<(), Error> {
    let login = kit.login("cat >/dev/null; sleep 0.2; echo after the end; exit 4");
    kit.run(Login { input: payload(1000).into(), ..login })?.must_be(4, b"after the end\n")?;
    let finished = kit.run(kit.login("echo first; exec >&-; sleep 0.2; echo still here >&2; exit 5"))?;
    finished.must_be(5, b"first\n")?;
    must_say(&finished, "still here\n")
}

/// A variable that the server accepts, and one that it does not.
fn environment(kit: &Kit<'_>, _: &mut Case) -> Result<(), Error> {
    let environment = [("NACRE_WORD", "accepted"), ("OTHER_WORD", "not-accepted")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let command = "echo $NACRE_WORD/$OTHER_WORD/$USER/$LOGNAME/$HOME/$SHELL/${SSH_CONNECTION% *}; pwd";
    let finished = kit.run(Login { environment: environment.into(), ..kit.login(command) })?;
    let shown = String::from_utf8_lossy(&finished.stdout).into_owned();
    let begins = shown.starts_with("accepted//nacre/nacre//home/nacre//bin/sh/127.0.0.1 ");
    if finished.status == Some(0) && begins && shown.ends_with(" 127.0.0.1\n/home/nacre\n") {
        return Ok(());
    }
    Err(Error::wrong(format!("{finished:?}")))
}

/// A session without a command is a login shell.
fn login_shell(kit: &Kit<'_>, _: &mut Case) -> Result<(), Error> {
    let input = b"echo $0\nexit 6\n".to_vec();
    kit.run(Login { input: input.into(), extra: vec!["-T".to_owned()], ..kit.login("") })?
        .must_be(6, b"-sh\n")
}

/// A command that is not there, and a subsystem that is not.
fn refused(kit: &Kit<'_>, _: &mut Case) -> Result<(), Error> {
    let finished = kit.run(kit.login("no-such-command"))?;
    finished.must_be(127, b"")?;
    must_say(&finished, "not found")?;
    let says = match kit.client {
        ClientKind::OpenSsh(_) => "subsystem request failed on channel 0",
        ClientKind::Putty(_) => "Server refused",
        // It waits for what comes out of the subsystem, refused or not.
        ClientKind::Dropbear(_) => return Ok(()),
    };
    let finished = kit.run(Login { extra: vec!["-s".to_owned()], ..kit.login("no-such-subsystem") })?;
    if finished.status == Some(0) || !finished.stdout.is_empty() {
        return Err(Error::wrong(format!("the subsystem was not refused: {finished:?}")));
    }
    must_say(&finished, says)
}

/// A key that lets nobody in.
fn wrong_key(kit: &Kit<'_>, _: &mut Case) -> Result<(), Error> {
    let finished = kit.run(Login { user_key: kit.peers.host_key(), ..kit.login("echo in") })?;
    if finished.status == Some(0) || !finished.stdout.is_empty() {
        return Err(Error::wrong(format!("let in: {finished:?}")));
    }
    must_say(
        &finished,
        match kit.client {
            ClientKind::OpenSsh(_) => "Permission denied (publickey",
            ClientKind::Dropbear(_) => "No auth methods could be used",
            ClientKind::Putty(_) => "No supported authentication methods available (server sent: publickey",
        },
    )
}

fn must_say(finished: &Finished, words: &str) -> Result<(), Error> {
    if finished.stderr.contains(words) {
        return Ok(());
    }
    Err(Error::wrong(format!("the standard error does not say {words:?}:\n{}", finished.stderr)))
}

fn must_not_say(finished: &Finished, words: &str) -> Result<(), Error> {
    if !finished.stderr.contains(words) {
        return Ok(());
    }
    Err(Error::wrong(format!("the standard error says {words:?}:\n{}", finished.stderr)))
}
