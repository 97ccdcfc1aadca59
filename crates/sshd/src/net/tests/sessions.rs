//! Sessions: programs and their descriptors, requests in order, the end.

use std::os::fd::{AsFd, OwnedFd};

use connection::{
    AgentName, ChannelRequest, ChannelType, Event as ChannelEvent, Grant, TerminalModes, TerminalSize,
};
use wire::{Human, Name, NulFree, Sensitive, row};

use crate::protocol::Link;
use crate::protocol::session::{Agent, Exec, Exited, Pty, Reply, SESSION, Shell, Signalled, X11};

use super::{exec, honest, next, open, request, start};

#[test]
fn a_command_has_its_descriptors_and_its_end() {
    let mut running = start(&["good"], honest, open, |connection, event| {
        if let ChannelEvent::Opened { channel, .. } = event {
            request(connection, *channel, &[exec("do it")]);
        }
        matches!(event, ChannelEvent::Closed { .. })
    });
    let payload = next(&mut running.session);
    let asked = Exec::from_payload(&payload).unwrap();
    assert_eq!(asked.command.as_bytes(), b"do it");
    let (_stdin, input) = std::io::pipe().unwrap();
    let (output, mut stdout) = std::io::pipe().unwrap();
    let (errors, stderr) = std::io::pipe().unwrap();
    let fds = [input.as_fd(), output.as_fd(), errors.as_fd()];
    running.session.send(&Reply { session: asked.session, good: true }, &fds).unwrap();
    drop((input, output, errors));
    std::io::Write::write_all(&mut stdout, b"result").unwrap();
    drop((stdout, stderr));
    running.session.send(&Exited { session: asked.session, status: 7 }, &[]).unwrap();
    // Both sides close the channel, and then its number is nobody's.
    assert_eq!(next(&mut running.session), [8, 0, 0, 0, 0]);
    let outcome = running.end();
    assert_eq!(outcome.client[2..4], ["opened", "reply 1 true"]);
    assert!(outcome.client.contains(&"Data result".to_owned()));
    assert!(outcome.client.contains(&"status 7".to_owned()));
    assert_eq!(outcome.client.last().unwrap(), "closed");
}

#[test]
fn a_terminal_is_resized_here_and_belongs_to_the_program_that_follows() {
    let size = |columns| TerminalSize { columns, rows: 24, width: 0, height: 0 };
    let mut running = start(&["good"], honest, open, move |connection, event| {
        if let ChannelEvent::Opened { channel, .. } = event {
            let term = NulFree::new(b"vt100").unwrap();
            let modes = TerminalModes::parse(&[0]).unwrap();
            let pty = ChannelRequest::PtyReq { term, size: size(80), modes };
            let wider = ChannelRequest::WindowChange { size: size(70_000) };
            request(connection, *channel, &[pty, wider, ChannelRequest::Shell]);
        }
        if let ChannelEvent::Data { channel, .. } = event {
            let signal = ChannelRequest::Signal { signal: connection::Signal::Usr1 };
            connection.request(*channel, &signal, false, 0).unwrap();
        }
        matches!(event, ChannelEvent::Closed { .. })
    });
    let payload = next(&mut running.session);
    let asked = Pty::from_payload(&payload).unwrap();
    assert_eq!((asked.term.as_bytes(), asked.columns, asked.modes.0), (&b"vt100"[..], 80, &[0][..]));
    let session = asked.session;
    let pty = sys::pty::Pty::open().unwrap();
    // The change of size has passed the request for the terminal by now, since it is not asked here.
    assert_eq!(Shell::from_payload(&next(&mut running.session)).unwrap().session, session);
    running.session.send(&Reply { session, good: true }, &[pty.master.as_fd()]).unwrap();
    running.session.send(&Reply { session, good: true }, &[]).unwrap();
    let follower: OwnedFd = pty.follower.into();
    drop(pty.master);
    std::io::Write::write_all(&mut std::fs::File::from(follower.try_clone().unwrap()), b"prompt\n").unwrap();
    // By the time the client has read that, its wish has been fulfilled.
    assert_eq!(row(SESSION, next(&mut running.session)[0]).unwrap().name, "Signal");
    let columns = sys::pty::window_size(&follower).unwrap().columns;
    let name = Name::new("HUP").unwrap();
    running.session.send(&Signalled { session, name, core: false, text: Human(b"") }, &[]).unwrap();
    next(&mut running.session);
    let outcome = running.end();
    assert_eq!(columns, u16::MAX);
    assert_eq!(outcome.client[2..6], ["opened", "reply 1 true", "reply 2 true", "reply 3 true"]);
    assert!(outcome.client.contains(&"Data prompt".to_owned()), "{:?}", outcome.client);
    assert!(outcome.client.contains(&"signal HUP".to_owned()));
}

#[test]
fn what_is_not_done_here_is_refused_with_openssh_s_reasons() {
    let running = start(
        &["good"],
        honest,
        |connection| {
            let originator = wire::Text::new("127.0.0.1").unwrap();
            let display = ChannelType::X11 { originator, originator_port: 2 };
            connection.open(&display, Grant::default(), 0).unwrap();
            let other = ChannelType::Other { name: Name::new("x@y").unwrap(), data: b"" };
            connection.open(&other, Grant::default(), 0).unwrap();
            let (name, data) = (Name::new("z@y").unwrap(), &b""[..]);
            connection.global(&connection::GlobalRequest::Other { name, data }, true, 1).unwrap();
            for _ in 0..3 {
                open(connection);
            }
        },
        |connection, event| {
            if let ChannelEvent::Opened { channel, .. } = event {
                let other = ChannelRequest::Other { name: Name::new("q@y").unwrap(), data: b"" };
                request(connection, *channel, &[other, ChannelRequest::XonXoff { client_can_do: true }]);
            }
            // The last of three sessions, where two are allowed.
            matches!(event, ChannelEvent::RequestReply { tag: 2, channel, .. } if channel.number() == 3)
        },
    );
    let outcome = running.end();
    let (mut expected, mut told) = (
        vec![
            "refused 2 open failed",
            "refused 2 open failed",
            "global 1 no",
            "opened",
            "opened",
            "refused 2 open failed",
            "reply 1 false",
            "reply 2 false",
            "reply 1 false",
            "reply 2 false",
        ],
        outcome.client.iter().skip(2).map(String::as_str).collect::<Vec<_>>(),
    );
    expected.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, expected);
    let said = |line: &str| outcome.log.iter().filter(|said| *said == line).count();
    let failure = "server_input_channel_open: failure";
    assert_eq!(said(&format!("{failure} x11")), 1, "{:?}", outcome.log);
    assert_eq!(said(&format!("{failure} x@y")), 1);
    assert_eq!(said("no more sessions"), 1);
}

#[test]
fn agent_and_display_are_the_session_s_and_answered_in_their_turn() {
    let nul_free = |text: &'static str| NulFree::new(text.as_bytes()).unwrap();
    let mut running = start(&["good"], honest, open, move |connection, event| {
        if let ChannelEvent::Opened { channel, .. } = event {
            let display = ChannelRequest::X11Req {
                single: true,
                protocol: nul_free("MIT-MAGIC-COOKIE-1"),
                cookie: Sensitive(b"00ff"),
                screen: 3,
            };
            let agents = [AgentName::OpenSsh, AgentName::Standard].map(ChannelRequest::AuthAgentReq);
            let unknown = ChannelRequest::XonXoff { client_can_do: true };
            request(connection, *channel, &[agents[0], unknown, agents[1], display]);
        }
        matches!(event, ChannelEvent::RequestReply { tag: 4, .. })
    });
    let one = Agent::from_payload(&next(&mut running.session)).unwrap();
    let other = Agent::from_payload(&next(&mut running.session)).unwrap();
    assert_eq!((one.standard, other.standard), (false, true));
    let payload = next(&mut running.session);
    let display = X11::from_payload(&payload).unwrap();
    assert_eq!((display.single, display.screen), (true, 3));
    assert_eq!(display.protocol.as_bytes(), b"MIT-MAGIC-COOKIE-1");
    assert_eq!(display.cookie.as_bytes(), b"00ff");
    for good in [true, false, true] {
        running.session.send(&Reply { session: one.session, good }, &[]).unwrap();
    }
    let told = ["opened", "reply 1 true", "reply 2 false", "reply 3 false", "reply 4 true"];
    assert_eq!(running.end().client[2..], told);
}

#[test]
fn a_session_that_sends_what_nobody_asked_for_ends_the_connection() {
    type Lie = fn(&Link, u32);
    let lies: [(Lie, &str); 3] = [
        (
            |link, session| link.send(&Reply { session: session + 1, good: true }, &[]).unwrap(),
            "nobody waits for",
        ),
        (|link, session| link.send(&Reply { session, good: true }, &[]).unwrap(), "other descriptors"),
        (|link, session| link.send(&Shell { session }, &[]).unwrap(), "unexpected message"),
    ];
    for (lie, words) in lies {
        let mut running = start(&["good"], honest, open, |connection, event| {
            if let ChannelEvent::Opened { channel, .. } = event {
                request(connection, *channel, &[exec("x")]);
            }
            false
        });
        let payload = next(&mut running.session);
        lie(&running.session, Exec::from_payload(&payload).unwrap().session);
        let outcome = running.end();
        assert_eq!(outcome.client.last().unwrap(), "cut off");
        assert!(outcome.log.iter().any(|line| line.contains(words)), "{words}: {:?}", outcome.log);
    }
}

#[test]
fn a_client_that_closes_before_the_end_is_told_the_status_all_the_same() {
    let mut running = start(&["good"], honest, open, |connection, event| {
        if let ChannelEvent::Opened { channel, .. } = event {
            request(connection, *channel, &[exec("x")]);
        }
        if let ChannelEvent::RequestReply { channel, .. } = event {
            connection.close(*channel).unwrap();
        }
        matches!(event, ChannelEvent::Closed { .. })
    });
    let payload = next(&mut running.session);
    let session = Exec::from_payload(&payload).unwrap().session;
    let ((mut stdin, input), (output, stdout), (errors, _stderr)) =
        (std::io::pipe().unwrap(), std::io::pipe().unwrap(), std::io::pipe().unwrap());
    let fds = [input.as_fd(), output.as_fd(), errors.as_fd()];
    running.session.send(&Reply { session, good: true }, &fds).unwrap();
    drop((input, output, errors));
    // Its input ends when the client's CLOSE is here.
    assert_eq!(std::io::Read::read(&mut stdin, &mut [0]).unwrap(), 0);
    // So does its output, at that moment or the next.
    let mut stdout = stdout;
    while std::io::Write::write(&mut stdout, b"x").is_ok() {}
    running.session.send(&Exited { session, status: 9 }, &[]).unwrap();
    assert_eq!(next(&mut running.session), [8, 0, 0, 0, 0]);
    let outcome = running.end();
    assert_eq!(outcome.client[2..], ["opened", "reply 1 true", "status 9", "closed"]);
}

#[test]
fn a_session_that_never_ran_anything_is_closed_at_once() {
    let mut running = start(&["good"], honest, open, |connection, event| {
        if let ChannelEvent::Opened { channel, .. } = event {
            connection.close(*channel).unwrap();
        }
        matches!(event, ChannelEvent::Closed { .. })
    });
    assert_eq!(next(&mut running.session), [8, 0, 0, 0, 0]);
    assert_eq!(running.end().client[2..], ["opened", "closed"]);
}
