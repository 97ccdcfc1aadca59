//! How programs end, and what their clients hear of it.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Master, Server, finish};

#[test]
fn every_kind_of_exit_status_arrives() {
    let server = Server::start();
    let master = Master::new(&server, 0);
    for status in [0, 1, 2, 7, 127, 128, 254, 255] {
        for kind in ["-T", "-tt"] {
            let outcome = finish(&mut master.ssh(&[kind, &format!("exit {status}")]), b"");
            assert_eq!(outcome.code, Some(status), "{kind}: {}", outcome.stderr);
        }
    }
    assert_eq!(finish(&mut master.ssh(&["no-such-command-anywhere"]), b"").code, Some(127));
}

#[test]
fn a_signal_ends_the_client_with_255() {
    let server = Server::start();
    for kind in ["-T", "-tt"] {
        for signal in ["TERM", "KILL", "SEGV", "USR1"] {
            let outcome = finish(&mut server.ssh(&[kind, &format!("kill -{signal} $$")]), b"");
            assert_eq!(outcome.code, Some(255), "{kind} {signal}");
        }
    }
}

#[test]
fn a_signal_is_told_as_a_signal() {
    let server = Server::start();
    let outcome = finish(&mut server.ssh(&["-oLogLevel=DEBUG1", "kill -TERM $$"]), b"");
    assert!(outcome.stderr.contains("rtype exit-signal reply 0"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("rtype exit-status"), "{}", outcome.stderr);
}

/// 20,000 bytes and an exit status, from one process.
const BURST: &str = "printf %020000d 7; exit 7";

fn bursts(kind: &'static str) {
    let server = Server::start();
    thread::scope(|scope| {
        for number in 0..2 {
            let master = Master::new(&server, number);
            scope.spawn(move || {
                for round in 0..500 {
                    let outcome = finish(&mut master.ssh(&[kind, BURST]), b"");
                    let seen = (outcome.code, outcome.stdout.len());
                    assert_eq!(seen, (Some(7), 20_000), "{kind}, round {round}: {}", outcome.stderr);
                    assert!(
                        outcome.stdout[..19_999].iter().all(|byte| *byte == b'0')
                            && outcome.stdout[19_999] == b'7'
                    );
                }
            });
        }
    });
}

#[test]
fn a_thousand_bursts_through_pipes_lose_nothing_before_their_status() {
    bursts("-T");
}

#[test]
fn a_thousand_bursts_through_terminals_lose_nothing_before_their_status() {
    bursts("-tt");
}

#[test]
fn a_burst_on_standard_error_is_complete_too() {
    let server = Server::start();
    let master = Master::new(&server, 0);
    for _ in 0..50 {
        let outcome =
            finish(&mut master.ssh(&["-T", "printf %050000d 1 >&2; printf %050000d 2; exit 3"]), b"");
        assert_eq!((outcome.code, outcome.stdout.len(), outcome.stderr.len()), (Some(3), 50_000, 50_000));
    }
}

/// When the client was told the status, when it ended, and its own status.
fn times(server: &Server, kind: &str, command: &str) -> (Duration, Duration, Option<i32>) {
    let began = Instant::now();
    let mut ssh = server.ssh(&[kind, "-oLogLevel=DEBUG1", command]);
    let mut child = ssh.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let reading = thread::spawn(move || drop(stdout.read_to_end(&mut Vec::new())));
    let mut told = None;
    for line in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
        if line.contains("rtype exit-status") {
            told = Some(began.elapsed());
        }
    }
    let code = child.wait().unwrap().code();
    let ended = began.elapsed();
    reading.join().unwrap();
    (told.expect("a status"), ended, code)
}

#[test]
fn the_status_comes_at_once_and_the_channel_stays_while_a_child_has_its_pipes() {
    let server = Server::start();
    let (told, ended, code) = times(&server, "-T", "sleep 3 & exit 7");
    assert_eq!(code, Some(7));
    assert!(told < Duration::from_millis(2_500), "told after {told:?}");
    assert!(
        ended >= Duration::from_secs(3),
        "closed after {ended:?}, though the pipes are open for 3 seconds"
    );
    let (_, ended, code) = times(&server, "-T", "sleep 3 >/dev/null 2>&1 </dev/null & exit 7");
    assert!(code == Some(7) && ended < Duration::from_millis(2_500), "nothing was left open, but {ended:?}");
}

#[test]
fn with_a_terminal_the_exit_of_its_leader_is_the_end() {
    let server = Server::start();
    for command in ["sleep 3 & exit 7", "trap '' HUP; sleep 3 & exit 7", "setsid sleep 3 & sleep 0.2; exit 7"]
    {
        let (told, ended, code) = times(&server, "-tt", command);
        assert_eq!(code, Some(7));
        assert!(
            told < Duration::from_millis(2_500) && ended < Duration::from_millis(2_500),
            "{command}: {told:?} {ended:?}"
        );
    }
}

#[test]
fn the_end_of_input_is_not_the_end_of_output() {
    let server = Server::start();
    let outcome = finish(&mut server.ssh(&["cat; echo after; echo err >&2; exit 6"]), b"before\n");
    assert_eq!(
        (outcome.code, outcome.text().as_str(), outcome.stderr.as_str()),
        (Some(6), "before\nafter", "err\n")
    );
}

#[test]
fn the_end_of_output_is_not_the_end_of_errors_or_input() {
    let server = Server::start();
    let outcome =
        finish(&mut server.ssh(&["exec >&-; read line; echo \"got $line\" >&2; exit 5"]), b"a line\n");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(5), "got a line\n"));
}

#[test]
fn a_command_that_does_not_read_does_not_stop_anything() {
    let server = Server::start();
    let outcome = finish(&mut server.ssh(&["exec <&-; echo done; exit 4"]), &vec![b'x'; 5_000_000]);
    assert_eq!((outcome.code, outcome.text().as_str()), (Some(4), "done"));
}
