//! Both sides of every key exchange.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use nacre_crypto::{
    HashAlg, Hasher, KEX, KexAlg, KexError, NULL_KEX, NoEntropy, Rng, SeededRng, Status, limits,
};

/// A source that has `left` bytes and no more.
struct Running {
    source: SeededRng,
    left: usize,
}

impl Rng for Running {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        self.left = self.left.checked_sub(out.len()).ok_or(NoEntropy)?;
        self.source.fill(out)
    }
}

fn hybrid() -> &'static KexAlg {
    KEX.iter().find(|row| row.name == "mlkem768x25519-sha256").unwrap()
}

/// Where the X25519 point of a public value begins: it is the last part of all of them.
fn point_at(public: &[u8]) -> usize {
    public.len() - 32
}

#[test]
fn both_sides_get_the_same_secret_and_each_exchange_another_one() {
    let mut rng = SeededRng::new(1);
    for row in KEX {
        let mut seen = Vec::new();
        for _ in 0..5 {
            let client = row.start(&mut rng).unwrap();
            let client_public = client.public().to_vec();
            let server = row.respond(&mut rng, &client_public).unwrap();
            assert!(client_public.len() <= limits::MAX_KEX_PUBLIC_LEN, "{}", row.name);
            assert!(server.public.len() <= limits::MAX_KEX_PUBLIC_LEN, "{}", row.name);
            let secret = client.complete(&server.public).unwrap();
            assert_eq!(secret.encoded(), server.secret.encoded(), "{}", row.name);
            let mut hasher = Hasher::new(row.hash);
            secret.absorb(&mut hasher);
            assert_eq!(hasher.finish().as_slice(), row.hash.digest(secret.encoded()).as_slice());
            seen.extend([client_public, server.public, secret.encoded().to_vec()]);
        }
        for (index, one) in seen.iter().enumerate() {
            assert!(!seen[index + 1..].contains(one), "{}", row.name);
        }
    }
}

#[test]
fn public_values_have_the_lengths_of_their_documents() {
    let mut rng = SeededRng::new(2);
    for row in KEX {
        let (client_len, server_len) =
            if row.name.starts_with("mlkem768x25519") { (1184 + 32, 1088 + 32) } else { (32, 32) };
        let client = row.start(&mut rng).unwrap();
        assert_eq!(client.public().len(), client_len, "{}", row.name);
        assert_eq!(row.respond(&mut rng, client.public()).unwrap().public.len(), server_len, "{}", row.name);
    }
}

#[test]
fn a_public_value_of_any_other_length_is_refused() {
    let mut rng = SeededRng::new(3);
    for row in KEX {
        let client_public = row.start(&mut rng).unwrap().public().to_vec();
        let server_public = row.respond(&mut rng, &client_public).unwrap().public;
        for (expected, got) in [0, 1, 31, 33, 1088, 1184, 1119, 1121, 1215, 1217, 40_000]
            .into_iter()
            .flat_map(|got| [(client_public.len(), got), (server_public.len(), got)])
        {
            let value = vec![9; got];
            if expected == client_public.len() && got != expected {
                let refused = row.respond(&mut rng, &value).err();
                assert_eq!(refused, Some(KexError::WrongLength { expected, got }), "{}", row.name);
            }
            if expected == server_public.len() && got != expected {
                let refused = row.start(&mut rng).unwrap().complete(&value).err();
                assert_eq!(refused, Some(KexError::WrongLength { expected, got }), "{}", row.name);
            }
        }
    }
}

#[test]
fn points_of_small_order_are_refused_by_both_sides() {
    // Zero, one, p - 1, p, p + 1 and p with its unused top bit set: all of them little-endian.
    let mut points = vec![[0; 32], [0; 32]];
    points[1][0] = 1;
    for (low, top) in [(0xec, 0x7f), (0xed, 0x7f), (0xee, 0x7f), (0xed, 0xff)] {
        let mut point = [0xff; 32];
        (point[0], point[31]) = (low, top);
        points.push(point);
    }
    let mut rng = SeededRng::new(4);
    for row in KEX {
        for point in &points {
            let client = row.start(&mut rng).unwrap();
            let mut client_public = client.public().to_vec();
            let mut server_public = row.respond(&mut rng, &client_public).unwrap().public;
            let at = point_at(&client_public);
            client_public[at..].copy_from_slice(point);
            let at = point_at(&server_public);
            server_public[at..].copy_from_slice(point);
            let refused = Some(KexError::LowOrderPoint);
            assert_eq!(row.respond(&mut rng, &client_public).err(), refused, "{} {point:?}", row.name);
            assert_eq!(client.complete(&server_public).err(), refused, "{} {point:?}", row.name);
        }
    }
}

#[test]
fn an_encapsulation_key_that_is_not_reduced_is_refused() {
    let mut rng = SeededRng::new(5);
    let mut public = hybrid().start(&mut rng).unwrap().public().to_vec();
    // The first of its 12-bit numbers becomes q itself, 3329 = 0xd01.
    public[0] = 0x01;
    public[1] = (public[1] & 0xf0) | 0x0d;
    assert_eq!(hybrid().respond(&mut rng, &public).err(), Some(KexError::BadEncapsulationKey));
    public[0] = 0x00;
    assert!(hybrid().respond(&mut rng, &public).is_ok());
}

#[test]
fn the_hybrid_secret_is_a_string_that_hangs_on_both_parts() {
    let mut rng = SeededRng::new(6);
    for touched in [0, 700, 1087, 1088, 1100] {
        let client = hybrid().start(&mut rng).unwrap();
        let mut server = hybrid().respond(&mut rng, client.public()).unwrap();
        server.public[touched] ^= 1;
        let secret = client.complete(&server.public).unwrap();
        assert_eq!(secret.encoded().len(), 4 + 32);
        assert_eq!(secret.encoded()[..4], [0, 0, 0, 32]);
        assert_ne!(secret.encoded(), server.secret.encoded(), "byte {touched}");
    }
}

#[test]
fn without_randomness_there_is_no_exchange() {
    let mut rng = SeededRng::new(7);
    for row in KEX {
        let client_public = row.start(&mut rng).unwrap().public().to_vec();
        let needed = if row.name == hybrid().name { (64 + 32, 32 + 32) } else { (32, 32) };
        for left in 0..needed.0 {
            let mut running = Running { source: SeededRng::new(8), left };
            assert_eq!(row.start(&mut running).err(), Some(KexError::NoEntropy), "{} {left}", row.name);
        }
        for left in 0..needed.1 {
            let mut running = Running { source: SeededRng::new(8), left };
            let refused = row.respond(&mut running, &client_public).err();
            assert_eq!(refused, Some(KexError::NoEntropy), "{} {left}", row.name);
        }
        let mut running = Running { source: SeededRng::new(8), left: needed.0 + needed.1 };
        assert!(row.start(&mut running).is_ok());
        assert!(row.respond(&mut running, &client_public).is_ok());
        assert_eq!(running.left, 0, "{}", row.name);
    }
}

#[test]
fn one_seed_gives_one_exchange() {
    for row in KEX {
        let exchange = || {
            let mut rng = SeededRng::new(9);
            let client = row.start(&mut rng).unwrap();
            let client_public = client.public().to_vec();
            let server = row.respond(&mut rng, &client_public).unwrap();
            (client_public, server.public, server.secret.encoded().to_vec())
        };
        assert_eq!(exchange(), exchange(), "{}", row.name);
    }
}

#[test]
fn the_null_exchange_agrees_on_zero_and_stands_in_no_table() {
    let mut rng = Running { source: SeededRng::new(0), left: 0 };
    let client = NULL_KEX.start(&mut rng).unwrap();
    assert_eq!(client.public(), []);
    let server = NULL_KEX.respond(&mut rng, client.public()).unwrap();
    assert_eq!(server.public, []);
    assert_eq!(server.secret.encoded(), [0; 4]);
    assert_eq!(client.complete(&server.public).unwrap().encoded(), [0; 4]);
    let wrong = Some(KexError::WrongLength { expected: 0, got: 1 });
    assert_eq!(NULL_KEX.respond(&mut rng, &[1]).err(), wrong);
    assert_eq!(NULL_KEX.start(&mut rng).unwrap().complete(&[1]).err(), wrong);
    assert_eq!(NULL_KEX.status, Status::Insecure);
    assert!(KEX.iter().all(|row| row.name != NULL_KEX.name && row.status != Status::Insecure));
}

#[test]
fn names_are_unique() {
    for (index, row) in KEX.iter().enumerate() {
        assert!(KEX[index + 1..].iter().all(|other| other.name != row.name), "{}", row.name);
    }
}

/// FIPS 180-4's one-block example, "abc", as its authors publish it; it also shows that clones go on by themselves.
#[test]
fn hashes_of_abc() {
    let expected: [(HashAlg, &str); 3] = [
        (HashAlg::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            HashAlg::Sha384,
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            HashAlg::Sha512,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
    ];
    for (alg, expected) in expected {
        let mut hasher = Hasher::new(alg);
        hasher.update(b"a");
        let mut other = hasher.clone();
        hasher.update(b"bc");
        wire::Sink::put(&mut other, b"b");
        let digest = hasher.finish();
        let hex: String = digest.as_slice().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
        assert_eq!(digest.as_slice().len(), alg.output_len());
        assert!(digest.ct_eq(alg.digest(b"abc").as_ref()));
        assert!(!digest.ct_eq(other.finish().as_slice()));
    }
}
