//! Private keys in DER. What they hold is put into the form of `openssh-key-v1`, which is then read like any other: so
//! there is one place only where a key's halves are compared.

use wire::{Encode, Mpint, Reader, put_string};
use zeroize::Zeroizing;

use crate::der::{BadDer, Der};
use crate::key_file::FileError;
use crate::{Ed25519PrivateKey, PrivateKey};

/// rsaEncryption, 1.2.840.113549.1.1.1 (RFC 8017 A.1).
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// id-ecPublicKey, 1.2.840.10045.2.1 (RFC 5480 §2.1.1).
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// id-Ed25519, 1.3.101.112 (RFC 8410 §3).
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// A curve as its identifier (RFC 5480 §2.1.1.1) and its names in SSH.
struct NamedCurve {
    identifier: &'static [u8],
    key_type: &'static str,
    name: &'static str,
}

static CURVES: &[NamedCurve] = &[
    NamedCurve {
        identifier: &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        key_type: "ecdsa-sha2-nistp256",
        name: "nistp256",
    },
    NamedCurve {
        identifier: &[0x2b, 0x81, 0x04, 0x00, 0x22],
        key_type: "ecdsa-sha2-nistp384",
        name: "nistp384",
    },
    NamedCurve {
        identifier: &[0x2b, 0x81, 0x04, 0x00, 0x23],
        key_type: "ecdsa-sha2-nistp521",
        name: "nistp521",
    },
];

/// `RSAPrivateKey` of PKCS#1.
pub(super) fn pkcs1(der: &[u8]) -> Result<PrivateKey, FileError> {
    let mut input = Der::whole_sequence(der)?;
    // 1 would be a key of more than two primes.
    if input.number()? != 0 {
        return Err(FileError::UnknownKey { form: "PKCS#1" });
    }
    let [n, e, d, p, q] = [(); 5].map(|()| input.magnitude());
    // d mod (p - 1) and d mod (q - 1) are computed where they are needed.
    let (_, _) = (input.magnitude()?, input.magnitude()?);
    let inverse_of_q = input.magnitude();
    input.finish()?;

    let mut fields = Zeroizing::new(Vec::with_capacity(der.len().saturating_add(FIELDS_MORE)));
    put_string(&mut *fields, b"ssh-rsa");
    for number in [n, e, d, inverse_of_q, p, q] {
        Mpint::from_magnitude(number?).encode(&mut *fields);
    }
    read(&fields)
}

/// `ECPrivateKey` of SEC1, on the curve that PKCS#8 named or else on the one that it names itself.
pub(super) fn sec1(der: &[u8], curve: Option<&[u8]>) -> Result<PrivateKey, FileError> {
    let form = if curve.is_some() { "PKCS#8" } else { "EC" };
    let mut input = Der::whole_sequence(der)?;
    if input.number()? != 1 {
        return Err(FileError::UnknownKey { form });
    }
    let number = input.octets()?;
    let named = match input.optional_tagged(0)? {
        Some(mut parameters) => {
            // Parameters that are spelled out instead of named are of a curve that we do not know.
            let named = parameters.identifier().map_err(|BadDer| FileError::UnknownKey { form })?;
            parameters.finish()?;
            Some(named)
        }
        None => None,
    };
    if let (Some(one), Some(other)) = (named, curve)
        && one != other
    {
        return Err(FileError::BadDer);
    }
    let identifier = named.or(curve).ok_or(FileError::UnknownKey { form })?;
    let curve =
        CURVES.iter().find(|curve| curve.identifier == identifier).ok_or(FileError::UnknownKey { form })?;
    let mut public = input.optional_tagged(1)?.ok_or(FileError::BadDer)?;
    let point = public.bits()?;
    public.finish()?;
    input.finish()?;

    let mut fields = Zeroizing::new(Vec::with_capacity(der.len().saturating_add(FIELDS_MORE)));
    put_string(&mut *fields, curve.key_type.as_bytes());
    put_string(&mut *fields, curve.name.as_bytes());
    put_string(&mut *fields, point);
    Mpint::from_magnitude(number).encode(&mut *fields);
    read(&fields)
}

/// `OneAsymmetricKey` of PKCS#8.
pub(super) fn pkcs8(der: &[u8]) -> Result<PrivateKey, FileError> {
    let unknown = FileError::UnknownKey { form: "PKCS#8" };
    let mut input = Der::whole_sequence(der)?;
    if input.number()? > 1 {
        return Err(unknown);
    }
    let mut algorithm = input.sequence()?;
    let key = input.octets()?;
    // Attributes, and in version 1 the public key once more.
    input.optional_tagged(0)?;
    input.optional_tagged(1)?;
    input.finish()?;
    match algorithm.identifier()? {
        RSA => pkcs1(key),
        EC => sec1(key, Some(algorithm.identifier().map_err(|BadDer| unknown)?)),
        ED25519 => {
            let mut inner = Der::new(key);
            let seed: &[u8; 32] = inner.octets()?.try_into().map_err(|_| FileError::BadDer)?;
            inner.finish()?;
            Ok(PrivateKey::Ed25519(Ed25519PrivateKey::from_seed(seed)))
        }
        _ => Err(unknown),
    }
}

/// How much longer than its DER the fields of a key can be: names and lengths.
const FIELDS_MORE: usize = 64;

fn read(fields: &[u8]) -> Result<PrivateKey, FileError> {
    let mut input = Reader::new(fields);
    PrivateKey::read(&mut input).map_err(FileError::Key)?.ok_or(FileError::PublicMismatch)
}
