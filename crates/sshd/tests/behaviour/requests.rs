//! Requests of a session that stock `ssh` has no way to make, or not in that order.

use std::time::{Duration, Instant};

use connection::{ChannelRequest, GlobalRequest, LocalId, Signal, TerminalModes, TerminalSize, opcode};
use wire::{Name, NulFree};

use crate::harness::{Need, Raw, Said, Server, can, descendants, eventually, process};

/// Says that it is ready and what it got, until who started it is gone.
const TRAPS: &str = "for s in USR1 INT HUP; do trap \"echo got $s\" $s; done; echo ready; \
    while kill -0 $PPID 2>/dev/null; do sleep 0.02; done";

fn signal(raw: &mut Raw, channel: LocalId, signal: Signal<'_>) -> bool {
    raw.request(channel, &ChannelRequest::Signal { signal })
}

#[test]
fn signals_reach_the_programs_process_group() {
    let server = Server::start();
    let mut raw = Raw::login(&server);
    let channel = raw.session();
    raw.exec(channel, TRAPS);
    raw.prints("ready\n");
    for (sent, text) in [(Signal::Usr1, "got USR1"), (Signal::Int, "got INT"), (Signal::Hup, "got HUP")] {
        assert!(signal(&mut raw, channel, sent));
        raw.prints(text);
    }
    assert!(
        !signal(&mut raw, channel, Signal::Other(Name::new("NONSENSE").unwrap())),
        "a signal that nobody knows"
    );
    assert!(signal(&mut raw, channel, Signal::Term));
    raw.hears(channel, &Said::Signal { name: "TERM".into(), core: false });
    raw.hears(channel, &Said::Closed);
    assert!(!raw.said.iter().any(|(_, said)| matches!(said, Said::Status(_))), "{:?}", raw.said);
}

#[test]
fn signals_are_refused_for_forced_commands_and_subsystems() {
    let forced = Server::with(&format!("ForceCommand {TRAPS}"));
    let mut raw = Raw::login(&forced);
    let channel = raw.session();
    raw.exec(channel, "true");
    raw.prints("ready\n");
    assert!(!signal(&mut raw, channel, Signal::Usr1));
    let subsystem = Server::with(&format!("Subsystem traps {TRAPS}"));
    let mut other = Raw::login(&subsystem);
    let channel = other.session();
    assert!(other.request(channel, &ChannelRequest::Subsystem { name: NulFree::new(b"traps").unwrap() }));
    other.prints("ready\n");
    assert!(!signal(&mut other, channel, Signal::Usr1));
    assert!(!raw.output.contains("got") && !other.output.contains("got"));
}

#[test]
fn a_signal_before_there_is_a_program_is_refused() {
    let server = Server::start();
    let mut raw = Raw::login(&server);
    let channel = raw.session();
    assert!(!signal(&mut raw, channel, Signal::Term));
    raw.exec(channel, "echo alive");
    raw.prints("alive");
}

#[test]
fn the_status_comes_when_the_program_exits_and_the_close_when_its_pipes_do() {
    let server = Server::start();
    let mut raw = Raw::login(&server);
    let channel = raw.session();
    let began = Instant::now();
    raw.exec(channel, "echo out; sleep 2 & exit 7");
    raw.hears(channel, &Said::Status(7));
    let told = began.elapsed();
    assert!(raw.output == "out\n" && !raw.has(Some(channel), &Said::Eof), "{:?}", raw.said);
    raw.hears(channel, &Said::Closed);
    let closed = began.elapsed();
    assert!(
        told < Duration::from_millis(1_900) && closed >= Duration::from_millis(1_990),
        "{told:?} {closed:?}"
    );
}

#[test]
fn the_status_comes_even_when_the_client_has_closed_first() {
    let server = Server::start();
    let mut raw = Raw::login(&server);
    for round in 0..50 {
        let channel = raw.session();
        raw.exec(channel, "exec >&- 2>&-; read line; exit 5");
        raw.hears(channel, &Said::Eof);
        // Both directions are at their end: stock clients close then, while the program is still on its way out.
        raw.eof(channel);
        raw.close(channel);
        raw.hears(channel, &Said::Closed);
        assert!(raw.has(Some(channel), &Said::Status(5)), "round {round}: {:?}", raw.said);
    }
}

#[test]
fn a_channel_that_is_closed_hangs_up_its_terminal_and_the_connection_lives() {
    let server = Server::start();
    let mut raw = Raw::login(&server);
    let channel = raw.session();
    assert!(pty(&mut raw, channel, &[]));
    let name = format!("sleep 100.{}", server.port);
    raw.exec(channel, &format!("echo ready; {name}"));
    raw.prints("ready");
    let sleep = eventually("it runs", || descendants(server.pid()).into_iter().find(|one| one.title == name));
    raw.close(channel);
    raw.hears(channel, &Said::Closed);
    eventually("it is hung up", || process(sleep.pid).is_none().then_some(()));
    let other = raw.session();
    raw.exec(other, "echo alive");
    raw.prints("alive");
}

#[test]
fn requests_are_answered_in_order_and_unknown_ones_with_no() {
    let server = Server::with("AcceptEnv GOOD");
    let mut raw = Raw::login(&server);
    let channel = raw.session();
    let value = NulFree::new(b"1").unwrap();
    let env = |name: &'static [u8]| ChannelRequest::Env { name: NulFree::new(name).unwrap(), value };
    let unknown = ChannelRequest::Other { name: Name::new("nobody-knows@example.com").unwrap(), data: b"x" };
    let exec = ChannelRequest::Exec { command: NulFree::new(b"echo $GOOD; cat").unwrap() };
    for request in [&env(b"GOOD"), &env(b"BAD"), &unknown, &exec, &unknown, &exec, &ChannelRequest::Shell] {
        raw.ask(channel, request);
    }
    raw.until("all replies", |raw| raw.replies(channel).len() == 7);
    assert_eq!(raw.replies(channel), [true, false, false, true, false, false, false]);
    raw.prints("1\n");
    raw.eof(channel);
    raw.hears(channel, &Said::Status(0));
    let unknown = GlobalRequest::Other { name: Name::new("nobody-knows@example.com").unwrap(), data: b"" };
    assert!(!raw.global(&unknown));
}

#[test]
fn the_end_of_input_is_given_on_and_ends_nothing_else() {
    let server = Server::start();
    let mut raw = Raw::login(&server);
    let channel = raw.session();
    raw.exec(channel, "cat; echo after; read line </dev/null; echo more >&2; exit 2");
    raw.send(channel, b"typed\n");
    raw.eof(channel);
    raw.hears(channel, &Said::Closed);
    assert!(
        raw.output.contains("typed\n") && raw.output.contains("after\n") && raw.output.contains("more\n")
    );
    let end: Vec<_> =
        raw.said.iter().filter(|(on, _)| *on == Some(channel)).map(|(_, said)| said.clone()).collect();
    assert!(end.contains(&Said::Status(2)) && end.last() == Some(&Said::Closed), "{end:?}");
}

fn pty(raw: &mut Raw, channel: LocalId, modes: &[(u8, u32)]) -> bool {
    let mut encoded: Vec<u8> =
        modes.iter().flat_map(|(code, value)| [&[*code][..], &value.to_be_bytes()].concat()).collect();
    encoded.push(opcode::END);
    let request = ChannelRequest::PtyReq {
        term: NulFree::new(b"vt100").unwrap(),
        size: TerminalSize { columns: 77, rows: 33, width: 0, height: 0 },
        modes: TerminalModes::parse(&encoded).unwrap(),
    };
    raw.request(channel, &request)
}

#[test]
fn all_modes_of_the_rfc_are_set_as_the_client_says() {
    let server = Server::start();
    // Opcode, value, and what `stty -a` says of it.
    let characters = [
        (1, "intr"),
        (2, "quit"),
        (3, "erase"),
        (4, "kill"),
        (5, "eof"),
        (6, "eol"),
        (7, "eol2"),
        (8, "start"),
        (9, "stop"),
        (10, "susp"),
        (12, "rprnt"),
        (13, "werase"),
        (14, "lnext"),
        (18, "discard"),
    ];
    let flags = [
        (30, "ignpar"),
        (31, "parmrk"),
        (32, "inpck"),
        (33, "istrip"),
        (34, "inlcr"),
        (35, "igncr"),
        (36, "icrnl"),
        (37, "iuclc"),
        (38, "ixon"),
        (39, "ixany"),
        (40, "ixoff"),
        (41, "imaxbel"),
        (42, "iutf8"),
        (50, "isig"),
        (51, "icanon"),
        (52, "xcase"),
        (53, "echo"),
        (54, "echoe"),
        (55, "echok"),
        (56, "echonl"),
        (57, "noflsh"),
        (58, "tostop"),
        (59, "iexten"),
        (60, "echoctl"),
        (61, "echoke"),
        (70, "opost"),
        (71, "olcuc"),
        (72, "onlcr"),
        (73, "ocrnl"),
        (74, "onocr"),
        (75, "onlret"),
    ];
    for on in [0, 1] {
        let mut raw = Raw::login(&server);
        let channel = raw.session();
        let codes = characters.iter().enumerate().map(|(number, (code, _))| (*code, number as u32 + 1));
        let modes: Vec<_> = codes
            .chain(flags.iter().map(|(code, _)| (*code, on)))
            .chain([(129, 9600), (128, 9600), (159, 7)])
            .collect();
        assert!(pty(&mut raw, channel, &modes));
        raw.exec(channel, "stty -a; stty size; echo \"$TERM\"");
        raw.hears(channel, &Said::Closed);
        let said = raw.output.to_lowercase().replace('\r', "");
        assert!(
            said.contains("speed 9600 baud") && said.contains("33 77") && said.contains("vt100"),
            "{said}"
        );
        for (number, (_, name)) in characters.iter().enumerate() {
            let character = format!("{name} = ^{};", char::from(b'a' + number as u8));
            assert!(said.contains(&character), "no {character} in {said}");
        }
        let words: Vec<_> = said.split(|byte: char| byte.is_whitespace() || byte == ';').collect();
        for (_, name) in flags {
            let wanted = if on == 1 { name.to_owned() } else { format!("-{name}") };
            assert!(words.contains(&wanted.as_str()), "no {wanted} in {said}");
        }
    }
}

#[test]
fn the_window_changes_when_the_client_says_so() {
    let server = Server::start();
    let mut raw = Raw::login(&server);
    let channel = raw.session();
    assert!(pty(&mut raw, channel, &[]));
    raw.exec(channel, "trap 'echo told' WINCH; while :; do stty size; sleep 0.02; done");
    raw.prints("33 77");
    for (columns, rows) in [(200, 50), (1, 1), (65_535, 65_535), (0, 0)] {
        let size = TerminalSize { columns, rows, width: columns, height: rows };
        raw.ask(channel, &ChannelRequest::WindowChange { size });
        raw.prints(&format!("\n{rows} {columns}\r\n"));
    }
    raw.prints("told");
}

#[test]
fn a_break_is_for_terminals() {
    let server = Server::start();
    let mut raw = Raw::login(&server);
    let (plain, terminal) = (raw.session(), raw.session());
    raw.exec(plain, "cat");
    assert!(pty(&mut raw, terminal, &[]));
    raw.exec(terminal, "cat");
    assert!(!raw.request(plain, &ChannelRequest::Break { milliseconds: 100 }));
    assert!(raw.request(terminal, &ChannelRequest::Break { milliseconds: 100 }));
}

#[test]
fn a_second_terminal_for_one_session_is_refused() {
    // OpenSSH ends the connection.
    if !can(&[Need::Ours]) {
        return;
    }
    let server = Server::start();
    let mut raw = Raw::login(&server);
    let channel = raw.session();
    assert!(pty(&mut raw, channel, &[]));
    assert!(!pty(&mut raw, channel, &[]));
    raw.exec(channel, "tty");
    raw.prints("/dev/pts/");
}

#[test]
fn the_server_answers_signs_of_life_and_many_sessions_one_after_another() {
    let server = Server::start();
    let mut raw = Raw::login(&server);
    for round in 0..30 {
        let channel = raw.session();
        raw.exec(channel, &format!("echo round {round}."));
        raw.hears(channel, &Said::Closed);
        raw.prints(&format!("round {round}."));
    }
    // With yes or no: that there is a reply is the sign.
    raw.global(&GlobalRequest::Keepalive);
}
