//! Key exchanges in groups that the monitor chooses, with an honest net and with one that was taken over.

use crypto::Group;

use super::*;
use crate::protocol::monitor::{ChosenGroup, WantGroup};

const METHOD: &str = "diffie-hellman-group-exchange-sha256";
const LINES: &str = "KexAlgorithms diffie-hellman-group-exchange-sha256,curve25519-sha256\nModuliFile none\n";
const WANTED: WantGroup = WantGroup { min: 2048, preferred: 3072, max: 8192 };

/// An exchange by this method, and the group that net says was chosen.
struct InGroup {
    exchange: Exchange,
    group: Group,
}

impl InGroup {
    fn new(cookie: u8, group: Group) -> Self {
        let kexinit = |cookie| kexinit(METHOD, "ssh-ed25519", cookie);
        let exchange = Exchange {
            client_kexinit: kexinit(cookie),
            server_kexinit: kexinit(cookie.wrapping_add(1)),
            ..Exchange::new(cookie)
        };
        Self { exchange, group }
    }

    fn sign(&self) -> Sign<'_> {
        Sign {
            kex: Name::new(METHOD).unwrap(),
            group_min: 1024,
            group_preferred: 3072,
            group_max: 9000,
            prime: Bytes(self.group.prime()),
            generator: Bytes(self.group.generator()),
            ..self.exchange.sign()
        }
    }

    /// What must be signed, computed by hand (RFC 4419 §3).
    fn hash(&self) -> Vec<u8> {
        let blob = host_key().public().blob();
        let (client, server) = (&self.exchange.client_kexinit, &self.exchange.server_kexinit);
        let mut data = Vec::new();
        for string in [&b"SSH-2.0-peer"[..], b"SSH-2.0-Nacre", client, server, &blob] {
            wire::put_string(&mut data, string);
        }
        for size in [1024_u32, 3072, 9000] {
            data.extend(size.to_be_bytes());
        }
        let prime = [&[0], self.group.prime()].concat();
        for string in [&prime[..], &[2], &[3; 32], &[4; 32]] {
            wire::put_string(&mut data, string);
        }
        data.extend(&self.exchange.secret);
        crypto::HashAlg::Sha256.digest(&data).as_slice().to_vec()
    }
}

impl Bench {
    fn group(&mut self, wanted: WantGroup) -> Option<Group> {
        let answer = answer(self.send(&wanted));
        let ChosenGroup { prime, generator } = ChosenGroup::from_payload(&answer).unwrap();
        (!prime.0.is_empty()).then(|| Group::new(prime.0, generator.0).unwrap())
    }
}

fn largest() -> Group {
    Group::well_known(8192).unwrap()
}

#[test]
fn the_exchange_in_the_group_that_was_chosen_is_signed_with_the_sizes_that_the_client_said() {
    let mut bench = Bench::new(LINES);
    for cookie in [1, 5] {
        let exchange = InGroup::new(cookie, bench.group(WANTED).unwrap());
        assert_eq!(exchange.group, largest(), "the well-known one");
        let answer = answer(bench.send(&exchange.sign()));
        let signature = Signed::from_payload(&answer).unwrap().signature.0.to_vec();
        let row = SignatureAlg::by_name("ssh-ed25519").unwrap();
        assert!(verify(row, &host_key().public().blob(), &exchange.hash(), &signature).is_ok());
    }
    assert_eq!(bench.made.logged(), [""; 0]);
}

#[test]
fn groups_come_out_of_the_file() {
    let mut bench = Bench::new(LINES);
    let path = bench.made.home().join("moduli");
    let line = format!("20260101000000 2 6 100 3071 5 8{}1\n", "0".repeat(766));
    crate::monitor::testing::write(&path, &line);
    let lines = LINES.replace("none", path.to_str().unwrap());
    bench.made.server.config = crate::monitor::testing::config(&lines).unwrap();
    let group = bench.group(WANTED).unwrap();
    assert_eq!((group.bits(), group.generator()), (3072, &[5][..]));
}

#[test]
fn where_there_is_no_group_net_is_told_so_and_may_not_have_another_one() {
    let mut bench = Bench::new(LINES);
    let impossible = WantGroup { min: 2500, preferred: 2500, max: 3000 };
    assert_eq!(bench.group(impossible), None);
    let exchange = InGroup::new(1, largest());
    assert_eq!(bench.refused(&exchange.sign()), Violation::Implausible(Implausible::Group));
    // Nor can it make the file be read for as long as there is none.
    let mut bench = Bench::new(LINES);
    assert_eq!(bench.group(impossible), None);
    assert_eq!(bench.refused(&impossible), Violation::Implausible(Implausible::SecondGroup));
}

#[test]
fn an_exchange_in_another_group_is_not_signed() {
    type Change = for<'a> fn(&mut Sign<'a>);
    let changes: [Change; 7] = [
        |sign| sign.generator = Bytes(&[3]),
        |sign| sign.generator = Bytes(&[]),
        |sign| sign.prime = Bytes(&[0xff; 1024]),
        |sign| sign.prime = Bytes(&[]),
        // Sizes that come to others than those that were asked for, or to none.
        |sign| sign.group_min = 2049,
        |sign| sign.group_preferred = 4096,
        |sign| (sign.group_min, sign.group_preferred, sign.group_max) = (0, 0, 0),
    ];
    for change in changes {
        let mut bench = Bench::new(LINES);
        let exchange = InGroup::new(1, bench.group(WANTED).unwrap());
        let mut sign = exchange.sign();
        change(&mut sign);
        assert_eq!(bench.refused(&sign), Violation::Implausible(Implausible::Group));
    }
    let mut bench = Bench::new(LINES);
    bench.group(WANTED).unwrap();
    let exchange = InGroup::new(1, Group::well_known(4096).unwrap());
    assert_eq!(bench.refused(&exchange.sign()), Violation::Implausible(Implausible::Group));
}

#[test]
fn a_group_is_good_for_the_exchange_it_was_chosen_for() {
    // None was chosen.
    let largest = largest();
    let exchange = InGroup::new(1, largest.clone());
    assert_eq!(Bench::new(LINES).refused(&exchange.sign()), Violation::Implausible(Implausible::Group));
    // It was used up.
    let mut bench = Bench::new(LINES);
    bench.group(WANTED).unwrap();
    answer(bench.send(&exchange.sign()));
    let again = InGroup::new(3, largest.clone());
    assert_eq!(bench.refused(&again.sign()), Violation::Implausible(Implausible::Group));
    // The method has its own, or the fields are those of another method.
    let plain = Exchange::new(1);
    let mut bench = Bench::new(LINES);
    bench.group(WANTED).unwrap();
    assert_eq!(bench.refused(&plain.sign()), Violation::Implausible(Implausible::Group));
    let given = Sign { prime: Bytes(largest.prime()), ..plain.sign() };
    assert_eq!(Bench::new(LINES).refused(&given), Violation::Implausible(Implausible::Group));
}

#[test]
fn net_gets_one_group_for_each_exchange_and_of_sizes_that_a_client_can_have() {
    let mut bench = Bench::new(LINES);
    bench.group(WANTED).unwrap();
    assert_eq!(bench.refused(&WANTED), Violation::Implausible(Implausible::SecondGroup));
    for (min, preferred, max) in [(1024, 2048, 8192), (2048, 2048, 9000), (4096, 3072, 8192), (0, 0, 0)] {
        let wanted = WantGroup { min, preferred, max };
        assert_eq!(Bench::new(LINES).refused(&wanted), Violation::Implausible(Implausible::Sizes));
    }
    // The method is not one of ours: no file is read for it.
    assert_eq!(Bench::new("").refused(&WANTED), Violation::Implausible(Implausible::Kex));
    let mut bench = Bench::new(LINES);
    for cookie in (0..).take(EXCHANGES_BEFORE_AUTH as usize) {
        let exchange = InGroup::new(cookie, bench.group(WANTED).unwrap());
        answer(bench.send(&exchange.sign()));
    }
    assert_eq!(bench.refused(&WANTED), Violation::Implausible(Implausible::TooMany));
}
