//! Private keys in DER.

use wire::Mpint;

use crate::der::{BadDer, Der};
use crate::key_file::FileError;
use crate::{Curve, EcdsaPrivateKey, Ed25519PrivateKey, PrivateKey, RsaNumbers, RsaPrivateKey};

/// rsaEncryption, 1.2.840.113549.1.1.1 (RFC 8017 A.1).
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// id-ecPublicKey, 1.2.840.10045.2.1 (RFC 5480 §2.1.1).
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// id-Ed25519, 1.3.101.112 (RFC 8410 §3).
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// The identifier of a curve (RFC 5480 §2.1.1.1).
fn identifier(curve: Curve) -> &'static [u8] {
    match curve {
        Curve::NistP256 => &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        Curve::NistP384 => &[0x2b, 0x81, 0x04, 0x00, 0x22],
        Curve::NistP521 => &[0x2b, 0x81, 0x04, 0x00, 0x23],
    }
}

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

    let numbers = RsaNumbers { n: n?, e: e?, d: d?, iqmp: inverse_of_q?, p: p?, q: q? };
    let key = RsaPrivateKey::new(&numbers).map_err(FileError::Key)?.ok_or(FileError::PublicMismatch)?;
    Ok(PrivateKey::Rsa(Box::new(key)))
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
    let named = named.or(curve).ok_or(FileError::UnknownKey { form })?;
    let curve = Curve::ALL.into_iter().find(|curve| identifier(*curve) == named);
    let curve = curve.ok_or(FileError::UnknownKey { form })?;
    let point = match input.optional_tagged(1)? {
        Some(mut public) => {
            let point = public.bits()?;
            public.finish()?;
            Some(point)
        }
        None => None,
    };
    input.finish()?;
    let key = EcdsaPrivateKey::from_number(curve, Mpint::from_magnitude(number)).map_err(FileError::Key)?;
    // RFC 5915 §3 has it optional, and the number alone is the key.
    if point.is_some_and(|point| !key.public().is_point(point)) {
        return Err(FileError::PublicMismatch);
    }
    Ok(PrivateKey::Ecdsa(key))
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
