//! Key exchange in a group that the server chooses (RFC 4419), with honest and with lying peers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::time::Duration;

use common::{Data, Pair, Raw, RawInit, changed, config, host_key, null_config, null_signature, payload};
use crypto::{CIPHERS, Group, HashAlg, KEX, KexAlg, KexError};
use nacre_transport::message::{
    Disconnect, GROUP_TABLE, Ignore, KexDhGexGroup, KexDhGexInit, KexDhGexReply, KexDhGexRequest, NewKeys,
};
use nacre_transport::{
    Ask, Config, Directions, Error, GroupRequest, Misbehaviour, Misuse, Reason, Refusal, SignRequest,
};
use wire::{Bytes, Mpint, Role, WireError, put_string};

const NAMES: [&str; 2] = ["diffie-hellman-group-exchange-sha256", "diffie-hellman-group-exchange-sha1"];

fn method(name: &str) -> &'static KexAlg {
    KEX.iter().find(|row| row.name == name).unwrap()
}

fn cipher(name: &str) -> &'static crypto::CipherAlg {
    CIPHERS.iter().find(|row| row.name == name).unwrap()
}

/// The real suite with a method of this kind.
fn exchanging(role: Role, name: &str, cipher_name: &str) -> Config {
    changed(config(role), |config| {
        config.algorithms.kex = vec![method(name)];
        config.algorithms.ciphers = Directions::both(vec![cipher(cipher_name)]);
    })
}

/// The null suite but for the method.
fn bare(role: Role) -> Config {
    changed(null_config(role), |config| config.algorithms.kex = vec![method(NAMES[0])])
}

/// A machine against a peer written by hand, which has sent its KEXINIT.
fn raw(role: Role, strict: bool) -> Raw {
    let mut raw = Raw::against(bare(role));
    raw.say(&init(role.peer(), strict).payload());
    assert_eq!(raw.party.error, None);
    raw
}

fn init(role: Role, strict: bool) -> RawInit {
    let init = if strict { RawInit::strict(role) } else { RawInit::plain() };
    RawInit { kex: init.kex.replacen("null", NAMES[0], 1), ..init }
}

fn request(min: u32, preferred: u32, max: u32) -> Vec<u8> {
    payload(&KexDhGexRequest { min, preferred, max })
}

fn group(prime: &[u8], generator: &[u8]) -> Vec<u8> {
    let (prime, generator) = (Mpint::from_magnitude(prime), Mpint::from_magnitude(generator));
    payload(&KexDhGexGroup { prime, generator })
}

fn well_known() -> Group {
    Group::well_known(2048).unwrap()
}

fn good_group() -> Vec<u8> {
    group(well_known().prime(), well_known().generator())
}

/// A number that can be a public value, as an mpint's contents.
fn public() -> Vec<u8> {
    vec![0x55; 200]
}

fn client_value(contents: &[u8]) -> Vec<u8> {
    payload(&KexDhGexInit { client_public: Bytes(contents) })
}

fn reply(contents: &[u8]) -> Vec<u8> {
    payload(&KexDhGexReply {
        host_key: Bytes(&host_key().public().blob()),
        server_public: Bytes(contents),
        signature: Bytes(&null_signature()),
    })
}

/// Contents of mpints that are no public value in the group, and what is no mpint at all.
fn bad_values() -> Vec<Vec<u8>> {
    let prime = [&[0], well_known().prime()].concat();
    let mut almost = prime.clone();
    *almost.last_mut().unwrap() -= 1;
    let above = [&[1], well_known().prime()].concat();
    let short = vec![2];
    let negative = vec![0xaa; 200];
    let padded = [&[0], &public()[..]].concat();
    vec![Vec::new(), vec![0], vec![1], short, prime, almost, above, negative, padded]
}

fn exchanged_in_order(pair: &Pair, name: &str, preferred: u32) {
    assert_eq!((&pair.client.error, &pair.server.error), (&None, &None), "{name}");
    let asked = format!("Group(2048, {preferred}, 8192)");
    assert_eq!(pair.server.events[2..4], [asked, "Sign(ssh-ed25519, rekey: false)".into()]);
    let (client, server) = (&pair.client.machine, &pair.server.machine);
    assert_eq!(client.session_id().unwrap().as_bytes(), server.session_id().unwrap().as_bytes());
    assert_eq!(client.agreed().unwrap().kex.name, name);
}

#[test]
fn two_machines_exchange_keys_in_a_group_that_the_server_chose() {
    for name in NAMES {
        let both = |role| exchanging(role, name, "aes128-gcm@openssh.com");
        let mut pair = Pair::authenticated(both(Role::Client), both(Role::Server));
        exchanged_in_order(&pair, name, 3072);
        for exchanges in 2..4 {
            let starter = if exchanges == 2 { &mut pair.client } else { &mut pair.server };
            starter.machine.rekey();
            pair.settle();
            assert_eq!((&pair.client.error, &pair.server.error), (&None, &None), "{name}");
            assert_eq!(pair.client.machine.exchanges(), exchanges);
            assert!(pair.client.send_data(b"hello"));
            pair.settle();
            assert_eq!(pair.server.payloads.pop().unwrap(), payload(&Data { data: Bytes(b"hello") }));
        }
        let groups = pair.server.events.iter().filter(|event| event.starts_with("Group(")).count();
        assert_eq!(groups, 3, "one for each exchange");
    }
}

#[test]
fn one_byte_at_a_time_is_the_same_as_all_at_once() {
    let run = |chunk| {
        let both = |role| exchanging(role, NAMES[0], "aes256-gcm@openssh.com");
        let mut pair = Pair::new(both(Role::Client), both(Role::Server));
        pair.chunk = chunk;
        pair.settle();
        exchanged_in_order(&pair, NAMES[0], 8192);
        let id = pair.client.machine.session_id().unwrap().as_bytes().to_vec();
        (id, pair.client.events, pair.server.events)
    };
    assert_eq!(run(1), run(usize::MAX));
}

#[test]
fn each_message_has_its_row_and_the_old_request_has_none() {
    let rows: Vec<_> = GROUP_TABLE.iter().map(|row| (row.number, row.name)).collect();
    let names = [(31, "KexDhGexGroup"), (32, "KexDhGexInit"), (33, "KexDhGexReply"), (34, "KexDhGexRequest")];
    assert_eq!(rows, names);
}

#[test]
fn what_the_server_signs_covers_the_sizes_as_they_were_said_and_the_group() {
    let mut raw = raw(Role::Server, true);
    // Out of what is given at all, and changed for the question, but not for the hash.
    raw.say(&request(1024, 1500, 9000));
    assert_eq!(raw.party.events.last().unwrap(), "Group(2048, 2048, 8192)");
    raw.say(&client_value(&public()));
    let Some(Ask::Sign(SignRequest { hash, transcript, .. })) = raw.party.asked.last() else {
        panic!("{:?}", raw.party.events);
    };
    let mut data = Vec::new();
    let server_kexinit = transcript.server_kexinit.clone();
    let client_kexinit = init(Role::Client, true).payload();
    for string in [&b"SSH-2.0-Raw_1"[..], b"SSH-2.0-Test_1.0", &client_kexinit, &server_kexinit] {
        put_string(&mut data, string);
    }
    put_string(&mut data, &host_key().public().blob());
    for size in [1024_u32, 1500, 9000] {
        data.extend(size.to_be_bytes());
    }
    put_string(&mut data, &[&[0], well_known().prime()].concat());
    put_string(&mut data, &[2]);
    put_string(&mut data, &public());
    put_string(&mut data, &transcript.server_public);
    data.extend(transcript.shared_secret.expose());
    assert_eq!(hash.as_bytes(), HashAlg::Sha256.digest(&data).as_slice());
    let request = transcript.group.as_ref().unwrap().request;
    assert_eq!(request, GroupRequest { min: 1024, preferred: 1500, max: 9000 });
}

#[test]
fn a_server_answers_each_step_with_its_own_message() {
    let mut raw = raw(Role::Server, true);
    assert_eq!(raw.heard_numbers(), [20]);
    raw.say(&request(2048, 3072, 8192));
    let heard = raw.heard();
    assert_eq!(heard, [good_group()]);
    raw.say(&client_value(&public()));
    assert_eq!(raw.heard_numbers(), [33, 21, 7]);
    raw.say(&payload(&NewKeys {}));
    assert_eq!((raw.party.error.clone(), raw.party.machine.exchanges()), (None, 1));
}

#[test]
fn a_client_answers_each_step_with_its_own_message() {
    let mut raw = raw(Role::Client, true);
    let heard = raw.heard();
    assert_eq!((heard.len(), heard[0][0]), (2, 20));
    assert_eq!(heard[1], request(2048, 2048, 8192));
    raw.say(&good_group());
    let heard = raw.heard();
    assert_eq!(heard[0][0], 32);
    let value = KexDhGexInit::from_payload(&heard[0]).unwrap().client_public.0.to_vec();
    assert!((250..=257).contains(&value.len()), "as long as the group, most often");
    raw.say(&reply(&public()));
    assert_eq!(raw.heard_numbers(), [21, 7]);
    raw.say(&payload(&NewKeys {}));
    assert_eq!((raw.party.error.clone(), raw.party.machine.exchanges()), (None, 1));
}

#[test]
fn a_request_for_no_size_that_there_is_ends_the_connection() {
    for (min, preferred, max) in [
        (4096, 4096, 2048),
        (2048, 1024, 8192),
        (2048, 8192, 4096),
        (0, 0, 0),
        (512, 1024, 2047),
        (8193, 8193, 8193),
        (u32::MAX, u32::MAX, u32::MAX),
        (u32::MAX, 2048, 0),
    ] {
        let mut raw = raw(Role::Server, true);
        raw.say(&request(min, preferred, max));
        let asked = GroupRequest { min, preferred, max };
        assert_eq!(raw.error(), Misbehaviour::GroupRequest(asked).into());
        assert!(raw.party.asked.is_empty(), "nobody is asked for that");
        ends_with(&mut raw, Reason::KEY_EXCHANGE_FAILED, "DH GEX group out of range");
    }
}

/// The last that the peer heard is a DISCONNECT with these words.
fn ends_with(raw: &mut Raw, reason: Reason, text: &str) {
    raw.bytes(b"");
    let heard = raw.heard();
    let goodbye = Disconnect::from_payload(heard.last().unwrap()).unwrap();
    assert_eq!((goodbye.reason, goodbye.description.0), (reason.0, text.as_bytes()));
}

#[test]
fn a_group_of_another_size_or_that_is_none_is_refused_before_anything_is_computed_in_it() {
    let good = well_known();
    let prime = good.prime();
    let of_bits = |bits: usize| {
        let mut number = vec![0xff; bits.div_ceil(8)];
        if !bits.is_multiple_of(8) {
            number[0] = (1 << (bits % 8)) - 1;
        }
        number
    };
    let size = |bits| Error::from(Misbehaviour::GroupSize { bits });
    let bad = || Error::KeyExchange(KexError::BadGroup);
    let (mut even, mut almost) = (prime.to_vec(), prime.to_vec());
    *even.last_mut().unwrap() ^= 1;
    *almost.last_mut().unwrap() -= 1;
    for (message, error) in [
        (group(&of_bits(2047), &[2]), size(2047)),
        (group(&of_bits(8193), &[2]), size(8193)),
        (group(&of_bits(16_384), &[2]), size(16_384)),
        (group(&[], &[2]), size(0)),
        (group(&[7], &[2]), size(3)),
        (group(&even, &[2]), bad()),
        (group(prime, &[]), bad()),
        (group(prime, &[1]), bad()),
        (group(prime, &almost), bad()),
        (group(prime, prime), bad()),
        (group(prime, &of_bits(4096)), bad()),
        (group(&of_bits(16_392), &[2]), Error::Malformed(WireError::TooLong { limit: 2048 })),
        (negative_prime(), Error::Malformed(WireError::BadMpint)),
        (good_group()[..200].to_vec(), Error::Malformed(WireError::Truncated { needed: 257, left: 195 })),
        ([good_group(), vec![0]].concat(), Error::Malformed(WireError::Trailing { left: 1 })),
    ] {
        let mut raw = raw(Role::Client, true);
        raw.say(&message);
        assert_eq!(raw.error(), error);
        assert_eq!(raw.heard_numbers(), [20, 34, 1], "no public value is sent");
        assert_eq!(raw.party.machine.exchanges(), 0);
    }
    // The largest that will do does.
    let mut raw = raw(Role::Client, true);
    let largest = Group::well_known(8192).unwrap();
    raw.say(&group(largest.prime(), largest.generator()));
    assert_eq!(raw.heard_numbers(), [20, 34, 32]);
}

fn negative_prime() -> Vec<u8> {
    let mut message = vec![31];
    put_string(&mut message, well_known().prime());
    put_string(&mut message, &[2]);
    message
}

#[test]
fn public_values_out_of_range_are_refused_by_both_sides() {
    let bad = Error::KeyExchange(KexError::BadPublicValue);
    for value in bad_values() {
        let mut client = raw(Role::Client, true);
        client.say(&good_group());
        client.say(&reply(&value));
        assert_eq!(client.error(), bad, "{value:02x?}");
        assert!(client.party.asked.is_empty(), "nobody is asked about the host key");
        let mut server = raw(Role::Server, true);
        server.say(&request(2048, 2048, 2048));
        server.say(&client_value(&value));
        assert_eq!(server.error(), bad, "{value:02x?}");
        assert_eq!(server.party.asked.len(), 1, "nothing is signed");
    }
}

#[test]
fn only_the_message_that_is_due_is_taken() {
    let request = || request(2048, 3072, 8192);
    type Said = Vec<Vec<u8>>;
    let ecdh_init = client_value(&public()).split_off(1);
    let old_request = vec![30, 0, 0, 4, 0];
    // The side of the machine, what its peer says, and the number that is one too many.
    let cases: [(Role, Said, u8); 13] = [
        (Role::Server, vec![old_request.clone()], 30),
        (Role::Server, vec![[vec![30], ecdh_init].concat()], 30),
        (Role::Server, vec![client_value(&public())], 32),
        (Role::Server, vec![payload(&NewKeys {})], 21),
        (Role::Server, vec![request(), request()], 34),
        (Role::Server, vec![request(), old_request], 30),
        (Role::Server, vec![request(), good_group()], 31),
        (Role::Server, vec![request(), payload(&NewKeys {})], 21),
        (Role::Client, vec![reply(&public())], 33),
        (Role::Client, vec![request()], 34),
        (Role::Client, vec![good_group(), good_group()], 31),
        (Role::Client, vec![good_group(), payload(&NewKeys {})], 21),
        (Role::Client, vec![good_group(), reply(&public()), reply(&public())], 33),
    ];
    for strict in [true, false] {
        for (role, said, number) in &cases {
            let mut raw = raw(*role, strict);
            for message in said {
                assert_eq!(raw.party.error, None);
                raw.say(message);
            }
            let error = match strict {
                true => Misbehaviour::StrictViolation { number: *number },
                false => Misbehaviour::UnexpectedInExchange { number: *number },
            };
            assert_eq!(raw.error(), error.into());
        }
    }
}

#[test]
fn a_server_that_fails_over_large_groups_is_asked_for_smaller_ones() {
    for (software, preferred) in
        [("Raw_1", 8192), ("Cisco-1.25", 4096), ("Cisco-1.25 IOS", 4096), ("Cisco-2.0", 8192)]
    {
        let config = changed(bare(Role::Client), |config| {
            config.algorithms.ciphers = Directions::both(vec![cipher("aes256-gcm@openssh.com")]);
        });
        let mut raw = Raw::against_named(config, software);
        raw.say(&RawInit { ciphers: "aes256-gcm@openssh.com".into(), ..init(Role::Server, true) }.payload());
        assert_eq!(raw.heard().pop(), Some(request(2048, preferred, 8192)), "{software}");
    }
}

#[test]
fn between_the_steps_a_strict_exchange_takes_nothing_else() {
    let ignore = payload(&Ignore { data: Bytes(b"") });
    for strict in [true, false] {
        let mut raw = raw(Role::Server, strict);
        raw.say(&request(2048, 2048, 2048));
        raw.say(&ignore);
        assert_eq!(raw.party.error.is_some(), strict);
    }
}

#[test]
fn a_wrong_guess_is_dropped_and_a_right_one_is_used() {
    for (role, first) in [(Role::Server, request(2048, 2048, 2048)), (Role::Client, good_group())] {
        for right in [true, false] {
            let mut raw = Raw::against(bare(role));
            let plain = init(role.peer(), true);
            let kex = if right { plain.kex.clone() } else { format!("curve25519-sha256,{}", plain.kex) };
            raw.say(&RawInit { kex, guess: true, ..plain }.payload());
            if !right {
                // A public value of another method, for instance.
                raw.say(&[30 + u8::from(role == Role::Client), 1, 2, 3]);
                assert_eq!(raw.party.error, None);
            }
            raw.say(&first);
            assert_eq!(raw.party.error, None, "{role:?} {right}");
            let number = if role == Role::Server { 31 } else { 32 };
            assert_eq!(raw.heard_numbers().last(), Some(&number));
            // One packet is a guess, and no more.
            raw.say(&first);
            assert!(raw.party.error.is_some());
        }
    }
}

#[test]
fn nothing_is_taken_in_before_the_group_is_chosen() {
    let mut raw = raw(Role::Server, true);
    raw.party.answers = false;
    raw.say(&request(3000, 3000, 5000));
    raw.say(&client_value(&public()));
    assert!(raw.party.machine.awaits_answer());
    assert_eq!(raw.heard_numbers(), [20]);
    let machine = &mut raw.party.machine;
    // Answers to what nobody asked, and a group that nobody wants.
    assert_eq!(machine.signed(raw.now, None), Err(Misuse::NotAsked.into()));
    assert_eq!(machine.host_key(raw.now, true), Err(Misuse::NotAsked.into()));
    for bits in [2048, 8192] {
        assert_eq!(machine.group(raw.now, Group::well_known(bits)), Err(Misuse::WrongGroup.into()));
    }
    assert!(machine.awaits_answer());
    raw.party.answers = true;
    raw.party.machine.group(raw.now, Group::well_known(4096)).unwrap();
    raw.bytes(b"");
    assert_eq!(raw.party.error, None);
    assert_eq!(raw.heard_numbers(), [31, 33, 21, 7]);
    assert_eq!(raw.party.machine.group(raw.now, None), Err(Misuse::NotAsked.into()));
}

#[test]
fn no_group_is_the_end_and_the_client_is_told_why() {
    for refuse in [true, false] {
        let mut raw = raw(Role::Server, true);
        raw.party.answers = false;
        raw.say(&request(2048, 2048, 2048));
        let machine = &mut raw.party.machine;
        let answered = if refuse { machine.refuse(raw.now) } else { machine.group(raw.now, None) };
        assert_eq!(answered, Err(Error::Refused(Refusal::Group)));
        raw.party.error = answered.err();
        ends_with(&mut raw, Reason::KEY_EXCHANGE_FAILED, "no matching DH grp found");
    }
}

#[test]
fn an_exchange_ends_with_its_time_at_whatever_step_it_is() {
    for steps in 0..3 {
        for role in [Role::Client, Role::Server] {
            let mut raw = raw(role, true);
            let said = match role {
                Role::Server => [request(2048, 2048, 2048), client_value(&public())],
                Role::Client => [good_group(), reply(&public())],
            };
            for message in &said[..steps] {
                raw.say(message);
            }
            raw.party.answers = false;
            let due = raw.party.machine.deadline().unwrap();
            assert!(due <= raw.now + Duration::from_secs(120));
            assert_eq!(raw.party.machine.handle_timeout(due), Err(Error::TimedOut), "{role:?} {steps}");
        }
    }
    let mut raw = raw(Role::Server, true);
    raw.party.answers = false;
    raw.say(&request(2048, 2048, 2048));
    let due = raw.party.machine.deadline().unwrap();
    assert_eq!(raw.party.machine.handle_timeout(due), Err(Error::TimedOut));
    assert_eq!(raw.party.machine.group(due, Group::well_known(2048)), Err(Error::TimedOut));
}

#[test]
fn messages_of_the_method_outside_of_an_exchange_are_the_end() {
    for message in [request(2048, 2048, 2048), good_group(), client_value(&public()), reply(&public())] {
        let mut raw = raw(Role::Server, true);
        raw.say(&request(2048, 2048, 2048));
        raw.say(&client_value(&public()));
        raw.say(&payload(&NewKeys {}));
        assert_eq!(raw.party.machine.exchanges(), 1);
        raw.say(&message);
        assert_eq!(raw.error(), Misbehaviour::OutsideExchange { number: message[0] }.into());
    }
}
