//! The table of signature algorithms (RFC 4253 §6.6, RFC 8332 §3).

use crypto::Status;

use crate::ed25519;

/// A signature algorithm, as negotiation, `publickey` authentication and [`crate::verify`] see it.
#[derive(Debug, PartialEq, Eq)]
pub struct SignatureAlg {
    /// Its name in negotiation, in `publickey` requests, and inside of every signature that it makes.
    pub name: &'static str,
    /// The type of key that it belongs to, which is the name inside of the key's blob.
    pub key_type: &'static str,
    /// How it stands with us.
    pub status: Status,
    /// Where it is specified.
    pub reference: &'static str,
    pub(crate) scheme: Scheme,
}

/// What the bytes of a signature are. Together with the key it gives the one format that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Null,
    Ed25519,
}

/// All signature algorithms, the preferred one first.
pub static SIGNATURES: &[SignatureAlg] = &[SignatureAlg {
    name: "ssh-ed25519",
    key_type: ed25519::KEY_TYPE,
    status: Status::Default,
    reference: "RFC 8709",
    scheme: Scheme::Ed25519,
}];

impl SignatureAlg {
    /// The row of [`SIGNATURES`] with this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        SIGNATURES.iter().find(|row| row.name == name)
    }

    /// The rows of [`SIGNATURES`] that a key of this type can sign with, the preferred one first.
    pub fn for_key_type(key_type: &str) -> impl Iterator<Item = &'static Self> {
        SIGNATURES.iter().filter(move |row| row.key_type == key_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NULL_SIGNATURE;

    #[test]
    fn every_row_has_its_own_name_and_is_found_by_it() {
        for row in SIGNATURES {
            assert!(wire::Name::new(row.name).is_ok() && wire::Name::new(row.key_type).is_ok());
            assert!(std::ptr::eq(SignatureAlg::by_name(row.name).unwrap(), row));
            assert!(SignatureAlg::for_key_type(row.key_type).any(|other| other == row));
        }
        assert_eq!(SignatureAlg::by_name("ssh-ED25519"), None);
        assert_eq!(SignatureAlg::for_key_type("ssh-dss").next(), None);
    }

    #[test]
    fn the_null_row_stands_in_no_table() {
        assert_eq!(SignatureAlg::by_name(NULL_SIGNATURE.name), None);
        assert!(SIGNATURES.iter().all(|row| row.scheme != Scheme::Null && row.status != Status::Insecure));
    }
}
