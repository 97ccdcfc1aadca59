//! What our processes say to each other: message sockets, and messages that are declared once.
//!
//! ```text
//! net ──(monitor)── monitor ──(monitor)── session
//!  └──────────────(session)────────────────┘
//! ```
//!
//! Whoever receives something that its table does not allow gives the connection up: our own processes make no mistakes, so it
//! comes from one that was taken over.

mod link;
pub(crate) mod monitor;
pub(crate) mod session;

pub(crate) use link::{Incoming, Link, LinkError, encode};

use wire::{Reader, WireError, put_string};

/// Several strings as one.
pub(crate) fn join<'a>(items: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut joined = Vec::new();
    for item in items {
        put_string(&mut joined, item);
    }
    joined
}

/// The strings that [`join`] made one of.
pub(crate) fn split(joined: &[u8]) -> Result<Vec<&[u8]>, WireError> {
    let mut input = Reader::new(joined);
    let mut items = Vec::new();
    while input.left() > 0 {
        items.push(input.string()?);
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_joined_is_split_again() {
        let items: [&[u8]; 3] = [b"one", b"", b"three"];
        assert_eq!(split(&join(items)).unwrap(), items);
        assert!(split(b"").unwrap().is_empty());
        assert!(split(&[0, 0, 0, 9, 1]).is_err());
    }
}
