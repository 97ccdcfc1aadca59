//! Files of private keys, of public ones, and of certificates.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use keys::limits::{FILE_MAX, LINE_MAX};
use keys::{FileError, Identity, IdentityLine, KeyFile, PrivateKey};
use sys::ids::Uid;
use zeroize::Zeroizing;

use crate::log::{Level, Logger};

/// Why a file gives no key.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// It cannot be read.
    Io(io::Error),
    /// It is something else than a regular file.
    NoFile,
    /// Others may read it: these are its permissions.
    Unprotected(u32),
    /// It is no key file that we know.
    File(FileError),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::NoFile => f.write_str("not a regular file"),
            Self::Unprotected(_) => f.write_str("bad permissions"),
            Self::File(error) => error.fmt(f),
        }
    }
}

/// One key of a file, of a regular one: a server that waits for somebody to write to a fifo serves nobody. A file of ours that group or others may use is refused: it is nobody's secret any more.
pub(crate) fn read(path: &Path) -> Result<PrivateKey, LoadError> {
    let (file, metadata) = open(path)?;
    let mode = metadata.mode() & 0o777;
    if metadata.uid() == Uid::real().0 && mode & 0o077 != 0 {
        return Err(LoadError::Unprotected(mode));
    }
    KeyFile::parse(&contents(file, FILE_MAX)?).map(|file| file.key).map_err(LoadError::File)
}

/// The first line of a file, when it is that of a public key or of a certificate; `None` when it is something else.
pub(super) fn read_public(path: &Path) -> Result<Option<Identity>, LoadError> {
    let (file, _) = open(path)?;
    let contents = contents(file, LINE_MAX)?;
    let mut lines = contents.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(b"#"));
    Ok(first.and_then(|line| IdentityLine::parse(line).ok()).map(IdentityLine::into_identity))
}

fn open(path: &Path) -> Result<(File, std::fs::Metadata), LoadError> {
    let file = sys::fd::open_to_read(path).map_err(LoadError::Io)?;
    let metadata = file.metadata().map_err(LoadError::Io)?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(LoadError::NoFile) }
}

/// What a file holds, and one byte more than `most` of one that is larger.
fn contents(file: File, most: usize) -> Result<Zeroizing<Vec<u8>>, LoadError> {
    let mut contents = Zeroizing::new(Vec::with_capacity(most.saturating_add(1)));
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut contents).map_err(LoadError::Io)?;
    Ok(contents)
}

/// Says why a file gives no key, as OpenSSH does; that it cannot be opened is left to the line that follows.
pub(super) fn report(path: &Path, error: &LoadError, level: Level, log: &Logger) {
    let path = path.display();
    match error {
        LoadError::Io(error) => log.debug(format_args!("{path}: {error}")),
        LoadError::Unprotected(mode) => {
            let bar = "@".repeat(59);
            let lines = [
                bar.clone(),
                "@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @".to_owned(),
                bar,
                format!("Permissions 0{mode:03o} for '{path}' are too open."),
                "It is required that your private key files are NOT accessible by others.".to_owned(),
                "This private key will be ignored.".to_owned(),
                format!("Unable to load host key \"{path}\": {error}"),
            ];
            for line in lines {
                log.error(line);
            }
        }
        LoadError::NoFile | LoadError::File(_) => {
            log.log(level, format_args!("Unable to load host key \"{path}\": {error}"))
        }
    }
}
