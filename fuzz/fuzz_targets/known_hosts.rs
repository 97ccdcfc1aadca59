//! `known_hosts` files: what is added is found, what is removed is gone, and nothing else changes.
#![no_main]

use crypto::SeededRng;
use keyfiles::known_hosts::edit::{hash_names, lines_for, without};
use keyfiles::known_hosts::{HostName, KnownKeys, Standing, lines};
use keys::Identity;
use libfuzzer_sys::fuzz_target;
use nacre_fuzz::host_key;

fn known(file: &[u8], host: &HostName) -> KnownKeys {
    let mut known = KnownKeys::of(host.clone());
    known.read(file);
    known
}

fuzz_target!(|data: &[u8]| {
    let Some((mode, file)) = data.split_first() else { return };
    let pieces = file.split_inclusive(|byte| *byte == b'\n').count();
    assert!(lines(file).count() <= pieces + 1);
    let port = if mode & 1 == 0 { 22 } else { 2222 };
    let host =
        HostName::new(if mode & 2 == 0 { "host.example.org" } else { "192.0.2.1" }, port).expect("a host");
    let key = host_key().public();
    let offered = Identity::Key(key.clone());
    let before = known(file, &host);
    let standing = before.standing(&offered);
    let rng = &mut SeededRng::new(1);
    let hashed: Option<&mut dyn crypto::Rng> = if mode & 4 == 0 { None } else { Some(rng) };
    let line = lines_for(None, std::slice::from_ref(&host), &key, b"comment", hashed).expect("a good line");
    let mut more = file.to_vec();
    if !more.is_empty() && !more.ends_with(b"\n") {
        more.push(b'\n');
    }
    more.extend_from_slice(&line);
    let after = known(&more, &host).standing(&offered);
    // One more good line makes a key found, unless it is revoked.
    assert!(
        matches!(after, Standing::Known(_) | Standing::Revoked(_))
            || before.keys().len() >= known(&more, &host).keys().len(),
        "{standing:?}, then {after:?}"
    );
    if let Ok((rest, removed)) = without(&more, &host) {
        assert!(!removed.is_empty() && rest.len() < more.len());
        // The line is gone, and so is nothing else.
        assert_eq!(without(&rest, &host).map(|(same, none)| (same == rest, none)), Ok((true, Vec::new())));
    }
    if let Ok(hashed) = hash_names(file, &mut SeededRng::new(2)) {
        // Hashing changes what can be read, not who is known.
        let hidden = known(&hashed, &host);
        assert_eq!(std::mem::discriminant(&hidden.standing(&offered)), std::mem::discriminant(&standing));
    }
});
