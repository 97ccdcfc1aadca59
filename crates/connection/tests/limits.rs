//! Every named limit, and one more.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use nacre_connection::limits::{
    CHANNEL_SLOTS_MAX, CHANNELS_MAX, EXIT_MESSAGE_MAX, GLOBAL_REPLY_MAX, OUTSTANDING_REQUESTS_MAX,
    PENDING_GLOBALS_MAX, PENDING_OPENS_MAX, PENDING_REQUESTS_MAX, PENDING_REQUESTS_TOTAL_MAX,
    TERMINAL_MODES_MAX,
};
use nacre_connection::{
    ChannelRequest, ChannelType, Config, Error, GlobalRequest, Misbehaviour, Misuse, PayloadError, Signal,
    TerminalModes, message,
};
use support::{Alone, SMALL, Seen, global, open, request};
use wire::Role;

/// Opens a session of the raw peer and grants it.
fn grant(alone: &mut Alone, sender: u32) -> nacre_connection::LocalId {
    let id = alone.ask_session(sender, SMALL);
    alone.machine.answer_open(id, Ok(SMALL), &mut alone.out).unwrap();
    alone.out.clear();
    id.channel()
}

/// The reason of the refusal that was sent.
fn reason(alone: &mut Alone) -> u32 {
    let sent = alone.sent();
    assert_eq!(sent.len(), 1);
    message::ChannelOpenFailure::from_payload(&sent[0]).unwrap().reason
}

#[test]
fn channels() {
    assert_eq!(Config::default().channels_max, CHANNELS_MAX);
    let mut alone = Alone::with(Role::Server, Config { channels_max: 3, ..Config::default() });
    grant(&mut alone, 0);
    grant(&mut alone, 1);
    alone
        .machine
        .open(&ChannelType::AuthAgent(nacre_connection::AgentName::OpenSsh), SMALL, 0, &mut alone.out)
        .unwrap();
    alone.sent();
    assert_eq!(alone.get(&open("session", 2, SMALL, &[])).unwrap(), Seen::Nothing);
    assert_eq!(reason(&mut alone), 4, "resource shortage");
    assert_eq!(
        alone.machine.open(&ChannelType::Session, SMALL, 0, &mut alone.out),
        Err(Misuse::TooManyChannels)
    );
    assert!(alone.sent().is_empty());
}

#[test]
fn channel_slots() {
    let mut alone = Alone::with(Role::Client, Config { channels_max: usize::MAX, ..Config::default() });
    for _ in 0..CHANNEL_SLOTS_MAX {
        alone.machine.open(&ChannelType::Session, SMALL, 0, &mut alone.out).unwrap();
        alone.out.clear();
    }
    assert_eq!(
        alone.machine.open(&ChannelType::Session, SMALL, 0, &mut alone.out),
        Err(Misuse::TooManyChannels)
    );
}

#[test]
fn pending_opens() {
    let mut alone = Alone::new(Role::Server);
    let first = alone.ask_session(0, SMALL);
    for sender in 1..PENDING_OPENS_MAX {
        alone.ask_session(u32::try_from(sender).unwrap(), SMALL);
    }
    assert_eq!(alone.get(&open("session", 9999, SMALL, &[])).unwrap(), Seen::Nothing);
    assert_eq!(reason(&mut alone), 4, "resource shortage");
    alone.machine.answer_open(first, Ok(SMALL), &mut alone.out).unwrap();
    alone.ask_session(9999, SMALL);
}

#[test]
fn pending_requests() {
    let mut alone = Alone::new(Role::Server);
    let channel = grant(&mut alone, 0);
    for _ in 0..PENDING_REQUESTS_MAX {
        alone.get(&request(channel, "shell", true, &[])).unwrap();
    }
    // One that wants no reply needs no place.
    alone.get(&request(channel, "shell", false, &[])).unwrap();
    assert_eq!(
        alone.get(&request(channel, "keepalive@openssh.com", true, &[])),
        Err(Error::Misbehaved(Misbehaviour::TooManyRequests))
    );
}

#[test]
fn pending_requests_in_total() {
    let mut alone = Alone::new(Role::Server);
    for sender in 0..PENDING_REQUESTS_TOTAL_MAX / PENDING_REQUESTS_MAX {
        let channel = grant(&mut alone, u32::try_from(sender).unwrap());
        for _ in 0..PENDING_REQUESTS_MAX {
            alone.get(&request(channel, "shell", true, &[])).unwrap();
        }
    }
    let channel = grant(&mut alone, 9999);
    assert_eq!(
        alone.get(&request(channel, "shell", true, &[])),
        Err(Error::Misbehaved(Misbehaviour::TooManyRequests))
    );
}

#[test]
fn pending_globals() {
    let mut alone = Alone::new(Role::Server);
    for _ in 0..PENDING_GLOBALS_MAX {
        alone.get(&global("x@example.org", true, &[])).unwrap();
    }
    alone.get(&global("x@example.org", false, &[])).unwrap();
    assert_eq!(
        alone.get(&global("x@example.org", true, &[])),
        Err(Error::Misbehaved(Misbehaviour::TooManyGlobalRequests))
    );
}

#[test]
fn global_reply() {
    let mut alone = Alone::new(Role::Server);
    let Seen::AskGlobal(id, _) = alone.get(&global("x@example.org", true, &[])).unwrap() else { panic!() };
    let long = vec![0; GLOBAL_REPLY_MAX + 1];
    assert_eq!(alone.machine.answer_global(id, Some(&long), &mut alone.out), Err(Misuse::ReplyTooLong));
    alone.machine.answer_global(id, Some(&long[1..]), &mut alone.out).unwrap();
    assert_eq!(alone.sent()[0].len(), 1 + GLOBAL_REPLY_MAX);
}

#[test]
fn outstanding_requests() {
    let mut alone = Alone::new(Role::Client);
    let channel = alone.opened(SMALL);
    for tag in 0..OUTSTANDING_REQUESTS_MAX as u64 {
        alone.machine.request(channel, &ChannelRequest::Shell, true, tag, &mut alone.out).unwrap();
        alone.machine.global(&GlobalRequest::Keepalive, true, tag, &mut alone.out).unwrap();
    }
    alone.sent();
    let error = Err(Misuse::TooManyOutstanding);
    assert_eq!(alone.machine.request(channel, &ChannelRequest::Shell, true, 0, &mut alone.out), error);
    assert_eq!(alone.machine.global(&GlobalRequest::Keepalive, true, 0, &mut alone.out), error);
    assert!(alone.sent().is_empty());
    alone.machine.request(channel, &ChannelRequest::Shell, false, 0, &mut alone.out).unwrap();
    alone.get(&support::success(channel)).unwrap();
    alone.machine.request(channel, &ChannelRequest::Shell, true, 0, &mut alone.out).unwrap();
}

#[test]
fn terminal_modes() {
    let modes = [[1, 0, 0, 0, 3]; TERMINAL_MODES_MAX / 5].concat();
    assert!(TerminalModes::parse(&modes).is_ok());
    let long = vec![0; TERMINAL_MODES_MAX + 1];
    assert_eq!(TerminalModes::parse(&long), Err(PayloadError::Modes));
}

#[test]
fn exit_message() {
    let mut alone = Alone::new(Role::Server);
    let channel = grant(&mut alone, 0);
    alone.machine.exit_signal(channel, Signal::Segv, false, &vec![b'x'; EXIT_MESSAGE_MAX + 1]).unwrap();
    let sent = alone.control();
    assert_eq!(
        sent[0].iter().filter(|byte| **byte == b'x').count(),
        EXIT_MESSAGE_MAX + 1,
        "and that of `exit`"
    );
}
