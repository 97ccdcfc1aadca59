//! Key exchanges after the first one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::time::Duration;

use common::{Data, Pair, Party, Raw, RawInit, changed, config, null_config, payload};
use crypto::CIPHERS;
use nacre_transport::message::{Ignore, KexInit, NewKeys, Ping, Pong};
use nacre_transport::{Ask, Closed, Config, Directions, Error, Input, Misbehaviour, Reason, RekeyPolicy};
use wire::{Bytes, Encode, Role};

const KIB: usize = 1024;

fn every(bytes: u64) -> RekeyPolicy {
    RekeyPolicy { bytes: Some(bytes), ..RekeyPolicy::default() }
}

fn rekeying(role: Role, policy: RekeyPolicy) -> Config {
    changed(config(role), |config| config.rekey = policy)
}

/// A stream of numbered bytes in chunks of a size that does not fit anything.
struct Stream {
    next: usize,
    total: usize,
}

impl Stream {
    fn of(total: usize) -> Self {
        Self { next: 0, total }
    }

    /// Gives the party as much as it takes.
    fn pump(&mut self, party: &mut Party) -> bool {
        let before = self.next;
        while self.next < self.total {
            let len = (self.total - self.next).min(1 + self.next % 32_768);
            let data: Vec<u8> = (self.next..self.next + len).map(|n| (n % 251) as u8).collect();
            if !party.send_data(&data) {
                break;
            }
            self.next += len;
        }
        self.next != before
    }
}

fn received(party: &Party) -> usize {
    let mut at = 0;
    for payload in &party.payloads {
        let data = Data::from_payload(payload).unwrap().data.0;
        assert!(data.iter().enumerate().all(|(n, byte)| *byte == ((at + n) % 251) as u8), "order or content");
        at += data.len();
    }
    at
}

/// Sends `total` bytes each way at once, a little per turn, until all is there.
fn transfer(pair: &mut Pair, up: usize, down: usize) {
    let (mut upload, mut download) = (Stream::of(up), Stream::of(down));
    let mut idle = 0;
    while idle < 3 {
        let pumped = upload.pump(&mut pair.client) | download.pump(&mut pair.server);
        idle = if pair.turn() > 0 || pumped { 0 } else { idle + 1 };
    }
    assert_eq!((&pair.client.error, &pair.server.error), (&None, &None));
    assert_eq!((received(&pair.server), received(&pair.client)), (up, down));
}

#[test]
fn keys_are_replaced_by_volume_under_load_both_ways_and_nothing_is_lost() {
    let policies = [
        (every(64 * 1024), RekeyPolicy::default()),
        (RekeyPolicy::default(), every(64 * 1024)),
        (every(64 * 1024), every(64 * 1024)),
        (every(16), every(16)),
    ];
    for (client, server) in policies {
        for chunk in [usize::MAX, 40_000, 4_000] {
            let mut pair =
                Pair::authenticated(rekeying(Role::Client, client), rekeying(Role::Server, server));
            pair.chunk = chunk;
            transfer(&mut pair, 2_000_000, 3_000_000);
            let exchanges = pair.client.machine.exchanges();
            assert_eq!(exchanges, pair.server.machine.exchanges());
            // At most what may be sealed ahead, in each direction, passes beyond the limit.
            assert!(exchanges >= 6, "{exchanges} exchanges with {client:?} {server:?}");
        }
    }
}

#[test]
fn what_is_only_received_counts_too() {
    for (up, down) in [(3_000_000, 0), (0, 3_000_000)] {
        let mut pair = Pair::authenticated(
            rekeying(Role::Client, every(64 * 1024)),
            rekeying(Role::Server, RekeyPolicy::default()),
        );
        transfer(&mut pair, up, down);
        assert!(pair.client.machine.exchanges() >= 3, "{}", pair.client.machine.exchanges());
    }
}

#[test]
fn a_rekey_works_with_every_cipher_strict_and_not() {
    for cipher in CIPHERS {
        for strict in [true, false] {
            let both = |role| {
                let with = changed(config(role), |config| {
                    config.algorithms.ciphers = Directions::both(vec![cipher]);
                });
                if strict { with } else { with.without_strict_kex() }
            };
            let mut pair = Pair::authenticated(both(Role::Client), both(Role::Server));
            let session = pair.client.machine.session_id().unwrap().as_bytes().to_vec();
            pair.client.machine.rekey();
            pair.settle();
            transfer(&mut pair, 5000, 5000);
            let first = pair.server.sequences[0];
            // KEXINIT, ECDH_INIT and NEWKEYS twice, EXT_INFO once; or the first packet under these keys.
            assert_eq!(first, if strict { 0 } else { 7 }, "{}", cipher.name);
            assert_eq!(pair.client.machine.session_id().unwrap().as_bytes(), session);
            assert_eq!(pair.client.machine.exchanges(), 2);
            assert!(pair.client.events.contains(&"HostKey(ssh-ed25519, rekey: true)".to_owned()));
            assert!(pair.server.events.contains(&"Sign(ssh-ed25519, rekey: true)".to_owned()));
            assert_eq!(pair.client.events.last().unwrap(), "KeysChanged { first: false }");
        }
    }
}

#[test]
fn both_sides_may_begin_at_once_with_data_on_its_way() {
    let mut pair = Pair::authenticated(config(Role::Client), config(Role::Server));
    assert!(pair.client.send_data(b"up"));
    assert!(pair.server.send_data(b"down"));
    pair.client.machine.rekey();
    pair.server.machine.rekey();
    assert!(!pair.client.send_data(b"not now") && !pair.server.send_data(b"not now"));
    pair.client.send(&Data { data: Bytes(b"later") });
    pair.settle();
    assert_eq!((pair.client.machine.exchanges(), pair.server.machine.exchanges()), (2, 2));
    assert_eq!(pair.client.payloads, [payload(&Data { data: Bytes(b"down") })]);
    assert_eq!(
        pair.server.payloads,
        [payload(&Data { data: Bytes(b"up") }), payload(&Data { data: Bytes(b"later") })]
    );
    assert!(pair.client.send_data(b"now") && pair.server.send_data(b"now"));
}

#[test]
fn keys_are_replaced_by_packets() {
    let policy = RekeyPolicy { packets: 10, ..RekeyPolicy::default() };
    let mut pair =
        Pair::authenticated(rekeying(Role::Client, policy), rekeying(Role::Server, RekeyPolicy::default()));
    for _ in 0..100 {
        while !pair.client.send_data(b"x") {
            pair.settle();
        }
    }
    pair.settle();
    assert_eq!(pair.server.payloads.len(), 100);
    assert!((9..=12).contains(&pair.client.machine.exchanges()), "{}", pair.client.machine.exchanges());
}

#[test]
fn keys_are_replaced_by_time() {
    let hour = Duration::from_secs(3600);
    let policy = RekeyPolicy { interval: Some(hour), ..RekeyPolicy::default() };
    let mut pair =
        Pair::authenticated(rekeying(Role::Client, policy), rekeying(Role::Server, RekeyPolicy::default()));
    assert_eq!(pair.client.machine.deadline(), Some(pair.now + hour));
    for exchanges in [2, 3] {
        pair.advance(hour - Duration::from_secs(1));
        pair.settle();
        assert_eq!(pair.client.machine.exchanges(), exchanges - 1);
        pair.advance(Duration::from_secs(1));
        pair.settle();
        assert_eq!(pair.client.machine.exchanges(), exchanges);
    }
}

#[test]
fn no_exchange_of_ours_begins_before_authentication() {
    let mut pair = Pair::new(config(Role::Client), config(Role::Server));
    pair.settle();
    pair.client.machine.rekey();
    pair.settle();
    assert_eq!(pair.client.machine.exchanges(), 1);
    pair.client.machine.authenticated();
    pair.server.machine.authenticated();
    pair.settle();
    assert_eq!(pair.client.machine.exchanges(), 2, "it was put off, not forgotten");
}

#[test]
fn a_rekey_that_the_peer_does_not_answer_ends_in_time() {
    let mut raw = authenticated(null_config(Role::Server));
    let limit = Duration::from_secs(nacre_transport::limits::EXCHANGE_SECONDS);
    assert_eq!(raw.party.machine.deadline(), None);
    // The call tells no time, and what the machine was told last is long ago: it asks for the time first.
    raw.party.machine.rekey();
    let begun = raw.now + 10 * limit;
    assert!(raw.party.machine.deadline().is_some_and(|due| due <= begun));
    assert_eq!(raw.party.machine.handle_timeout(begun), Ok(()));
    assert_eq!(raw.party.machine.deadline(), Some(begun + limit));
    assert_eq!(raw.party.machine.handle_timeout(begun + limit), Err(Error::TimedOut));
}

/// A machine under the null suite with an authenticated peer.
fn authenticated(config: Config) -> Raw {
    let init = RawInit::strict(config.role.peer());
    let mut raw = Raw::keyed(config, &init);
    raw.party.machine.authenticated();
    raw.heard();
    raw
}

#[test]
fn answers_wait_for_the_gate_in_order_and_the_exchange_does_not() {
    let mut raw = authenticated(null_config(Role::Server));
    raw.party.machine.rekey();
    for n in 0..3 {
        raw.say(&payload(&Ping { data: Bytes(&[n]) }));
    }
    assert_eq!(raw.heard_numbers(), [20]);
    raw.say(&RawInit::plain().payload());
    raw.go_on();
    let heard = raw.heard();
    assert_eq!(heard.iter().map(|payload| payload[0]).collect::<Vec<_>>(), [31, 21, 193, 193, 193]);
    assert_eq!(heard[4], payload(&Pong { data: Bytes(&[2]) }));
    // The gate is open before the peer's NEWKEYS: our direction has its key.
    assert!(raw.party.machine.gate_open());
}

#[test]
fn a_peer_that_owes_its_kexinit_cannot_pile_up_answers() {
    let config = changed(null_config(Role::Server), |config| config.limits.replies = 8 * KIB);
    let mut raw = authenticated(config);
    raw.party.machine.rekey();
    let ping = payload(&Ping { data: Bytes(&[0; 1000]) });
    for _ in 0..7 {
        raw.say(&ping);
        assert_eq!(raw.party.error, None);
    }
    // There is room for another answer, but not for everything that a packet of this size might ask for.
    assert!((1000..2100).contains(&raw.party.machine.reply_room()), "{}", raw.party.machine.reply_room());
    raw.say(&ping);
    assert_eq!(raw.error(), Misbehaviour::TooManyReplies.into());
}

#[test]
fn input_waits_while_answers_are_not_taken_and_goes_on_when_they_are() {
    for before_auth in [true, false] {
        let config = changed(null_config(Role::Server), |config| {
            let limits = &mut config.limits;
            limits.sealed_ahead = 4 * KIB;
            *(if before_auth { &mut limits.replies_before_auth } else { &mut limits.replies }) = 8 * KIB;
        });
        let raw = match before_auth {
            true => Raw::keyed(config, &RawInit::strict(Role::Client)),
            false => authenticated(config),
        };
        flood_with_pings(raw);
    }
}

fn flood_with_pings(mut raw: Raw) {
    let ping = common::packet(&payload(&Ping { data: Bytes(&[0; 1000]) }));
    let mut blocked = false;
    for _ in 0..100 {
        raw.party.feed(&ping);
        blocked |= matches!(raw.party.machine.process(raw.now, &mut raw.party.rx), Ok(Input::Blocked));
    }
    assert!(blocked);
    let waiting = raw.party.machine.transmit().len();
    assert!((10 * KIB..=12 * KIB).contains(&waiting), "{waiting} bytes wait");
    // Data has no place in what is for answers.
    assert!(!raw.party.send_data(b"x"));
    let mut taken = 0;
    while taken < 100 * 1000 {
        let bytes = raw.party.take(3000);
        assert!(!bytes.is_empty());
        taken += bytes.len();
        raw.party.process(raw.now);
    }
    assert!(raw.party.rx.is_empty() && raw.party.error.is_none());
}

#[test]
fn data_is_sealed_ahead_up_to_its_limit() {
    let mut raw = authenticated(null_config(Role::Server));
    let mut frames = 0;
    while raw.party.send_data(&[0; 32 * KIB]) {
        frames += 1;
    }
    let ahead = raw.party.machine.transmit().len();
    assert!(frames == 7 && ahead <= nacre_transport::limits::SEALED_AHEAD, "{frames} frames, {ahead} bytes");
    raw.party.take(20 * KIB);
    assert!(raw.party.send_data(&[0; 32 * KIB]) && !raw.party.send_data(&[0; 32 * KIB]));
    // A frame that is larger than the limit by itself has its turn when nothing waits.
    raw.party.take(usize::MAX);
    let mut frame = raw.party.machine.frame(usize::MAX).unwrap();
    assert_eq!(frame.payload().len(), nacre_transport::limits::FRAME_PAYLOAD_MAX);
}

#[test]
fn a_frame_that_is_dropped_or_empty_sends_nothing() {
    let mut raw = authenticated(null_config(Role::Server));
    let mut frame = raw.party.machine.frame(100).unwrap();
    frame.payload().fill(94);
    drop(frame);
    raw.party.machine.frame(100).unwrap().commit(0);
    assert!(raw.party.machine.frame(0).is_none());
    assert_eq!(raw.party.machine.transmit(), b"");
    // What is committed beyond the frame's size is cut to it, and what was left in the buffer is not sent.
    let mut frame = raw.party.machine.frame(3).unwrap();
    frame.payload().copy_from_slice(b"^ab");
    frame.commit(50);
    let mut expected = vec![0, 0, 0, 12, 8];
    expected.extend(b"^ab\0\0\0\0\0\0\0\0");
    assert_eq!(raw.party.machine.transmit(), expected);
}

#[test]
fn a_peer_that_goes_on_under_a_used_up_key_is_stopped() {
    let config = changed(null_config(Role::Server), |config| {
        (config.rekey.packets, config.limits.packets_per_key) = (20, 50);
    });
    let mut raw = authenticated(config);
    raw.party.machine.unimplemented(0);
    for _ in 0..50 {
        raw.say(&payload(&Data { data: Bytes(b"more") }));
        assert_eq!(raw.party.error, None);
    }
    assert!(raw.heard_numbers().contains(&20), "a rekey was asked for in time");
    raw.say(&payload(&Ignore { data: Bytes(b"") }));
    assert_eq!(raw.error(), Error::KeyUsedUp);
}

#[test]
fn our_own_key_is_never_used_beyond_its_limit() {
    let config = changed(null_config(Role::Server), |config| config.limits.packets_per_key = 5);
    let mut raw = Raw::keyed(config, &RawInit::plain());
    raw.received.clear();
    for _ in 0..5 {
        assert!(raw.party.send_data(b"x"));
    }
    assert_eq!(raw.party.machine.deadline(), None);
    raw.party.machine.unimplemented(1);
    // What would be sent now would be lost, and nobody has to speak before we notice.
    assert!(!raw.party.send_data(b"x"));
    assert_eq!(raw.party.machine.deadline(), Some(raw.now));
    assert_eq!(raw.party.machine.handle_timeout(raw.now), Err(Error::KeyUsedUp));
    let mut last = raw.party.take(usize::MAX);
    raw.received.append(&mut last);
    assert_eq!(raw.heard_numbers(), [94; 5]);
}

#[test]
fn a_peer_may_rekey_as_often_as_it_likes_once_authenticated_and_seldom_before() {
    let init = RawInit::strict(Role::Client);
    let again = |raw: &mut Raw| {
        raw.say(&init.payload());
        if raw.party.error.is_none() {
            raw.go_on();
            raw.say(&payload(&NewKeys {}));
        }
    };
    let mut raw = Raw::keyed(null_config(Role::Server), &init);
    for _ in 1..nacre_transport::limits::EXCHANGES_BEFORE_AUTH {
        again(&mut raw);
    }
    assert_eq!(raw.party.error, None);
    again(&mut raw);
    assert_eq!(raw.error(), Misbehaviour::TooManyExchangesBeforeAuth.into());
    let mut raw = authenticated(null_config(Role::Server));
    for _ in 0..20 {
        again(&mut raw);
    }
    assert_eq!((raw.party.machine.exchanges(), raw.party.error), (21, None));
}

#[test]
fn a_peer_that_does_not_read_gets_no_exchange_of_ours() {
    let config =
        changed(null_config(Role::Server), |config| config.rekey.interval = Some(Duration::from_secs(1)));
    let mut raw = authenticated(config);
    while raw.party.send_data(&[0; 1000]) {}
    raw.party.send(&Data { data: Bytes(&[0; 4000]) });
    raw.party.machine.handle_timeout(raw.now + Duration::from_secs(2)).unwrap();
    assert!(raw.party.machine.gate_open(), "nothing would come of it but more that waits");
    raw.party.take(usize::MAX);
    assert!(raw.party.machine.frame(1).is_none(), "it comes when there is room");
    assert!(!raw.party.machine.gate_open());
}

#[test]
fn a_rekey_is_refused_like_the_first_exchange() {
    let mut pair = Pair::authenticated(config(Role::Client), config(Role::Server));
    pair.client.answers = false;
    pair.server.machine.rekey();
    pair.settle();
    assert!(matches!(pair.client.asked.last(), Some(Ask::HostKey(offer)) if offer.rekey));
    pair.client.machine.host_key(pair.now, false).unwrap_err();
    pair.settle();
    assert_eq!(pair.server.error, Some(Error::Closed(Closed::Peer(Reason::HOST_KEY_NOT_VERIFIABLE))));
}

#[test]
fn the_cookie_is_new_each_time() {
    let mut raw = authenticated(null_config(Role::Client));
    let mut cookies = Vec::new();
    for _ in 0..2 {
        raw.party.machine.rekey();
        raw.say(&RawInit::plain().payload());
        raw.go_on();
        raw.say(&payload(&NewKeys {}));
        let kexinit = &raw.heard()[0];
        cookies.push(KexInit::from_payload(kexinit).unwrap().cookie);
    }
    assert_ne!(cookies[0], cookies[1]);
    let mut again = Vec::new();
    KexInit { cookie: cookies[0], ..KexInit::from_payload(&RawInit::plain().payload()).unwrap() }
        .encode(&mut again);
    assert_eq!(again.len(), RawInit::plain().payload().len());
}
