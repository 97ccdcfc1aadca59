//! Keys and certificates as words of a line: their type and their blob in base64.

use base64ct::{Base64, Encoding};
use keys::{Identity, IdentityLine, KeyError, LineError, PublicKey};

/// The next word, and what follows it.
pub(crate) fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = trim_start(text);
    let end = text.iter().position(is_blank).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, &[]))
}

/// The text without blanks before it.
pub(crate) fn trim_start(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !is_blank(byte)).unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

/// Whether a byte parts words.
pub(crate) fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// What base64 stands for; `None` when it is anything but its one canonical form.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    Base64::decode_vec(str::from_utf8(text).ok()?).ok()
}

/// The base64 of bytes.
pub(crate) fn encode(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// What a line of `keys` reads before the comment, and the comment without blanks around it, which may be any bytes here.
pub(crate) fn split_comment(line: &[u8]) -> (&[u8], &[u8]) {
    let (_, rest) = word(line);
    let (_, comment) = word(rest);
    (line.get(..line.len().saturating_sub(comment.len())).unwrap_or(line), comment.trim_ascii())
}

/// A key type, base64, and the comment behind them without blanks around it.
///
/// # Errors
/// A [`LineError`] that says what is wrong. The type in the text must be the type in the blob.
pub(crate) fn identity_line(line: &[u8]) -> Result<(Identity, &[u8]), LineError> {
    let (line, comment) = split_comment(line);
    Ok((IdentityLine::parse(line)?.into_identity(), comment))
}

/// A key type, base64 and the comment, where a certificate has no place.
///
/// # Errors
/// As [`identity_line`]; a certificate is [`KeyError::UnknownType`].
pub(crate) fn key_line(line: &[u8]) -> Result<(PublicKey, &[u8]), LineError> {
    match identity_line(line)? {
        (Identity::Key(key), comment) => Ok((key, comment)),
        (Identity::Certificate(_), _) => Err(LineError::Key(KeyError::UnknownType)),
    }
}
