//! The file that tells the listener's number.

use std::io;
use std::path::{Path, PathBuf};

use crate::log::Logger;
use crate::settings;

/// The file. It is removed when that is asked for, and not when this is dropped: monitors have a copy.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes the number of this process. That it cannot be written is logged and stops nothing.
    pub(super) fn write(path: &Path, log: &Logger) -> Option<Self> {
        match std::fs::write(path, format!("{}\n", std::process::id())) {
            Ok(()) => Some(Self { path: path.to_owned() }),
            Err(error) => {
                let error = settings::without_number(&error);
                log.error(format_args!("Couldn't create pid file \"{}\": {error}", path.display()));
                None
            }
        }
    }

    /// Removes it, unless another server has written its own number there meanwhile.
    pub(super) fn remove(self) {
        if is_ours(&self.path).unwrap_or(false) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn is_ours(path: &Path) -> io::Result<bool> {
    let text = std::fs::read_to_string(path)?;
    Ok(text.trim_end().parse() == Ok(std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Level;

    #[test]
    fn it_tells_our_number_in_decimal_and_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pid");
        std::fs::write(&path, "an older, longer text\n").unwrap();
        let file = PidFile::write(&path, &Logger::to_nowhere(Level::Info)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        file.remove();
        assert!(!path.exists());
    }

    #[test]
    fn the_file_of_another_server_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pid");
        let file = PidFile::write(&path, &Logger::to_nowhere(Level::Info)).unwrap();
        std::fs::write(&path, "1\n").unwrap();
        file.remove();
        assert!(path.exists());
    }

    #[test]
    fn a_place_that_cannot_be_written_is_said_and_nothing_more() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let path = directory.path().join("none/pid");
        assert!(PidFile::write(&path, &Logger::to_file(&log, Level::Info).unwrap()).is_none());
        let expected =
            format!("Couldn't create pid file \"{}\": No such file or directory\r\n", path.display());
        assert_eq!(std::fs::read_to_string(&log).unwrap(), expected);
    }
}
