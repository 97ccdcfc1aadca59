//! Negotiation as a pure function: against any KEXINIT it does not panic and takes only what both sides listed, and two
//! sides that see each other's lists come to the same.
#![no_main]

use crypto::{CIPHERS, COMPRESSIONS, KEX, MACS, NULL_CIPHER, NULL_KEX};
use keys::{NULL_SIGNATURE, SIGNATURES};
use libfuzzer_sys::fuzz_target;
use transport::message::KexInit;
use transport::{Agreed, Algorithms, Directions, negotiate};
use wire::{NameList, Role};

/// Rows in the order that the input chooses, none twice: an implementation lists a name once.
fn choose<T>(bits: &mut impl Iterator<Item = u8>, rows: impl Iterator<Item = &'static T>) -> Vec<&'static T> {
    let mut chosen: Vec<(u8, &'static T)> = rows.map(|row| (bits.next().unwrap_or_default(), row)).collect();
    chosen.retain(|(bit, _)| *bit < 0xc0);
    chosen.sort_by_key(|(bit, _)| *bit);
    chosen.into_iter().map(|(_, row)| row).collect()
}

fn algorithms(bits: &mut impl Iterator<Item = u8>) -> Algorithms {
    Algorithms {
        kex: choose(bits, KEX.iter().chain([&NULL_KEX])),
        host_keys: choose(bits, SIGNATURES.iter().chain([&NULL_SIGNATURE])),
        ciphers: Directions {
            client_to_server: choose(bits, CIPHERS.iter().chain([&NULL_CIPHER])),
            server_to_client: choose(bits, CIPHERS.iter().chain([&NULL_CIPHER])),
        },
        macs: Directions {
            client_to_server: choose(bits, MACS.iter()),
            server_to_client: choose(bits, MACS.iter()),
        },
        compressions: Directions {
            client_to_server: choose(bits, COMPRESSIONS.iter()),
            server_to_client: choose(bits, COMPRESSIONS.iter()),
        },
    }
}

macro_rules! list {
    ($rows:expr) => {
        $rows.iter().map(|row| row.name).collect::<Vec<_>>().join(",")
    };
}

/// Runs `then` with the KEXINIT that offers `algorithms`.
fn offered<R>(algorithms: &Algorithms, guess: bool, then: impl FnOnce(&KexInit<'_>) -> R) -> R {
    let lists = [
        list!(algorithms.kex),
        list!(algorithms.host_keys),
        list!(algorithms.ciphers.client_to_server),
        list!(algorithms.ciphers.server_to_client),
        list!(algorithms.macs.client_to_server),
        list!(algorithms.macs.server_to_client),
        list!(algorithms.compressions.client_to_server),
        list!(algorithms.compressions.server_to_client),
    ];
    let [kex, host_keys, c_cs, c_sc, m_cs, m_sc, z_cs, z_sc] =
        lists.each_ref().map(|list| NameList::new(list).expect("names of rows"));
    let none = NameList::new("").expect("an empty list");
    then(&KexInit {
        cookie: [0; 16],
        kex,
        host_keys,
        ciphers_client_to_server: c_cs,
        ciphers_server_to_client: c_sc,
        macs_client_to_server: m_cs,
        macs_server_to_client: m_sc,
        compressions_client_to_server: z_cs,
        compressions_server_to_client: z_sc,
        languages_client_to_server: none,
        languages_server_to_client: none,
        first_kex_packet_follows: guess,
        reserved: 0,
    })
}

/// What was agreed on, by name.
fn names(agreed: &Agreed) -> Vec<&'static str> {
    let mut names = vec![agreed.kex.name, agreed.host_key.name];
    for role in [Role::Client, Role::Server] {
        let protection = agreed.protection.sent_by(role);
        names.extend([
            protection.cipher.name,
            protection.mac.map_or("", |mac| mac.name),
            protection.compression.name,
        ]);
    }
    names
}

fuzz_target!(|data: &[u8]| {
    let (bits, message) = data.split_at(data.len().min(48));
    let mut bits = bits.iter().copied();
    let client = algorithms(&mut bits);
    let server = algorithms(&mut bits);
    let guess = bits.next().unwrap_or_default() & 1 != 0;

    // Two sides that see each other.
    let at_server = offered(&client, guess, |theirs| negotiate(&server, theirs, Role::Server));
    let at_client = offered(&server, guess, |theirs| negotiate(&client, theirs, Role::Client));
    match (&at_client, &at_server) {
        (Ok(ours), Ok(theirs)) => {
            assert_eq!(names(&ours.agreed), names(&theirs.agreed));
            assert_eq!(ours.drop_guess, theirs.drop_guess, "both see the same two first choices");
            for role in [Role::Client, Role::Server] {
                let protection = ours.agreed.protection.sent_by(role);
                assert_eq!(
                    protection.mac.is_none(),
                    protection.cipher.aead,
                    "a MAC exactly where it is needed"
                );
            }
        }
        (Err(ours), Err(theirs)) => {
            assert_eq!((ours.kind, &ours.ours, &ours.theirs), (theirs.kind, &theirs.theirs, &theirs.ours));
            let _ = ours.to_string();
        }
        _ => panic!("{at_client:?} and {at_server:?}"),
    }

    // Anything that is a KEXINIT.
    let Ok(theirs) = KexInit::from_payload(message) else { return };
    for (role, ours) in [(Role::Client, &client), (Role::Server, &server)] {
        if let Ok(found) = negotiate(ours, &theirs, role) {
            assert!(theirs.kex.contains(found.agreed.kex.name));
            assert!(theirs.host_keys.contains(found.agreed.host_key.name));
            assert!(!found.drop_guess || theirs.first_kex_packet_follows);
            let sent = found.agreed.protection;
            assert!(theirs.ciphers_client_to_server.contains(sent.client_to_server.cipher.name));
            assert!(theirs.ciphers_server_to_client.contains(sent.server_to_client.cipher.name));
            assert!(
                sent.client_to_server.mac.is_none_or(|mac| theirs.macs_client_to_server.contains(mac.name))
            );
            assert!(
                sent.server_to_client.mac.is_none_or(|mac| theirs.macs_server_to_client.contains(mac.name))
            );
        }
    }
});
