//! Everything that a client can be sent, without protection: the input's payloads are framed properly, or not at all.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nacre_fuzz::{ClientSide, Input, Peer, Suite, Treatment};
use wire::Role;

/// The honest exchange comes first.
const EXCHANGE: u8 = 1;
/// What is to be sent stays until input is blocked.
const SLOW: u8 = 2;
/// The real methods of key exchange are offered too.
const REAL: u8 = 4;

fuzz_target!(|data: &[u8]| {
    let Input { flags, mut choices, records } = Input::of(data);
    let mut client = ClientSide::new(flags & REAL != 0);
    client.slow = flags & SLOW != 0;
    let mut peer = Peer::new(Role::Server);
    if flags & EXCHANGE != 0 {
        peer.exchange(&Suite::NULL);
    }
    for record in records {
        if record.treatment == Treatment::AfterWaiting && !client.wait(&mut choices) {
            return;
        }
        peer.play(record);
        let going = client.receive(peer.out(), &mut choices) && client.turn(&mut choices);
        peer.out().clear();
        if !going {
            return;
        }
    }
});
