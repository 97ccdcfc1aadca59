//! What an agent may do with a key that it is given (RFC 9987; OpenSSH's PROTOCOL.agent §2 and §3).

use wire::{Encode, Sink, put_string};

const LIFETIME: u8 = 1;
const CONFIRM: u8 = 2;
const EXTENSION: u8 = 255;

/// A limit of a key in an agent. One that the agent does not know makes it refuse the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constraint<'a> {
    /// The key is forgotten after so many seconds.
    Lifetime(u32),
    /// A person confirms each use.
    Confirm,
    /// The library that talks to the security key which holds the key.
    SkProvider(&'a str),
    /// Only for logins that go these ways.
    RestrictDestination(&'a [Permitted<'a>]),
    /// Certificates of keys in a token.
    AssociatedCertificates {
        /// The certificates are added and the plain keys are not.
        only: bool,
        /// Their blobs.
        certificates: &'a [&'a [u8]],
    },
}

/// A step that a key may take from one host to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permitted<'a> {
    /// Where it begins: the host where the agent runs when this has neither a name nor keys. Its user stays empty.
    pub from: Hop<'a>,
    /// Where it ends.
    pub to: Hop<'a>,
}

/// One end of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Hop<'a> {
    /// The user to log in as, or empty for anyone.
    pub user: &'a str,
    /// The host's name.
    pub host: &'a str,
    /// The keys by which the host is known.
    pub keys: &'a [HopKey<'a>],
}

/// A key by which a host is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HopKey<'a> {
    /// The key's blob.
    pub blob: &'a [u8],
    /// Whether it signs the host's certificates and is not the host's own.
    pub is_authority: bool,
}

impl Encode for Constraint<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        match self {
            Self::Lifetime(seconds) => {
                out.put(&[LIFETIME]);
                seconds.encode(out);
            }
            Self::Confirm => out.put(&[CONFIRM]),
            Self::SkProvider(path) => {
                put_extension(out, "sk-provider@openssh.com");
                put_string(out, path.as_bytes());
            }
            Self::RestrictDestination(permitted) => {
                put_extension(out, "restrict-destination-v00@openssh.com");
                // PROTOCOL.agent does not say so, but OpenSSH has a string around all, around each step and around each end.
                wire::Blob(Each(permitted)).encode(out);
            }
            Self::AssociatedCertificates { only, certificates } => {
                put_extension(out, "associated-certs-v00@openssh.com");
                only.encode(out);
                wire::Blob(Each(certificates)).encode(out);
            }
        }
    }
}

fn put_extension<S: Sink + ?Sized>(out: &mut S, name: &str) {
    out.put(&[EXTENSION]);
    put_string(out, name.as_bytes());
}

/// Each of them as a string.
struct Each<'a, T>(&'a [T]);

impl Encode for Each<'_, Permitted<'_>> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        self.0.iter().for_each(|permitted| wire::Blob(permitted).encode(out));
    }
}

impl Encode for Each<'_, &[u8]> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        self.0.iter().for_each(|blob| put_string(out, blob));
    }
}

impl Encode for Permitted<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        wire::Blob(self.from).encode(out);
        wire::Blob(self.to).encode(out);
        put_string(out, &[]);
    }
}

impl Encode for Hop<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        put_string(out, self.user.as_bytes());
        put_string(out, self.host.as_bytes());
        put_string(out, &[]);
        for key in self.keys {
            put_string(out, key.blob);
            key.is_authority.encode(out);
        }
    }
}
