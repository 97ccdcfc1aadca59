//! The files in `vectors/`.

use std::collections::BTreeMap;

/// The cases of a file of vectors: `key = hex` lines, each case begun by its `case` line.
pub(crate) fn cases(text: &str) -> Vec<BTreeMap<&str, &str>> {
    let mut cases = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (key, value) = line.split_once('=').unwrap();
        if key.trim() == "case" {
            cases.push(BTreeMap::new());
        }
        cases.last_mut().unwrap().insert(key.trim(), value.trim());
    }
    cases
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2));
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
