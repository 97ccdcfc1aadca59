//! What the user logs in with.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crypto::{NoEntropy, Rng, Secret};
use keys::{KeyLine, PublicKey};
use zeroize::Zeroizing;

/// Bytes of `authorized_keys` in which a key is looked for.
const MAX_AUTHORIZED_KEYS: u64 = 16 << 20;

/// Keys that are used; a directory holds no more in earnest.
const MAX_IDENTITIES: usize = 100;

/// A key pair of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) key: PublicKey,
    /// The file of the private key.
    pub(super) private: PathBuf,
}

/// The keys of `~/.ssh/*.pub` beside which there is a private key, in the order of their names. What is no key we know is passed over.
pub(super) fn identities(home: &Path) -> Vec<Identity> {
    let Ok(entries) = std::fs::read_dir(home.join(".ssh")) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "pub"));
    files.sort();
    let pair = |path: PathBuf| {
        let private = path.with_extension("");
        let text = read(&path, u64::try_from(keys::limits::LINE_MAX).unwrap_or(u64::MAX))?;
        let line = text.split(|byte| *byte == b'\n').next()?;
        let key = KeyLine::parse(line).ok()?.into_key();
        private.is_file().then_some(Identity { key, private })
    };
    files.into_iter().filter_map(pair).take(MAX_IDENTITIES).collect()
}

/// Whether `~/.ssh/authorized_keys` has a key that we know.
pub(super) fn has_authorized_keys(home: &Path) -> bool {
    let Some(file) = read(&home.join(".ssh/authorized_keys"), MAX_AUTHORIZED_KEYS) else { return false };
    keyfiles::authorized_keys::lines(&file).any(|(_, line)| matches!(line, Ok(Some(_))))
}

fn read(path: &Path, most: u64) -> Option<Vec<u8>> {
    // A fifo of that name would stop us for ever.
    path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let mut text = Vec::new();
    File::open(path).ok()?.take(most).read_to_end(&mut text).ok()?;
    Some(text)
}

/// 32 signs that are not taken for one another, so that each stands for five bits.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Four groups of five signs: 100 bits, which nobody guesses however often they try.
const GROUPS: usize = 4;
const GROUP: usize = 5;

/// A password for this run.
pub(super) fn password(rng: &mut dyn Rng) -> Result<Secret, NoEntropy> {
    let mut bytes = Zeroizing::new([0; GROUPS * GROUP]);
    rng.fill(bytes.as_mut_slice())?;
    let mut password = Vec::with_capacity(GROUPS * (GROUP + 1));
    for group in bytes.chunks(GROUP) {
        if !password.is_empty() {
            password.push(b'-');
        }
        password.extend(group.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 31))));
    }
    Ok(Secret::new(password))
}

#[cfg(test)]
mod tests {
    use crypto::SeededRng;
    use keys::PrivateKey;

    use super::*;

    fn public_line(seed: u64) -> (PublicKey, Vec<u8>) {
        let key = PrivateKey::generate(&mut SeededRng::new(seed)).unwrap().public();
        let line = KeyLine::new(key.clone(), b"somebody").unwrap().to_vec();
        (key, line)
    }

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".ssh")).unwrap();
        home
    }

    #[test]
    fn keys_count_when_their_private_half_lies_beside_them() {
        let home = home();
        let ssh = home.path().join(".ssh");
        let (mine, line) = public_line(1);
        std::fs::write(ssh.join("work.pub"), [&line[..], b"\n"].concat()).unwrap();
        std::fs::write(ssh.join("work"), "private").unwrap();
        std::fs::write(ssh.join("other.pub"), public_line(2).1).unwrap();
        std::fs::write(ssh.join("rsa.pub"), "ssh-rsa AAAA x").unwrap();
        std::fs::write(ssh.join("rsa"), "private").unwrap();
        assert_eq!(identities(home.path()), [Identity { key: mine, private: ssh.join("work") }]);
        assert!(identities(Path::new("/nonexistent")).is_empty());
    }

    #[test]
    fn authorized_keys_count_when_one_of_them_is_a_key() {
        let home = home();
        let path = home.path().join(".ssh/authorized_keys");
        assert!(!has_authorized_keys(home.path()));
        std::fs::write(&path, "# none\n\nssh-foo AAAA\n").unwrap();
        assert!(!has_authorized_keys(home.path()));
        std::fs::write(&path, [b"# one\n", &public_line(1).1[..]].concat()).unwrap();
        assert!(has_authorized_keys(home.path()));
    }

    #[test]
    fn passwords_have_four_groups_and_differ() {
        let text =
            |seed| String::from_utf8(password(&mut SeededRng::new(seed)).unwrap().expose().to_vec()).unwrap();
        let one = text(1);
        let groups: Vec<&str> = one.split('-').collect();
        assert_eq!(groups.len(), GROUPS);
        assert!(
            groups
                .iter()
                .all(|group| group.len() == GROUP && group.bytes().all(|sign| ALPHABET.contains(&sign)))
        );
        assert_ne!(one, text(2));
    }
}
