//! Packets under every cipher and MAC: the peer has the right keys, so what the input says reaches every layer, and may
//! be damaged on the way. The exchange is by the null method, whose K both sides know, and costs nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nacre_fuzz::{ClientSide, Input, Peer, ServerSide, Treatment, suites};
use proto::Error;
use wire::Role;

/// The client is under test.
const CLIENT: u8 = 0x80;

fuzz_target!(|data: &[u8]| {
    let Input { flags, mut choices, records } = Input::of(data);
    let suites = suites();
    let suite = &suites[usize::from(flags & !CLIENT) % suites.len()];
    macro_rules! run {
        ($side:ident, $peer:expr) => {
            let mut side = $side::new(false);
            let mut peer = Peer::new($peer);
            peer.exchange(suite);
            assert!(side.receive(peer.out(), &mut choices), "{:?}", side.connection.error());
            peer.out().clear();
            let id =
                side.connection.transport().session_id().expect("the exchange is done").as_bytes().to_vec();
            peer.rekeyed(suite, &id);
            for record in records {
                if record.treatment == Treatment::AfterWaiting && !side.wait(&mut choices) {
                    return;
                }
                peer.play(record);
                let going = side.receive(peer.out(), &mut choices) && side.turn(&mut choices);
                peer.out().clear();
                if record.treatment == Treatment::Damaged && record.bytes.len() >= 2 {
                    // One flipped bit can leave a packet incomplete; it can never let one through.
                    assert!(
                        going
                            || !matches!(
                                side.connection.error(),
                                Some(Error::UserAuth(_) | Error::Connection(_))
                            )
                    );
                    return;
                }
                if !going {
                    return;
                }
            }
        };
    }
    if flags & CLIENT == 0 {
        run!(ServerSide, Role::Client);
    } else {
        run!(ClientSide, Role::Server);
    }
});
