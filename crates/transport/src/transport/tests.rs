//! What takes four thousand million packets from outside.

use std::sync::Arc;
use std::time::Instant;

use crypto::SeededRng;
use wire::{Bytes, Encode, Role};

use super::Transport;
use crate::error::{Error, Misbehaviour};
use crate::message::{Ignore, Unimplemented};
use crate::sequence::Sequence;
use crate::{Config, Event, Ident, Input, RecvBuf};

fn fill(rx: &mut RecvBuf, bytes: &[u8]) {
    rx.space(bytes.len())[..bytes.len()].copy_from_slice(bytes);
    rx.filled(bytes.len());
}

/// IGNORE in a packet without keys.
fn ignore() -> Vec<u8> {
    let mut packet = vec![0, 0, 0, 12, 6];
    Ignore { data: Bytes(b"") }.encode(&mut packet);
    packet.resize(16, 0);
    packet
}

#[test]
fn sequence_numbers_that_wrap_in_the_initial_exchange_are_fatal() {
    let now = Instant::now();
    let config = Config::new(Role::Client, Ident::new("x", None).unwrap());
    let mut machine = Transport::new(Arc::new(config), Box::new(SeededRng::new(1)), now).unwrap();
    let mut rx = RecvBuf::new();
    fill(&mut rx, b"SSH-2.0-x\r\n");
    assert!(matches!(machine.process(now, &mut rx), Ok(Input::Event(Event::Identified))));
    machine.inbound.set_sequence(Sequence::at(u32::MAX - 1));
    fill(&mut rx, &ignore());
    assert!(matches!(machine.process(now, &mut rx), Ok(Input::Progress)));
    fill(&mut rx, &ignore());
    let error = machine.process(now, &mut rx).unwrap_err();
    assert_eq!(error, Error::Misbehaved(Misbehaviour::SequenceWrapped));
}

#[test]
fn sequence_numbers_wrap_under_keys_and_the_connection_goes_on() {
    // Every construct that has the sequence number in its nonce or its MAC.
    for cipher in crypto::CIPHERS {
        let now = Instant::now();
        let key = keys::PrivateKey::from_seed(&[7; 32]);
        let party = |role| {
            let mut config = Config::new(role, Ident::new("x", None).unwrap());
            config.algorithms.ciphers = crate::Directions::both(vec![cipher]);
            config.host_keys = vec![key.public().blob()];
            let machine = Transport::new(Arc::new(config), Box::new(SeededRng::new(1)), now).unwrap();
            (machine, RecvBuf::new())
        };
        let (mut client, mut server) = (party(Role::Client), party(Role::Server));
        let mut unimplemented = Vec::new();
        let mut carry = |from: &mut (Transport, RecvBuf), to: &mut (Transport, RecvBuf)| {
            let bytes = from.0.transmit().to_vec();
            from.0.sent(bytes.len());
            fill(&mut to.1, &bytes);
            loop {
                match to.0.process(now, &mut to.1).unwrap() {
                    Input::NeedBytes | Input::Blocked => break,
                    Input::Ask(crate::Ask::Group(_)) => {
                        to.0.group(now, crypto::Group::well_known(2048)).unwrap()
                    }
                    Input::Ask(crate::Ask::HostKey(_)) => to.0.host_key(now, true).unwrap(),
                    Input::Ask(crate::Ask::Sign(request)) => {
                        let signature = key.sign(request.algorithm, request.hash.as_bytes()).unwrap();
                        to.0.signed(now, Some(&signature)).unwrap();
                    }
                    Input::Event(Event::Unimplemented { sequence }) => unimplemented.push(sequence),
                    Input::Progress | Input::Event(_) | Input::Payload(_) => {}
                }
            }
        };
        for _ in 0..4 {
            carry(&mut client, &mut server);
            carry(&mut server, &mut client);
        }
        client.0.outbound.set_sequence(Sequence::at(u32::MAX - 1));
        server.0.inbound.set_sequence(Sequence::at(u32::MAX - 1));
        for sequence in 0..4 {
            wire::Outbox::send(&mut client.0, &Unimplemented { sequence });
            carry(&mut client, &mut server);
        }
        assert_eq!(unimplemented, [0, 1, 2, 3], "{}", cipher.name);
    }
}
