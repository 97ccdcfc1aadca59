//! The table of compression methods (RFC 4253 §6.2), and the streams of one direction each.

mod deflater;
mod inflater;
#[cfg(test)]
mod tests;

pub use deflater::{Deflater, NoRoom};
pub use inflater::{InflateError, Inflater};

use crate::Status;

/// A compression method. A direction that has one compresses all payloads under one set of keys as one stream.
#[derive(Debug)]
#[non_exhaustive]
pub struct CompressionAlg {
    /// Its name in negotiation.
    pub name: &'static str,
    /// Whether it begins only when the user is authenticated: right behind `SSH_MSG_USERAUTH_SUCCESS`, in both
    /// directions.
    pub after_auth: bool,
    /// How it stands with us.
    pub status: Status,
    /// Where it is specified.
    pub reference: &'static str,
    kind: CompressionKind,
}

/// What a compression method is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CompressionKind {
    None,
    Zlib,
}

impl CompressionAlg {
    /// What compresses a direction from its NEWKEYS on; `None` where payloads stay as they are.
    #[must_use]
    pub fn deflater(&self) -> Option<Deflater> {
        match self.kind {
            CompressionKind::None => None,
            CompressionKind::Zlib => Some(Deflater::new()),
        }
    }

    /// The other end of [`deflater`](Self::deflater).
    #[must_use]
    pub fn inflater(&self) -> Option<Inflater> {
        match self.kind {
            CompressionKind::None => None,
            CompressionKind::Zlib => Some(Inflater::new()),
        }
    }
}

/// All compression methods, in OpenSSH's order of preference. The `zlib` of RFC 4253 is not among them: it would let
/// anybody reach the decoder before they are known.
pub static COMPRESSIONS: &[CompressionAlg] = &[
    CompressionAlg {
        name: "none",
        after_auth: false,
        status: Status::Default,
        reference: "RFC 4253 §6.2",
        kind: CompressionKind::None,
    },
    CompressionAlg {
        name: "zlib@openssh.com",
        after_auth: true,
        status: Status::Default,
        reference: "draft-miller-secsh-compression-delayed, RFC 1950, RFC 1951",
        kind: CompressionKind::Zlib,
    },
];
