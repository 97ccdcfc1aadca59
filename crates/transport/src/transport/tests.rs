//! What takes four thousand million packets from outside.

use std::sync::Arc;
use std::time::Instant;

use crypto::{CipherAlg, MacAlg, SeededRng};
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

/// Every construct that has the sequence number in its nonce or its MAC.
fn suites() -> impl Iterator<Item = (&'static CipherAlg, &'static MacAlg)> {
    crypto::CIPHERS.iter().flat_map(|cipher| {
        // The MAC of one that authenticates by itself is nobody's.
        let macs = if cipher.aead { 1 } else { crypto::MACS.len() };
        crypto::MACS.iter().take(macs).map(move |mac| (cipher, mac))
    })
}

/// A client and a server under this suite.
fn pair((cipher, mac): (&'static CipherAlg, &'static MacAlg), strict: bool) -> [(Transport, RecvBuf); 2] {
    [Role::Client, Role::Server].map(|role| {
        let mut config = Config::new(role, Ident::new("x", None).unwrap());
        config.strict_kex = strict;
        config.algorithms.kex = vec![&crypto::NULL_KEX];
        config.algorithms.ciphers = crate::Directions::both(vec![cipher]);
        config.algorithms.macs = crate::Directions::both(vec![mac]);
        config.host_keys = vec![host_key().public().blob()];
        let machine = Transport::new(Arc::new(config), Box::new(SeededRng::new(1)), Instant::now()).unwrap();
        (machine, RecvBuf::new())
    })
}

fn host_key() -> keys::PrivateKey {
    keys::PrivateKey::from_seed(&[7; 32])
}

/// Carries what one has sent to the other, which answers all questions; the numbers in UNIMPLEMENTED that came.
fn carry(from: &mut (Transport, RecvBuf), to: &mut (Transport, RecvBuf)) -> Vec<u32> {
    let now = Instant::now();
    let bytes = from.0.transmit().to_vec();
    from.0.sent(bytes.len());
    fill(&mut to.1, &bytes);
    let mut unimplemented = Vec::new();
    loop {
        match to.0.process(now, &mut to.1).unwrap() {
            Input::NeedBytes | Input::Blocked => return unimplemented,
            Input::Ask(crate::Ask::Group(_)) => to.0.group(now, crypto::Group::well_known(2048)).unwrap(),
            Input::Ask(crate::Ask::HostKey(_)) => to.0.host_key(now, true).unwrap(),
            Input::Ask(crate::Ask::Sign(request)) => {
                let signature = host_key().sign(request.algorithm, request.hash.as_bytes()).unwrap();
                to.0.signed(now, Some(&signature)).unwrap();
            }
            Input::Event(Event::Unimplemented { sequence }) => unimplemented.push(sequence),
            Input::Progress | Input::Event(_) | Input::Payload(_) => {}
        }
    }
}

#[test]
fn sequence_numbers_wrap_under_keys_and_the_connection_goes_on() {
    assert!(suites().count() > 60);
    for suite in suites() {
        for strict in [true, false] {
            let [mut client, mut server] = pair(suite, strict);
            for _ in 0..4 {
                carry(&mut client, &mut server);
                carry(&mut server, &mut client);
            }
            assert_eq!(server.0.strict_kex(), strict);
            client.0.outbound.set_sequence(Sequence::at(u32::MAX - 1));
            server.0.inbound.set_sequence(Sequence::at(u32::MAX - 1));
            for sequence in 0..4 {
                wire::Outbox::send(&mut client.0, &Unimplemented { sequence });
                assert_eq!(carry(&mut client, &mut server), [sequence], "{suite:?} {strict}");
            }
            // New keys are for numbers that have been there before, or for those that come next.
            client.0.authenticated();
            server.0.authenticated();
            client.0.rekey();
            for _ in 0..4 {
                carry(&mut client, &mut server);
                carry(&mut server, &mut client);
            }
            assert_eq!((client.0.exchanges(), server.0.exchanges()), (2, 2));
            wire::Outbox::send(&mut client.0, &Unimplemented { sequence: 4 });
            assert_eq!(carry(&mut client, &mut server), [4], "{suite:?} {strict}");
            // Under strict KEX that was the first one; else those of the exchange are among them.
            assert_eq!(client.0.outbound.sequence().next(), if strict { 1 } else { 6 }, "{suite:?}");
            assert_eq!(server.0.inbound.sequence().next(), if strict { 1 } else { 6 }, "{suite:?}");
        }
    }
}
