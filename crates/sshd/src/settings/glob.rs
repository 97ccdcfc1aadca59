//! Patterns of the shell's kind, and the paths they stand for.
//!
//! `*` is any bytes or none, `?` one character, `[a-z]` and `[!a-z]` one of a set; `\` takes the next character as it is. No pattern
//! matches `/`, and none but one that begins with a dot a name that begins with a dot.

use std::fs;
use std::path::Path;

/// Paths that one pattern can stand for; what comes after them in the order of names does not exist.
const MAX_PATHS: usize = 16_384;

/// The paths of existing files that a pattern stands for, sorted by their bytes. A pattern without anything special is itself, if it
/// exists. Names that are not UTF-8 are not matched.
pub(crate) fn paths(pattern: &str) -> Vec<String> {
    let mut found = vec![if pattern.starts_with('/') { "/".to_owned() } else { String::new() }];
    let components: Vec<&str> = pattern.split('/').filter(|component| !component.is_empty()).collect();
    for (index, component) in components.iter().enumerate() {
        let is_last = index.saturating_add(1) == components.len();
        let pieces = pieces(component);
        let mut next = Vec::new();
        for parent in found {
            match literal(&pieces) {
                Some(name) => {
                    let path = join(&parent, &name);
                    if !is_last || Path::new(&path).symlink_metadata().is_ok() {
                        next.push(path);
                    }
                }
                None => next.extend(names(&parent, &pieces).into_iter().map(|name| join(&parent, &name))),
            }
        }
        next.truncate(MAX_PATHS);
        found = next;
    }
    found.retain(|path| !path.is_empty());
    found.sort();
    found
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() || parent.ends_with('/') {
        format!("{parent}{name}")
    } else {
        format!("{parent}/{name}")
    }
}

/// The names in a directory that match, sorted.
fn names(directory: &str, pieces: &[Piece]) -> Vec<String> {
    let directory = if directory.is_empty() { "." } else { directory };
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| matches(pieces, name))
        .collect();
    names.sort();
    names.truncate(MAX_PATHS);
    names
}

/// A part of a pattern for one name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Character(char),
    One,
    Any,
    Set { ranges: Vec<(char, char)>, inside: bool },
}

impl Piece {
    fn is(&self, c: char) -> bool {
        match self {
            Self::Character(own) => *own == c,
            Self::One => true,
            Self::Any => false,
            Self::Set { ranges, inside } => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&c)) == *inside
            }
        }
    }
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut rest = pattern.chars();
    let mut pieces = Vec::new();
    while let Some(c) = rest.next() {
        pieces.push(match c {
            '*' => Piece::Any,
            '?' => Piece::One,
            '\\' => Piece::Character(rest.next().unwrap_or('\\')),
            '[' => match set(rest.as_str()) {
                Some((set, after)) => {
                    rest = after.chars();
                    set
                }
                None => Piece::Character('['),
            },
            c => Piece::Character(c),
        });
    }
    pieces
}

/// What stands between `[` and `]`, and the rest of the pattern; `None` when no `]` ends it, which makes `[` an ordinary character.
fn set(text: &str) -> Option<(Piece, &str)> {
    let negated = text.strip_prefix(['!', '^']);
    let mut rest = negated.unwrap_or(text).chars();
    let mut ranges = Vec::new();
    loop {
        let first = match rest.next()? {
            // As the first one it is an ordinary character.
            ']' if !ranges.is_empty() => break,
            '\\' => rest.next()?,
            c => c,
        };
        let mut ahead = rest.clone();
        let last = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(last)) if last != ']' => {
                rest = ahead;
                last
            }
            _ => first,
        };
        ranges.push((first, last));
    }
    Some((Piece::Set { ranges, inside: negated.is_none() }, rest.as_str()))
}

/// The name, when there is only one.
fn literal(pieces: &[Piece]) -> Option<String> {
    pieces.iter().map(|piece| if let Piece::Character(c) = piece { Some(*c) } else { None }).collect()
}

/// Whether a name matches: at most as many steps as both are long, multiplied.
fn matches(pieces: &[Piece], name: &str) -> bool {
    if name.starts_with('.') && pieces.first() != Some(&Piece::Character('.')) {
        return false;
    }
    let (mut pattern, mut text) = (pieces, name.chars());
    // Behind the last `*`, and the text from which it has not been tried yet.
    let mut again: Option<(&[Piece], std::str::Chars<'_>)> = None;
    loop {
        if let [Piece::Any, after @ ..] = pattern {
            again = Some((after, text.clone()));
            pattern = after;
            continue;
        }
        let mut ahead = text.clone();
        match (pattern, ahead.next()) {
            ([], None) => return true,
            ([piece, after @ ..], Some(c)) if piece.is(c) => (pattern, text) = (after, ahead),
            _ => {
                let Some((after, tried)) = &mut again else { return false };
                if tried.next().is_none() {
                    return false;
                }
                (pattern, text) = (after, tried.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(pattern: &str, name: &str) -> bool {
        matches(&pieces(pattern), name)
    }

    #[test]
    fn patterns_match_as_the_shell_s_do() {
        for (pattern, name) in [
            ("*.conf", "a.conf"),
            ("*", "a"),
            ("a*b*c", "a-b-b-c"),
            ("?é", "xé"),
            ("[a-c]1", "b1"),
            ("[!a-c]1", "d1"),
            ("[^a-c]1", "d1"),
            ("[]x]", "]"),
            ("[a-]", "-"),
            ("a[", "a["),
            (r"\*", "*"),
            (".*", ".x"),
        ] {
            assert!(is(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*.conf", "a.conf~"),
            ("*", ".hidden"),
            ("?x", ".x"),
            ("[.]x", ".x"),
            ("a*b", "a-c"),
            ("[a-c]", "d"),
            ("[!a-c]", "a"),
            (r"\*", "a"),
            ("", "a"),
            ("?", "ab"),
        ] {
            assert!(!is(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = pieces(&"*a".repeat(1_000));
        assert!(!matches(&pattern, &"a".repeat(999)));
        assert!(matches(&pattern, &"a".repeat(1_000)));
    }

    #[test]
    fn paths_are_the_existing_ones_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_str().unwrap();
        for path in ["d2/10.conf", "d2/9.conf", "d1/a.conf", "d1/.h.conf", "d1/x", "file"] {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = |pattern: &str| {
            let paths = paths(&format!("{root}/{pattern}"));
            paths.into_iter().map(|path| path[root.len() + 1..].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(found("d?/*.conf"), ["d1/a.conf", "d2/10.conf", "d2/9.conf"]);
        assert_eq!(found("d1/x"), ["d1/x"]);
        assert_eq!(found("*/x"), ["d1/x"]);
        assert_eq!(found("//d1//x"), ["d1/x"]);
        assert!(found("d1/nothing").is_empty());
        assert!(found("nothing/*").is_empty());
    }
}
