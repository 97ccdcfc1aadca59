//! Keys that live in security keys: FIDO authenticators (OpenSSH's PROTOCOL.u2f).

use crypto::{HashAlg, Secret};
use wire::{Encode, Reader, Sink, put_string};

use crate::ecdsa::{Curve, EcdsaPublicKey};
use crate::ed25519::Ed25519PublicKey;
use crate::{KeyError, VerifyError};

pub(crate) const ED25519: &str = "sk-ssh-ed25519@openssh.com";
pub(crate) const ECDSA: &str = "sk-ecdsa-sha2-nistp256@openssh.com";

/// Somebody touched the device.
const USER_PRESENT: u8 = 0x01;
/// Somebody gave the device a PIN or a fingerprint.
const USER_VERIFIED: u8 = 0x04;

/// What a security key said about the signing. What of it is wanted is the caller's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Somebody touched the device.
    pub user_present: bool,
    /// The device knew somebody by a PIN or a fingerprint.
    pub user_verified: bool,
    /// How many signatures the device counts; many devices count all of their keys together, some not at all.
    pub counter: u32,
}

/// An application name (`ssh:` and what may follow), which a device binds its key to. Never with a NUL.
type Application = Box<[u8]>;

fn read_application(input: &mut Reader<'_>) -> Result<Application, KeyError> {
    let application = input.string()?;
    if application.contains(&0) { Err(KeyError::BadApplication) } else { Ok(application.into()) }
}

/// `sk-ssh-ed25519@openssh.com`: an Ed25519 key in a security key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SkEd25519PublicKey {
    key: Ed25519PublicKey,
    application: Application,
}

impl SkEd25519PublicKey {
    /// The key of a device that bound it to `application`.
    ///
    /// # Errors
    /// [`KeyError::BadApplication`] when the application's name holds a NUL.
    pub fn new(key: Ed25519PublicKey, application: &[u8]) -> Result<Self, KeyError> {
        if application.contains(&0) {
            return Err(KeyError::BadApplication);
        }
        Ok(Self { key, application: application.into() })
    }

    /// The device's key.
    #[must_use]
    pub fn key(&self) -> &Ed25519PublicKey {
        &self.key
    }

    /// What the device bound its key to: `ssh:` and what may follow.
    #[must_use]
    pub fn application(&self) -> &[u8] {
        &self.application
    }

    /// Reads what follows the type's name in a public key blob.
    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, KeyError> {
        let key = Ed25519PublicKey::read(input)?;
        Ok(Self { key, application: read_application(input)? })
    }

    /// Verifies a signature: its bytes, and what the device said.
    pub(crate) fn verify(&self, data: &[u8], bytes: &[u8], rest: &[u8]) -> Result<Assertion, VerifyError> {
        let (flags, assertion) = read_assertion(rest)?;
        self.key.verify(&signed(&self.application, flags, assertion.counter, &[], data), bytes)?;
        Ok(assertion)
    }
}

impl Encode for SkEd25519PublicKey {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        self.key.encode(out);
        put_string(out, &self.application);
    }
}

/// `sk-ecdsa-sha2-nistp256@openssh.com`: an ECDSA key over `nistp256` in a security key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SkEcdsaPublicKey {
    key: EcdsaPublicKey,
    application: Application,
}

impl SkEcdsaPublicKey {
    /// The key of a device that bound it to `application`.
    ///
    /// # Errors
    /// [`KeyError::WrongCurve`] for any curve but `nistp256`; [`KeyError::BadApplication`] when the application's name
    /// holds a NUL.
    pub fn new(key: EcdsaPublicKey, application: &[u8]) -> Result<Self, KeyError> {
        if key.curve() != Curve::NistP256 {
            return Err(KeyError::WrongCurve);
        }
        if application.contains(&0) {
            return Err(KeyError::BadApplication);
        }
        Ok(Self { key, application: application.into() })
    }

    /// The device's key.
    #[must_use]
    pub fn key(&self) -> &EcdsaPublicKey {
        &self.key
    }

    /// What the device bound its key to: `ssh:` and what may follow.
    #[must_use]
    pub fn application(&self) -> &[u8] {
        &self.application
    }

    /// Reads what follows the type's name in a public key blob.
    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, KeyError> {
        let key = EcdsaPublicKey::read(Curve::NistP256, input)?;
        Ok(Self { key, application: read_application(input)? })
    }

    /// Verifies a signature: its bytes, and what the device said.
    pub(crate) fn verify(&self, data: &[u8], bytes: &[u8], rest: &[u8]) -> Result<Assertion, VerifyError> {
        let (flags, assertion) = read_assertion(rest)?;
        self.key.verify(&signed(&self.application, flags, assertion.counter, &[], data), bytes)?;
        Ok(assertion)
    }
}

impl Encode for SkEcdsaPublicKey {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        self.key.encode(out);
        put_string(out, &self.application);
    }
}

/// Reads what follows a signature's bytes, and nothing more: flags and counter.
fn read_assertion(rest: &[u8]) -> Result<(u8, Assertion), VerifyError> {
    let mut input = Reader::new(rest);
    let read = (|| Ok((input.u8()?, input.u32()?)))().map_err(VerifyError::Malformed)?;
    input.finish().map_err(VerifyError::Malformed)?;
    Ok((read.0, assertion(read.0, read.1)))
}

pub(crate) fn assertion(flags: u8, counter: u32) -> Assertion {
    Assertion { user_present: flags & USER_PRESENT != 0, user_verified: flags & USER_VERIFIED != 0, counter }
}

/// What a device signs: the hashes of application and message, and between them what it says.
pub(crate) fn signed(
    application: &[u8],
    flags: u8,
    counter: u32,
    extensions: &[u8],
    message: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(extensions.len().saturating_add(69));
    bytes.put(HashAlg::Sha256.digest(application).as_slice());
    bytes.put(&[flags]);
    bytes.put(&counter.to_be_bytes());
    bytes.put(extensions);
    bytes.put(HashAlg::Sha256.digest(message).as_slice());
    bytes
}

/// The private half as a file has it: what the device needs to find its key. It signs nothing by itself.
pub struct SkHandle {
    flags: u8,
    handle: Secret,
    reserved: Vec<u8>,
}

impl SkHandle {
    /// A handle that a device gave, and the flags that its key was made with.
    #[must_use]
    pub fn new(flags: u8, handle: &[u8]) -> Self {
        Self { flags, handle: Secret::copy_of(handle), reserved: Vec::new() }
    }

    /// What the key was made with: 1 touch, 4 verification of the user, 0x10 overwrote an older one, 0x20 resident.
    #[must_use]
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// What the device needs to find its key.
    #[must_use]
    pub fn handle(&self) -> &[u8] {
        self.handle.expose()
    }

    /// Reads what follows the public key in the private section of an `openssh-key-v1` file.
    fn read(input: &mut Reader<'_>) -> Result<Self, KeyError> {
        let flags = input.u8()?;
        let handle = Secret::copy_of(input.string()?);
        Ok(Self { flags, handle, reserved: input.string()?.to_vec() })
    }

    fn put<S: Sink + ?Sized>(&self, out: &mut S) {
        out.put(&[self.flags]);
        put_string(out, self.handle.expose());
        put_string(out, &self.reserved);
    }
}

/// A security key's Ed25519 key, as a file has it.
pub struct SkEd25519PrivateKey {
    /// The public half.
    pub public: SkEd25519PublicKey,
    /// What the device needs.
    pub handle: SkHandle,
}

/// A security key's ECDSA key, as a file has it.
pub struct SkEcdsaPrivateKey {
    /// The public half.
    pub public: SkEcdsaPublicKey,
    /// What the device needs.
    pub handle: SkHandle,
}

impl SkEd25519PrivateKey {
    /// Reads what follows the type's name in the private section of an `openssh-key-v1` file.
    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, KeyError> {
        Ok(Self { public: SkEd25519PublicKey::read(input)?, handle: SkHandle::read(input)? })
    }

    /// Puts what [`read`](Self::read) reads. Only into memory that is wiped.
    pub(crate) fn put<S: Sink + ?Sized>(&self, out: &mut S) {
        self.public.encode(out);
        self.handle.put(out);
    }
}

impl SkEcdsaPrivateKey {
    /// Reads what follows the type's name in the private section of an `openssh-key-v1` file.
    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, KeyError> {
        Ok(Self { public: SkEcdsaPublicKey::read(input)?, handle: SkHandle::read(input)? })
    }

    /// Puts what [`read`](Self::read) reads. Only into memory that is wiped.
    pub(crate) fn put<S: Sink + ?Sized>(&self, out: &mut S) {
        self.public.encode(out);
        self.handle.put(out);
    }
}
