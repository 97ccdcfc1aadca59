//! The agent's answers, cut anywhere: they mean the same, and what waits is bounded.
#![no_main]

use keyfiles::agent::{AgentClient, Answer};
use keys::{Identity, SignatureAlg};
use libfuzzer_sys::fuzz_target;
use nacre_fuzz::host_key;

fn asked(requests: u8) -> AgentClient {
    let mut client = AgentClient::default();
    let identity = Identity::Key(host_key().public());
    let algorithm = SignatureAlg::by_name("ssh-ed25519").expect("a row of the table");
    for bit in 0..8 {
        let asked = match (requests >> bit & 1, bit % 4) {
            (0, _) => client.request_identities(),
            (_, 0) => client.sign(&identity, algorithm, b"data"),
            (_, 1) => client.remove_all(),
            (_, 2) => client.query(),
            (_, _) => client.remove(&identity.blob()),
        };
        asked.expect("room for eight requests");
    }
    client
}

/// Gives the bytes in pieces, and tells the answers and whether it failed.
fn answers(requests: u8, bytes: &[u8], piece: usize) -> (Vec<Answer>, bool) {
    let (mut client, mut answers) = (asked(requests), Vec::new());
    for mut part in bytes.chunks(piece.max(1)) {
        while !part.is_empty() {
            match client.receive(part) {
                Ok((taken, answer)) => {
                    assert!(taken > 0 || answer.is_some());
                    part = &part[taken..];
                    answers.extend(answer);
                }
                Err(error) => {
                    // What failed stays failed.
                    assert_eq!(client.receive(b"x"), Err(error));
                    assert_eq!(client.awaited(), 0);
                    return (answers, true);
                }
            }
        }
    }
    assert!(answers.len() <= 8);
    (answers, false)
}

fuzz_target!(|data: &[u8]| {
    let [requests, piece, bytes @ ..] = data else { return };
    let whole = answers(*requests, bytes, bytes.len());
    assert_eq!(answers(*requests, bytes, usize::from(*piece)), whole);
});
