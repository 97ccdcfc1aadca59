//! Fingerprints and their pictures.

use keys::{
    Curve, Fingerprint, FingerprintHash, NewKey, PrivateKey, PublicKey, RsaPublicKey, SkEcdsaPublicKey,
    SkEd25519PublicKey,
};

use super::lab::{Lab, line, ours};
use crate::error::Error;

/// How many keys are listed.
const KEYS: usize = 100;

/// Keys of all types and of random sizes, listed with every hash.
pub(super) fn compare(lab: &mut Lab<'_>) -> Result<(), Error> {
    let mut keys: Vec<(PublicKey, String)> =
        lab.keys().iter().map(|made| (made.key.public(), String::new())).collect();
    for _ in 0..KEYS {
        let comment = lab.random.comment();
        keys.push((random_key(lab)?, comment));
    }
    let file: String = keys.iter().map(|(key, comment)| line(key, comment)).collect();
    let path = lab.write("keys", file)?;
    for hash in FingerprintHash::ALL {
        let theirs = lab.keygen_does(&["-l", "-v", "-E", hash.name(), "-f", &path])?;
        let ours: String = keys
            .iter()
            .map(|(key, comment)| {
                let picture = fingerprint(key, hash).randomart(key.short_type(), key.bits());
                format!("{}{picture}\n", listed(key, hash, comment))
            })
            .collect();
        lab.same_text(hash.name(), &theirs, &ours)?;
    }
    Ok(())
}

fn fingerprint(key: &PublicKey, hash: FingerprintHash) -> Fingerprint {
    Fingerprint::with(hash, &key.blob())
}

/// The line by which `ssh-keygen -l` lists a key.
pub(super) fn listed(key: &PublicKey, hash: FingerprintHash, comment: &str) -> String {
    let comment = if comment.is_empty() { "no comment" } else { comment };
    format!("{} {} {comment} ({})\n", key.bits(), fingerprint(key, hash), key.short_type())
}

/// A key of any type, which nobody may have the private half of.
fn random_key(lab: &mut Lab<'_>) -> Result<PublicKey, Error> {
    let curve = *lab.random.pick(&[Curve::NistP256, Curve::NistP384, Curve::NistP521]);
    let application = format!("ssh:{}", lab.random.text("abc.é", 12));
    let kind = lab.random.below(5);
    let made = match kind {
        1 => NewKey::Ecdsa(curve),
        3 => NewKey::Ecdsa(Curve::NistP256),
        _ => NewKey::Ed25519,
    };
    let made = ours("a key", PrivateKey::generate_of(made, &mut lab.random))?.public();
    Ok(match (kind, made) {
        (0, _) => {
            let bytes = 128 + lab.random.index(1920);
            let mut modulus: Vec<u8> = (0..bytes).map(|_| lab.random.number() as u8).collect();
            modulus[0] |= 1 << lab.random.below(8);
            modulus.insert(0, lab.random.below(2) as u8);
            modulus[bytes] |= 1;
            let exponent =
                [lab.random.below(2) as u8, lab.random.number() as u8, lab.random.number() as u8 | 5];
            match RsaPublicKey::new(&exponent, &modulus) {
                Ok(key) => PublicKey::Rsa(key),
                // Too small, which is not what is tried here.
                Err(_) => return random_key(lab),
            }
        }
        (2, PublicKey::Ed25519(key)) => {
            PublicKey::SkEd25519(ours("a key", SkEd25519PublicKey::new(key, application.as_bytes()))?)
        }
        (3, PublicKey::Ecdsa(key)) => {
            PublicKey::SkEcdsa(ours("a key", SkEcdsaPublicKey::new(key, application.as_bytes()))?)
        }
        (_, key) => key,
    })
}
