//! Key exchange in groups that the server chooses (RFC 4419), with stock `ssh`.

use std::path::Path;

use crate::harness::{Outcome, Server};

const METHODS: [&str; 2] = ["diffie-hellman-group-exchange-sha256", "diffie-hellman-group-exchange-sha1"];

fn server(moduli: &str) -> Server {
    Server::with(&format!("KexAlgorithms +diffie-hellman-group-exchange-*\nModuliFile {moduli}"))
}

/// Runs a command by this method, with a cipher for which `ssh` wants 3072 bits.
fn run(server: &Server, method: &str, words: &[&str]) -> Outcome {
    let kex = format!("-oKexAlgorithms={method}");
    let options = ["-oLogLevel=DEBUG3", &kex, "-oCiphers=aes128-gcm@openssh.com"];
    server.run(&[&options[..], words].concat())
}

/// The length of the modulus in bits that `ssh` says it computed with.
fn is_of(outcome: &Outcome, bits: u32) -> bool {
    outcome.stderr.contains(&format!("/{bits}\r")) || outcome.stderr.contains(&format!("/{bits}\n"))
}

/// A file with a modulus of each of these sizes. They are odd, which is enough to reckon with.
fn moduli(path: &Path, sizes: &[usize]) {
    let line = |bits: usize| {
        let digits: String = "9e3779b97f4a7c15f39cc0605cedc834".chars().cycle().take(bits / 4 - 2).collect();
        format!("20260101000000 2 6 100 {} 5 c{digits}b\n", bits - 1)
    };
    std::fs::write(path, sizes.iter().map(|bits| line(*bits)).collect::<String>()).unwrap();
}

#[test]
fn a_group_of_the_file_is_used_for_the_login_and_for_keys_anew() {
    for method in METHODS {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("moduli");
        moduli(&path, &[2048, 3072, 4096]);
        let server = server(path.to_str().unwrap());
        // More than the client's window and its limit together, so the keys come before the end.
        let outcome = run(&server, method, &["-oRekeyLimit=1M", "head -c 4000000 /dev/zero"]);
        assert_eq!(outcome.stdout.len(), 4_000_000);
        assert!(outcome.stderr.contains(&format!("kex: algorithm: {method}")), "{}", outcome.stderr);
        assert!(is_of(&outcome, 3072), "{}", outcome.stderr);
        let groups = outcome.stderr.matches("SSH2_MSG_KEX_DH_GEX_GROUP received").count();
        assert!(groups >= 2, "{groups}: {}", outcome.stderr);
    }
}

#[test]
fn without_a_file_or_a_fitting_line_the_largest_well_known_group_is_used() {
    let none = server("none");
    let outcome = run(&none, METHODS[0], &["echo in"]);
    assert_eq!(outcome.success(), "in");
    assert!(is_of(&outcome, 8192), "{}", outcome.stderr);
    let missing = server("/nonexistent/moduli");
    assert_eq!(run(&missing, METHODS[0], &["echo in"]).success(), "in");
    missing
        .logs("WARNING: could not open /nonexistent/moduli (No such file or directory), using fixed modulus");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("moduli");
    std::fs::write(&path, "# nothing\nnonsense\n").unwrap();
    let empty = server(path.to_str().unwrap());
    assert_eq!(run(&empty, METHODS[0], &["echo in"]).success(), "in");
    empty.logs("moduli:2: truncated");
    empty.logs(&format!("WARNING: no suitable primes in {}", path.display()));
}

#[test]
fn nobody_gets_a_group_who_was_not_offered_the_method() {
    let server = Server::with("");
    assert_ne!(run(&server, METHODS[0], &["true"]).code, Some(0));
    server.logs("no matching key exchange method found");
}
