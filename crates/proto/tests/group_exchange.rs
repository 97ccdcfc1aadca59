//! Key exchange in a group that the server's application chooses (RFC 4419).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crypto::{CIPHERS, Group, KEX};
use nacre_proto::{Config, Error, Fault, ServerQuestion, Side};
use testkit::record::{Record, replay};
use testkit::{AgainstServer, Pair};
use transport::{Directions, GroupRequest, Misuse, Reason, Refusal};

const SEED: u64 = 4419;
const METHOD: &str = "diffie-hellman-group-exchange-sha256";

/// The configurations called `group`.
fn group_exchange<S: Side>(config: &mut Config<S>) {
    let row = |name: &str| KEX.iter().find(|row| row.name == name).unwrap();
    let algorithms = &mut Arc::make_mut(&mut config.transport).algorithms;
    algorithms.kex = vec![row(METHOD)];
    let cipher = CIPHERS.iter().find(|row| row.name == "aes128-gcm@openssh.com").unwrap();
    algorithms.ciphers = Directions::both(vec![cipher]);
}

fn pair() -> Pair {
    Pair::configured(SEED, group_exchange, group_exchange)
}

/// What the server's application is asked for.
fn asked(pair: &mut Pair) -> Rc<RefCell<Vec<GroupRequest>>> {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&asked);
    pair.server.app.hook = Some(Box::new(move |_, question| {
        if let ServerQuestion::Group { request, .. } = &question {
            seen.borrow_mut().push(*request);
        }
        Some(question)
    }));
    asked
}

#[test]
fn a_login_and_keys_anew_from_each_side_ask_for_a_group_each() {
    for chunk in [1, 7, usize::MAX] {
        let mut pair = pair().chunk(chunk);
        let asked = asked(&mut pair);
        pair.log_in();
        assert_eq!(pair.run("echo", 20_000).stdout, 20_000);
        pair.client.connection.rekey();
        pair.settle();
        pair.server.connection.rekey();
        pair.settle();
        assert_eq!(pair.run("echo", 20_000).stdout, 20_000);
        assert_eq!((pair.client.error(), pair.server.error()), (None, None));
        assert_eq!(pair.client.connection.transport().exchanges(), 3);
        let wanted = GroupRequest { min: 2048, preferred: 3072, max: 8192 };
        assert_eq!(*asked.borrow(), [wanted; 3]);
    }
}

#[test]
fn every_group_that_is_well_known_will_do() {
    for bits in [2048, 4096, 8192] {
        let mut pair = pair();
        pair.server.app.group_bits = bits;
        pair.log_in();
        assert_eq!((pair.client.error(), pair.server.error()), (None, None));
    }
}

#[test]
fn without_an_answer_there_is_no_group_and_both_sides_end() {
    let mut pair = pair();
    pair.server.app.hook = Some(Box::new(|connection, question| match question {
        ServerQuestion::Group { ticket, .. } => {
            connection.decline(ticket);
            None
        }
        other => Some(other),
    }));
    pair.advance(Duration::from_secs(1));
    let refused = Error::Transport(transport::Error::Refused(Refusal::Group));
    assert_eq!(pair.server.error(), Some(&refused));
    assert_eq!(pair.client.error().map(Error::fault), Some(Fault::Closed));
}

#[test]
fn a_question_for_a_group_is_open_as_long_as_the_exchange_may_take() {
    let mut pair = pair();
    let held = Rc::new(RefCell::new(None));
    let hold = Rc::clone(&held);
    pair.server.app.hook = Some(Box::new(move |_, question| match question {
        ServerQuestion::Group { ticket, .. } => {
            *hold.borrow_mut() = Some(ticket);
            None
        }
        other => Some(other),
    }));
    pair.advance(Duration::from_secs(119));
    assert_eq!(pair.server.error(), None);
    pair.advance(Duration::from_secs(2));
    assert_eq!(pair.server.error().map(Error::fault), Some(Fault::TimedOut));
    let ticket = held.borrow_mut().take().unwrap();
    let group = Group::well_known(2048).unwrap();
    assert_eq!(pair.server.connection.answer(ticket, group), Ok(()), "nobody waits for it");
}

#[test]
fn a_group_that_was_not_asked_for_is_misuse_and_so_none() {
    let answered = Rc::new(RefCell::new(None));
    let answer = Rc::clone(&answered);
    let served = AgainstServer::serving(group_exchange, |mut app| {
        app.hook = Some(Box::new(move |connection, question| match question {
            ServerQuestion::Group { ticket, .. } => {
                let small = Group::well_known(2048).unwrap();
                *answer.borrow_mut() = Some(connection.answer(ticket, small));
                None
            }
            other => Some(other),
        }));
        app
    });
    let mut against = served.proposing(|proposal| proposal.with_kex(METHOD)).identified().proposed();
    against.tell(request(3000, 3000, 5000));
    let misuse = Error::Transport(transport::Error::Misuse(Misuse::WrongGroup));
    assert_eq!(*answered.borrow(), Some(Err(misuse)));
    let refused = Error::Transport(transport::Error::Refused(Refusal::Group));
    against.refused_with(&refused, Reason::KEY_EXCHANGE_FAILED);
}

#[test]
fn a_request_without_sense_asks_nobody() {
    for (min, preferred, max) in [(8192, 4096, 2048), (0, 0, 1024)] {
        let served = AgainstServer::serving(group_exchange, |mut app| {
            app.hook = Some(Box::new(|_, question| panic!("{question:?}")));
            app
        });
        let mut against = served.proposing(|proposal| proposal.with_kex(METHOD)).identified().proposed();
        against.tell(request(min, preferred, max));
        let asked = GroupRequest { min, preferred, max };
        let error = Error::Transport(transport::Misbehaviour::GroupRequest(asked).into());
        against.refused_with(&error, Reason::KEY_EXCHANGE_FAILED);
    }
}

fn request(min: u32, preferred: u32, max: u32) -> Vec<u8> {
    let mut payload = vec![34];
    for size in [min, preferred, max] {
        payload.extend(size.to_be_bytes());
    }
    payload
}

#[test]
fn a_recording_with_groups_can_be_replayed() {
    let mut pair = pair();
    pair.record("group", SEED);
    pair.log_in();
    pair.client.connection.rekey();
    pair.settle();
    let (client, server) =
        (pair.client.connection.recorded().unwrap(), pair.server.connection.recorded().unwrap());
    assert!(server.to_text().contains(" group ffffffff"), "the answer is in it");
    let (mut client_config, mut server_config, _, _) = Pair::parts(SEED);
    group_exchange(&mut client_config);
    group_exchange(&mut server_config);
    replay(&Record::parse(&client.to_text()).unwrap(), client_config);
    replay(&Record::parse(&server.to_text()).unwrap(), server_config);
}
