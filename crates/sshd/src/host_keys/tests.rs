//! Host keys as files, certificates and an agent have them.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crypto::SeededRng;
use keys::KeyFile;

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
    let sources = Sources {
        files: &Files { files, configured },
        certificates: &[],
        agent: &HostKeyAgent::None,
        rsa_bits: 2048,
    };
    let keys = HostKeys::of(sources, &log);
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
