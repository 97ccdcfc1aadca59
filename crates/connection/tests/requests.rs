//! Requests, on channels and global: each gets its reply, in order, once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use nacre_connection::{
    AgentName, ChannelRequest, Config, Error, GlobalId, GlobalRequest, Misbehaviour, Misuse, Priority,
    RequestId, TerminalModes, TerminalSize, message,
};
use support::{
    Alone, At, PEER_ID, Pair, SMALL, Seen, close, failure, global, name, open, request, string, success,
};
use wire::{NulFree, Role, Sensitive, Text};

fn ask(alone: &mut Alone, channel: nacre_connection::LocalId, kind: &str, data: &[u8]) -> RequestId {
    match alone.get(&request(channel, kind, true, data)).unwrap() {
        Seen::AskRequest(id, _) => id,
        other => panic!("{other:?}"),
    }
}

fn ask_global(alone: &mut Alone, kind: &str, data: &[u8]) -> GlobalId {
    match alone.get(&global(kind, true, data)).unwrap() {
        Seen::AskGlobal(id, _) => id,
        other => panic!("{other:?}"),
    }
}

/// The numbers of what was sent: 99 for success, 100 for failure.
fn numbers(alone: &mut Alone) -> Vec<u8> {
    alone.sent().iter().map(|payload| payload[0]).collect()
}

#[test]
fn replies_keep_the_order_of_the_requests_whatever_the_order_of_the_answers() {
    let mut alone = Alone::new(Role::Server);
    let channel = alone.session(SMALL);
    let shell = ask(&mut alone, channel, "shell", &[]);
    let exec = ask(&mut alone, channel, "exec", &string(b"id"));
    // A malformed and an internal one queue behind those that wait for an answer.
    let malformed = alone.get(&request(channel, "env", true, &[1])).unwrap();
    assert!(matches!(malformed, Seen::Malformed(name, _) if name == "env"));
    assert_eq!(alone.get(&request(channel, "keepalive@openssh.com", true, &[])).unwrap(), Seen::Nothing);
    let subsystem = ask(&mut alone, channel, "subsystem", &string(b"sftp"));
    assert!(alone.sent().is_empty());

    alone.machine.answer_request(subsystem, true, &mut alone.out).unwrap();
    alone.machine.answer_request(exec, false, &mut alone.out).unwrap();
    assert!(alone.sent().is_empty());
    assert_eq!(
        alone.machine.answer_request(exec, true, &mut alone.out),
        Err(Misuse::NoSuchQuestion),
        "one answer each"
    );
    alone.machine.answer_request(shell, true, &mut alone.out).unwrap();
    assert_eq!(numbers(&mut alone), [99, 100, 100, 100, 99]);
    assert_eq!(alone.machine.answer_request(shell, true, &mut alone.out), Err(Misuse::NoSuchQuestion));
    assert_eq!(alone.machine.pending_questions(), 0);
}

#[test]
fn one_channels_open_question_does_not_hold_up_another() {
    let mut alone = Alone::new(Role::Server);
    let first = alone.session(SMALL);
    let id = alone.ask_session(78, SMALL);
    alone.machine.answer_open(id, Ok(SMALL), &mut alone.out).unwrap();
    alone.sent();
    let second = id.channel();
    ask(&mut alone, first, "shell", &[]);
    let shell = ask(&mut alone, second, "shell", &[]);
    alone.machine.answer_request(shell, true, &mut alone.out).unwrap();
    assert_eq!(alone.sent(), [support::bytes(&message::ChannelSuccess { recipient: 78 })]);
}

#[test]
fn a_request_that_wants_no_reply_gets_none() {
    let mut alone = Alone::new(Role::Server);
    let channel = alone.session(SMALL);
    for (kind, data) in [("shell", &[][..]), ("x@example.org", b"anything"), ("exec", b"malformed")] {
        let seen = alone.get(&request(channel, kind, false, data)).unwrap();
        assert!(matches!(seen, Seen::Request(..) | Seen::Malformed(..)), "{seen:?}");
    }
    alone.get(&global("tcpip-forward", false, b"malformed")).unwrap();
    alone.get(&global("x@example.org", false, b"")).unwrap();
    assert!(alone.sent().is_empty());
}

#[test]
fn a_malformed_request_fails_and_the_channel_lives_on() {
    let mut alone = Alone::new(Role::Server);
    let channel = alone.session(SMALL);
    let cases: [(&str, Vec<u8>); 7] = [
        ("shell", vec![0]),
        ("exec", string(b"id\0 -u")),
        ("exec", [string(b"id"), vec![0]].concat()),
        ("subsystem", vec![0, 0, 0, 9, 1]),
        ("window-change", vec![0; 15]),
        ("signal", string(b"")),
        ("pty-req", [string(b"xterm"), vec![0; 16], string(&[1, 0, 0])].concat()),
    ];
    for (kind, data) in cases {
        let seen = alone.get(&request(channel, kind, true, &data)).unwrap();
        assert!(matches!(&seen, Seen::Malformed(name, _) if name == kind), "{kind}: {seen:?}");
        assert_eq!(numbers(&mut alone), [100], "{kind}");
    }
    ask(&mut alone, channel, "shell", &[]);
}

#[test]
fn a_port_over_65535_is_refused_and_not_cut_to_sixteen_bits() {
    let mut alone = Alone::new(Role::Server);
    let data = [string(b"127.0.0.1"), vec![0, 1, 0, 22]].concat();
    assert_eq!(
        alone.get(&global("tcpip-forward", true, &data)).unwrap(),
        Seen::Malformed("tcpip-forward".into(), "65558 is no port".into())
    );
    assert_eq!(alone.sent(), [[82]]);
    let data = [string(b"host"), vec![0, 1, 0, 22], string(b"::1"), vec![0, 0, 0, 9]].concat();
    assert_eq!(
        alone.get(&open("direct-tcpip", 4, SMALL, &data)).unwrap(),
        Seen::Malformed("direct-tcpip".into(), "65558 is no port".into())
    );
    assert_eq!(numbers(&mut alone), [92]);
    assert_eq!(alone.machine.channel_count(), 0);
}

#[test]
fn global_replies_keep_their_order_too() {
    let mut alone = Alone::new(Role::Server);
    let forward = [string(b""), vec![0, 0, 0, 0]].concat();
    let first = ask_global(&mut alone, "tcpip-forward", &forward);
    let second = ask_global(&mut alone, "x@example.org", b"");
    assert_eq!(alone.get(&global("keepalive@openssh.com", true, &[])).unwrap(), Seen::Nothing);
    let third = ask_global(&mut alone, "hostkeys-prove-00@openssh.com", &string(b"key"));
    alone.machine.answer_global(third, Some(b"signature"), &mut alone.out).unwrap();
    alone.machine.answer_global(second, None, &mut alone.out).unwrap();
    assert!(alone.sent().is_empty());
    alone.machine.answer_global(first, Some(&[0, 0, 0x1f, 0x90]), &mut alone.out).unwrap();
    assert_eq!(
        alone.sent(),
        [vec![81, 0, 0, 0x1f, 0x90], vec![82], vec![82], [&[81][..], b"signature"].concat()]
    );
    assert_eq!(alone.machine.answer_global(first, None, &mut alone.out), Err(Misuse::NoSuchQuestion));
}

#[test]
fn our_requests_are_matched_with_their_replies_in_order() {
    let mut alone = Alone::new(Role::Client);
    let channel = alone.opened(SMALL);
    let out = &mut alone.out;
    alone.machine.request(channel, &ChannelRequest::Shell, true, 10, out).unwrap();
    alone.machine.request(channel, &ChannelRequest::Shell, false, 11, out).unwrap();
    alone.machine.request(channel, &ChannelRequest::Eow, true, 12, out).unwrap();
    alone.machine.global(&GlobalRequest::Keepalive, true, 20, out).unwrap();
    alone.machine.global(&GlobalRequest::NoMoreSessions, false, 21, out).unwrap();
    alone.machine.global(&GlobalRequest::Keepalive, true, 22, out).unwrap();
    assert_eq!(alone.get(&success(channel)).unwrap(), Seen::Reply(channel, 10, true));
    assert_eq!(alone.get(&failure(channel)).unwrap(), Seen::Reply(channel, 12, false));
    assert_eq!(alone.get(&message::RequestFailure {}).unwrap(), Seen::GlobalReply(20, None));
    let reply = message::RequestSuccess { data: wire::Rest(b"abc") };
    assert_eq!(alone.get(&reply).unwrap(), Seen::GlobalReply(22, Some(b"abc".to_vec())));
    assert_eq!(alone.get(&success(channel)), Err(Error::Misbehaved(Misbehaviour::UnexpectedReply)));
}

#[test]
fn an_answer_after_our_close_is_not_sent() {
    let mut alone = Alone::new(Role::Server);
    let channel = alone.session(SMALL);
    let shell = ask(&mut alone, channel, "shell", &[]);
    let exec = ask(&mut alone, channel, "exec", &string(b"id"));
    alone.machine.close(channel).unwrap();
    alone.machine.answer_request(shell, true, &mut alone.out).unwrap();
    assert_eq!(numbers(&mut alone), [99], "CLOSE has not gone out yet");
    assert_eq!(alone.control().len(), 1);
    alone.machine.answer_request(exec, true, &mut alone.out).unwrap();
    assert!(alone.sent().is_empty());
    // A request that crosses our CLOSE gets no reply either.
    assert_eq!(alone.get(&request(channel, "shell", true, &[])).unwrap(), Seen::Nothing);
    alone.get(&close(channel)).unwrap();
    assert_eq!(alone.machine.answer_request(exec, true, &mut alone.out), Err(Misuse::UnknownChannel));
    assert_eq!(alone.machine.pending_questions(), 0);
}

#[test]
fn a_granted_terminal_makes_a_channel_interactive_on_both_sides() {
    let mut pair = Pair::new(Config::default());
    let (ours, theirs) = pair.session(SMALL);
    let modes = [1, 0, 0, 0, 3, 0];
    let pty = ChannelRequest::PtyReq {
        term: NulFree::new(b"xterm").unwrap(),
        size: TerminalSize { columns: 80, rows: 24, width: 0, height: 0 },
        modes: TerminalModes::parse(&modes).unwrap(),
    };
    for (ok, priority) in [(false, Priority::Bulk), (true, Priority::Interactive)] {
        pair.client.machine.request(ours, &pty, true, 1, &mut pair.client.out).unwrap();
        pair.settle();
        let seen = pair.seen(At::Server);
        let [Seen::AskRequest(id, _)] = seen[..] else { panic!("{seen:?}") };
        pair.server.machine.answer_request(id, ok, &mut pair.server.out).unwrap();
        pair.settle();
        assert_eq!(pair.client.machine.priority(ours), Some(priority));
        assert_eq!(pair.server.machine.priority(theirs), Some(priority));
    }
    pair.server.machine.set_priority(theirs, Priority::Bulk).unwrap();
    assert_eq!(
        pair.server.machine.priority(theirs),
        Some(Priority::Bulk),
        "the application's word is the last"
    );
}

#[test]
fn every_request_arrives_as_it_was_sent() {
    let modes = TerminalModes::encode_all([
        nacre_connection::TerminalMode { opcode: nacre_connection::opcode::VINTR, value: 3 },
        nacre_connection::TerminalMode { opcode: nacre_connection::opcode::OSPEED, value: 38400 },
    ]);
    let text = |text: &'static str| NulFree::new(text.as_bytes()).unwrap();
    let size = TerminalSize { columns: 1, rows: 2, width: 3, height: 4 };
    let requests = [
        ChannelRequest::PtyReq { term: text("vt100"), size, modes: TerminalModes::parse(&modes).unwrap() },
        ChannelRequest::Env { name: text("LANG"), value: text("C.UTF-8") },
        ChannelRequest::Shell,
        ChannelRequest::Exec { command: text("echo hi") },
        ChannelRequest::Subsystem { name: text("sftp") },
        ChannelRequest::WindowChange { size },
        ChannelRequest::Signal { signal: nacre_connection::Signal::Info },
        ChannelRequest::Break { milliseconds: 500 },
        ChannelRequest::XonXoff { client_can_do: true },
        ChannelRequest::AuthAgentReq(AgentName::OpenSsh),
        ChannelRequest::AuthAgentReq(AgentName::Standard),
        ChannelRequest::X11Req {
            single: true,
            protocol: text("MIT-MAGIC-COOKIE-1"),
            cookie: Sensitive(b"c0ffee"),
            screen: 9,
        },
        ChannelRequest::ExitStatus { status: 255 },
        ChannelRequest::ExitSignal {
            signal: nacre_connection::Signal::Other(name("WINCH@example.org")),
            core_dumped: true,
            message: "bye".into(),
        },
        ChannelRequest::Other { name: name("winadj@putty.projects.tartarus.org"), data: b"data" },
    ];
    let mut pair = Pair::new(Config::default());
    let (ours, theirs) = pair.session(SMALL);
    for request in &requests {
        pair.client.machine.request(ours, request, false, 0, &mut pair.client.out).unwrap();
    }
    pair.settle();
    let expected: Vec<Seen> =
        requests.iter().map(|request| Seen::Request(theirs, format!("{request:?}"))).collect();
    assert_eq!(pair.seen(At::Server), expected);
    assert!(!format!("{requests:?}").contains("c0ffee"), "a cookie is not for logs");
}

#[test]
fn every_global_request_arrives_as_it_was_sent() {
    let address = Text::new("localhost").unwrap();
    let path = NulFree::new(b"/run/socket").unwrap();
    let requests = [
        GlobalRequest::TcpipForward { address, port: 65535 },
        GlobalRequest::CancelTcpipForward { address, port: 0 },
        GlobalRequest::StreamlocalForward { path },
        GlobalRequest::CancelStreamlocalForward { path },
        GlobalRequest::HostKeys { keys: &[0, 0, 0, 1, 7] },
        GlobalRequest::HostKeysProve { keys: &[0, 0, 0, 1, 8] },
        GlobalRequest::Other { name: name("x@example.org"), data: b"data" },
    ];
    let mut pair = Pair::new(Config::default());
    for request in &requests {
        pair.client.machine.global(request, false, 0, &mut pair.client.out).unwrap();
    }
    pair.settle();
    let expected: Vec<Seen> = requests.iter().map(|request| Seen::Global(format!("{request:?}"))).collect();
    assert_eq!(pair.seen(At::Server), expected);
}

#[test]
fn every_channel_type_arrives_as_it_was_sent() {
    use nacre_connection::ChannelType;
    let text = |text: &'static str| Text::new(text).unwrap();
    let path = NulFree::new(b"/run/socket").unwrap();
    let kinds = [
        ChannelType::DirectTcpip {
            host: text("example.org"),
            port: 443,
            originator: text("::1"),
            originator_port: 65535,
        },
        ChannelType::ForwardedTcpip {
            address: text(""),
            port: 80,
            originator: text("192.0.2.1"),
            originator_port: 1,
        },
        ChannelType::DirectStreamlocal { path },
        ChannelType::ForwardedStreamlocal { path },
        ChannelType::AuthAgent(AgentName::OpenSsh),
        ChannelType::AuthAgent(AgentName::Standard),
        ChannelType::X11 { originator: text("127.0.0.1"), originator_port: 6010 },
        ChannelType::Tun { mode: 1, unit: 0x7fff_ffff },
        ChannelType::Other { name: name("x@example.org"), data: b"data" },
    ];
    let mut pair = Pair::new(Config::default());
    for kind in &kinds {
        pair.server.machine.open(kind, SMALL, 0, &mut pair.server.out).unwrap();
    }
    pair.settle();
    let seen: Vec<String> = pair
        .seen(At::Client)
        .into_iter()
        .map(|seen| match seen {
            Seen::AskOpen(_, text) => text,
            other => panic!("{other:?}"),
        })
        .collect();
    let expected: Vec<String> = kinds.iter().map(|kind| format!("{kind:?}")).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_question_of_a_peer_that_closes_is_forgotten_with_its_channel() {
    let mut alone = Alone::new(Role::Server);
    let channel = alone.session(SMALL);
    let shell = ask(&mut alone, channel, "shell", &[]);
    alone.get(&close(channel)).unwrap();
    // The session waits for its application, which may still answer; the reply goes to a peer that does not care.
    alone.machine.answer_request(shell, false, &mut alone.out).unwrap();
    assert_eq!(alone.sent(), [support::bytes(&message::ChannelFailure { recipient: PEER_ID })]);
    alone.machine.close(channel).unwrap();
    alone.control();
    assert_eq!(alone.machine.pending_questions(), 0);
}

#[test]
fn a_window_change_makes_a_channel_interactive() {
    let mut alone = Alone::new(Role::Server);
    let channel = alone.session(SMALL);
    assert_eq!(alone.machine.priority(channel), Some(Priority::Bulk));
    alone.get(&request(channel, "window-change", false, &[0; 16])).unwrap();
    assert_eq!(alone.machine.priority(channel), Some(Priority::Interactive));
}
