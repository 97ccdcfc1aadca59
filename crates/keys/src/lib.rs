//! SSH keys: public, private, their files and lines, and what signs and verifies.
//!
//! * [`PublicKey`] is a key blob that was understood; [`KeyLine`] is one line of a `.pub` file.
//! * [`SignatureAlg`] is a row of [`SIGNATURES`]. A key type and a signature algorithm are two different names: an RSA
//!   key signs with several algorithms, so every call takes both and says no when they do not belong together.
//! * [`verify`] is the only way to a [`Verified`]: a key that was *offered* is a [`PublicKey`], a key that was
//!   *proven* is a [`Verified`].
//! * [`PrivateKey`] signs; [`KeyFile`] is an `openssh-key-v1` file.
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
//! `R` or any other mismatch is [`VerifyError::BadSignature`].
//!
//! The crate may depend on `wire` and `crypto`. It opens no file, has no clock and takes its randomness as an argument.
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod algorithm;
mod base64;
mod ed25519;
pub mod limits;
mod line;
mod null;
mod openssh;
mod private;
mod public;
mod signature;

pub use algorithm::{SIGNATURES, SignatureAlg};
pub use crypto::{NoEntropy, Rng, Secret, Status};
pub use ed25519::{Ed25519PrivateKey, Ed25519PublicKey};
pub use line::{KeyLine, LineError};
pub use null::NULL_SIGNATURE;
pub use openssh::{FileError, KeyFile, WriteError};
pub use private::{PrivateKey, SignError};
pub use public::{Fingerprint, KeyError, PublicKey};
pub use signature::{Signature, Verified, VerifyError, verify};
