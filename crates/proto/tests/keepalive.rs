//! An hour of keepalives in the shapes that OpenSSH, PuTTY and paramiko give them, with both of our sides.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::time::Duration;

use nacre_proto::{AlivePolicy, Error, Wait};
use testkit::{AgainstClient, AgainstServer, Login, Payload};

const INTERVAL: Duration = Duration::from_secs(15);
const POLICY: AlivePolicy = AlivePolicy { interval: INTERVAL, count_max: 3 };

/// How often an hour has the interval.
const TIMES: usize = 240;

const GLOBAL: u8 = 80;
const GLOBAL_FAILURE: u8 = 82;
const CHANNEL: u8 = 98;
const CHANNEL_FAILURE: u8 = 100;

/// `ServerAliveInterval` of `ssh`, and what `sshd` asks with while no channel is open.
fn openssh() -> Payload {
    Payload::number(GLOBAL).string("keepalive@openssh.com").byte(1)
}

/// What `sshd` asks with while a channel is open.
fn openssh_on(channel: u32) -> Payload {
    Payload::number(CHANNEL).u32(channel).string("keepalive@openssh.com").byte(1)
}

/// What wants no answer: paramiko's request, PuTTY's IGNORE.
fn unasked() -> [Payload; 2] {
    [Payload::number(GLOBAL).string("keepalive@lag.net").byte(0), Payload::number(2).string("")]
}

#[test]
fn a_server_answers_every_question_of_an_hour_as_sshd_does() {
    let mut against = AgainstServer::server().in_session();
    for time in 0..TIMES {
        against.pass(INTERVAL);
        against.tell(openssh());
        assert_eq!(against.heard(), [[GLOBAL_FAILURE]], "time {time}");
        for payload in unasked() {
            against.tell(payload);
        }
        let channel = against.channel;
        against.tell(openssh_on(channel));
        let answers = against.heard();
        assert_eq!(answers.len(), 1, "time {time}: {answers:?}");
        assert_eq!(answers[0][0], CHANNEL_FAILURE, "time {time}");
    }
    against.lives();
}

#[test]
fn a_client_answers_every_question_of_an_hour_with_and_without_a_session() {
    let mut idle = AgainstClient::client().logged_in();
    let mut busy = AgainstClient::client().in_session();
    idle.heard();
    busy.heard();
    for time in 0..TIMES {
        for against in [&mut idle, &mut busy] {
            against.pass(INTERVAL);
            for payload in unasked() {
                against.tell(payload);
            }
            against.tell(openssh());
            assert_eq!(against.heard(), [[GLOBAL_FAILURE]], "time {time}");
        }
        let channel = busy.channel;
        busy.tell(openssh_on(channel));
        let answers = busy.heard();
        assert_eq!(answers.len(), 1, "time {time}: {answers:?}");
        assert_eq!(answers[0][0], CHANNEL_FAILURE, "time {time}");
    }
    idle.lives();
    busy.lives();
}

#[test]
fn a_server_asks_for_an_hour_and_takes_either_answer() {
    for answer in [81, GLOBAL_FAILURE] {
        let mut against = AgainstServer::server_with(|config| config.alive = Some(POLICY)).logged_in();
        against.heard();
        for time in 0..TIMES {
            against.pass(INTERVAL);
            assert_eq!(against.heard(), [openssh().done()], "time {time}");
            against.tell([answer]);
        }
        against.lives();
    }
}

#[test]
fn a_client_asks_for_an_hour_and_takes_either_answer() {
    for answer in [81, GLOBAL_FAILURE] {
        let logins = vec![Login::Password("right".to_owned())];
        let mut against =
            AgainstClient::client_with(logins, |config| config.alive = Some(POLICY)).logged_in();
        against.heard();
        for time in 0..TIMES {
            against.pass(INTERVAL);
            assert_eq!(against.heard(), [openssh().done()], "time {time}");
            against.tell([answer]);
        }
        against.lives();
    }
}

#[test]
fn late_answers_count_until_the_last_question_is_over() {
    let mut against = AgainstServer::server_with(|config| config.alive = Some(POLICY)).logged_in();
    against.heard();
    // Each time the client answers three questions at once, just before it would be given up.
    for time in 0..TIMES / 4 {
        against.pass(INTERVAL * 4 - Duration::from_secs(1));
        assert_eq!(against.heard().len(), 3, "time {time}");
        for _ in 0..3 {
            against.tell([GLOBAL_FAILURE]);
        }
        against.lives();
    }
    against.pass(INTERVAL * 4);
    assert_eq!(against.ours.error(), Some(&Error::TimedOut(Wait::Alive)));
}
