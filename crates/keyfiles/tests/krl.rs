//! Key revocation lists and other files of revoked keys, as `ssh-keygen` of OpenSSH 10.6 wrote them (`data/README.md`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::collections::BTreeSet;

use keys::{Identity, PrivateKey, PublicKey};
use nacre_keyfiles::krl::{KeyRevocationList, KrlError};
use nacre_keyfiles::revoked_keys::{RevokedKeys, RevokedKeysError};
use proptest::prelude::*;
use wire::{WireError, put_string};

mod common;
use common::{data, identity, key};

const ALL: [&str; 15] = [
    "ca",
    "ca2",
    "ed25519",
    "ecdsa",
    "rsa",
    "other",
    "s0-cert",
    "s1-cert",
    "s5-cert",
    "s200-cert",
    "s201-cert",
    "s300-cert",
    "s1000-cert",
    "s70000-cert",
    "e5-cert",
];

fn named(name: &str) -> Identity {
    identity(&format!("krl/{name}.pub"))
}

fn plain(name: &str) -> PublicKey {
    key(&format!("krl/{name}.pub"))
}

/// Which of [`ALL`] a file revokes.
fn revoked(file: &[u8]) -> BTreeSet<&'static str> {
    let revoked = RevokedKeys::parse(file).unwrap();
    ALL.into_iter().filter(|name| revoked.revokes(&named(name))).collect()
}

#[test]
fn serial_numbers_and_key_ids_count_under_their_authority() {
    let file = data("krl/serials.krl");
    let expected = ["s0-cert", "s5-cert", "s200-cert", "s201-cert", "s300-cert", "s1000-cert", "s70000-cert"];
    assert_eq!(
        revoked(&file),
        BTreeSet::from(expected),
        "not serial 1, and not serial 5 of another authority"
    );

    let list = KeyRevocationList::parse(&file).unwrap();
    assert_eq!((list.version, list.comment()), (7, &b""[..]));
    let [(authority, certificates)] = &list.certificates().collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(*authority, plain("ca").blob());
    let serials: BTreeSet<u64> =
        certificates.serials().filter(|range| range.end() - range.start() < 9999).flatten().collect();
    let expected = [5, 300, 302, 304, 305, 310, 70000].into_iter().chain(200..=250).chain(1000..=2000);
    assert_eq!(serials, expected.chain(0xffff_ffff_ffff_fff0..=u64::MAX).collect());
    assert_eq!(certificates.key_ids().collect::<Vec<_>>(), [b"lost laptop"]);
}

#[test]
fn keys_count_plain_and_in_certificates_by_blob_and_by_hash() {
    let certificates =
        ["s0-cert", "s1-cert", "s5-cert", "s200-cert", "s201-cert", "s300-cert", "s1000-cert", "s70000-cert"];
    let keys = ["ed25519", "ecdsa", "rsa", "other", "e5-cert"];
    let expected: BTreeSet<_> = keys.into_iter().chain(certificates).collect();
    assert_eq!(revoked(&data("krl/keys.krl")), expected);
    assert_eq!(revoked(&data("krl/merged.krl")), expected);
    // Who revokes an authority revokes all that it signed.
    assert_eq!(revoked(&data("krl/authority.krl")), certificates.into_iter().chain(["ca"]).collect());

    let file = data("krl/keys.krl");
    let list = KeyRevocationList::parse(&file).unwrap();
    assert_eq!(list.key_blobs().collect::<Vec<_>>(), [plain("ed25519").blob()]);
    assert_eq!(
        (list.sha1_hashes().count(), list.sha256_hashes().count(), list.certificates().count()),
        (1, 2, 0)
    );
}

#[test]
fn a_file_of_lines_revokes_its_keys_and_of_a_certificate_the_key() {
    let lines = data("krl/plain.keys");
    assert!(matches!(RevokedKeys::parse(&lines), Ok(RevokedKeys::Keys(keys)) if keys.len() == 2));
    assert_eq!(revoked(&lines), BTreeSet::from(["other", "ecdsa", "e5-cert"]));
    let authority = format!("\t{} the CA\r\n", plain("ca2"));
    assert_eq!(revoked(authority.as_bytes()), BTreeSet::from(["ca2", "e5-cert"]));
    assert_eq!(revoked(b""), BTreeSet::new());
    assert_eq!(revoked(b"# nothing\n\n \t\n"), BTreeSet::new());
}

#[test]
fn a_line_that_is_no_key_is_an_error_of_the_whole_file() {
    let good = plain("other").to_string();
    for bad in
        ["garbage", "ssh-ed25519 AAAA", "ssh-dss AAAAB3NzaC1kc3MAAAAA", "no-pty ssh-ed25519 AAAA", "SSHKRX"]
    {
        let file = format!("{good}\n{bad}\n");
        let error = RevokedKeys::parse(file.as_bytes()).unwrap_err();
        assert!(matches!(error, RevokedKeysError::Line { number: 2, .. }), "{bad}: {error}");
        assert!(error.to_string().starts_with("line 2: "), "{error}");
    }
    let other_type = good.replacen("ssh-ed25519", "ssh-rsa", 1);
    assert!(RevokedKeys::parse(other_type.as_bytes()).is_err());
}

#[test]
fn a_damaged_list_is_never_taken_for_lines() {
    let file = data("krl/serials.krl");
    for end in 6..file.len() {
        // Where a whole section is missing it is a shorter list.
        if let Ok(revoked) = RevokedKeys::parse(&file[..end]) {
            assert!(matches!(revoked, RevokedKeys::List(_)) && end >= 44, "{end}");
        }
    }
    assert!(matches!(RevokedKeys::parse(b"SSHKRL"), Err(RevokedKeysError::List(KrlError::BadMagic))));
}

/// A list of these sections.
fn list(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut file = KeyRevocationList::default().write();
    for (kind, contents) in sections {
        file.push(*kind);
        put_string(&mut file, contents);
    }
    file
}

fn strings(strings: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    strings.iter().for_each(|string| put_string(&mut out, string));
    out
}

/// A list with one part of a certificate section.
fn part(authority: &[u8], kind: u8, contents: &[u8]) -> Vec<u8> {
    let mut section = strings(&[authority, b"reserved"]);
    section.push(kind);
    put_string(&mut section, contents);
    list(&[(1, section)])
}

fn numbers(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

fn bitmap(offset: u64, bits: &[u8]) -> Vec<u8> {
    [numbers(&[offset]), strings(&[bits])].concat()
}

fn extension(critical: u8) -> Vec<u8> {
    [strings(&[b"name@example.org"]), vec![critical], strings(&[b"contents"])].concat()
}

/// What OpenSSH 10.6 does with each of these was seen by `ssh-keygen -Q`.
#[test]
fn what_openssh_reads_is_read() {
    let (ca, ed) = (plain("ca").blob(), plain("ed25519").blob());
    for file in [
        list(&[]),
        list(&[(2, vec![])]),
        list(&[(2, strings(&[b"", b"no key"]))]),
        list(&[(255, extension(0))]),
        part(&ca, 0x20, &[]),
        part(&ca, 0x23, &[]),
        part(&ca, 0x39, &extension(0)),
        part(&ca, 0x22, &bitmap(3, &[])),
        part(&ca, 0x22, &bitmap(u64::MAX - 2, &[4])),
    ] {
        assert_eq!(revoked(&file), BTreeSet::new());
    }
    for (file, expected) in [
        (part(&ca, 0x20, &numbers(&[5])), &["s5-cert"][..]),
        (part(b"", 0x20, &numbers(&[5])), &["s5-cert", "e5-cert"]),
        (part(b"", 0x23, &strings(&[b"id 1", b"id 1", b"id 5\0"])), &["s1-cert", "s5-cert", "e5-cert"]),
        (part(&ca, 0x22, &bitmap(0, &[0, 0, 0x20])), &["s5-cert"]),
        (part(&ca, 0x22, &bitmap(1, &[0x10, 1])), &["s1-cert"]),
        (part(&ca, 0x21, &numbers(&[300, u64::MAX])), &["s300-cert", "s1000-cert", "s70000-cert"]),
        (list(&[(255, extension(0)), (2, strings(&[&plain("other").blob()]))]), &["other"]),
    ] {
        assert_eq!(revoked(&file), expected.iter().copied().collect());
    }
    // Revoked is a key, not the blob of one certificate.
    assert_eq!(revoked(&list(&[(2, strings(&[&named("e5-cert").blob()]))])), BTreeSet::new());
    // Neither flags nor reserved fields say anything.
    let mut file = b"SSHKRL\n\0\0\0\0\x01".to_vec();
    file.extend([0; 16].into_iter().chain([0xff; 8]));
    file.extend(strings(&[b"later", b"a comment"]));
    file.push(2);
    put_string(&mut file, &strings(&[&ed]));
    assert!(revoked(&file).contains("ed25519"));
}

/// A file, and whether an error is the right one for it.
type Case<'a> = (Vec<u8>, &'a dyn Fn(&KrlError) -> bool);

#[test]
fn what_openssh_refuses_is_refused() {
    let ca = plain("ca").blob();
    let ed = plain("ed25519").blob();
    let malformed = |error: &KrlError| matches!(error, KrlError::Malformed(_));
    let cases: Vec<Case<'_>> = vec![
        (b"".to_vec(), &|e| *e == KrlError::BadMagic),
        (b"SSHKRL\n\0\0\0\0\x02".to_vec(), &|e| *e == KrlError::UnknownVersion { got: 2 }),
        ([list(&[]), vec![2]].concat(), &malformed),
        ([list(&[]), b"\x02\0\0\0\x09a".to_vec()].concat(), &malformed),
        (list(&[(9, vec![])]), &|e| *e == KrlError::UnknownSection { section: 9 }),
        (list(&[(5, strings(&[&[0; 20]]))]), &|e| *e == KrlError::HashLength { expected: 32, got: 20 }),
        (list(&[(255, extension(7))]), &|e| {
            *e == KrlError::CriticalExtension { name: b"name@example.org".to_vec() }
        }),
        (list(&[(255, [extension(0), vec![0]].concat())]), &malformed),
        ([list(&[]), vec![4], strings(&[&ed, b"signature"])].concat(), &|e| *e == KrlError::Signed),
        (part(&ca, 0x30, &[]), &|e| *e == KrlError::UnknownSection { section: 0x30 }),
        (part(&ca, 0x39, &extension(1)), &|e| matches!(e, KrlError::CriticalExtension { .. })),
        (part(&ca, 0x20, &numbers(&[0])), &|e| *e == KrlError::ZeroSerial),
        (part(&ca, 0x21, &numbers(&[0, 9])), &|e| *e == KrlError::ZeroSerial),
        (part(&ca, 0x22, &bitmap(0, &[1])), &|e| *e == KrlError::ZeroSerial),
        (part(&ca, 0x21, &numbers(&[9, 3])), &|e| *e == KrlError::ReversedRange),
        (part(&ca, 0x21, &numbers(&[3, 9, 1])), &malformed),
        (part(&ca, 0x20, &[1]), &malformed),
        (part(&ca, 0x22, &bitmap(1, &[0x80])), &|e| *e == KrlError::Malformed(WireError::BadMpint)),
        (part(&ca, 0x22, &bitmap(1, &[1; 3000])), &malformed),
        (part(&ca, 0x22, &bitmap(u64::MAX - 2, &[8])), &|e| *e == KrlError::BitmapPastEnd),
        (part(&ca, 0x22, &[bitmap(1, &[1]), vec![1]].concat()), &malformed),
        (part(&ca, 0x23, &strings(&[b"a\0b"])), &|e| *e == KrlError::Nul),
        (part(b"no key", 0x23, &[]), &|e| matches!(e, KrlError::BadAuthority(_))),
        (part(&named("s5-cert").blob(), 0x23, &[]), &|e| matches!(e, KrlError::BadAuthority(_))),
    ];
    for (at, (file, is_right)) in cases.iter().enumerate() {
        let error = KeyRevocationList::parse(file).unwrap_err();
        assert!(is_right(&error), "case {at}: {error}");
    }
}

#[test]
fn what_is_revoked_as_ssh_keygen_would_is_revoked() {
    for name in ALL {
        let mut list = KeyRevocationList::default();
        list.revoke(&named(name)).unwrap();
        let file = list.write();
        let revoked = revoked(&file);
        assert!(revoked.contains(name), "{name}");
        let only_it = name.ends_with("-cert") || matches!(name, "other" | "rsa");
        assert!(!only_it || revoked.len() == 1, "{name}: {revoked:?}");
    }
}

/// What `ssh-keygen -k` of OpenSSH 10.6 wrote of one key, but for the time that it is written in.
#[test]
fn a_key_is_revoked_by_its_blob_byte_for_byte_as_ssh_keygen_does() {
    let mut list = KeyRevocationList::default();
    list.generated = 0x6b01_bf9b;
    let key = Identity::Key(PrivateKey::from_seed(&[7; 32]).public());
    list.revoke(&key).unwrap();
    let head =
        b"SSHKRL\n\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\x6b\x01\xbf\x9b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let section = [&b"\x02\0\0\0\x37\0\0\0\x33"[..], &key.blob()].concat();
    assert_eq!(list.write(), [&head[..], &section].concat());
}

#[test]
fn what_cannot_be_revoked_is_said() {
    let mut list = KeyRevocationList::default();
    assert_eq!(list.revoke_serials(None, 0..=1), Err(KrlError::ZeroSerial));
    #[expect(clippy::reversed_empty_ranges, reason = "it is refused")]
    let reversed = 3..=2;
    assert_eq!(list.revoke_serials(None, reversed), Err(KrlError::ReversedRange));
    assert_eq!(list.revoke_key_id(None, &b"a\0"[..]), Err(KrlError::Nul));
    assert_eq!(list.set_comment(&b"\0"[..]), Err(KrlError::Nul));
    assert_eq!(list, KeyRevocationList::default());
}

#[test]
fn neighbours_are_written_as_ranges_and_bitmaps() {
    let written = |serials: &mut dyn Iterator<Item = u64>| {
        let mut list = KeyRevocationList::default();
        serials.for_each(|serial| list.revoke_serials(None, serial..=serial).unwrap());
        list.write().len() - KeyRevocationList::default().write().len()
    };
    // The section with two empty strings takes 13 bytes, a part 5 and what it holds.
    assert_eq!(written(&mut (1..=1_000_000)), 13 + 5 + 16);
    assert_eq!(written(&mut [1, 1000, 2000].into_iter()), 13 + 5 + 3 * 8);
    assert!(written(&mut (1..=10_000).step_by(2)) < 13 + 10_000 / 8 + 2 * (5 + 8 + 5));
    assert!(written(&mut (1..=10_000).step_by(2)) > 10_000 / 8);
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        serials in proptest::collection::vec((1..=u64::MAX, 0_u64..300), 0..8),
        near in proptest::collection::vec((1_u64..20_000, 0_u64..5), 0..60),
        key_ids in proptest::collection::vec("[a-z ]{0,9}", 0..4),
        hashes in proptest::collection::vec(any::<[u8; 32]>(), 0..4),
        comment in "[ -~é]{0,20}",
    ) {
        let authority = plain("ca");
        let mut list = KeyRevocationList::default();
        (list.version, list.generated) = (3, 9);
        let mut all = BTreeSet::new();
        for (at, (first, len)) in serials.into_iter().chain(near).enumerate() {
            let last = first.saturating_add(len);
            let of = (at % 2 == 0).then_some(&authority);
            list.revoke_serials(of, first..=last).unwrap();
            all.extend((first..=last).map(|serial| (of.is_some(), serial)));
        }
        for key_id in &key_ids {
            list.revoke_key_id(None, key_id.as_bytes()).unwrap();
        }
        hashes.iter().for_each(|hash| list.revoke_sha256(*hash));
        list.revoke_sha1(&authority);
        list.revoke_key(&plain("rsa"));
        list.set_comment(comment.into_bytes()).unwrap();

        let file = list.write();
        let read = KeyRevocationList::parse(&file).unwrap();
        let found: BTreeSet<_> = read
            .certificates()
            .flat_map(|(of, revoked)| revoked.serials().flatten().map(move |serial| (!of.is_empty(), serial)))
            .collect();
        prop_assert_eq!(found, all);
        prop_assert!(read.revokes_key(&authority) && read.revokes_key(&plain("rsa")) && !read.revokes_key(&plain("other")));
        prop_assert_eq!(read.sha256_hashes().collect::<BTreeSet<_>>(), hashes.iter().collect());
        prop_assert_eq!((read.version, read.generated, read.comment()), (3, 9, list.comment()));
        // Bitmaps stay bitmaps, so what was read is written as it was.
        let again = read.write();
        prop_assert_eq!(KeyRevocationList::parse(&again).unwrap(), read);
    }

    #[test]
    fn hostile_bytes_give_an_error_or_a_list(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..600) {
        let mut file = data("krl/serials.krl");
        let at = at % file.len();
        file.splice(at.., bytes);
        if let Ok(list) = KeyRevocationList::parse(&file) {
            prop_assert!(list.write().len() <= 2 * file.len() + 100);
            prop_assert!(!list.revokes(&named("other")));
        }
    }
}

#[test]
fn a_large_list_is_read_in_a_time_that_is_linear() {
    // A million serial numbers, descending, each a part of its own, and as many bitmaps of one bit.
    let mut section = strings(&[b"", b""]);
    for serial in (1..=500_000_u64).rev() {
        section.push(0x20);
        put_string(&mut section, &numbers(&[serial * 2]));
        section.push(0x22);
        put_string(&mut section, &bitmap(serial * 4 + 1, &[1]));
    }
    let file = list(&[(1, section)]);
    let started = std::time::Instant::now();
    let list = KeyRevocationList::parse(&file).unwrap();
    assert!(
        list.revokes(&named("s70000-cert"))
            && list.revokes(&named("s5-cert"))
            && !list.revokes(&named("s0-cert"))
    );
    assert!(started.elapsed().as_secs() < 20, "quadratic would take minutes");
}
