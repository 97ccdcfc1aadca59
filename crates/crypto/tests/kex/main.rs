//! Both sides of every key exchange.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod groups;
mod hashes;
mod oakley;
mod refused;

use nacre_crypto::{
    Ephemeral, Group, Hasher, KEX, KexAlg, KexError, NULL_KEX, NoEntropy, Response, Rng, SeededRng, Status,
    limits,
};

use oakley::oakley;

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

fn row(name: &str) -> &'static KexAlg {
    KEX.iter().find(|row| row.name == name).unwrap()
}

/// The group in which `row` works, if it works in one: for a method that chooses one, this one is chosen.
fn group(row: &KexAlg) -> Option<Group> {
    let bits = match row.name {
        name if name.starts_with("diffie-hellman-group-exchange-") => 2048,
        name if name.starts_with("diffie-hellman-group14-") => 2048,
        "diffie-hellman-group16-sha512" => 4096,
        "diffie-hellman-group18-sha512" => 8192,
        _ => return None,
    };
    Group::well_known(bits)
}

fn start(row: &'static KexAlg, rng: &mut dyn Rng) -> Result<Ephemeral, KexError> {
    if row.chooses_group() { row.start_in(rng, &group(row).unwrap()) } else { row.start(rng) }
}

fn respond(row: &'static KexAlg, rng: &mut dyn Rng, client_public: &[u8]) -> Result<Response, KexError> {
    if row.chooses_group() {
        row.respond_in(rng, &group(row).unwrap(), client_public)
    } else {
        row.respond(rng, client_public)
    }
}

/// The lengths of the client's and the server's public value, where the method has them fixed.
fn lens(row: &KexAlg) -> Option<(usize, usize)> {
    Some(match row.name {
        "mlkem768x25519-sha256" => (1184 + 32, 1088 + 32),
        "mlkem768nistp256-sha256" => (1184 + 65, 1088 + 65),
        "mlkem1024nistp384-sha384" => (1568 + 97, 1568 + 97),
        name if name.starts_with("sntrup761x25519-sha512") => (1158 + 32, 1039 + 32),
        name if name.starts_with("curve25519-sha256") => (32, 32),
        "ecdh-sha2-nistp256" => (65, 65),
        "ecdh-sha2-nistp384" => (97, 97),
        "ecdh-sha2-nistp521" => (133, 133),
        name => {
            assert!(name.starts_with("diffie-hellman-group"), "{name}");
            return None;
        }
    })
}

/// How many random bytes each side takes.
fn draws(row: &KexAlg) -> (usize, usize) {
    match row.name {
        "mlkem768x25519-sha256" | "mlkem768nistp256-sha256" => (64 + 32, 32 + 32),
        "mlkem1024nistp384-sha384" => (64 + 48, 32 + 48),
        name if name.starts_with("sntrup761x25519-sha512") => (32 + 32, 32 + 32),
        name if name.starts_with("diffie-hellman-group") => (64, 64),
        "ecdh-sha2-nistp384" => (48, 48),
        "ecdh-sha2-nistp521" => (66, 66),
        _ => (32, 32),
    }
}

fn hybrids() -> impl Iterator<Item = &'static KexAlg> {
    KEX.iter().filter(|row| row.name.starts_with("mlkem") || row.name.starts_with("sntrup761"))
}

#[test]
fn the_table_is_openssh_s_in_its_order() {
    // What its server offers, what its client adds, what it knows and offers only when told to.
    let offered = [
        "mlkem768x25519-sha256",
        "sntrup761x25519-sha512",
        "sntrup761x25519-sha512@openssh.com",
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
    ];
    let by_clients = [
        "diffie-hellman-group-exchange-sha256",
        "diffie-hellman-group16-sha512",
        "diffie-hellman-group18-sha512",
        "diffie-hellman-group14-sha256",
    ];
    let weak =
        ["diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1", "diffie-hellman-group-exchange-sha1"];
    let table: Vec<_> = KEX.iter().map(|row| (row.name, row.status)).collect();
    let expected: Vec<_> = offered
        .map(|name| (name, Status::Default))
        .into_iter()
        .chain(by_clients.map(|name| (name, Status::ClientDefault)))
        .chain([
            ("mlkem768nistp256-sha256", Status::Available),
            ("mlkem1024nistp384-sha384", Status::Available),
        ])
        .chain(weak.map(|name| (name, Status::Insecure)))
        .collect();
    assert_eq!(table, expected);
}

#[test]
fn both_sides_get_the_same_secret_and_each_exchange_another_one() {
    let mut rng = SeededRng::new(1);
    for row in KEX {
        let mut seen = Vec::new();
        for _ in 0..3 {
            let client = start(row, &mut rng).unwrap();
            let client_public = client.public().to_vec();
            let server = respond(row, &mut rng, &client_public).unwrap();
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
    let mut longest = 0;
    for row in KEX {
        let client = start(row, &mut rng).unwrap();
        let server = respond(row, &mut rng, client.public()).unwrap();
        if let Some(lens) = lens(row) {
            assert_eq!((client.public().len(), server.public.len()), lens, "{}", row.name);
        }
        longest = longest.max(client.public().len());
    }
    assert_eq!(longest, limits::MAX_KEX_PUBLIC_LEN);
}

#[test]
fn a_number_is_sent_as_the_contents_of_an_mpint() {
    // Over these exchanges both a set and a clear top bit occur.
    let mut rng = SeededRng::new(3);
    let row = row("diffie-hellman-group14-sha256");
    let mut seen = [0; 2];
    for _ in 0..12 {
        let client = row.start(&mut rng).unwrap();
        let public = client.public();
        let padded = usize::from(public[0] == 0);
        assert!(public[0] < 0x80);
        assert!(padded == 0 || public[1] >= 0x80);
        assert!(public.len() - padded <= 256);
        seen[padded] += 1;
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
}

#[test]
fn the_hybrid_secret_is_a_string_that_hangs_on_both_parts() {
    let mut rng = SeededRng::new(6);
    for row in hybrids() {
        let hash = row.hash.output_len();
        let ciphertext = if row.name.starts_with("mlkem768") { 1088 } else { 1039 };
        for touched in [0, 700, ciphertext - 1] {
            let client = row.start(&mut rng).unwrap();
            let mut server = row.respond(&mut rng, client.public()).unwrap();
            server.public[touched] ^= 1;
            let secret = client.complete(&server.public).unwrap();
            assert_eq!(secret.encoded()[..4], u32::try_from(hash).unwrap().to_be_bytes());
            assert_eq!(secret.encoded().len(), 4 + hash);
            assert_ne!(secret.encoded(), server.secret.encoded(), "{} byte {touched}", row.name);
        }
        // The point of another exchange.
        let client = row.start(&mut rng).unwrap();
        let mut server = row.respond(&mut rng, client.public()).unwrap();
        let other = row.respond(&mut rng, client.public()).unwrap();
        server.public[ciphertext..].copy_from_slice(&other.public[ciphertext..]);
        assert_ne!(client.complete(&server.public).unwrap().encoded(), server.secret.encoded());
    }
}

#[test]
fn without_randomness_there_is_no_exchange() {
    let mut rng = SeededRng::new(7);
    for row in KEX {
        let client_public = start(row, &mut rng).unwrap().public().to_vec();
        let needed = draws(row);
        // Each cut that is one byte short of a draw, and some others.
        for left in (0..needed.0).filter(|left| left % 16 == 15 || *left < 2 || *left == needed.0 - 1) {
            let mut running = Running { source: SeededRng::new(8), left };
            let refused = start(row, &mut running).err();
            assert_eq!(refused, Some(KexError::NoEntropy), "{} {left}", row.name);
        }
        for left in (0..needed.1).filter(|left| left % 16 == 15 || *left < 2 || *left == needed.1 - 1) {
            let mut running = Running { source: SeededRng::new(8), left };
            let refused = respond(row, &mut running, &client_public).err();
            assert_eq!(refused, Some(KexError::NoEntropy), "{} {left}", row.name);
        }
        let mut running = Running { source: SeededRng::new(8), left: needed.0 + needed.1 };
        assert!(start(row, &mut running).is_ok());
        assert!(respond(row, &mut running, &client_public).is_ok());
        assert_eq!(running.left, 0, "{}", row.name);
    }
}

#[test]
fn a_source_that_repeats_one_byte_ends_no_exchange_in_a_loop() {
    struct Stuck(u8);
    impl Rng for Stuck {
        fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
            out.fill(self.0);
            Ok(())
        }
    }
    let client_public = |row| start(row, &mut SeededRng::new(9)).unwrap().public().to_vec();
    for row in KEX {
        for byte in [0, 0xff] {
            let ended = respond(row, &mut Stuck(byte), &client_public(row)).map(|_| ());
            // Neither 0 nor 2^n - 1 is a scalar of the curves of NIST.
            let expected = if row.name.contains("nistp") { Err(KexError::NoEntropy) } else { Ok(()) };
            assert_eq!(ended, expected, "{} {byte}", row.name);
        }
    }
}

#[test]
fn one_seed_gives_one_exchange() {
    for row in KEX {
        let exchange = || {
            let mut rng = SeededRng::new(9);
            let client = start(row, &mut rng).unwrap();
            let client_public = client.public().to_vec();
            let server = respond(row, &mut rng, &client_public).unwrap();
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
    assert!(KEX.iter().all(|row| row.name != NULL_KEX.name));
}
