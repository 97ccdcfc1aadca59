//! Idle channels, and connections without channels.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use connection::{ChannelRequest, ChannelType, Event as ChannelEvent, Grant};
use proto::{Client, Connection};
use wire::{NulFree, Text};

use crate::protocol::Link;
use crate::protocol::session::{Closed, Connect, ConnectLocal, Connected, Exited, Reply};

use super::forwards::come_in;
use super::{Decide, Ends, Outcome, admit, exec, never, next, open, request, start, start_with};

/// The limit of these tests.
const LIMIT: Duration = Duration::from_millis(500);

/// As long, but for the length of a turn of the loop, whose beginning counts for what passes in it.
const NEARLY: Duration = Duration::from_millis(450);

/// How the log tells that a channel was idle.
fn line(channel: u32) -> String {
    format!("channel {channel}: closing after 0.500000 seconds of inactivity")
}

fn said(outcome: &Outcome, line: &str) -> bool {
    outcome.log.iter().any(|said| said == line)
}

fn dial(connection: &mut Connection<Client>) {
    let (host, originator) = (Text::new("h").unwrap(), Text::new("o").unwrap());
    let kind = ChannelType::DirectTcpip { host, port: 1, originator, originator_port: 2 };
    connection.open(&kind, Grant::default(), 0).unwrap();
}

fn dial_local(connection: &mut Connection<Client>) {
    let path = NulFree::new(b"/run/x").unwrap();
    connection.open(&ChannelType::DirectStreamlocal { path }, Grant::default(), 0).unwrap();
}

/// Runs what is asked for next; returns the session's number and what the program's ends are connected to.
fn run(link: &mut Link) -> (u32, [UnixStream; 3]) {
    let payload = next(link);
    // Whatever it is, the number comes first.
    let session = u32::from_be_bytes(payload[1..5].try_into().unwrap());
    let [stdin, stdout, stderr] = [(); 3].map(|()| UnixStream::pair().unwrap());
    let fds = [stdin.1.as_fd(), stdout.1.as_fd(), stderr.1.as_fd()];
    link.send(&Reply { session, good: true }, &fds).unwrap();
    (session, [stdin.0, stdout.0, stderr.0])
}

/// Waits until nobody else has the socket any more.
fn end_of(mut socket: &UnixStream) {
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).unwrap();
}

#[test]
fn an_idle_program_loses_its_channel_without_a_status_and_its_place_is_free() {
    let decide: Decide = |net, password, session| {
        admit(net, password, session, 1, "session:shell=9,session:comm*=0.5,*=0", 0);
    };
    let mut running = start(&["good"], decide, open, |connection, event| {
        match event {
            ChannelEvent::Opened { channel, .. } => request(connection, *channel, &[exec("x")]),
            ChannelEvent::Closed { channel } if channel.number() == 0 => open(connection),
            _ => {}
        }
        matches!(event, ChannelEvent::RequestReply { channel, .. } if channel.number() != 0)
    });
    let began = Instant::now();
    let (session, ends) = run(&mut running.session);
    ends.iter().for_each(end_of);
    assert!(began.elapsed() >= LIMIT);
    let payload = next(&mut running.session);
    assert_eq!(Closed::from_payload(&payload).unwrap().session, session);
    // What was said before that was heard is no reason to worry.
    running.session.send(&Exited { session, status: 3 }, &[]).unwrap();
    run(&mut running.session);
    let outcome = running.end();
    let told = ["opened", "reply 1 true", "eof", "closed", "opened", "reply 1 true"];
    assert_eq!(outcome.client[2..], told);
    assert!(said(&outcome, &line(0)), "{:?}", outcome.log);
}

#[test]
fn the_end_of_an_abandoned_program_is_told_once() {
    let decide: Decide = |net, password, session| admit(net, password, session, 1, "*=0.5", 0);
    let mut running = start(&["good"], decide, open, |connection, event| {
        if let ChannelEvent::Opened { channel, .. } = event {
            request(connection, *channel, &[exec("x")]);
        }
        false
    });
    let (session, _ends) = run(&mut running.session);
    next(&mut running.session);
    for _ in 0..2 {
        running.session.send(&Exited { session, status: 3 }, &[]).unwrap();
    }
    let outcome = running.end();
    assert_eq!(outcome.client.last().unwrap(), "cut off");
    assert!(outcome.log.iter().any(|line| line.contains("does not run")), "{:?}", outcome.log);
}

#[test]
fn traffic_keeps_a_channel_alive_and_its_time_runs_from_the_last_byte() {
    let decide: Decide = |net, password, session| admit(net, password, session, 1, "direct-tcpip=0.5", 0);
    let (mut near, theirs) = UnixStream::pair().unwrap();
    let ends = Ends::Sockets([theirs.into()].into());
    let mut running =
        start_with(&["good"], decide, ends, dial, |_, event| matches!(event, ChannelEvent::Closed { .. }));
    let payload = next(&mut running.session);
    let channel = Connect::from_payload(&payload).unwrap().channel;
    let (mut far, socket) = UnixStream::pair().unwrap();
    running.session.send(&Connected { channel }, &[socket.as_fd()]).unwrap();
    drop(socket);
    let (began, mut last) = (Instant::now(), Instant::now());
    while began.elapsed() < 2 * LIMIT {
        last = Instant::now();
        near.write_all(b"x").unwrap();
        far.read_exact(&mut [0]).unwrap();
        far.write_all(b"y").unwrap();
        near.read_exact(&mut [0]).unwrap();
    }
    end_of(&far);
    assert!(last.elapsed() >= NEARLY);
    let outcome = running.end();
    assert!(said(&outcome, &line(0)), "{:?}", outcome.log);
}

#[test]
fn the_first_type_that_fits_counts_and_others_have_no_limit() {
    let decide: Decide = |net, password, session| {
        admit(net, password, session, 1, "direct-streamlocal@openssh.com=0,direct-*=0.5,session=0.5", 0);
    };
    let begin = |connection: &mut Connection<Client>| {
        dial_local(connection);
        dial(connection);
    };
    let mut running = start(&["good"], decide, begin, never);
    let payload = next(&mut running.session);
    let local = ConnectLocal::from_payload(&payload).unwrap().channel;
    let payload = next(&mut running.session);
    let tcp = Connect::from_payload(&payload).unwrap().channel;
    let ((unlimited, theirs), (limited, other)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
    running.session.send(&Connected { channel: local }, &[theirs.as_fd()]).unwrap();
    running.session.send(&Connected { channel: tcp }, &[other.as_fd()]).unwrap();
    drop((theirs, other));
    end_of(&limited);
    unlimited.set_nonblocking(true).unwrap();
    let still = (&unlimited).read(&mut [0]).unwrap_err();
    assert_eq!(still.kind(), std::io::ErrorKind::WouldBlock);
    let outcome = running.cut();
    assert!(said(&outcome, &line(tcp)) && !said(&outcome, &line(local)), "{:?}", outcome.log);
}

#[test]
fn programs_are_told_apart_by_how_they_were_asked_for() {
    let decide: Decide = |net, password, session| {
        admit(net, password, session, 3, "session:shell=0.5,session:subsystem:sftp=0.5,*=0", 0);
    };
    let name = NulFree::new(b"sftp").unwrap();
    let mut asked = vec![exec("x"), ChannelRequest::Subsystem { name }, ChannelRequest::Shell];
    let begin = |connection: &mut Connection<Client>| (0..3).for_each(|_| open(connection));
    let mut closed = 0;
    let mut running = start(&["good"], decide, begin, move |connection, event| {
        if let ChannelEvent::Opened { channel, .. } = event {
            request(connection, *channel, &[asked.remove(0)]);
        }
        closed += u32::from(matches!(event, ChannelEvent::Closed { .. }));
        closed == 2
    });
    let ends: Vec<_> = (0..3).map(|_| run(&mut running.session)).collect();
    let outcome = running.end();
    for (session, _) in &ends {
        assert_eq!(said(&outcome, &line(*session)), *session != ends[0].0, "{:?}", outcome.log);
    }
}

#[test]
fn connections_that_come_in_have_the_limits_of_their_kinds() {
    for (number, kind) in (0..).zip([
        "forwarded-tcpip",
        "forwarded-streamlocal@openssh.com",
        "x11-connection",
        "agent-connection",
        "agent-connection",
    ]) {
        let (_near, theirs) = UnixStream::pair().unwrap();
        let timeouts = format!("{kind}=0.5,*=0");
        let running = start_with(
            &["good"],
            move |net, password, session| admit(net, password, session, 1, &timeouts, 0),
            Ends::Sockets([theirs.into()].into()),
            |_| {},
            never,
        );
        end_of(&come_in(&running.session, number));
        let outcome = running.cut();
        assert!(said(&outcome, &line(0)), "{kind}: {:?}", outcome.log);
    }
}

#[test]
fn the_global_limit_is_for_all_channels_taken_together() {
    let decide: Decide = |net, password, session| admit(net, password, session, 1, "*=0,global=0.5", 0);
    let (mut near, theirs) = UnixStream::pair().unwrap();
    let ends = Ends::Sockets([theirs.into()].into());
    let begin = |connection: &mut Connection<Client>| {
        dial(connection);
        dial_local(connection);
    };
    let mut running = start_with(&["good"], decide, ends, begin, never);
    let payload = next(&mut running.session);
    let busy = Connect::from_payload(&payload).unwrap().channel;
    let payload = next(&mut running.session);
    let idle = ConnectLocal::from_payload(&payload).unwrap().channel;
    let ((mut far, theirs), (silent, other)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
    running.session.send(&Connected { channel: busy }, &[theirs.as_fd()]).unwrap();
    running.session.send(&Connected { channel: idle }, &[other.as_fd()]).unwrap();
    drop((theirs, other));
    let (began, mut last) = (Instant::now(), Instant::now());
    while began.elapsed() < 2 * LIMIT {
        last = Instant::now();
        near.write_all(b"x").unwrap();
        far.read_exact(&mut [0]).unwrap();
    }
    end_of(&silent);
    end_of(&far);
    assert!(last.elapsed() >= NEARLY);
    let outcome = running.cut();
    assert!(said(&outcome, &line(busy)) && said(&outcome, &line(idle)), "{:?}", outcome.log);
}

#[test]
fn what_passed_on_a_channel_that_is_gone_counts_for_the_global_limit() {
    let decide: Decide = |net, password, session| admit(net, password, session, 1, "global=0.5", 0);
    let (mut near, theirs) = UnixStream::pair().unwrap();
    let ends = Ends::Sockets([theirs.into()].into());
    let begin = |connection: &mut Connection<Client>| {
        dial(connection);
        dial_local(connection);
    };
    let mut running = start_with(&["good"], decide, ends, begin, never);
    let payload = next(&mut running.session);
    let busy = Connect::from_payload(&payload).unwrap().channel;
    let payload = next(&mut running.session);
    let idle = ConnectLocal::from_payload(&payload).unwrap().channel;
    let ((mut far, theirs), (silent, other)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
    running.session.send(&Connected { channel: busy }, &[theirs.as_fd()]).unwrap();
    running.session.send(&Connected { channel: idle }, &[other.as_fd()]).unwrap();
    drop((theirs, other));
    let (began, mut last) = (Instant::now(), Instant::now());
    while began.elapsed() < LIMIT / 2 {
        last = Instant::now();
        near.write_all(b"x").unwrap();
        far.read_exact(&mut [0]).unwrap();
    }
    drop((near, far));
    end_of(&silent);
    assert!(last.elapsed() >= NEARLY);
    let outcome = running.cut();
    assert!(said(&outcome, &line(idle)) && !said(&outcome, &line(busy)), "{:?}", outcome.log);
}

/// How the log tells that a connection was unused.
const UNUSED: &str = "terminating inactive connection from user alice 192.0.2.1 port 5";

/// At most a second without channels.
const IN_A_SECOND: Decide = |net, password, session| admit(net, password, session, 1, "", 1);

#[test]
fn a_connection_that_nobody_uses_ends() {
    let began = Instant::now();
    // A session in which nothing runs is no use.
    let outcome = start(&["good"], IN_A_SECOND, open, never).end();
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(outcome.client[2..], ["opened", "cut off"]);
    assert_eq!(outcome.log.last().unwrap(), UNUSED);
}

#[test]
fn a_connection_with_a_channel_is_used_until_that_is_closed() {
    let mut running = start(&["good"], IN_A_SECOND, open, |connection, event| {
        if let ChannelEvent::Opened { channel, .. } = event {
            request(connection, *channel, &[exec("x")]);
        }
        false
    });
    let (session, ends) = run(&mut running.session);
    // Longer than a connection without channels could last.
    std::thread::sleep(Duration::from_millis(1500));
    (&ends[1]).write_all(b"still here").unwrap();
    drop(ends);
    running.session.send(&Exited { session, status: 0 }, &[]).unwrap();
    next(&mut running.session);
    let ended = Instant::now();
    let outcome = running.end();
    assert!(ended.elapsed() >= Duration::from_millis(900));
    assert_eq!(outcome.log.last().unwrap(), UNUSED);
    assert!(outcome.client.contains(&"Data still here".to_owned()), "{:?}", outcome.client);
}

#[test]
fn a_channel_that_the_client_does_not_grant_is_no_use() {
    let running = start(&["good"], IN_A_SECOND, |_| {}, never);
    end_of(&come_in(&running.session, 0));
    let outcome = running.end();
    assert_eq!(outcome.log.last().unwrap(), UNUSED);
}
