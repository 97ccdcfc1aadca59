//! Files of the administrator that decide on logins, read with our own rights.

use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use crate::settings::without_number;

/// All of a file of at most `most` bytes, or why it cannot be had. An empty device such as `/dev/null` is an empty file; what somebody
/// else could fill while it is read, as a fifo, is none.
pub(super) fn read(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let file = sys::fd::open_to_read(path).map_err(|error| without_number(&error))?;
    let kind = file.metadata().map_err(|error| without_number(&error))?.file_type();
    if !kind.is_file() && !kind.is_char_device() {
        return Err("not a regular file".into());
    }
    let mut contents = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut contents).map_err(|error| without_number(&error))?;
    match u64::try_from(contents.len()) {
        Ok(length) if length <= most => Ok(contents),
        _ => Err(format!("larger than {most} bytes")),
    }
}
