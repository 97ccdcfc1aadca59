//! The client's agent, as programs of a session reach it.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use sys::spawn::Ended;
use tempfile::TempDir;

use super::played::{Ask, Session, Setup};

/// The message that tells of a connection to the agent's socket.
const INCOMING_AGENT: u8 = 28;

fn home() -> (TempDir, String) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().to_str().unwrap().to_owned();
    (home, path)
}

/// The socket that programs of this session are told.
fn told(session: &mut Session, number: u32) -> String {
    session.run(number, "printf %s \"$SSH_AUTH_SOCK\"").0
}

#[test]
fn a_connection_to_the_socket_is_handed_over_and_by_the_name_that_was_asked_for() {
    for standard in [false, true] {
        let (_home, path) = home();
        let mut session = Setup { agent: true, home: path.clone(), ..Setup::default() }.start();
        assert!(session.ask(0, Ask::Agent { standard }).is_some());
        let socket = told(&mut session, 0);
        assert!(socket.starts_with(&format!("{path}/.ssh/agent/s.")), "{socket}");
        let mut program = UnixStream::connect(&socket).unwrap();
        program.write_all(b"question").unwrap();
        let (number, payload, fds) = session.connection();
        assert_eq!((number, payload), (INCOMING_AGENT, vec![u8::from(standard)]));
        let [fd]: [OwnedFd; 1] = fds.try_into().unwrap();
        let mut agent = UnixStream::from(fd);
        let mut question = [0; 8];
        agent.read_exact(&mut question).unwrap();
        assert_eq!(&question, b"question");
    }
}

#[test]
fn a_connection_has_one_socket_for_the_programs_of_all_its_sessions() {
    let (_home, path) = home();
    let mut session = Setup { agent: true, home: path, ..Setup::default() }.start();
    assert!(session.ask(0, Ask::Agent { standard: false }).is_some());
    assert!(session.ask(0, Ask::Agent { standard: true }).is_none());
    assert!(session.ask(1, Ask::Agent { standard: false }).is_none());
    let first = told(&mut session, 0);
    session.close(0);
    assert_eq!(told(&mut session, 1), first);
    assert!(Path::new(&first).exists());
}

#[test]
fn the_socket_goes_with_the_connection() {
    let (_home, path) = home();
    let mut session = Setup { agent: true, home: path, ..Setup::default() }.start();
    assert!(session.ask(0, Ask::Agent { standard: false }).is_some());
    let socket = told(&mut session, 0);
    assert!(Path::new(&socket).exists());
    assert_eq!(session.hang_up(), Ended::Exited(0));
    assert!(!Path::new(&socket).exists());
}

#[test]
fn what_is_not_permitted_or_cannot_be_is_refused_and_nothing_is_told_to_programs() {
    let (_home, path) = home();
    let mut session = Setup { home: path.clone(), ..Setup::default() }.start();
    assert!(session.ask(0, Ask::Agent { standard: false }).is_none());
    assert_eq!(told(&mut session, 0), "");
    assert!(!Path::new(&path).join(".ssh").exists());

    // A directory that cannot be made, for root neither.
    std::fs::write(Path::new(&path).join(".ssh"), "").unwrap();
    let mut session = Setup { agent: true, home: path.clone(), ..Setup::default() }.start();
    assert!(session.ask(0, Ask::Agent { standard: false }).is_none());
    let line = session.line().unwrap();
    assert!(line.starts_with(&format!("mkdir_path: mkdir(\"{path}/.ssh/agent\"): ")), "{line}");
    assert_eq!(told(&mut session, 0), "");
}

#[test]
fn a_program_that_runs_already_gets_none() {
    let (_home, path) = home();
    let mut session = Setup { agent: true, home: path, ..Setup::default() }.start();
    let fds = session.ask(0, Ask::Exec("cat")).unwrap();
    assert!(session.ask(0, Ask::Agent { standard: false }).is_none());
    drop(fds);
    assert_eq!(session.ended(), (0, Ok(0)));
}
