//! Negotiation as a pure function, and the peer's guesses (RFC 4253 §7 and §7.1).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use common::{Raw, RawInit, config, null_config, payload};
use crypto::{CIPHERS, KEX, MACS};
use nacre_transport::message::{KexEcdhInit, KexInit, NewKeys};
use nacre_transport::{Algorithms, Directions, Error, Kind, Misbehaviour, Negotiated, NoCommon, negotiate};
use wire::{Bytes, NameList, Role};

fn list(names: &str) -> NameList<'_> {
    NameList::new(names).unwrap()
}

fn theirs() -> KexInit<'static> {
    KexInit {
        cookie: [0; 16],
        kex: list("curve25519-sha256"),
        host_keys: list("ssh-ed25519"),
        ciphers_client_to_server: list("aes128-ctr"),
        ciphers_server_to_client: list("aes256-ctr"),
        macs_client_to_server: list("hmac-sha2-256"),
        macs_server_to_client: list("hmac-sha2-512"),
        compressions_client_to_server: list("none"),
        compressions_server_to_client: list("none"),
        languages_client_to_server: list(""),
        languages_server_to_client: list("xx,yy"),
        first_kex_packet_follows: false,
        reserved: 0,
    }
}

fn ask(theirs: &KexInit<'_>, role: Role) -> Result<Negotiated, NoCommon> {
    negotiate(&Algorithms::default_for(role), theirs, role)
}

#[test]
fn each_direction_gets_its_own_algorithms() {
    for role in [Role::Client, Role::Server] {
        let agreed = ask(&theirs(), role).unwrap().agreed;
        let (up, down) = (agreed.protection.client_to_server, agreed.protection.server_to_client);
        assert_eq!((agreed.kex.name, agreed.host_key.name), ("curve25519-sha256", "ssh-ed25519"));
        assert_eq!((up.cipher.name, up.mac.unwrap().name), ("aes128-ctr", "hmac-sha2-256"));
        assert_eq!((down.cipher.name, down.mac.unwrap().name), ("aes256-ctr", "hmac-sha2-512"));
        assert_eq!(up.compression.name, "none");
    }
}

#[test]
fn the_clients_order_decides_whoever_we_are() {
    let mut theirs = theirs();
    theirs.kex = list("curve25519-sha256@libssh.org,curve25519-sha256,mlkem768x25519-sha256");
    theirs.ciphers_client_to_server = list("aes256-ctr,chacha20-poly1305@openssh.com");
    let ours_first = ask(&theirs, Role::Client).unwrap().agreed;
    assert_eq!(ours_first.kex.name, KEX[0].name);
    assert_eq!(ours_first.protection.client_to_server.cipher.name, CIPHERS[0].name);
    let theirs_first = ask(&theirs, Role::Server).unwrap().agreed;
    assert_eq!(theirs_first.kex.name, "curve25519-sha256@libssh.org");
    assert_eq!(theirs_first.protection.client_to_server.cipher.name, "aes256-ctr");
}

#[test]
fn unknown_and_repeated_names_are_no_matter() {
    let mut theirs = theirs();
    let long = format!("x@y,{},x@y,curve25519-sha256,curve25519-sha256", "n".repeat(200));
    theirs.kex = list(&long);
    for role in [Role::Client, Role::Server] {
        assert_eq!(ask(&theirs, role).unwrap().agreed.kex.name, "curve25519-sha256");
    }
}

#[test]
fn a_cipher_that_authenticates_needs_no_mac_in_common() {
    let mut theirs = theirs();
    theirs.ciphers_client_to_server = list("aes256-gcm@openssh.com");
    theirs.macs_client_to_server = list("hmac-md5");
    for role in [Role::Client, Role::Server] {
        let agreed = ask(&theirs, role).unwrap().agreed;
        assert!(agreed.protection.client_to_server.mac.is_none());
        assert!(agreed.protection.server_to_client.mac.is_some());
    }
}

#[test]
fn nothing_in_common_is_told_by_kind_with_both_offers() {
    type Change = fn(&mut KexInit<'static>);
    let cases: [(Kind, Change); 8] = [
        (Kind::Kex, |init| init.kex = list("ext-info-c,ext-info-s,kex-strict-c-v00@openssh.com")),
        (Kind::HostKey, |init| init.host_keys = list("ssh-dss")),
        (Kind::Cipher(Role::Client), |init| init.ciphers_client_to_server = list("arcfour")),
        (Kind::Cipher(Role::Server), |init| init.ciphers_server_to_client = list("")),
        (Kind::Mac(Role::Client), |init| init.macs_client_to_server = list("hmac-md5")),
        (Kind::Mac(Role::Server), |init| init.macs_server_to_client = list("hmac-md5")),
        (Kind::Compression(Role::Client), |init| init.compressions_client_to_server = list("zlib")),
        (Kind::Compression(Role::Server), |init| init.compressions_server_to_client = list("zlib")),
    ];
    for (kind, change) in cases {
        let mut theirs = theirs();
        change(&mut theirs);
        for role in [Role::Client, Role::Server] {
            let none = ask(&theirs, role).unwrap_err();
            assert_eq!(none.kind, kind);
            assert!(!none.ours.is_empty());
        }
    }
    let mut theirs = theirs();
    theirs.kex = list("diffie-hellman-group1-sha1");
    let none = ask(&theirs, Role::Server).unwrap_err();
    assert_eq!(
        none.to_string(),
        "no matching key exchange method found. Their offer: diffie-hellman-group1-sha1"
    );
    let ours = Algorithms::default_for(Role::Server).kex;
    assert_eq!(none.ours, ours.iter().map(|row| row.name).collect::<Vec<_>>().join(","));
}

#[test]
fn a_guess_is_right_when_both_first_choices_are_the_same() {
    let ours = Algorithms {
        kex: ["curve25519-sha256", "mlkem768x25519-sha256"]
            .map(|name| KEX.iter().find(|row| row.name == name).unwrap())
            .into(),
        host_keys: vec![keys::SignatureAlg::by_name("ssh-ed25519").unwrap()],
        ciphers: Directions::both(CIPHERS.iter().collect()),
        macs: Directions::both(MACS.iter().collect()),
        ..Algorithms::default_for(Role::Server)
    };
    let cases = [
        (true, "curve25519-sha256", "ssh-ed25519", false),
        (true, "curve25519-sha256,mlkem768x25519-sha256", "ssh-ed25519,ssh-rsa", false),
        (true, "mlkem768x25519-sha256,curve25519-sha256", "ssh-ed25519", true),
        (true, "unknown,curve25519-sha256", "ssh-ed25519", true),
        (true, "curve25519-sha256", "ssh-rsa,ssh-ed25519", true),
        (false, "unknown,curve25519-sha256", "ssh-rsa,ssh-ed25519", false),
    ];
    for (guess, kex, host_keys, drop_guess) in cases {
        let mut theirs = theirs();
        (theirs.kex, theirs.host_keys) = (list(kex), list(host_keys));
        theirs.first_kex_packet_follows = guess;
        for role in [Role::Client, Role::Server] {
            let negotiated = negotiate(&ours, &theirs, role).unwrap();
            assert_eq!(negotiated.drop_guess, drop_guess, "{kex} {host_keys}");
        }
    }
}

fn guessing(kex: &str, host_keys: &str, strict: bool) -> RawInit {
    let markers = if strict { ",kex-strict-c-v00@openssh.com" } else { "" };
    RawInit { kex: format!("{kex}{markers}"), host_keys: host_keys.into(), guess: true, ..RawInit::plain() }
}

fn init() -> Vec<u8> {
    payload(&KexEcdhInit { client_public: Bytes(b"") })
}

#[test]
fn a_right_guess_is_used() {
    for strict in [false, true] {
        let mut raw = Raw::against(null_config(Role::Server));
        raw.say(&guessing("null", "null", strict).payload());
        raw.say(&init());
        raw.say(&payload(&NewKeys {}));
        assert_eq!(raw.party.error, None);
        assert_eq!(raw.party.machine.exchanges(), 1);
    }
}

#[test]
fn a_wrong_guess_is_dropped_once_whatever_it_holds() {
    for strict in [false, true] {
        for (kex, host_keys) in [("other,null", "null"), ("null", "other,null")] {
            for guess in [init(), vec![30, 1, 2, 3], vec![34]] {
                let mut raw = Raw::against(null_config(Role::Server));
                raw.say(&guessing(kex, host_keys, strict).payload());
                raw.say(&guess);
                assert!(raw.party.asked.is_empty(), "a wrong guess was taken for the real thing");
                raw.say(&init());
                raw.say(&payload(&NewKeys {}));
                assert_eq!(raw.party.error, None);
                assert_eq!(raw.party.machine.exchanges(), 1);
            }
        }
    }
}

/// Every way in which a guess can be announced, by either side: only one that was announced and is wrong is dropped.
#[test]
fn a_packet_is_dropped_as_a_guess_only_where_one_was_announced_and_is_wrong() {
    let rows = (0..16).map(|row| [1, 2, 4, 8].map(|bit| row & bit != 0));
    for [announced, same_kex, same_host_key, strict] in rows {
        for role in [Role::Client, Role::Server] {
            let base = if strict { RawInit::strict(role.peer()) } else { RawInit::plain() };
            let first = |same: bool, list: String| if same { list } else { format!("other,{list}") };
            let init = RawInit {
                kex: first(same_kex, base.kex),
                host_keys: first(same_host_key, base.host_keys),
                guess: announced,
                ..RawInit::plain()
            };
            let mut raw = Raw::against(null_config(role));
            raw.say(&init.payload());
            // As a message of the method that was agreed on it is too short.
            raw.say(&[if role == Role::Server { 30 } else { 31 }, 1, 2, 3]);
            let case = format!("{role:?} {announced} {same_kex} {same_host_key} {strict}");
            if announced && !(same_kex && same_host_key) {
                assert_eq!(raw.party.error, None, "{case}");
                assert!(raw.party.asked.is_empty(), "{case}");
                raw.go_on();
                raw.say(&payload(&NewKeys {}));
                assert_eq!((raw.party.error, raw.party.machine.exchanges()), (None, 1), "{case}");
            } else {
                assert!(matches!(raw.error(), Error::Malformed(_)), "{case}");
            }
        }
    }
}

#[test]
fn a_server_that_guesses_wrong_is_understood_too() {
    let mut raw = Raw::against(null_config(Role::Client));
    raw.say(&RawInit { kex: "other,null".into(), guess: true, ..RawInit::plain() }.payload());
    raw.say(&[31, 9, 9]);
    assert_eq!(raw.party.error, None);
    raw.go_on();
    raw.say(&payload(&NewKeys {}));
    assert_eq!(raw.party.machine.exchanges(), 1);
}

#[test]
fn a_guess_is_a_message_of_a_method_and_nothing_else() {
    for strict in [false, true] {
        let mut raw = Raw::against(null_config(Role::Server));
        raw.say(&guessing("other,null", "null", strict).payload());
        raw.say(&payload(&NewKeys {}));
        let number = 21;
        let expected = match strict {
            true => Misbehaviour::StrictViolation { number },
            false => Misbehaviour::UnexpectedInExchange { number },
        };
        assert_eq!(raw.error(), expected.into());
    }
}

#[test]
fn nothing_in_common_ends_the_connection_with_reason_3() {
    let mut raw = Raw::against(config(Role::Server));
    raw.heard();
    raw.say(&RawInit::plain().payload());
    assert!(matches!(raw.error(), Error::NoCommon(none) if none.kind == Kind::Kex && none.theirs == "null"));
    let goodbye = &raw.heard()[0];
    assert_eq!(goodbye[..5], [1, 0, 0, 0, 3]);
}
