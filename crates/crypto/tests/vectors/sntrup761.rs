//! Streamlined NTRU Prime: the crate below against the known answers, which are made with NIST's generator of random
//! bytes; then our server and client with keys and ciphertexts of these.

use std::convert::Infallible;
use std::fmt::Write as _;

use aes::Aes256;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use chacha20::ChaCha20Rng;
use chacha20::rand_core::{SeedableRng, TryCryptoRng, TryRng};
use sha2::{Digest as _, Sha256};
use sntrup::sntrup761::{Ciphertext, DecapsulationKey, EncapsulationKey, SharedSecret, generate_key};

use crate::classical::{CLIENT_SCALAR, Classical, SERVER_SCALAR};
use crate::support::{Script, cases, kex, report};

/// CTR_DRBG of SP 800-90A with AES-256 and no derivation function, as NIST's rng.c has it.
struct Drbg {
    key: [u8; 32],
    counter: u128,
    /// What was drawn for numbers and is not handed out yet.
    numbers: Vec<u8>,
}

impl Drbg {
    fn new(seed: [u8; 48]) -> Self {
        let mut drbg = Self { key: [0; 32], counter: 0, numbers: Vec::new() };
        drbg.update(seed);
        drbg
    }

    fn block(&mut self) -> [u8; 16] {
        self.counter = self.counter.wrapping_add(1);
        let mut block = self.counter.to_be_bytes().into();
        Aes256::new(&self.key.into()).encrypt_block(&mut block);
        block.into()
    }

    fn update(&mut self, provided: [u8; 48]) {
        let mut state = [self.block(), self.block(), self.block()].concat();
        state.iter_mut().zip(provided).for_each(|(byte, provided)| *byte ^= provided);
        self.key.copy_from_slice(&state[..32]);
        self.counter = u128::from_be_bytes(state[32..].try_into().unwrap());
    }

    fn draw(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(16) {
            chunk.copy_from_slice(&self.block()[..chunk.len()]);
        }
        self.update([0; 48]);
    }

    fn seed(&mut self) -> [u8; 48] {
        let mut seed = [0; 48];
        self.draw(&mut seed);
        seed
    }
}

impl TryRng for Drbg {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        // The crate draws these numbers one by one, the reference a polynomial's 761 of them at once.
        if self.numbers.is_empty() {
            let mut numbers = vec![0; 4 * 761];
            self.draw(&mut numbers);
            self.numbers = numbers;
        }
        let number: Vec<u8> = self.numbers.drain(..4).collect();
        Ok(u32::from_le_bytes(number.try_into().unwrap()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("the answers are made of 32-bit numbers and of strings")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.draw(out);
        Ok(())
    }
}

impl TryCryptoRng for Drbg {}

struct Answer {
    seed: [u8; 48],
    public: EncapsulationKey,
    secret: DecapsulationKey,
    ciphertext: Ciphertext,
    shared: SharedSecret,
}

fn answers(count: usize) -> Vec<Answer> {
    let mut entropy = [0; 48];
    (0_u8..).zip(&mut entropy).for_each(|(index, byte)| *byte = index);
    let mut seeds = Drbg::new(entropy);
    (0..count)
        .map(|_| {
            let seed = seeds.seed();
            let mut rng = Drbg::new(seed);
            let (public, secret) = generate_key(&mut rng);
            let (ciphertext, shared) = public.encapsulate(&mut rng);
            Answer { seed, public, secret, ciphertext, shared }
        })
        .collect()
}

fn upper(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[test]
fn known_answers() {
    let mut run = 0;
    for case in cases("sntrup761.txt") {
        let count: usize = case.text("answers").parse().unwrap();
        let mut text = String::new();
        for (index, answer) in answers(count).iter().enumerate() {
            writeln!(text, "count = {index}").unwrap();
            let parts: [(&str, &[u8]); 5] = [
                ("seed", &answer.seed),
                ("pk", answer.public.as_ref()),
                ("sk", answer.secret.as_ref()),
                ("ct", answer.ciphertext.as_ref()),
                ("ss", answer.shared.as_ref()),
            ];
            for (key, value) in parts {
                writeln!(text, "{key} = {}", upper(value)).unwrap();
            }
            if index + 1 < count {
                text.push('\n');
            }
            assert_eq!(answer.secret.decapsulate(&answer.ciphertext), answer.shared);
        }
        let hash = Sha256::digest(text.as_bytes());
        assert_eq!(hash.as_slice(), case.hex("sha256"), "{}", case.text("case"));
        run += count;
    }
    report("sntrup761 known answers", run);
}

const NAMES: [&str; 2] = ["sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com"];

#[test]
fn our_server_encapsulates_to_the_keys_of_known_answers() {
    let classical = Classical::of("curve25519-sha256");
    let mut run = 0;
    for answer in answers(10) {
        for name in NAMES {
            let client_public = [answer.public.as_ref(), &classical.client].concat();
            let response =
                kex(name).respond(&mut Script::of(&[&SERVER_SCALAR, &[run; 32]]), &client_public).unwrap();
            let (ciphertext, point) = response.public.split_at(1039);
            assert_eq!(point, classical.server);
            let shared = answer.secret.decapsulate(&Ciphertext::try_from(ciphertext).unwrap());
            assert_eq!(response.secret.encoded(), classical.with_sha512(shared.as_ref()));
            run += 1;
        }
    }
    report("sntrup761 keys of known answers, encapsulated to", run.into());
}

#[test]
fn our_client_decapsulates_what_is_encapsulated_to_its_key() {
    let classical = Classical::of("curve25519-sha256");
    let mut run = 0;
    for name in NAMES {
        for _ in 0..5 {
            let client = kex(name).start(&mut Script::of(&[&[run; 32], &CLIENT_SCALAR])).unwrap();
            let (key, point) = client.public().split_at(1158);
            assert_eq!(point, classical.client);
            let key = EncapsulationKey::try_from(key).unwrap();
            let (ciphertext, shared) = key.encapsulate(&mut ChaCha20Rng::from_seed([run; 32]));
            let server_public = [ciphertext.as_ref(), &classical.server].concat();
            let expected = classical.with_sha512(shared.as_ref());
            assert_eq!(client.complete(&server_public).unwrap().encoded(), expected);
            run += 1;
        }
    }
    report("sntrup761 ciphertexts to our keys", run.into());
}
