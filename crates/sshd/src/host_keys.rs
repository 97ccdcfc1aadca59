//! The keys that prove who the server is.

use std::fmt;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use keys::{FileError, KeyFile, PrivateKey};
use sys::ids::Uid;
use zeroize::Zeroizing;

use crate::log::{Level, Logger};

/// The host keys, in the order of the configuration.
#[derive(Debug, Default)]
pub(crate) struct HostKeys(Vec<PrivateKey>);

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
    let file = sys::fd::open_to_read(path).map_err(LoadError::Io)?;
    let metadata = file.metadata().map_err(LoadError::Io)?;
    if !metadata.is_file() {
        return Err(LoadError::NoFile);
    }
    let mode = metadata.mode() & 0o777;
    if metadata.uid() == Uid::real().0 && mode & 0o077 != 0 {
        return Err(LoadError::Unprotected(mode));
    }
    let most = keys::limits::FILE_MAX;
    let mut contents = Zeroizing::new(Vec::with_capacity(most.saturating_add(1)));
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut contents).map_err(LoadError::Io)?;
    KeyFile::parse(&contents).map(|file| file.key).map_err(LoadError::File)
}

impl HostKeys {
    /// The keys of the configuration's files. What is wrong with a file is logged, as an error when the configuration names it; a
    /// default one that is not there is passed over.
    pub(crate) fn load(files: &config::value::HostKeys, log: &Logger) -> Self {
        let level = if files.configured { Level::Error } else { Level::Debug1 };
        let mut keys: Vec<PrivateKey> = Vec::new();
        for path in &files.files {
            match read(path) {
                Ok(key) if keys.iter().any(|known| known.public() == key.public()) => {
                    log.log(level, format_args!("Ignoring duplicate host key: {}", path.display()));
                }
                Ok(key) => {
                    let public = key.public();
                    log.debug(format_args!(
                        "private host key: {} {}",
                        public.key_type(),
                        public.fingerprint()
                    ));
                    keys.push(key);
                }
                Err(error) => {
                    report(path, &error, level, log);
                    log.log(level, format_args!("Unable to load host key: {}", path.display()));
                }
            }
        }
        Self(keys)
    }

    /// One key that comes from no file of the configuration.
    pub(crate) fn one(key: PrivateKey) -> Self {
        Self(vec![key])
    }

    /// The key that roles call by this number.
    pub(crate) fn key(&self, index: usize) -> Option<&PrivateKey> {
        self.0.get(index)
    }

    /// The public halves, in order.
    pub(crate) fn blobs(&self) -> Vec<Vec<u8>> {
        self.0.iter().map(|key| key.public().blob()).collect()
    }

    /// Whether there is no key at all, so that nobody could know who the server is.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Says why a file gives no key, as OpenSSH does; that it cannot be opened is left to the line that follows.
fn report(path: &Path, error: &LoadError, level: Level, log: &Logger) {
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use crypto::SeededRng;

    use super::*;

    fn key_file(path: &Path, seed: u64, mode: u32) {
        let rng = &mut SeededRng::new(seed);
        let file = KeyFile { key: PrivateKey::generate(rng).unwrap(), comment: Vec::new() };
        std::fs::write(path, file.write(rng).unwrap().expose()).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    /// The fingerprints that were loaded, and the log.
    fn load(directory: &Path, names: &[&str], configured: bool) -> (Vec<Vec<u8>>, Vec<String>) {
        let log_path = directory.join("log");
        let log = Logger::to_file(&log_path, Level::Info).unwrap();
        let files: Vec<PathBuf> = names.iter().map(|name| directory.join(name)).collect();
        let keys = HostKeys::load(&config::value::HostKeys { files, configured }, &log);
        let lines = std::fs::read_to_string(&log_path).unwrap();
        let directory = format!("{}/", directory.display());
        (keys.blobs(), lines.lines().map(|line| line.replace(&directory, "")).collect())
    }

    #[test]
    fn keys_keep_the_order_of_the_configuration_and_come_once() {
        let directory = tempfile::tempdir().unwrap();
        for (name, seed) in [("a", 1), ("b", 2), ("again", 1)] {
            key_file(&directory.path().join(name), seed, 0o600);
        }
        let (blobs, log) = load(directory.path(), &["b", "a", "again"], true);
        let [first, second] = [2, 1].map(|seed| PrivateKey::generate(&mut SeededRng::new(seed)).unwrap());
        assert_eq!(blobs, [first.public().blob(), second.public().blob()]);
        assert_eq!(log, ["Ignoring duplicate host key: again"]);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_in_openssh_s_words() {
        let directory = tempfile::tempdir().unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601] {
            key_file(&directory.path().join("open"), 1, mode);
            let (blobs, log) = load(directory.path(), &["open"], true);
            assert!(blobs.is_empty(), "{mode:o}");
            let said = |line: &str| log.iter().any(|logged| logged == line);
            assert!(said("@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @"));
            assert!(said(&format!("Permissions 0{mode:o} for 'open' are too open.")));
            assert!(said("Unable to load host key \"open\": bad permissions"));
            assert!(said("Unable to load host key: open"));
        }
        for mode in [0o600, 0o400, 0o700] {
            key_file(&directory.path().join(format!("good{mode}")), u64::from(mode), mode);
            assert_eq!(load(directory.path(), &[&format!("good{mode}")], true).0.len(), 1, "{mode:o}");
        }
    }

    #[test]
    fn what_is_no_key_leaves_the_others_in_use() {
        let directory = tempfile::tempdir().unwrap();
        key_file(&directory.path().join("good"), 1, 0o600);
        std::fs::write(directory.path().join("text"), "no key").unwrap();
        std::fs::set_permissions(directory.path().join("text"), PermissionsExt::from_mode(0o600)).unwrap();
        let (blobs, log) = load(directory.path(), &["missing", "text", "good"], true);
        assert_eq!(blobs.len(), 1);
        assert_eq!(
            log,
            [
                "Unable to load host key: missing",
                "Unable to load host key \"text\": no private key in the file",
                "Unable to load host key: text"
            ]
        );
    }

    #[test]
    fn a_default_file_that_is_missing_is_passed_over_in_silence() {
        let directory = tempfile::tempdir().unwrap();
        let (blobs, log) = load(directory.path(), &["missing"], false);
        assert!(blobs.is_empty() && log.is_empty());
    }
}
