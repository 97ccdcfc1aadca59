//! The key schedule (RFC 4253 §7.2): shared secret and exchange hash to the keys of both directions.

use crypto::{HashAlg, Hasher, KeyError, OpeningKey, SealingKey, SharedSecret};
use wire::Role;
use zeroize::Zeroizing;

use crate::negotiate::Agreed;
use crate::transcript::{ExchangeHash, SessionId};

/// What keys are derived from.
pub(crate) struct Schedule<'a> {
    pub(crate) alg: HashAlg,
    pub(crate) secret: &'a SharedSecret,
    pub(crate) hash: &'a ExchangeHash,
    pub(crate) session: &'a SessionId,
}

/// The letters of one direction.
struct Letters {
    iv: u8,
    key: u8,
    mac_key: u8,
}

fn letters(sender: Role) -> Letters {
    match sender {
        Role::Client => Letters { iv: b'A', key: b'C', mac_key: b'E' },
        Role::Server => Letters { iv: b'B', key: b'D', mac_key: b'F' },
    }
}

impl Schedule<'_> {
    /// The key for what we, who are `role`, send.
    pub(crate) fn sealing(&self, agreed: &Agreed, role: Role) -> Result<SealingKey, KeyError> {
        let protection = agreed.protection.sent_by(role);
        let [iv, key, mac_key] = self.parts(agreed, role);
        SealingKey::new(protection.cipher, protection.mac, &iv, &key, &mac_key)
    }

    /// The key for what the peer of `role` sends.
    pub(crate) fn opening(&self, agreed: &Agreed, role: Role) -> Result<OpeningKey, KeyError> {
        let protection = agreed.protection.sent_by(role.peer());
        let [iv, key, mac_key] = self.parts(agreed, role.peer());
        OpeningKey::new(protection.cipher, protection.mac, &iv, &key, &mac_key)
    }

    fn parts(&self, agreed: &Agreed, sender: Role) -> [Zeroizing<Vec<u8>>; 3] {
        let protection = agreed.protection.sent_by(sender);
        let letters = letters(sender);
        [
            self.derive(letters.iv, protection.cipher.iv_len),
            self.derive(letters.key, protection.cipher.key_len),
            self.derive(letters.mac_key, protection.mac.map_or(0, |mac| mac.key_len)),
        ]
    }

    fn derive(&self, letter: u8, len: usize) -> Zeroizing<Vec<u8>> {
        derive(self.alg, self.secret.encoded(), self.hash.as_bytes(), self.session.as_bytes(), letter, len)
    }
}

/// `HASH(K || H || letter || session_id)`, and after that `HASH(K || H || all so far)` until there is enough. `k` is as
/// it is encoded.
fn derive(alg: HashAlg, k: &[u8], h: &[u8], session: &[u8], letter: u8, len: usize) -> Zeroizing<Vec<u8>> {
    let mut common = Hasher::new(alg);
    common.update(k);
    common.update(h);
    // Room for a whole number of hashes, so that the vector never grows and leaves key bytes behind.
    let mut out = Zeroizing::new(Vec::with_capacity(len.saturating_add(alg.output_len())));
    let mut hasher = common.clone();
    hasher.update(&[letter]);
    hasher.update(session);
    while out.len() < len {
        out.extend_from_slice(hasher.finish().as_slice());
        hasher = common.clone();
        hasher.update(&out);
    }
    out.truncate(len);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::Transcript;
    use crypto::{NULL_KEX, Rng, Secret, SeededRng};

    fn exchange() -> (SharedSecret, ExchangeHash, SessionId) {
        let mut rng = SeededRng::new(3);
        let kex = crypto::KEX.iter().find(|row| row.name == "curve25519-sha256").unwrap();
        let response = kex.respond(&mut rng, kex.start(&mut SeededRng::new(4)).unwrap().public()).unwrap();
        let hash = |byte| {
            let transcript = Transcript {
                client_ident: vec![byte],
                server_ident: Vec::new(),
                client_kexinit: Vec::new(),
                server_kexinit: Vec::new(),
                host_key: Vec::new(),
                group: None,
                client_public: Vec::new(),
                server_public: Vec::new(),
                shared_secret: Secret::copy_of(response.secret.encoded()),
            };
            transcript.hash(HashAlg::Sha256)
        };
        let (first, second) = (hash(1), hash(2));
        (response.secret, second, SessionId::from_first(&first))
    }

    /// RFC 4253 §7.2 written down a second time, one concatenation after the other.
    fn by_hand(alg: HashAlg, k: &[u8], h: &[u8], session: &[u8], letter: u8, len: usize) -> Vec<u8> {
        let mut out = alg.digest(&[k, h, &[letter], session].concat()).as_slice().to_vec();
        while out.len() < len {
            let next = alg.digest(&[k, h, &out].concat());
            out.extend_from_slice(next.as_slice());
        }
        out.truncate(len);
        out
    }

    #[test]
    fn keys_are_those_of_rfc_4253_section_7_2_at_every_length() {
        let (secret, hash, session) = exchange();
        for alg in [HashAlg::Sha256, HashAlg::Sha384, HashAlg::Sha512] {
            let schedule = Schedule { alg, secret: &secret, hash: &hash, session: &session };
            for letter in b'A'..=b'F' {
                for len in [0, 1, 16, 31, 32, 33, 64, 65, 128, 200] {
                    let expected =
                        by_hand(alg, secret.encoded(), hash.as_bytes(), session.as_bytes(), letter, len);
                    assert_eq!(schedule.derive(letter, len).as_slice(), expected, "{alg:?} {letter} {len}");
                }
            }
        }
        assert_ne!(hash.as_bytes(), session.as_bytes());
    }

    #[test]
    #[allow(clippy::print_stdout, reason = "tests")]
    fn nist_vectors() {
        let text = include_str!("../../../vectors/nist-ssh-kdf.txt");
        let hex = |text: &str| {
            let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
            (0..text.len()).step_by(2).map(byte).collect::<Vec<u8>>()
        };
        let mut run = 0;
        for case in text.split("\n\n") {
            let field = |name: &str| {
                let mut lines = case.lines().filter(|line| !line.starts_with('#'));
                lines
                    .find_map(|line| line.split_once(" = ").filter(|(key, _)| *key == name))
                    .map(|(_, value)| value)
            };
            let alg = match field("hash") {
                Some("SHA1") => HashAlg::Sha1,
                Some("SHA256") => HashAlg::Sha256,
                Some("SHA384") => HashAlg::Sha384,
                Some("SHA512") => HashAlg::Sha512,
                Some(other) => panic!("{other}"),
                None => continue,
            };
            let [k, h, session] = ["k", "h", "session"].map(|name| hex(field(name).unwrap()));
            for (name, letter) in ["a", "b", "c", "d", "e", "f"].into_iter().zip(b'A'..) {
                let expected = hex(field(name).unwrap());
                let made = derive(alg, &k, &h, &session, letter, expected.len());
                assert_eq!(made.as_slice(), expected, "{:?} {name}", field("case"));
                run += 1;
            }
        }
        println!("vectors: nist ssh-kdf {run} run");
        assert!(run > 0);
    }

    #[test]
    fn what_one_side_seals_the_other_opens_and_not_the_other_way_round() {
        let (secret, hash, session) = exchange();
        let schedule = Schedule { alg: HashAlg::Sha256, secret: &secret, hash: &hash, session: &session };
        let theirs = crate::algorithms::Algorithms::default_for(Role::Client);
        let protection = crate::negotiate::Protection {
            cipher: theirs.ciphers.client_to_server[0],
            mac: None,
            compression: theirs.compressions.client_to_server[0],
        };
        let agreed = Agreed {
            kex: &NULL_KEX,
            host_key: theirs.host_keys[0],
            protection: crate::algorithms::Directions::both(protection),
        };
        let mut seal = schedule.sealing(&agreed, Role::Client).unwrap();
        let mut packet = vec![0; 4 + 16 + seal.tag_len()];
        packet[3] = 16;
        SeededRng::new(9).fill(&mut packet[4..20]).unwrap();
        let plain = packet.clone();
        seal.seal(0, &mut packet).unwrap();
        for (role, opens) in [(Role::Server, true), (Role::Client, false)] {
            let mut open = schedule.opening(&agreed, role).unwrap();
            let mut packet = packet.clone();
            let _: Result<u32, crypto::OpenError> = open.length(0, &mut packet[..4]);
            assert_eq!(open.open(0, &mut packet).is_ok(), opens);
            assert_eq!(packet[4..20] == plain[4..20], opens);
        }
    }
}
