//! Everything that a server can be sent, without protection: the input's payloads are framed properly, or not at all.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nacre_fuzz::{Input, Peer, ServerSide, Suite, Treatment};
use wire::Role;

/// The honest exchange comes first.
const EXCHANGE: u8 = 1;
/// What is to be sent stays until input is blocked.
const SLOW: u8 = 2;
/// The real methods of key exchange are offered too.
const REAL: u8 = 4;

fuzz_target!(|data: &[u8]| {
    let Input { flags, mut choices, records } = Input::of(data);
    let mut server = ServerSide::new(flags & REAL != 0);
    server.slow = flags & SLOW != 0;
    let mut peer = Peer::new(Role::Client);
    if flags & EXCHANGE != 0 {
        peer.exchange(&Suite::NULL);
    }
    for record in records {
        if record.treatment == Treatment::AfterWaiting && !server.wait(&mut choices) {
            return;
        }
        peer.play(record);
        let going = server.receive(peer.out(), &mut choices) && server.turn(&mut choices);
        peer.out().clear();
        if !going {
            return;
        }
    }
});
