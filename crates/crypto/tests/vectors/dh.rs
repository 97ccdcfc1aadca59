//! Diffie-Hellman modulo primes, as both halves of the methods that name a group, and of the one that is given it.

use nacre_crypto::Group;

use crate::support::{Script, cases, kex, report};

/// The contents of the `mpint` with this magnitude.
fn contents(magnitude: &[u8]) -> Vec<u8> {
    let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
    let padding: &[u8] = if magnitude[zeros] >= 0x80 { &[0] } else { &[] };
    [padding, &magnitude[zeros..]].concat()
}

#[test]
fn openssl() {
    let mut run = 0;
    for case in cases("dh-openssl.txt") {
        let bits = case.text("bits");
        let name = match bits {
            "2048" => "diffie-hellman-group14-sha256",
            "4096" => "diffie-hellman-group16-sha512",
            "8192" => "diffie-hellman-group18-sha512",
            other => panic!("{other} bits"),
        };
        let exponent = case.hex("exponent");
        let (public, peer) = (contents(&case.hex("public")), contents(&case.hex("peer")));
        let shared = contents(&case.hex("shared"));
        let shared = [&u32::try_from(shared.len()).unwrap().to_be_bytes(), shared.as_slice()].concat();
        let script = || Script::of(&[&exponent]);

        let client = kex(name).start(&mut script()).unwrap();
        assert_eq!(client.public(), public);
        assert_eq!(client.complete(&peer).unwrap().encoded(), shared);
        let server = kex(name).respond(&mut script(), &peer).unwrap();
        assert_eq!((server.public.as_slice(), server.secret.encoded()), (&public[..], &shared[..]));

        let chosen = kex("diffie-hellman-group-exchange-sha256");
        let group = Group::well_known(bits.parse().unwrap()).unwrap();
        let client = chosen.start_in(&mut script(), &group).unwrap();
        assert_eq!(client.complete(&peer).unwrap().encoded(), shared);
        let server = chosen.respond_in(&mut script(), &group, &peer).unwrap();
        assert_eq!((server.public.as_slice(), server.secret.encoded()), (&public[..], &shared[..]));
        run += 1;
    }
    report("openssl diffie-hellman", run);
}
