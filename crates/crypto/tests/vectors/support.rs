//! Reading vectors, and what all families need to drive our code with them.

use std::collections::HashMap;
use std::path::Path;

use nacre_crypto::{CIPHERS, CipherAlg, KEX, KexAlg, MACS, MacAlg, NoEntropy, Rng};

/// One case of a file of `vectors`: lines of `key = value`.
pub(crate) struct Case(HashMap<String, String>);

impl Case {
    pub(crate) fn text(&self, key: &str) -> &str {
        self.maybe_text(key).unwrap_or_else(|| panic!("no {key} in {:?}", self.0))
    }

    pub(crate) fn maybe_text(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    pub(crate) fn hex(&self, key: &str) -> Vec<u8> {
        let text = self.text(key);
        assert_eq!(text.len() % 2, 0, "{key}");
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    pub(crate) fn array<const N: usize>(&self, key: &str) -> [u8; N] {
        self.hex(key).try_into().unwrap()
    }
}

/// The cases of a file: blocks of lines with empty ones between, `#` begins a comment.
pub(crate) fn cases(file: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.split("\n\n")
        .map(|block| {
            let lines = block.lines().filter(|line| !line.starts_with('#'));
            Case(
                lines
                    .map(|line| {
                        let (key, value) = line.split_once(" = ").unwrap_or_else(|| panic!("{file}: {line}"));
                        (key.to_owned(), value.to_owned())
                    })
                    .collect(),
            )
        })
        .filter(|case| !case.0.is_empty())
        .collect()
}

/// Says how many vectors were run. None at all is a failure: then the test has proven nothing.
pub(crate) fn report(name: &str, run: usize) {
    println!("vectors: {name} {run} run");
    assert!(run > 0, "{name}: no vector was run");
}

/// Randomness that is a vector's: these bytes in this order, and none after them.
pub(crate) struct Script(pub(crate) Vec<u8>);

impl Script {
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        Self(parts.concat())
    }
}

impl Rng for Script {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        if out.len() > self.0.len() {
            return Err(NoEntropy);
        }
        out.copy_from_slice(&self.0.drain(..out.len()).collect::<Vec<_>>());
        Ok(())
    }
}

pub(crate) fn kex(name: &str) -> &'static KexAlg {
    KEX.iter().find(|row| row.name == name).unwrap()
}

pub(crate) fn cipher(name: &str) -> &'static CipherAlg {
    CIPHERS.iter().find(|row| row.name == name).unwrap()
}

pub(crate) fn mac(name: &str) -> &'static MacAlg {
    MACS.iter().find(|row| row.name == name).unwrap()
}
