//! What fuzz targets reach of the session.

use super::limits::MAX_COOKIE;
use super::request::Asked;
use super::x11::harmless;

pub use super::forward::fuzzing::resolver;

/// Whether net may ask for this.
pub(crate) fn is_request(payload: &[u8]) -> bool {
    Asked::read(payload).is_ok()
}

/// A word of an `x11-req`: what `xauth` gets is that word and nothing that it or a shell could take for more.
pub fn display(word: &[u8]) {
    let Some(taken) = harmless(word) else { return };
    assert!(taken.as_bytes() == word && word.len() <= MAX_COOKIE);
    let special = |byte: &u8| {
        byte.is_ascii_whitespace() || !byte.is_ascii_graphic() || b"\"'`$\\;&|<>(){}[]*?!~#=".contains(byte)
    };
    assert!(!word.iter().any(special), "{taken:?}");
}
