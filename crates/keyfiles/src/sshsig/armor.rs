//! The armour: base64 between two lines.

use super::SshsigError;
use crate::key_text::{decode, encode};
use crate::limits::MAX_SIGNATURE_FILE;

const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";

/// Characters of base64 on a line, as `ssh-keygen` writes them.
const COLUMNS: usize = 70;

/// Puts the armour on.
pub(super) fn put_on(blob: &[u8]) -> String {
    let text = encode(blob);
    let mut file = format!("{BEGIN}\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at_checked(COLUMNS).unwrap_or((rest, ""));
        file.push_str(line);
        file.push('\n');
        rest = behind;
    }
    file.push_str(END);
    file.push('\n');
    file
}

/// Takes the armour off. The file begins with its first line; what follows its last one is not looked at, as in OpenSSH.
pub(super) fn take_off(file: &[u8]) -> Result<Vec<u8>, SshsigError> {
    if file.len() > MAX_SIGNATURE_FILE {
        return Err(SshsigError::TooLarge);
    }
    let body = file.strip_prefix(BEGIN.as_bytes()).ok_or(SshsigError::NoArmour)?;
    let end = body.windows(END.len()).position(|window| window == END.as_bytes());
    let body = end.and_then(|end| body.get(..end)).ok_or(SshsigError::NoArmour)?;
    let breaks = |text: &[u8]| text.starts_with(b"\n") || text.starts_with(b"\r\n");
    if !breaks(body) || !body.ends_with(b"\n") {
        return Err(SshsigError::NoArmour);
    }
    let text: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    decode(&text).ok_or(SshsigError::BadBase64)
}
