//! The system's files, for the reader of the configuration.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileTypeExt;

use config::{Files, ReadError};
use sys::ids::Uid;
use sys::users::Accounts;

use super::glob;

/// The files of this machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct SystemFiles {
    /// Whether a fifo is waited for, as where the configuration comes from a command; else it is refused.
    pub(super) waits: bool,
}

impl Files for SystemFiles {
    fn read(&self, path: &str, most: usize) -> Result<Vec<u8>, ReadError> {
        let fault = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound => ReadError::Missing,
            _ => ReadError::Other(without_number(&error)),
        };
        let file = if self.waits { File::open(path) } else { sys::fd::open_to_read(path) }.map_err(fault)?;
        if !self.waits && file.metadata().map_err(fault)?.file_type().is_fifo() {
            return Err(ReadError::Other("not a regular file".into()));
        }
        let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        let mut contents = Vec::new();
        file.take(limit).read_to_end(&mut contents).map_err(fault)?;
        if contents.len() > most {
            return Err(ReadError::Other(format!("longer than {most} bytes")));
        }
        Ok(contents)
    }

    fn glob(&self, pattern: &str) -> Vec<String> {
        in_home(pattern).map(|pattern| glob::paths(&pattern)).unwrap_or_default()
    }
}

/// No configuration file: what would be there is empty, and includes nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoFile;

impl Files for NoFile {
    fn read(&self, _path: &str, _most: usize) -> Result<Vec<u8>, ReadError> {
        Ok(Vec::new())
    }

    fn glob(&self, _pattern: &str) -> Vec<String> {
        Vec::new()
    }
}

/// What the system says of an error, as C programs print it.
pub(crate) fn without_number(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

/// Our own home: what `HOME` says, else what stands in the account.
pub(super) fn home() -> Option<String> {
    let told = std::env::var("HOME").ok().filter(|home| home.starts_with('/'));
    told.or_else(|| {
        let account = Accounts::default().user_by_id(Uid::real()).ok()??;
        account.home.into_os_string().into_string().ok()
    })
}

/// A path that begins with `~` or `~user`, from its home; `None` where there is no such home.
fn in_home(path: &str) -> Option<String> {
    let Some(after) = path.strip_prefix('~') else { return Some(path.to_owned()) };
    let (name, rest) = after.split_at(after.find('/').unwrap_or(after.len()));
    let home = if name.is_empty() {
        home()?
    } else {
        let account = Accounts::default().user(name.as_bytes()).ok()??;
        account.home.into_os_string().into_string().ok()?
    };
    Some(format!("{}{rest}", home.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: SystemFiles = SystemFiles { waits: true };

    #[test]
    fn a_file_is_read_up_to_its_limit_and_errors_are_the_system_s_words() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file").into_os_string().into_string().unwrap();
        assert_eq!(FILES.read(&path, 4), Err(ReadError::Missing));
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(FILES.read(&path, 5), Ok(b"12345".to_vec()));
        assert_eq!(FILES.read(&path, 4), Err(ReadError::Other("longer than 4 bytes".into())));
        let directory = directory.path().to_str().unwrap();
        assert_eq!(FILES.read(directory, 4), Err(ReadError::Other("Is a directory".into())));
    }

    #[test]
    fn homes_are_those_of_the_accounts() {
        assert_eq!(in_home("/etc/~x"), Some("/etc/~x".into()));
        assert_eq!(in_home("~root/.ssh"), Some("/root/.ssh".into()));
        assert_eq!(in_home("~nobody-has-this-name/x"), None);
    }
}
