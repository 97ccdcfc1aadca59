//! SSH keys: public, private, their files and lines, and what signs and verifies.
//!
//! * [`PublicKey`] is a key blob that was understood; [`KeyLine`] is one line of a `.pub` file.
//! * [`SignatureAlg`] is a row of [`SIGNATURES`]. A key type and a signature algorithm are two different names: an RSA
//!   key signs with several algorithms, so every call takes both and says no when they do not belong together.
//! * [`verify`] is the only way to a [`Verified`]: a key that was *offered* is a [`PublicKey`], a key that was
//!   *proven* is a [`Verified`].
//! * [`Certificate`] is a certificate that was understood; [`Certificate::verify_authority`] is the only way to an
//!   [`Endorsed`], which says what it is good for. [`CertificateRequest`] makes one.
//! * [`PrivateKey`] signs; [`KeyFile`] is a file that holds one, `openssh-key-v1` or PEM, with a passphrase or without.
//!
//! ```
//! use nacre_keys::{PrivateKey, SignatureAlg, verify};
//!
//! let algorithm = SignatureAlg::by_name("ssh-ed25519").expect("a row of the table");
//! let key = PrivateKey::from_seed(&[7; 32]);
//! let signature = key.sign(algorithm, b"data")?;
//! let proven = verify(algorithm, &key.public().blob(), b"data", &signature)?;
//! assert_eq!(proven.key(), &key.public());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Strictness
//! One key has one encoding and one signature has one form. A blob ends where its last field ends. A signature's bytes
//! are only looked at as the format that (declared algorithm, key) gives. For Ed25519 the points are checked in
//! [`verify`], not in [`PublicKey::parse`], because listing keys must not cost curve arithmetic: there, a public key
//! that is no point, is not in its canonical form or is of small order is [`VerifyError::BadKey`], and `s >= L`, a bad
//! `R` or any other mismatch is [`VerifyError::BadSignature`]. So it is with the points of ECDSA, which are uncompressed.
//! An RSA key is refused by [`PublicKey::parse`] where its size or its exponent would cost more work than it is worth.
//!
//! The crate may depend on `wire` and `crypto`. It opens no file, has no clock and takes its randomness as an argument.
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod algorithm;
mod base64;
mod certificate;
mod der;
mod ecdsa;
mod ed25519;
mod fingerprint;
mod identity;
mod key_file;
pub mod limits;
mod line;
#[cfg(feature = "mldsa")]
mod mldsa;
mod null;
mod openssh;
mod pem;
mod private;
mod public;
mod randomart;
mod rfc4716;
mod rsa;
mod signature;
mod sk;
mod webauthn;

pub use algorithm::{SIGNATURES, SignatureAlg};
pub use certificate::{
    Certificate, CertificateError, CertificateFault, CertificateKind, CertificateOption, CertificateOptions,
    CertificateRequest, Endorsed, Refusal, RequestError,
};
pub use crypto::{NoEntropy, Rng, Secret, Status};
pub use ecdsa::{Curve, EcdsaPrivateKey, EcdsaPublicKey};
pub use ed25519::{Ed25519PrivateKey, Ed25519PublicKey};
pub use fingerprint::{Fingerprint, FingerprintHash};
pub use identity::Identity;
pub use key_file::{Encryption, FileError, KeyFile, WriteError};
pub use line::{IdentityLine, KeyLine, LineError};
#[cfg(feature = "mldsa")]
pub use mldsa::{MlDsa44Ed25519PrivateKey, MlDsa44Ed25519PublicKey};
pub use null::NULL_SIGNATURE;
pub use openssh::FileCipher;
pub use private::{NewKey, PrivateKey, SignError};
pub use public::{KeyError, PublicKey};
pub use rfc4716::{Ssh2Error, Ssh2PublicKey};
pub use rsa::{RsaNumbers, RsaPrivateKey, RsaPublicKey};
pub use signature::{Signature, Verified, VerifyError, verify};
pub use sk::{
    Assertion, SkEcdsaPrivateKey, SkEcdsaPublicKey, SkEd25519PrivateKey, SkEd25519PublicKey, SkHandle,
};
