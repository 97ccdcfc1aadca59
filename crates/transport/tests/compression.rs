//! Delayed compression: where it begins, what it does to packets, and what a peer can do with it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use common::{Data, Pair, Raw, RawInit, changed, config, null_config, packet, payload};
use crypto::{COMPRESSIONS, CompressionAlg, Deflater, InflateError};
use nacre_transport::message::{NewKeys, Ping};
use nacre_transport::{Algorithms, Config, Directions, Error, Limits, Misbehaviour, Reason};
use wire::{Bytes, Role};

fn row(name: &str) -> &'static CompressionAlg {
    COMPRESSIONS.iter().find(|row| row.name == name).unwrap()
}

fn zlib() -> &'static CompressionAlg {
    row("zlib@openssh.com")
}

/// A side that offers these, and nothing but the null suite beside it where `null` says so.
fn with(role: Role, up: &str, down: &str, null: bool) -> Config {
    let base = if null { null_config(role) } else { config(role) };
    changed(base, |config| {
        config.algorithms.compressions =
            Directions { client_to_server: vec![row(up)], server_to_client: vec![row(down)] };
    })
}

fn both(up: &str, down: &str, null: bool) -> Pair {
    Pair::new(with(Role::Client, up, down, null), with(Role::Server, up, down, null))
}

const ZLIB: &str = "zlib@openssh.com";

/// Text of some length, with its number in it.
fn text(n: usize) -> Vec<u8> {
    format!("{n} -rw-r--r-- 1 root root\r\n").into_bytes().repeat(1 + n * 7 % 300)
}

/// Lets the server tell the client that the user is in, as the layer above does it.
fn log_in(pair: &mut Pair) {
    pair.server.send(&Data { data: Bytes(b"you are in") });
    pair.server.machine.authenticated();
    // More comes in the same breath.
    pair.server.send(&Data { data: Bytes(b"first") });
    pair.server.send(&Data { data: Bytes(b"second") });
    receive_login(pair);
}

/// Brings the client what the server said, and lets it know at the right message.
fn receive_login(pair: &mut Pair) {
    let seen = pair.client.payloads.len();
    let bytes = pair.server.take(usize::MAX);
    // Byte by byte, so that the machine is told between two packets of one read.
    for byte in bytes {
        pair.client.feed(&[byte]);
        pair.client.process(pair.now);
        assert_eq!(pair.client.error, None);
        if pair.client.payloads.len() == seen + 1 {
            pair.client.machine.authenticated();
        }
    }
    assert_eq!(
        pair.client.payloads[seen..],
        [&b"you are in"[..], b"first", b"second"].map(|data| payload(&Data { data: Bytes(data) }))
    );
}

fn logged_in(up: &str, down: &str, null: bool) -> Pair {
    let mut pair = both(up, down, null);
    pair.settle();
    log_in(&mut pair);
    pair
}

/// Moves messages and frames both ways; says how many bytes went over the wire from the client and from the server.
fn talk(pair: &mut Pair, rounds: usize) -> (usize, usize) {
    let (mut up, mut down) = (0, 0);
    for n in 0..rounds {
        let (mut sent, mut said) = (Vec::new(), Vec::new());
        for (party, log) in [(&mut pair.client, &mut sent), (&mut pair.server, &mut said)] {
            let data = text(n);
            party.send(&Data { data: Bytes(&data) });
            log.push(payload(&Data { data: Bytes(&data) }));
            assert!(party.send_data(&data));
            log.push(payload(&Data { data: Bytes(&data) }));
        }
        let client = pair.client.payloads.len();
        let server = pair.server.payloads.len();
        up += pair.client.machine.transmit().len();
        down += pair.server.machine.transmit().len();
        pair.settle();
        assert_eq!((&pair.client.error, &pair.server.error), (&None, &None));
        assert_eq!(pair.server.payloads[server..], sent, "round {n}");
        assert_eq!(pair.client.payloads[client..], said, "round {n}");
    }
    (up, down)
}

#[test]
fn payloads_shrink_in_each_direction_that_agreed_on_it() {
    let (plain, _) = talk(&mut logged_in("none", "none", false), 50);
    for (up, down) in [("none", ZLIB), (ZLIB, "none"), (ZLIB, ZLIB)] {
        let (went_up, went_down) = talk(&mut logged_in(up, down, false), 50);
        assert_eq!(went_up < plain / 5, up == ZLIB, "{up}: {went_up} of {plain}");
        assert_eq!(went_down < plain / 5, down == ZLIB, "{down}: {went_down} of {plain}");
    }
}

#[test]
fn nothing_is_compressed_before_the_login() {
    let (before, after) = (
        talk(
            &mut {
                let mut pair = both(ZLIB, ZLIB, false);
                pair.settle();
                pair
            },
            20,
        ),
        talk(&mut logged_in("none", "none", false), 20),
    );
    assert_eq!(before, after);
}

#[test]
fn byte_by_byte_is_the_same_as_everything_at_once() {
    let mut pair = logged_in(ZLIB, ZLIB, false);
    pair.chunk = 1;
    talk(&mut pair, 20);
}

#[test]
fn streams_begin_anew_with_the_keys_of_each_exchange() {
    for (up, down) in [("none", ZLIB), (ZLIB, "none"), (ZLIB, ZLIB)] {
        for chunk in [usize::MAX, 7] {
            let mut pair = logged_in(up, down, false);
            pair.chunk = chunk;
            for exchange in 2..6 {
                talk(&mut pair, 3);
                // What waits for the gate is compressed under the new keys.
                let party = if exchange % 2 == 0 { &mut pair.client } else { &mut pair.server };
                party.machine.rekey();
                assert!(!party.machine.gate_open());
                party.send(&Data { data: Bytes(&text(9)) });
                pair.client.payloads.clear();
                pair.server.payloads.clear();
                pair.settle();
                let got = [&pair.client.payloads, &pair.server.payloads].map(Vec::len);
                assert_eq!(got.iter().sum::<usize>(), 1);
                assert_eq!(pair.client.machine.exchanges(), exchange);
            }
            talk(&mut pair, 3);
        }
    }
}

#[test]
fn an_exchange_can_change_whether_there_is_compression() {
    // Sides offer the same all the time, so this is seen with the null suite and a peer by hand: first zlib, then none.
    let mut raw = Raw::keyed(null_config(Role::Server), &zlib_init());
    raw.party.send(&Data { data: Bytes(b"in") });
    raw.party.machine.authenticated();
    raw.party.take(usize::MAX);
    let mut deflater = zlib().deflater().unwrap();
    let mut say = |raw: &mut Raw, message: &[u8]| raw.say(&deflate(&mut deflater, message));
    say(&mut raw, &payload(&Data { data: Bytes(b"small") }));
    assert_eq!(raw.party.payloads.len(), 1);
    say(&mut raw, &RawInit::plain().payload());
    say(&mut raw, &payload(&nacre_transport::message::KexEcdhInit { client_public: Bytes(b"") }));
    say(&mut raw, &payload(&NewKeys {}));
    assert_eq!(raw.party.error, None);
    raw.say(&payload(&Data { data: Bytes(b"as it is") }));
    assert_eq!(raw.party.payloads.len(), 2);
    raw.heard();
    raw.party.send(&Data { data: Bytes(b"so are ours") });
    raw.bytes(b"");
    assert_eq!(raw.heard(), [payload(&Data { data: Bytes(b"so are ours") })]);
}

/// What the null suite has, with compression both ways.
fn zlib_init() -> RawInit {
    RawInit { compressions: ZLIB.into(), ..RawInit::plain() }
}

fn deflate(deflater: &mut Deflater, payload: &[u8]) -> Vec<u8> {
    let mut output = vec![0; Deflater::room_for(payload.len())];
    let len = deflater.deflate(payload, &mut output).unwrap();
    output.truncate(len);
    output
}

#[test]
fn where_the_login_waits_for_an_exchange_compression_begins_behind_it() {
    let mut raw = Raw::keyed(null_config(Role::Server), &zlib_init());
    raw.heard();
    // The client exchanges keys while it waits for the verdict.
    raw.say(&zlib_init().payload());
    assert!(!raw.party.machine.gate_open());
    raw.party.send(&Data { data: Bytes(b"a banner") });
    raw.party.send(&Data { data: Bytes(b"you are in") });
    raw.party.machine.authenticated();
    raw.party.send(&Data { data: Bytes(b"more") });
    raw.say(&payload(&nacre_transport::message::KexEcdhInit { client_public: Bytes(b"") }));
    assert_eq!(raw.party.error, None);
    let heard = raw.heard();
    let plain = [&b"a banner"[..], b"you are in"].map(|data| payload(&Data { data: Bytes(data) }));
    let after_new_keys = heard.iter().position(|payload| payload[0] == 21).unwrap() + 1;
    assert_eq!(heard[after_new_keys..heard.len() - 1], plain);
    assert_eq!(inflate_first(heard.last().unwrap()), payload(&Data { data: Bytes(b"more") }));
    // Its NEWKEYS were sent before it can have read that it is in.
    raw.say(&payload(&NewKeys {}));
    let mut deflater = zlib().deflater().unwrap();
    raw.say(&deflate(&mut deflater, &payload(&Data { data: Bytes(b"hello") })));
    assert_eq!(raw.party.error, None);
    assert_eq!(raw.party.payloads, [payload(&Data { data: Bytes(b"hello") })]);
}

#[test]
fn a_login_between_our_new_keys_and_the_clients_is_seen_from_its_new_keys_on() {
    let mut raw = Raw::keyed(null_config(Role::Server), &zlib_init());
    raw.say(&zlib_init().payload());
    raw.say(&payload(&nacre_transport::message::KexEcdhInit { client_public: Bytes(b"") }));
    assert!(raw.party.machine.gate_open());
    raw.heard();
    raw.party.send(&Data { data: Bytes(b"you are in") });
    raw.party.machine.authenticated();
    raw.party.send(&Data { data: Bytes(b"more") });
    raw.say(&payload(&NewKeys {}));
    let heard = raw.heard();
    assert_eq!(heard[0], payload(&Data { data: Bytes(b"you are in") }));
    assert_eq!(inflate_first(&heard[1]), payload(&Data { data: Bytes(b"more") }));
    let mut deflater = zlib().deflater().unwrap();
    raw.say(&deflate(&mut deflater, &payload(&Data { data: Bytes(b"hello") })));
    assert_eq!(raw.party.error, None);
    assert_eq!(raw.party.payloads, [payload(&Data { data: Bytes(b"hello") })]);
}

fn inflate_first(deflated: &[u8]) -> Vec<u8> {
    let mut payload = zeroize::Zeroizing::new(Vec::new());
    zlib().inflater().unwrap().inflate(deflated, &mut payload, 1_000_000).unwrap();
    payload.to_vec()
}

/// A server whose client compresses by hand, from a stream that begins now.
fn server_after_login(change: impl FnOnce(&mut Config)) -> (Raw, Deflater) {
    let mut raw = Raw::keyed(changed(null_config(Role::Server), change), &zlib_init());
    raw.party.machine.authenticated();
    raw.heard();
    (raw, zlib().deflater().unwrap())
}

#[test]
fn a_bomb_is_a_compression_error_and_takes_no_memory() {
    let (mut raw, mut deflater) = server_after_login(|_| {});
    let bomb = deflate(&mut deflater, &payload(&Data { data: Bytes(&vec![0; 50_000_000]) }));
    assert!(bomb.len() < 100_000);
    raw.say(&bomb);
    let error = Error::Misbehaved(Misbehaviour::Compression(InflateError::TooLong));
    assert_eq!(raw.error(), error);
    assert_eq!(error.disconnect_reason(), Some(Reason::COMPRESSION_ERROR));
    // What is left is the packet's own buffer and one payload of the largest size.
    assert!(raw.party.rx.capacity() < 600_000, "{}", raw.party.rx.capacity());
    // We go on compressing to the last message.
    let heard = raw.heard();
    let last = inflate_first(heard.last().unwrap());
    assert_eq!(last[..5], [1, 0, 0, 0, 6]);
}

#[test]
fn a_payload_may_be_as_long_as_a_packet_and_no_longer() {
    let limit = 5000_u32;
    for (len, good) in [(4995, true), (4996, false)] {
        let (mut raw, mut deflater) =
            server_after_login(|config| config.limits = Limits { packet_length: limit, ..Limits::default() });
        raw.say(&deflate(&mut deflater, &payload(&Data { data: Bytes(&vec![b'x'; len]) })));
        assert_eq!(raw.party.payloads.len(), usize::from(good), "{len}");
        assert_eq!(raw.party.error.is_none(), good, "{len}");
    }
}

#[test]
fn what_is_not_compressed_or_not_well_is_an_error() {
    let plain = payload(&Data { data: Bytes(b"as it is") });
    let ended = [0x78, 0x9c, 0x03, 0x00, 0, 0, 0, 1];
    let nothing = [0x78, 0x9c, 0x02, 0x00];
    let cases: [(&[u8], Misbehaviour); 3] = [
        (&plain, Misbehaviour::Compression(InflateError::Corrupt)),
        (&ended, Misbehaviour::Compression(InflateError::Ended)),
        (&nothing, Misbehaviour::EmptyPayload),
    ];
    for (bytes, expected) in cases {
        let (mut raw, _) = server_after_login(|_| {});
        raw.say(bytes);
        assert_eq!(raw.error(), Error::Misbehaved(expected));
    }
}

#[test]
fn what_comes_before_the_login_is_taken_as_it_is_even_when_it_is_compressed() {
    let mut raw = Raw::keyed(null_config(Role::Server), &zlib_init());
    raw.heard();
    let mut deflater = zlib().deflater().unwrap();
    // The first byte of a stream is a message number that nobody has.
    raw.say(&deflate(&mut deflater, &payload(&Data { data: Bytes(b"early") })));
    assert_eq!(raw.party.error, None);
    assert_eq!(raw.party.payloads[0][0], 0x78);
}

#[test]
fn answers_to_small_packets_of_large_messages_stay_within_their_room() {
    let (mut raw, mut deflater) = server_after_login(|_| {});
    let ping = payload(&Ping { data: Bytes(&vec![7; 200_000]) });
    let mut bytes = Vec::new();
    for _ in 0..50 {
        bytes.extend(packet(&deflate(&mut deflater, &ping)));
    }
    raw.bytes(&bytes);
    assert_eq!(raw.party.error, None);
    // While we wait for the peer's KEXINIT answers cannot leave, and there is an end to them.
    raw.party.machine.rekey();
    for _ in 0..10 {
        let packet = packet(&deflate(&mut deflater, &ping));
        if raw.party.error.is_none() {
            raw.bytes(&packet);
        }
    }
    assert_eq!(raw.error(), Error::Misbehaved(Misbehaviour::TooManyReplies));
}

#[test]
fn the_longest_frames_pass_whatever_is_in_them() {
    let mut noise = vec![0; 128 * 1024 - 5];
    crypto::Rng::fill(&mut crypto::SeededRng::new(3), &mut noise).unwrap();
    let mut pair = logged_in(ZLIB, ZLIB, false);
    for data in [noise.clone(), vec![0; noise.len()], noise.iter().map(|byte| byte | 0x90).collect(), noise] {
        for _ in 0..2 {
            assert!(pair.client.send_data(&data));
            pair.settle();
            assert_eq!(pair.server.error, None);
            assert_eq!(pair.server.payloads.pop().unwrap(), payload(&Data { data: Bytes(&data) }));
        }
    }
}

#[test]
fn frames_stay_within_what_may_be_ahead_of_the_socket() {
    let mut noise = vec![0; 30_000];
    crypto::Rng::fill(&mut crypto::SeededRng::new(4), &mut noise).unwrap();
    let mut pair = logged_in(ZLIB, ZLIB, false);
    let mut frames = 0;
    while pair.client.send_data(&noise) {
        frames += 1;
        assert!(pair.client.machine.transmit().len() <= 256 * 1024);
        assert!(frames < 1000, "frames without end");
    }
    assert!(frames > 5);
    pair.settle();
    assert_eq!(pair.server.payloads.len(), frames);
}

#[test]
fn a_frame_that_is_dropped_was_never_there() {
    let mut pair = logged_in(ZLIB, ZLIB, false);
    for n in 0..20 {
        let mut frame = pair.client.machine.frame(1000).unwrap();
        frame.payload().fill(n);
        drop(frame);
        talk(&mut pair, 1);
    }
}

#[test]
fn idle_connections_give_memory_back_and_go_on() {
    let mut pair = logged_in(ZLIB, ZLIB, false);
    for _ in 0..5 {
        talk(&mut pair, 5);
        for party in [&mut pair.client, &mut pair.server] {
            party.machine.release();
            party.rx.release();
            assert_eq!(party.rx.capacity(), 0);
        }
    }
    talk(&mut pair, 5);
}

#[test]
fn both_sides_offer_it_unasked_and_take_none_first() {
    for role in [Role::Client, Role::Server] {
        let names: Vec<_> =
            Algorithms::default_for(role).compressions.client_to_server.iter().map(|row| row.name).collect();
        assert_eq!(names, ["none", ZLIB]);
    }
}
