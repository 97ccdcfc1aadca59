//! The server's key, kept from run to run where that can be done, so that clients know the server again.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crypto::{NoEntropy, Rng};
use keys::{KeyFile, PrivateKey};
use sys::ids::Uid;
use sys::users::User;

use super::account::Surroundings;
use crate::host_keys;
use crate::log::Logger;

/// Below the directory for what programs keep (`XDG_STATE_HOME`, or `~/.local/state`).
const FILE: &str = "nacre/host_ed25519";

/// Where the key is kept; `None` for somebody without a home.
pub(super) fn path(surroundings: &Surroundings, user: &User) -> Option<PathBuf> {
    let home = || (user.home != Path::new("/")).then(|| user.home.join(".local/state"));
    surroundings.state().or_else(home).map(|state| state.join(FILE))
}

/// The key that was kept, or a new one; and whether the next run will have it too.
pub(super) fn take(
    path: Option<&Path>,
    rng: &mut dyn Rng,
    log: &Logger,
) -> Result<(PrivateKey, bool), NoEntropy> {
    let Some(path) = path else {
        log.info("The host key is for this run only: there is no home to keep it in.");
        return Ok((PrivateKey::generate(rng)?, false));
    };
    if let Some(kept) = kept(path) {
        return match kept {
            Ok(key) => Ok((key, true)),
            Err(why) => {
                log.error(format_args!("{}: {why}; a key for this run is used instead", path.display()));
                Ok((PrivateKey::generate(rng)?, false))
            }
        };
    }
    let key = PrivateKey::generate(rng)?;
    match keep(path, key, rng) {
        Ok(()) => {}
        Err(Unkept { key, why }) => {
            log.info(format_args!("The host key is for this run only: {}: {why}", path.display()));
            return Ok((key, false));
        }
    }
    // Read again: another server that was started at the same time may have been the first.
    match kept(path) {
        Some(Ok(key)) => Ok((key, true)),
        Some(Err(_)) | None => Ok((PrivateKey::generate(rng)?, false)),
    }
}

/// What lies there already.
fn kept(path: &Path) -> Option<Result<PrivateKey, String>> {
    let metadata = path.metadata().ok()?;
    if metadata.uid() != Uid::real().0 || !metadata.is_file() {
        return Some(Err("not a file of ours".into()));
    }
    Some(host_keys::read(path).map_err(|error| error.to_string()))
}

struct Unkept {
    key: PrivateKey,
    why: io::Error,
}

/// Writes a key where there is none yet: all of it or nothing, readable by us alone.
fn keep(path: &Path, key: PrivateKey, rng: &mut dyn Rng) -> Result<(), Unkept> {
    let file = KeyFile { key, comment: Vec::new() };
    let written = match file.write(rng) {
        Ok(contents) => write(path, contents.expose()),
        Err(error) => Err(io::Error::other(error.to_string())),
    };
    written.map_err(|why| Unkept { key: file.key, why })
}

fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let temporary = path.with_extension(std::process::id().to_string());
    let written =
        File::options().write(true).create_new(true).mode(0o600).open(&temporary).and_then(|mut file| {
            file.write_all(contents)?;
            file.sync_all()?;
            match std::fs::hard_link(&temporary, path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                done => done,
            }
        });
    let _ = std::fs::remove_file(&temporary);
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use crypto::SeededRng;

    use super::*;

    fn taken(path: Option<&Path>, seed: u64) -> (Vec<u8>, bool) {
        let log = Logger::to_nowhere(crate::log::Level::Info);
        let (key, kept) = take(path, &mut SeededRng::new(seed), &log).unwrap();
        (key.public().blob(), kept)
    }

    #[test]
    fn the_next_run_has_the_same_key_which_is_for_us_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b/host");
        let (first, kept) = taken(Some(&path), 1);
        assert!(kept);
        assert_eq!(taken(Some(&path), 2), (first, true));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_that_cannot_be_kept_is_there_for_this_run() {
        assert!(!taken(Some(Path::new("/proc/nowhere/host")), 1).1);
        let (one, kept) = taken(None, 1);
        assert!(!kept);
        assert_ne!(one, taken(None, 2).0);
    }

    #[test]
    fn a_file_that_is_no_key_or_that_others_read_is_neither_used_nor_written_over() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("host");
        std::fs::write(&path, "no key").unwrap();
        assert!(!taken(Some(&path), 1).1);
        assert_eq!(std::fs::read(&path).unwrap(), b"no key");
        std::fs::remove_file(&path).unwrap();
        let (first, _) = taken(Some(&path), 1);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        let (other, kept) = taken(Some(&path), 2);
        assert!(!kept && other != first);
    }
}
