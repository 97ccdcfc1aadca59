//! The table of compression methods (RFC 4253 §6.2).

use crate::Status;

/// A compression method.
#[derive(Debug)]
#[non_exhaustive]
pub struct CompressionAlg {
    /// Its name in negotiation.
    pub name: &'static str,
    /// How it stands with us.
    pub status: Status,
    /// Where it is specified.
    pub reference: &'static str,
}

/// All compression methods, the preferred one first.
pub static COMPRESSIONS: &[CompressionAlg] =
    &[CompressionAlg { name: "none", status: Status::Default, reference: "RFC 4253 §6.2" }];
