//! The identification exchange (RFC 4253 §4.2) of both roles. However the bytes are cut, they mean the same.
#![no_main]

use crypto::SeededRng;
use libfuzzer_sys::fuzz_target;
use nacre_fuzz::{START, algorithms, host_key};
use transport::{Config, Error, Event, Ident, Input, RecvBuf, Transport};
use wire::Role;

/// What a machine makes of the bytes before the first packet.
#[derive(Debug, PartialEq)]
struct Seen {
    greetings: Vec<Vec<u8>>,
    ident: Option<Vec<u8>>,
    error: Option<Error>,
    said: Vec<u8>,
}

fn run(role: Role, bytes: &[u8], mut chunk: impl FnMut() -> usize) -> Seen {
    let mut config = Config::new(role, Ident::new("fuzzed", None).unwrap());
    config.algorithms = algorithms(false);
    config.host_keys = vec![host_key().public().blob()];
    let mut machine = Transport::new(config.into(), Box::new(SeededRng::new(1)), *START).unwrap();
    let mut rx = RecvBuf::new();
    let mut seen = Seen { greetings: Vec::new(), ident: None, error: None, said: Vec::new() };
    let mut rest = bytes;
    loop {
        match machine.process(*START, &mut rx) {
            Ok(Input::NeedBytes) if rest.is_empty() => break,
            Ok(Input::NeedBytes) => {
                let n = chunk().clamp(1, rest.len());
                rx.space(n)[..n].copy_from_slice(&rest[..n]);
                rx.filled(n);
                rest = &rest[n..];
            }
            Ok(Input::Event(Event::Greeting(line))) => seen.greetings.push(line.0.to_vec()),
            Ok(Input::Event(Event::Identified)) => {
                seen.ident = Some(machine.peer_ident().unwrap().as_bytes().to_vec());
                break;
            }
            Ok(other) => panic!("{other:?} before the identification"),
            Err(error) => {
                assert_eq!(machine.error(), Some(&error));
                seen.error = Some(error);
                break;
            }
        }
    }
    if let Some(ident) = machine.peer_ident() {
        assert!(ident.as_bytes().iter().all(|byte| (0x20..0x7f).contains(byte)));
        assert!(ident.protocol() == "2.0" || ident.protocol() == "1.99");
        let _ = (ident.comments(), ident.to_string());
    }
    seen.said = machine.transmit().to_vec();
    seen
}

fuzz_target!(|data: &[u8]| {
    let [flags, first, second, bytes @ ..] = data else { return };
    // A machine with a receive buffer that is never full takes lines of any length.
    let bytes = &bytes[..bytes.len().min(64 * 1024)];
    let role = if flags & 1 == 0 { Role::Server } else { Role::Client };
    let at_once = run(role, bytes, || usize::MAX);
    let mut odd = false;
    let in_pieces = run(role, bytes, || {
        odd = !odd;
        usize::from(if odd { *first } else { *second })
    });
    assert_eq!(at_once, in_pieces);
});
