//! `known_hosts`, against what OpenSSH 10.6 does with the same lines (`data/README.md`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use crypto::{NoEntropy, Rng, SeededRng};
use keys::Identity;
use nacre_keyfiles::known_hosts::edit::{EditError, hash_names, line_for_patterns, lines_for, without};
use nacre_keyfiles::known_hosts::{HostName, KnownKeys, Marker, Position, Standing, lines};
use nacre_keyfiles::limits;
use proptest::prelude::*;

mod common;
use common::{data, identity, key};

fn host(name: &str) -> HostName {
    HostName::new(name, 22).unwrap()
}

fn standing(file: &str, host: HostName, offered: &Identity) -> Standing {
    let mut known = KnownKeys::of(host);
    known.read(file.as_bytes());
    known.standing(offered)
}

fn at(line: usize) -> Position {
    Position { file: 0, line }
}

/// Lines that `ssh-keygen -F` finds, with their markers.
fn found(file: &[u8], host: HostName) -> Vec<(usize, Option<Marker>)> {
    let mut known = KnownKeys::of(host);
    known.read(file);
    assert_eq!(known.faults().count(), 0);
    known.keys().iter().map(|key| (key.position.line, key.marker)).collect()
}

#[test]
fn hosts_are_found_as_ssh_keygen_finds_them() {
    use Marker::{CertAuthority, Revoked};
    let (plain, hashed) = (data("known_hosts/plain"), data("known_hosts/hashed"));
    let both = |name: HostName, in_plain: &[_], in_hashed: &[_]| {
        assert_eq!(found(&plain, name.clone()), in_plain, "{name}");
        assert_eq!(found(&hashed, name.clone()), in_hashed, "{name}");
    };
    let rest = |from| [(from, Some(CertAuthority)), (from + 1, Some(Revoked)), (from + 2, Some(Revoked))];
    for name in ["alpha.example", "ALPHA.example"] {
        both(host(name), &[&[(3, None)][..], &rest(6)].concat(), &[&[(3, None)][..], &rest(8)].concat());
    }
    both(host("beta.example"), &[(3, None), (8, Some(Revoked))], &[(4, None), (10, Some(Revoked))]);
    both(host("192.0.2.1"), &[(3, None), (8, Some(Revoked))], &[(5, None), (10, Some(Revoked))]);
    let port = HostName::new("alpha.example", 2222).unwrap();
    both(port, &[(4, None), (8, Some(Revoked))], &[(6, None), (10, Some(Revoked))]);
    both(host("x.wild.example"), &[(5, None), (8, Some(Revoked))], &[(7, None), (10, Some(Revoked))]);
    both(host("no.wild.example"), &[(8, Some(Revoked))], &[(10, Some(Revoked))]);
    both(host("a.q.example"), &[(5, None), (8, Some(Revoked))], &[(7, None), (10, Some(Revoked))]);
    both(host("aa.q.example"), &[(8, Some(Revoked))], &[(10, Some(Revoked))]);
    both(host("Upper.example"), &[(8, Some(Revoked)), (9, None)], &[(10, Some(Revoked)), (11, None)]);
    both(host("indented.example"), &[(8, Some(Revoked)), (10, None)], &[(10, Some(Revoked)), (12, None)]);
    both(
        host("x.ca.example"),
        &rest(6)[..1].iter().chain(&rest(6)[2..]).copied().collect::<Vec<_>>(),
        &rest(8)[..1].iter().chain(&rest(8)[2..]).copied().collect::<Vec<_>>(),
    );
}

/// Each of these was seen with `ssh -o StrictHostKeyChecking=yes`.
#[test]
fn a_key_stands_as_it_stands_with_ssh() {
    let [ed, ec, other] = ["ed25519", "ecdsa", "other"].map(|name| key(&format!("keys/{name}.pub")));
    let ca = key("keys/ca.pub");
    let (plain, certificate) = (identity("keys/ed25519.pub"), identity("keys/ed25519-cert.pub"));
    for (file, offered, expected) in [
        (format!("h {ed}\n"), &plain, Standing::Known(at(1))),
        (String::new(), &plain, Standing::New),
        (format!("h {other}\n"), &plain, Standing::Changed(vec![at(1)])),
        (format!("h {ec}\n"), &plain, Standing::Changed(vec![at(1)])),
        (format!("h {other}\nx {ec}\nh,x {ec}\n"), &plain, Standing::Changed(vec![at(1), at(3)])),
        (format!("h {other}\nh {ed}\n"), &plain, Standing::Known(at(2))),
        (format!("h {ed}\n@revoked * {ed}\n"), &plain, Standing::Revoked(at(2))),
        (format!("h {ed}\n@revoked x {ed}\n"), &plain, Standing::Known(at(1))),
        (format!("@cert-authority * {ed}\n"), &plain, Standing::New),
        (format!("@cert-authority h {ca}\n"), &certificate, Standing::Certified(at(1))),
        (format!("@cert-authority x {ca}\n"), &certificate, Standing::New),
        (format!("h {ca}\n"), &certificate, Standing::Changed(vec![at(1)])),
        (format!("@cert-authority h {other}\n"), &certificate, Standing::New),
        (format!("@cert-authority h {other}\nh {ed}\n"), &certificate, Standing::Known(at(2))),
        (format!("@cert-authority h {other}\nh {other}\n"), &certificate, Standing::Changed(vec![at(2)])),
        (format!("@cert-authority h {ca}\n@revoked * {ca}\n"), &certificate, Standing::Revoked(at(2))),
        (format!("@cert-authority h {ca}\n@revoked * {ed}\n"), &certificate, Standing::Revoked(at(2))),
        (
            String::from_utf8([b"h ", &data("keys/ed25519-cert.pub")[..]].concat()).unwrap(),
            &certificate,
            Standing::Changed(vec![at(1)]),
        ),
    ] {
        assert_eq!(standing(&file, host("h"), offered), expected, "{file}");
    }
}

#[test]
fn several_files_are_one_list() {
    let (ed, other) = (key("keys/ed25519.pub"), key("keys/other.pub"));
    let mut known = KnownKeys::of(host("h"));
    known.read(format!("h {other}\n").as_bytes());
    known.read(b"");
    known.read(format!("# global\nh {ed}").as_bytes());
    assert_eq!(known.standing(&Identity::Key(ed)), Standing::Known(Position { file: 2, line: 2 }));
}

#[test]
fn lines_with_a_fault_say_nothing_and_are_told() {
    let ed = key("keys/ed25519.pub");
    let long = format!("h {ed} {}", "x".repeat(limits::MAX_LINE));
    let bad = [
        "@other h ssh-ed25519 AAAA",
        "h ssh-ed25519 AAAA",
        "h 1024 35 1234",
        "h",
        "h ssh-ed25519",
        "|1|AAAA|AAAA ssh-ed25519 AAAA",
        "|2|x ssh-ed25519 AAAA",
        &long,
    ];
    for line in bad {
        let mut known = KnownKeys::of(host("h"));
        known.read(format!("{line}\n\n #c\nh {ed}\n").as_bytes());
        let faults: Vec<_> = known.faults().map(|(position, _)| position).collect();
        assert_eq!(faults, [at(1)], "{line}");
        assert_eq!(known.standing(&Identity::Key(ed.clone())), Standing::Known(at(4)), "{line}");
        assert!(lines(line.as_bytes()).next().unwrap().1.is_err(), "{line}");
    }
    // Another host's line is not looked at so closely.
    let mut known = KnownKeys::of(host("h"));
    known.read(b"x ssh-ed25519 AAAA\n");
    assert_eq!(known.faults().count(), 0);
    known.read("h bad\n".repeat(100).as_bytes());
    assert_eq!(known.faults().count(), 16);
}

#[test]
fn lines_that_are_written_are_read() {
    let (ed, ca) = (key("keys/ed25519.pub"), key("keys/ca.pub"));
    let hosts = [host("H.example"), HostName::new("::1", 2222).unwrap()];
    let line = lines_for(None, &hosts, &ed, b"mine too", None).unwrap();
    assert_eq!(line, format!("h.example,[::1]:2222 {ed} mine too\n").into_bytes());
    let line = lines_for(Some(Marker::Revoked), &hosts[..1], &ed, b"", None).unwrap();
    assert_eq!(line, format!("@revoked h.example {ed}\n").into_bytes());
    let patterns = |patterns, comment| line_for_patterns(Marker::CertAuthority, patterns, &ca, comment);
    let line = patterns("*.example,!db.example", b"ours").unwrap();
    assert_eq!(line, format!("@cert-authority *.example,!db.example {ca} ours\n").into_bytes());
    let long = "a".repeat(1024);
    for bad in ["", "a b", "a\n", "a\0", "|1|AAAA|AAAA", &long] {
        assert!(matches!(patterns(bad, b""), Err(EditError::Names(_))), "{bad:.20}");
    }
    assert_eq!(patterns("*", b"a\nb"), Err(EditError::Comment));
    assert_eq!(lines_for(None, &[], &ed, b"", None).unwrap(), b"");
    assert_eq!(lines_for(None, &hosts, &ed, b"a\nb", None), Err(EditError::Comment));

    let hashed = lines_for(None, &hosts, &ed, b"", Some(&mut SeededRng::new(1))).unwrap();
    for host in hosts {
        let mut known = KnownKeys::of(host);
        known.read(&hashed);
        assert!(matches!(known.standing(&Identity::Key(ed.clone())), Standing::Known(_)));
    }
    assert_eq!(hashed.split(|byte| *byte == b'\n').count(), 3);
    assert!(!hashed.windows(7).any(|window| window == b"example"));

    struct Dry;
    impl Rng for Dry {
        fn fill(&mut self, _: &mut [u8]) -> Result<(), NoEntropy> {
            Err(NoEntropy)
        }
    }
    assert_eq!(lines_for(None, &[host("h")], &ed, b"", Some(&mut Dry)), Err(EditError::NoEntropy));
}

#[test]
fn a_hash_of_openssh_comes_out_again() {
    let hashed = String::from_utf8(data("known_hosts/hashed")).unwrap();
    let word = hashed.lines().nth(2).unwrap().split(' ').next().unwrap();
    let salt = word.split('|').nth(2).unwrap();
    let salt = <base64ct::Base64 as base64ct::Encoding>::decode_vec(salt).unwrap();
    assert_eq!(host("alpha.example").hashed(&salt.try_into().unwrap()), word);
}

#[test]
fn hashing_a_file_changes_no_answer() {
    let plain = data("known_hosts/plain");
    let hashed = hash_names(&plain, &mut SeededRng::new(7)).unwrap();
    // Salts aside it is the file that ssh-keygen -H makes.
    let without_hashes = |file: &[u8]| -> Vec<String> {
        let text = String::from_utf8(file.to_vec()).unwrap();
        text.lines()
            .map(|line| match line.strip_prefix("|1|") {
                Some(rest) => rest.split_once(' ').unwrap().1.to_owned(),
                None => line.to_owned(),
            })
            .collect()
    };
    assert_eq!(without_hashes(&hashed), without_hashes(&data("known_hosts/hashed")));
    for name in
        ["alpha.example", "beta.example", "upper.example", "indented.example", "x.wild.example", "nobody"]
    {
        let markers =
            |file: &[u8]| found(file, host(name)).into_iter().map(|(_, marker)| marker).collect::<Vec<_>>();
        assert_eq!(markers(&hashed), markers(&plain), "{name}");
    }
    assert_eq!(hash_names(&hashed, &mut SeededRng::new(8)).unwrap(), hashed, "what is hashed stays");
}

#[test]
fn a_host_is_removed_with_its_lines_but_not_with_markers() {
    let plain = data("known_hosts/plain");
    let (rest, removed) = without(&plain, &host("Alpha.example")).unwrap();
    assert_eq!(removed, [3]);
    assert_eq!(found(&rest, host("alpha.example")).len(), 3);
    assert_eq!(without(&plain, &host("x.wild.example")).unwrap().1, [5]);
    assert_eq!(without(&plain, &host("nobody")).unwrap(), (plain.clone(), vec![]));
    assert_eq!(without(&data("known_hosts/hashed"), &host("upper.example")).unwrap().1, [11]);
    for bad in ["garbage", "h ssh-ed25519", "@other h ssh-ed25519 AAAA"] {
        let file = [&plain[..], bad.as_bytes()].concat();
        let line = plain.split(|byte| *byte == b'\n').count();
        assert!(
            matches!(without(&file, &host("h")), Err(EditError::Line { number, .. }) if number == line),
            "{bad}"
        );
        assert!(hash_names(&file, &mut SeededRng::new(1)).is_err());
    }
}

#[test]
fn hashing_many_names_of_one_key_ends_at_a_limit() {
    let line = format!("{} {} {}\n", vec!["a"; 2000].join(","), key("keys/ed25519.pub"), "c".repeat(60_000));
    assert_eq!(hash_names(line.as_bytes(), &mut SeededRng::new(1)), Err(EditError::TooLarge));
}

#[test]
fn names_that_would_be_something_else_in_a_file_are_refused() {
    let patterns =
        ["*", "?", "*.example", "a?b", "!a", "a!b", "|1|", "|", "@revoked", "@cert-authority", "#a"];
    for bad in ["", "a b", "a,b", "a\n", "a\tb", "a\0", &"a".repeat(2000)].into_iter().chain(patterns) {
        for port in [22, 23] {
            assert!(HostName::new(bad, port).is_err(), "{bad:?}");
        }
    }
    // What stands in brackets, in networks' names and behind a zone is not special.
    for good in ["a.b-c_d", "fe80::1%eth0", "a@b", "a#b", "a|b", "xn--a", "é"] {
        assert_eq!(HostName::new(good, 22).unwrap().as_str(), good);
    }
    assert_eq!(HostName::new("A", 23).unwrap().as_str(), "[a]:23");
}

#[test]
fn many_stars_and_long_names_take_their_time_and_no_more() {
    let ed = key("keys/ed25519.pub");
    let line = format!("{} {ed}\n", vec!["*a".repeat(500); 50].join(","));
    let started = std::time::Instant::now();
    let name = host(&format!("{}b", "a".repeat(1000)));
    assert_eq!(standing(&line.repeat(10), name, &Identity::Key(ed)), Standing::New);
    assert!(started.elapsed().as_secs() < 30);
}

proptest! {
    #[test]
    fn hostile_lines_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..1500) {
        let mut file = data("known_hosts/hashed");
        let at = at % file.len();
        file.splice(at.., bytes);
        let mut known = KnownKeys::of(host("alpha.example"));
        known.read(&file);
        let _ = known.standing(&identity("keys/ed25519.pub"));
        if let Ok((rest, removed)) = without(&file, &host("alpha.example")) {
            prop_assert_eq!(rest.len() == file.len(), removed.is_empty());
        }
        if let Ok(hashed) = hash_names(&file, &mut SeededRng::new(1)) {
            prop_assert_eq!(hash_names(&hashed, &mut SeededRng::new(2)).unwrap(), hashed);
        }
    }
}
