//! Groups for key exchanges in which the server chooses one (RFC 4419): out of a file that was made beforehand. Net names sizes and
//! is given one group; it reads no file, and an exchange in another group is not signed.

use std::io::{self, Read};
use std::path::Path;

use crypto::{Group, Rng};
use keyfiles::moduli::{self, Choice, Sizes};
use transport::GroupRequest;

use crate::log::Logger;
use crate::settings::without_number;

use super::limits::MODULI_MAX;

/// A group of these sizes: one of the file's, else a well-known one.
pub(super) fn choose(
    file: Option<&Path>,
    request: GroupRequest,
    rng: &mut dyn Rng,
    log: &Logger,
) -> Option<Group> {
    let GroupRequest { min, preferred, max } = request;
    let sizes = Sizes { min, preferred, max };
    file.and_then(|file| of_file(file, sizes, rng, log)).or_else(|| moduli::fallback(sizes))
}

/// What is in the file for these sizes.
fn of_file(path: &Path, sizes: Sizes, rng: &mut dyn Rng, log: &Logger) -> Option<Group> {
    let contents = match read(path) {
        Ok(contents) => contents,
        Err(error) => {
            let why = without_number(&error);
            log.info(format_args!("WARNING: could not open {} ({why}), using fixed modulus", path.display()));
            return None;
        }
    };
    let Choice { group, faults } = match moduli::choose(&contents, sizes, rng) {
        Ok(choice) => choice,
        Err(error) => {
            log.error(format_args!("moduli: {error}"));
            return None;
        }
    };
    for (line, fault) in faults {
        log.error(format_args!("moduli:{line}: {fault}"));
    }
    if group.is_none() {
        log.info(format_args!("WARNING: no suitable primes in {}", path.display()));
    }
    group
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = sys::fd::open_to_read(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut contents = Vec::new();
    file.take(MODULI_MAX.saturating_add(1)).read_to_end(&mut contents)?;
    if u64::try_from(contents.len()).unwrap_or(u64::MAX) > MODULI_MAX {
        return Err(io::Error::other("too large"));
    }
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use crypto::SeededRng;

    use super::*;
    use crate::log::Level;

    const ANY: GroupRequest = GroupRequest { min: 2048, preferred: 3072, max: 8192 };

    /// A modulus of 3072 bits, which nobody says is prime, and the line that it has in a file.
    fn line() -> (Vec<u8>, String) {
        let digits = format!("8{}1", "0".repeat(766));
        let mut prime = vec![0; 384];
        (prime[0], prime[383]) = (0x80, 1);
        (prime, format!("20260101000000 2 6 100 3071 5 {digits}\n"))
    }

    struct Log {
        directory: tempfile::TempDir,
        logger: Logger,
    }

    impl Log {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let logger = Logger::to_file(&directory.path().join("log"), Level::Info).unwrap();
            Self { directory, logger }
        }

        fn choose(&self, file: Option<&Path>, request: GroupRequest) -> Option<Group> {
            choose(file, request, &mut SeededRng::new(1), &self.logger)
        }

        fn said(&self) -> Vec<String> {
            let text = std::fs::read_to_string(self.directory.path().join("log")).unwrap();
            let directory = self.directory.path().to_str().unwrap();
            text.lines().map(|line| line.trim_end().replace(directory, "DIR")).collect()
        }
    }

    #[test]
    fn a_group_of_the_file_is_given_and_faulty_lines_are_told() {
        let log = Log::new();
        let (prime, line) = line();
        let file = log.directory.path().join("moduli");
        std::fs::write(&file, format!("# comment\nx\n{line}")).unwrap();
        let group = log.choose(Some(&file), ANY).unwrap();
        assert_eq!((group.prime(), group.generator()), (&prime[..], &[5][..]));
        assert_eq!(log.said(), ["moduli:2: truncated"]);
    }

    #[test]
    fn without_a_file_or_a_fitting_line_the_well_known_group_is_given_and_the_log_has_openssh_s_words() {
        let log = Log::new();
        let bits = |file: Option<&Path>, request| log.choose(file, request).map(|group| group.bits());
        assert_eq!(bits(None, ANY), Some(8192));
        assert!(log.said().is_empty());
        let small = GroupRequest { min: 2048, preferred: 2048, max: 2048 };
        let file = log.directory.path().join("moduli");
        assert_eq!(bits(Some(&file), small), Some(2048));
        std::fs::write(&file, line().1).unwrap();
        assert_eq!(bits(Some(&file), small), Some(2048));
        assert_eq!(bits(Some(&file), GroupRequest { min: 2100, preferred: 2200, max: 2300 }), None);
        assert_eq!(
            log.said(),
            [
                "WARNING: could not open DIR/moduli (No such file or directory), using fixed modulus",
                "WARNING: no suitable primes in DIR/moduli",
                "WARNING: no suitable primes in DIR/moduli",
            ]
        );
    }

    #[test]
    fn what_is_no_file_or_too_large_is_as_none() {
        let log = Log::new();
        let group = log.choose(Some(Path::new("/dev/zero")), ANY);
        assert_eq!(group, Group::well_known(8192));
        let file = log.directory.path().join("moduli");
        File::create(&file).unwrap().set_len(MODULI_MAX + 1).unwrap();
        assert_eq!(log.choose(Some(&file), ANY), Group::well_known(8192));
        let text = |path, why| format!("WARNING: could not open {path} ({why}), using fixed modulus");
        assert_eq!(log.said(), [text("/dev/zero", "not a regular file"), text("DIR/moduli", "too large")]);
    }
}
