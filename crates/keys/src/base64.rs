//! Base64 with padding (RFC 4648 §4) in a time that depends on lengths only, in buffers that are wiped.

use base64ct::{Base64, Base64Unpadded, Encoding};
use zeroize::Zeroizing;

/// The bytes that `text` stands for; `None` when it is anything but their one canonical encoding.
pub(crate) fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    // Three bytes for each four characters; padding only makes it less.
    let mut bytes = Zeroizing::new(vec![0; text.len().div_ceil(4).saturating_mul(3)]);
    let length = Base64::decode(text, &mut bytes).ok()?.len();
    bytes.truncate(length);
    Some(bytes)
}

/// The encoding of `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(Base64::encode_string(bytes))
}

/// The encoding of `bytes` without its padding, as in fingerprints.
pub(crate) fn encode_unpadded(bytes: &[u8]) -> String {
    Base64Unpadded::encode_string(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 §10.
    #[test]
    fn vectors_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(*encode(bytes.as_bytes()), text);
            assert_eq!(*decode(text.as_bytes()).unwrap(), bytes.as_bytes());
            assert_eq!(encode_unpadded(bytes.as_bytes()), text.trim_end_matches('='));
        }
    }

    #[test]
    fn an_encoding_that_is_not_canonical_is_refused() {
        for bad in [
            "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Z", "=", "====", "Zm9v=", "Zm 9v", "Zm9v\n", "Zm9_",
            "Zg==Zg==",
        ] {
            assert!(decode(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }
}
