//! A key pair in the formats that the programs read.

use crypto::OsRng;
use keys::{KeyFile, PrivateKey};

use super::chroot::{Chroot, Scratch};
use crate::error::Error;

/// A type of key, with its size where it has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Ed25519.
    Ed25519,
    /// ECDSA over a NIST curve of so many bits.
    Ecdsa(u32),
    /// RSA with a modulus of so many bits.
    Rsa(u32),
    /// ML-DSA-44 with Ed25519; OpenSSH 10.6 has it.
    MlDsa44Ed25519,
    /// Ed25519 in a security key.
    SkEd25519,
    /// ECDSA over the NIST curve of 256 bits in a security key.
    SkEcdsa,
}

/// What stands for a security key in the newest release's folder: a file of OpenSSH's own tests, which keeps what it would
/// hold in the key's file instead.
pub(super) const DEVICE: &str = "/usr/lib/openssh/sk-dummy.so";

impl KeyKind {
    /// All that need no device.
    pub const ALL: [Self; 8] = [
        Self::Ed25519,
        Self::Ecdsa(256),
        Self::Ecdsa(384),
        Self::Ecdsa(521),
        Self::Rsa(2048),
        Self::Rsa(3072),
        Self::Rsa(4096),
        Self::MlDsa44Ed25519,
    ];

    /// Those in security keys. Only the newest release's `ssh` has something that stands for one.
    pub const DEVICES: [Self; 2] = [Self::SkEd25519, Self::SkEcdsa];

    /// The name of the type, as it stands in a public key.
    #[must_use]
    pub fn key_type(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::Ecdsa(384) => "ecdsa-sha2-nistp384",
            Self::Ecdsa(521) => "ecdsa-sha2-nistp521",
            Self::Ecdsa(_) => "ecdsa-sha2-nistp256",
            Self::Rsa(_) => "ssh-rsa",
            Self::MlDsa44Ed25519 => "ssh-mldsa44-ed25519",
            Self::SkEd25519 => "sk-ssh-ed25519@openssh.com",
            Self::SkEcdsa => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    /// What `ssh-keygen` is told.
    fn arguments(self) -> (&'static str, u32) {
        match self {
            Self::Ed25519 => ("ed25519", 0),
            Self::Ecdsa(bits) => ("ecdsa", bits),
            Self::Rsa(bits) => ("rsa", bits),
            Self::MlDsa44Ed25519 => ("mldsa44-ed25519", 0),
            Self::SkEd25519 => ("ed25519-sk", 0),
            Self::SkEcdsa => ("ecdsa-sk", 0),
        }
    }
}

/// A key pair made by OpenSSH's `ssh-keygen`, perhaps with a certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    private: String,
    public: String,
    certificate: Option<String>,
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
    /// When `ssh-keygen` fails, as it does for a type that the release does not know.
    pub fn generate(chroot: &Chroot, kind: KeyKind, comment: &str) -> Result<Self, Error> {
        Self::generate_with(chroot, kind, comment, &[])
    }

    /// The same with further arguments of `ssh-keygen`.
    pub(crate) fn generate_with(
        chroot: &Chroot,
        kind: KeyKind,
        comment: &str,
        further: &[&str],
    ) -> Result<Self, Error> {
        let scratch = chroot.scratch()?;
        let file = scratch.path("key");
        let device = KeyKind::DEVICES.contains(&kind);
        let (kind, bits) = kind.arguments();
        let bits = bits.to_string();
        let mut argv = vec!["/usr/bin/ssh-keygen", "-q", "-t", kind, "-N", "", "-C", comment, "-f", &file];
        if bits != "0" {
            argv.extend(["-b", &bits]);
        }
        if device {
            argv.extend(["-w", DEVICE]);
        }
        argv.extend(further);
        chroot.helper(&argv)?;
        let listed = chroot.helper(&["/usr/bin/ssh-keygen", "-l", "-E", "sha256", "-f", &file])?;
        let fingerprint = listed.split_whitespace().nth(1).unwrap_or_default().to_owned();
        Ok(Self {
            private: scratch.read("key")?,
            public: scratch.read("key.pub")?,
            certificate: None,
            fingerprint,
        })
    }

    /// The pair of this key.
    ///
    /// # Errors
    ///
    /// When it can not be written down.
    pub fn of(key: PrivateKey) -> Result<Self, Error> {
        let public = key.public();
        let file = KeyFile { key, comment: Vec::new() };
        let bad = |what: String| Error::wrong(format!("a key that can not be written: {what}"));
        let written = file.write(&mut OsRng).map_err(|error| bad(error.to_string()))?;
        let private = String::from_utf8(written.expose().to_vec()).map_err(|error| bad(error.to_string()))?;
        Ok(Self {
            private,
            public: format!("{public}\n"),
            certificate: None,
            fingerprint: public.fingerprint().to_string(),
        })
    }

    /// The pair with a certificate: of a host when `host` says so, for this name, and by this authority; and with further
    /// arguments of `ssh-keygen`.
    ///
    /// # Errors
    ///
    /// When `ssh-keygen` fails.
    pub fn certified(
        &self,
        chroot: &Chroot,
        authority: &Self,
        host: bool,
        principal: &str,
        further: &[&str],
    ) -> Result<Self, Error> {
        let scratch = chroot.scratch()?;
        let authority = authority.write_openssh(&scratch, "authority")?;
        let file = scratch.write("key.pub", &self.public, 0o644)?;
        let mut argv = vec!["/usr/bin/ssh-keygen", "-q", "-s", &authority, "-I", "matrix", "-n", principal];
        argv.extend(host.then_some("-h"));
        argv.extend(further);
        argv.push(&file);
        chroot.helper(&argv)?;
        Ok(Self { certificate: Some(scratch.read("key-cert.pub")?), ..self.clone() })
    }

    /// The certificate as one line with a line feed, if there is one.
    #[must_use]
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
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

    /// Writes the private key for OpenSSH, readable by root only, and its certificate beside it; returns its path inside.
    pub(crate) fn write_openssh(&self, scratch: &Scratch, name: &str) -> Result<String, Error> {
        if let Some(certificate) = &self.certificate {
            scratch.write(&format!("{name}-cert.pub"), certificate, 0o644)?;
        }
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
