//! A key pair in the formats that the programs read.

use super::chroot::{Chroot, Scratch};
use crate::error::Error;

/// An Ed25519 key pair made by OpenSSH's `ssh-keygen`.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    private: String,
    public: String,
    fingerprint: String,
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("KeyPair").field(&self.fingerprint).finish()
    }
}

impl KeyPair {
    /// Makes a new pair with the programs of this folder.
    ///
    /// # Errors
    ///
    /// When `ssh-keygen` fails.
    pub fn generate(chroot: &Chroot, comment: &str) -> Result<Self, Error> {
        let scratch = chroot.scratch()?;
        let file = scratch.path("key");
        chroot.helper(&[
            "/usr/bin/ssh-keygen",
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            comment,
            "-f",
            &file,
        ])?;
        let listed = chroot.helper(&["/usr/bin/ssh-keygen", "-l", "-E", "sha256", "-f", &file])?;
        let fingerprint = listed.split_whitespace().nth(1).unwrap_or_default().to_owned();
        Ok(Self { private: scratch.read("key")?, public: scratch.read("key.pub")?, fingerprint })
    }

    /// The private key as an unencrypted `openssh-key-v1` file.
    #[must_use]
    pub fn private(&self) -> &str {
        &self.private
    }

    /// The public key as one line with a line feed: type, base64, comment.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    /// The SHA-256 fingerprint of the public key, as OpenSSH writes it (`SHA256:` and base64).
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Writes the private key for OpenSSH, readable by root only; returns its path inside.
    pub(crate) fn write_openssh(&self, scratch: &Scratch, name: &str) -> Result<String, Error> {
        scratch.write(name, &self.private, 0o600)
    }

    /// Writes the private key in dropbear's format; returns its path inside.
    pub(crate) fn write_dropbear(
        &self,
        chroot: &Chroot,
        scratch: &Scratch,
        name: &str,
    ) -> Result<String, Error> {
        let from = self.write_openssh(scratch, &format!("{name}.openssh"))?;
        let to = scratch.path(name);
        chroot.helper(&["/usr/bin/dropbearconvert", "openssh", "dropbear", &from, &to])?;
        Ok(to)
    }

    /// Writes the private key in PuTTY's format; returns its path inside.
    pub(crate) fn write_putty(
        &self,
        chroot: &Chroot,
        scratch: &Scratch,
        name: &str,
    ) -> Result<String, Error> {
        let from = self.write_openssh(scratch, &format!("{name}.openssh"))?;
        let to = scratch.path(name);
        chroot.helper(&["/usr/bin/puttygen", &from, "-q", "-O", "private", "-o", &to])?;
        Ok(to)
    }
}
