//! What the client's `scp` asks for on its command line.

use text::quoting::{Comments, split};

use crate::settings::glob;

/// Which way files go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// `-t`: from the client.
    Sink,
    /// `-f`: to the client.
    Source,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(super) direction: Direction,
    /// `-r`: directories too.
    pub(super) recursive: bool,
    /// `-p`: with times and all permission bits.
    pub(super) preserve: bool,
    /// `-d`: the target must be a directory.
    pub(super) directory: bool,
    /// At least one; a sink has one only.
    pub(super) paths: Vec<String>,
}

/// What a shell would do something with. Wildcards are ours to expand, except where quotes could keep them from it.
const FOR_SHELLS: &[char] =
    &['$', '`', ';', '|', '&', '<', '>', '(', ')', '{', '}', '\\', '\n', '#', '!', '='];

impl Arguments {
    /// The words of a command line, if it is one of a client's `scp` that needs no shell.
    pub(crate) fn words(line: &[u8]) -> Option<Vec<String>> {
        let line = std::str::from_utf8(line).ok()?;
        let has_quotes = line.contains(['\'', '"']);
        if line.contains(FOR_SHELLS) || (has_quotes && line.contains(['*', '?', '[', '~'])) {
            return None;
        }
        let words = split(line, Comments::None).ok()?;
        let mut words = words.into_iter().map(|word| word.text);
        (words.next()? == "scp").then_some(())?;
        let words: Vec<String> = words.collect();
        Self::of(&words).map(|_| words)
    }

    /// What the words behind `scp` say.
    pub(super) fn of(words: &[String]) -> Option<Self> {
        let (mut direction, mut recursive, mut preserve, mut directory) = (None, false, false, false);
        let mut rest = words.iter();
        let mut paths: Vec<String> = Vec::new();
        for word in rest.by_ref() {
            let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
                paths.push(word.clone());
                break;
            };
            if letters == "-" {
                break;
            }
            for letter in letters.chars() {
                match letter {
                    't' => direction = Some(Direction::Sink),
                    'f' => direction = Some(Direction::Source),
                    'r' => recursive = true,
                    'p' => preserve = true,
                    'd' => directory = true,
                    // About what is shown, which is nothing here.
                    'v' | 'q' => {}
                    _ => return None,
                }
            }
        }
        paths.extend(rest.cloned());
        let direction = direction?;
        let fits = match direction {
            Direction::Sink => paths.len() == 1,
            Direction::Source => !paths.is_empty(),
        };
        // Another user's home is for a shell to find.
        let homes = paths.iter().any(|path| path.starts_with('~') && path != "~" && !path.starts_with("~/"));
        (fits && !homes).then_some(Self { direction, recursive, preserve, directory, paths })
    }

    /// The paths that the words stand for. We are in the home directory, so what is below it needs no more than that.
    pub(super) fn files(&self) -> Vec<String> {
        let all = self.paths.iter().map(|path| match path.strip_prefix("~/") {
            Some("") => ".",
            Some(below) => below,
            None if path == "~" => ".",
            None => path,
        });
        all.flat_map(|path| {
            let found = if path.contains(['*', '?', '[']) { glob::paths(path) } else { Vec::new() };
            // As a shell does, a pattern that stands for nothing stands for itself.
            if found.is_empty() { vec![path.to_owned()] } else { found }
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<Arguments> {
        Arguments::of(&Arguments::words(line.as_bytes())?)
    }

    #[test]
    fn command_lines_of_clients_are_understood() {
        let sink = Arguments {
            direction: Direction::Sink,
            recursive: false,
            preserve: false,
            directory: false,
            paths: vec!["a b".into()],
        };
        assert_eq!(of("scp -t 'a b'").unwrap(), sink);
        assert_eq!(of("scp -v -t -- \"a b\"").unwrap(), sink);
        let paths = vec!["x".to_owned(), "-y".into()];
        let source = Arguments {
            direction: Direction::Source,
            recursive: true,
            preserve: true,
            directory: true,
            paths,
        };
        assert_eq!(of("scp -rpd -f x -y").unwrap(), source);
    }

    #[test]
    fn what_is_for_a_shell_or_no_far_end_is_left_alone() {
        for line in [
            "scp a b",
            "scp -t",
            "scp -t a b",
            "scp -f",
            "scp -f $HOME",
            "scp -f a; id",
            "scp -f ~root/x",
            "scp -S x -t y",
            "ls -t x",
            "scp -f 'a",
            "scp -f 'a*'",
            "scp -f a\\ b",
            "scp -f `id`",
            "A=1 scp -f x",
            "scp",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
        assert_eq!(Arguments::words(b"scp -f \xff"), None);
    }

    #[test]
    fn wildcards_stand_for_files_and_the_home_for_where_we_are() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a1", "a2", "b"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let folder = folder.path().to_str().unwrap();
        let files = of(&format!("scp -f {folder}/a* {folder}/none* ~/x ~ y")).unwrap().files();
        let below = |name: &str| format!("{folder}/{name}");
        assert_eq!(files, [below("a1"), below("a2"), below("none*"), "x".into(), ".".into(), "y".into()]);
    }
}
