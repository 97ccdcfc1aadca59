//! Files of the administrator that decide on logins, read with our own rights.

use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use crate::settings::without_number;

use super::limits::USER_FILE_MAX;

/// All of a file, or why it cannot be had. An empty device such as `/dev/null` is an empty file; what somebody else could fill while
/// it is read, as a fifo, is none.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let file = sys::fd::open_to_read(path).map_err(|error| without_number(&error))?;
    let kind = file.metadata().map_err(|error| without_number(&error))?.file_type();
    if !kind.is_file() && !kind.is_char_device() {
        return Err("not a regular file".into());
    }
    let mut contents = Vec::new();
    let limit = USER_FILE_MAX.saturating_add(1);
    file.take(limit).read_to_end(&mut contents).map_err(|error| without_number(&error))?;
    match u64::try_from(contents.len()) {
        Ok(length) if length <= USER_FILE_MAX => Ok(contents),
        _ => Err(format!("larger than {USER_FILE_MAX} bytes")),
    }
}
