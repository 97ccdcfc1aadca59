//! The whole server before authentication: identification, key exchange by the null method, and messages of user
//! authentication that the input makes. It must be fast: this is what anybody on the internet can talk to.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nacre_fuzz::{Input, Peer, ServerSide, Suite, Treatment};
use wire::Role;

/// The honest exchange comes first.
const EXCHANGE: u8 = 1;
/// What is to be sent stays until input is blocked.
const SLOW: u8 = 2;

fuzz_target!(|data: &[u8]| {
    let Input { flags, mut choices, records } = Input::of(data);
    let mut server = ServerSide::new(false);
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
        let going = server.receive(peer.out(), &mut choices);
        peer.out().clear();
        if !going || server.connection.is_open() {
            return;
        }
    }
});
