//! What a client is shown before it authenticates.

use std::io::{self, Read};
use std::path::Path;

use userauth::limits::BANNER_MAX;

use crate::log::Logger;
use crate::settings::without_number;

/// The `Banner` file, and behind it the text of `/etc/nologin` while that exists.
pub(super) fn text(file: Option<&Path>, nologin: Option<&[u8]>, log: &Logger) -> Vec<u8> {
    let mut text = file.map(|file| (file, read(file))).map_or_else(Vec::new, |(file, read)| match read {
        Ok(text) => text,
        Err(error) => {
            log.debug(format_args!("Banner {}: {}", file.display(), without_number(&error)));
            Vec::new()
        }
    });
    text.extend(nologin.unwrap_or_default());
    // Lines may get longer by a CR each.
    let mut left = BANNER_MAX;
    let fitting = text.iter().take_while(|byte| {
        let size = if **byte == b'\n' { 2 } else { 1 };
        let fits = left >= size;
        left = left.saturating_sub(size);
        fits
    });
    let fitting = fitting.count();
    text.truncate(fitting);
    text
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = sys::fd::open_to_read(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut text = Vec::new();
    file.take(u64::try_from(BANNER_MAX).unwrap_or(u64::MAX)).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> Logger {
        Logger::to_nowhere(crate::log::Level::Info)
    }

    #[test]
    fn the_banner_is_the_file_and_what_nologin_says() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "welcome\n").unwrap();
        assert_eq!(text(Some(file.path()), None, &log()), b"welcome\n");
        assert_eq!(text(Some(file.path()), Some(b"not now\n"), &log()), b"welcome\nnot now\n");
        assert!(text(None, None, &log()).is_empty());
        assert!(text(Some(Path::new("/nonexistent")), None, &log()).is_empty());
        assert!(text(Some(Path::new("/dev/zero")), None, &log()).is_empty(), "no device is read");
    }

    #[test]
    fn a_banner_that_is_too_long_is_cut_with_room_for_line_ends() {
        assert_eq!(text(None, Some(&vec![b'x'; BANNER_MAX + 1]), &log()).len(), BANNER_MAX);
        assert_eq!(text(None, Some(&vec![b'\n'; BANNER_MAX]), &log()).len(), BANNER_MAX / 2);
    }
}
