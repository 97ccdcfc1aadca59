//! The user's own variables: `~/.ssh/environment`.

use std::io::{self, Read};
use std::path::Path;

use text::pattern::{Case, PatternList};

use super::account::Account;
use super::limits::{MAX_FILE_BYTES, MAX_FILE_LINES};

/// What the file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct UserFile {
    /// Names and values, the later ones of a name to overrule the earlier ones.
    pub(super) variables: Vec<(Vec<u8>, Vec<u8>)>,
    /// What is wrong with it, for the user's standard error.
    pub(super) notices: String,
}

impl UserFile {
    /// Reads it, if the permit has it read and it is there.
    pub(super) fn of(account: &Account) -> Self {
        let patterns = &account.permit.user_env;
        if patterns.is_empty() {
            return Self::default();
        }
        let path = account.home_path().join(".ssh/environment");
        match read(&path) {
            Ok(text) => Self::parse(&text, patterns, &path),
            // Mostly there is none.
            Err(_) => Self::default(),
        }
    }

    fn parse(text: &[u8], patterns: &[String], path: &Path) -> Self {
        let allowed = PatternList::from_words(patterns.iter().map(String::as_str)).ok();
        let is_allowed = |name: &[u8]| {
            let name = String::from_utf8_lossy(name);
            allowed.as_ref().is_some_and(|allowed| allowed.matches(&name, Case::Exact).is_yes())
        };
        let path = path.display();
        let mut file = Self::default();
        for (number, line) in (1_usize..).zip(text.split(|byte| *byte == b'\n')) {
            if number > MAX_FILE_LINES {
                file.notices += &format!("Too many lines in environment file {path}\n");
                break;
            }
            let begin = line.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
            let line = begin.and_then(|begin| line.get(begin..)).unwrap_or_default();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let mut halves = line.splitn(2, |byte| *byte == b'=');
            match (halves.next(), halves.next()) {
                (Some(name), Some(value)) if !name.is_empty() && is_allowed(name) => {
                    file.variables.push((name.to_vec(), value.to_vec()));
                }
                (_, Some(_)) => {}
                (_, None) => file.notices += &format!("Bad line {number} in {path}\n"),
            }
        }
        file
    }
}

/// The bytes of a plain file; anything else in its place is as good as none, and makes nobody wait.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = sys::fd::open_to_read(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut text = Vec::new();
    file.take(MAX_FILE_BYTES).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::super::account::tests::account;
    use super::*;
    use crate::permit::Permit;

    fn parsed(text: &str, patterns: &[&str]) -> (Vec<(String, String)>, String) {
        let patterns: Vec<String> = patterns.iter().map(|one| (*one).to_owned()).collect();
        let file = UserFile::parse(text.as_bytes(), &patterns, Path::new("/f"));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let variables = file.variables.into_iter().map(|(name, value)| (text(name), text(value)));
        (variables.collect(), file.notices)
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn values_keep_their_quotes_blanks_and_signs_and_names_lose_the_blanks_before_them() {
        let (variables, notices) =
            parsed("# one\n\n\tA=1\n  B=2 3  \n #C=3\nE=\nF=\"q\"\nG=x=y\n=y\nA=2", &["*"]);
        let expected = [("A", "1"), ("B", "2 3  "), ("E", ""), ("F", "\"q\""), ("G", "x=y"), ("A", "2")];
        assert_eq!((variables, notices.as_str()), (pairs(&expected), ""));
    }

    #[test]
    fn only_what_a_pattern_allows_is_taken() {
        let text = "LC_A=1\nLD_PRELOAD=x\nLANG=2\n";
        assert_eq!(parsed(text, &["LC_*", "LANG"]).0, pairs(&[("LC_A", "1"), ("LANG", "2")]));
        assert_eq!(parsed(text, &["*", "!LD_*"]).0, pairs(&[("LC_A", "1"), ("LANG", "2")]));
    }

    #[test]
    fn bad_lines_are_told_with_their_numbers_and_the_others_hold() {
        let (variables, notices) = parsed("A=1\nB\n\nC\nD=2\n", &["*"]);
        assert_eq!(variables, pairs(&[("A", "1"), ("D", "2")]));
        assert_eq!(notices, "Bad line 2 in /f\nBad line 4 in /f\n");
    }

    #[test]
    fn too_many_lines_are_told_and_not_read() {
        let (variables, notices) = parsed(&"A=1\n".repeat(MAX_FILE_LINES + 1), &["*"]);
        assert_eq!(variables.len(), MAX_FILE_LINES);
        assert_eq!(notices, "Too many lines in environment file /f\n");
    }

    #[test]
    fn the_file_is_read_only_when_it_may_be_and_only_when_it_is_one() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".ssh")).unwrap();
        let path = home.path().join(".ssh/environment");
        let of = |patterns: &[&str]| {
            let user_env = patterns.iter().map(|one| (*one).to_owned()).collect();
            let home = home.path().as_os_str().as_bytes().to_vec();
            UserFile::of(&Account { home, permit: Permit { user_env, ..Permit::default() }, ..account() })
        };
        assert_eq!(of(&["*"]), UserFile::default());
        std::fs::write(&path, "A=1\n").unwrap();
        assert_eq!(of(&[]), UserFile::default());
        assert_eq!(of(&["*"]).variables, [(b"A".to_vec(), b"1".to_vec())]);
        std::fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert_eq!(of(&["*"]), UserFile::default());
    }
}
