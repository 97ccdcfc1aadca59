//! Logins and echoes with OpenSSH 10.6 that were recorded, one by every key exchange under every kind of cipher: from the same
//! seed and the same bytes of the peer come the same bytes of ours. `tools/interop --record FOLDER` writes them anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crypto::{CIPHERS, COMPRESSIONS, KEX, MACS};
use keys::{PrivateKey, SignatureAlg};
use nacre_proto::{Client, Config, Server, Side};
use testkit::record::{Record, replay_sent};
use transport::Directions;
use wire::Role;

/// The account of the peers.
const USER: &str = "nacre";

/// The key exchange that OpenSSH 10.6 does not know.
const UNKNOWN: &str = "mlkem1024nistp384-sha384";

/// All recordings.
fn recordings() -> Vec<Record> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let mut records = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        records.push(Record::parse(&text).unwrap_or_else(|bad| panic!("{}: {bad:?}", path.display())));
    }
    records
}

/// Sets what the name of a configuration says: kex, cipher, MAC.
fn choose<S: Side>(config: &mut Config<S>, name: &str) {
    let [kex, cipher, mac] = name.split(',').collect::<Vec<_>>()[..] else { panic!("{name}") };
    let ed25519 = SignatureAlg::by_name("ssh-ed25519").unwrap();
    let transport = Arc::make_mut(&mut config.transport);
    transport.server_sig_algs = vec![ed25519];
    let algorithms = &mut transport.algorithms;
    algorithms.kex = KEX.iter().filter(|row| row.name == kex).collect();
    algorithms.host_keys = vec![ed25519];
    algorithms.ciphers = Directions::both(CIPHERS.iter().filter(|row| row.name == cipher).collect());
    let macs = if mac == "-" {
        MACS.iter().take(1).collect()
    } else {
        MACS.iter().filter(|row| row.name == mac).collect()
    };
    algorithms.macs = Directions::both(macs);
    algorithms.compressions =
        Directions::both(COMPRESSIONS.iter().filter(|row| row.name == "none").collect());
}

fn client(name: &str) -> Config<Client> {
    let mut config = testkit::client_config();
    config.auth.user = USER.to_owned();
    choose(&mut config, name);
    config
}

fn server(name: &str) -> Config<Server> {
    let mut config = testkit::server_config(&[PrivateKey::from_seed(&[7; 32])]);
    config.auth.algorithms = vec![SignatureAlg::by_name("ssh-ed25519").unwrap()];
    choose(&mut config, name);
    config
}

#[test]
fn what_was_sent_to_a_real_peer_is_sent_again() {
    let mut count = 0;
    for record in recordings() {
        count += 1;
        match record.role {
            Role::Client => replay_sent(&record, client(&record.config)),
            Role::Server => replay_sent(&record, server(&record.config)),
        }
    }
    println!("recordings: {count} replayed");
    assert!(count >= 6 * (KEX.len() - 1), "{count}");
}

#[test]
fn every_algorithm_was_recorded() {
    let mut seen = BTreeSet::new();
    for record in recordings() {
        seen.extend(record.config.split(',').map(str::to_owned));
        assert!(record.entries.len() > 30, "{}", record.config);
    }
    let all = KEX.iter().map(|row| row.name).filter(|name| *name != UNKNOWN);
    for name in all.chain(CIPHERS.iter().map(|row| row.name)).chain(MACS.iter().map(|row| row.name)) {
        assert!(seen.contains(name), "{name}");
    }
}

#[test]
#[should_panic(expected = "Sent")]
fn another_key_of_the_host_is_noticed() {
    let record = recordings().into_iter().find(|record| record.role == Role::Server).unwrap();
    let mut config = server(&record.config);
    Arc::make_mut(&mut config.transport).host_keys = vec![PrivateKey::from_seed(&[8; 32]).public().blob()];
    replay_sent(&record, config);
}
