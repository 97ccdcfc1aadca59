//! What fuzz targets reach of the server's inside: readers of bytes that somebody else chooses, with what must hold of what they read.
//!
//! Only with the feature `arbitrary`, which no program of ours has.

use arbitrary::{Arbitrary, Unstructured};
use config::value::ChannelTimeouts;
use wire::{Encode, Text};

use crate::permit::Permit;
use crate::protocol::session::{self, From, SESSION};

pub use crate::session::fuzzing::{display, resolver};

fn payload(message: &impl Encode) -> Vec<u8> {
    let mut payload = Vec::new();
    message.encode(&mut payload);
    payload
}

macro_rules! messages {
    ($($name:ident),* $(,)?) => {
        /// A payload, to whoever may be sent it.
        pub fn session_message(bytes: &[u8]) {
            let mut meanings: u32 = 0;
            $( if let Ok(message) = session::$name::from_payload(bytes) {
                meanings = meanings.saturating_add(1);
                let again = payload(&message);
                // A boolean has more than one encoding of true.
                assert_eq!(again.len(), bytes.len(), "{message:?}");
                let read = session::$name::from_payload(&again).map(|read| payload(&read));
                assert_eq!(read.as_ref(), Ok(&again), "{message:?}");
                let _ = format!("{message:?}");
            } )*
            let of_net = bytes.first().is_some_and(|number| {
                SESSION.iter().any(|row| row.number == *number && row.phase == From::Net)
            });
            assert!(meanings <= 1);
            assert_eq!(crate::session::fuzzing::is_request(bytes), of_net && meanings == 1);
        }

        /// A message of the kind that `which` chooses: it means the same at the other end.
        ///
        /// # Errors
        /// When there is too little to make one of.
        pub fn session_value(which: u8, u: &mut Unstructured<'_>) -> arbitrary::Result<()> {
            let mut kinds = which;
            $( {
                if kinds == 0 {
                    let message = session::$name::arbitrary(u)?;
                    let encoded = payload(&message);
                    let read = session::$name::from_payload(&encoded).map(|read| format!("{read:?}"));
                    assert_eq!(read, Ok(format!("{message:?}")));
                    return Ok(());
                }
                kinds = kinds.saturating_sub(1);
            } )*
            let _ = kinds;
            Ok(())
        }
    };
}

messages!(
    Env,
    Pty,
    Shell,
    Exec,
    Subsystem,
    Signal,
    Break,
    Closed,
    Connect,
    ConnectLocal,
    Listen,
    ListenLocal,
    Cancel,
    CancelLocal,
    Agent,
    X11,
    Reply,
    Exited,
    Signalled,
    Connected,
    Refused,
    Listening,
    IncomingTcp,
    IncomingLocal,
    IncomingAgent,
    IncomingX11,
);

/// A permit: what was read is the same at the next end.
pub fn permit(bytes: &[u8]) {
    let Ok(permit) = wire::decode_all::<Permit>(bytes) else { return };
    assert_eq!(wire::decode_all::<Permit>(&payload(&permit)), Ok(permit));
}

/// What the monitor tells net of `ChannelTimeout`: net takes it, whatever was configured.
pub fn channel_timeouts(timeouts: &ChannelTimeouts) {
    let told = crate::monitor::fuzzing::timeouts(timeouts);
    assert!(Text::new(&told).is_ok(), "{told:?}");
    assert!(crate::net::fuzzing::takes_timeouts(&told), "{told:?}");
}
