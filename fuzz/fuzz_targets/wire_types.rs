//! Every wire type and every message: what decodes encodes to the same bytes, and what encodes decodes to the same.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use nacre_fuzz::payload;
use wire::{Blob, Bytes, Human, Mpint, Name, NameList, NulFree, Rest, Sensitive, Text};

/// A boolean has more than one encoding of true, and is sent as 1; so bytes are compared after they went round once.
fn type_from_bytes<'a, T: wire::Decode<'a> + wire::Encode>(bytes: &'a [u8], exact: bool) {
    let Ok(value) = wire::decode_all::<T>(bytes) else { return };
    let encoded = payload(&value);
    assert_eq!(encoded.len(), wire::encoded_len(&value));
    assert!(!exact || encoded == bytes, "{encoded:02x?} from {bytes:02x?}");
}

fn type_from_value<'a, T>(u: &mut Unstructured<'a>)
where
    T: Arbitrary<'a> + wire::Encode,
    for<'b> Again<T>: GoesRound<'b>,
{
    if let Ok(value) = T::arbitrary(u) {
        let encoded = payload(&value);
        assert_eq!(Again::<T>::go(&encoded), encoded);
    }
}

/// A type without its lifetime.
struct Again<T>(std::marker::PhantomData<T>);

trait GoesRound<'b> {
    fn go(bytes: &'b [u8]) -> Vec<u8>;
}

macro_rules! goes_round {
    ($($type:ty => $short:ty),* $(,)?) => { $(
        impl<'a, 'b> GoesRound<'b> for Again<$type> {
            fn go(bytes: &'b [u8]) -> Vec<u8> {
                payload(&wire::decode_all::<$short>(bytes).expect("what was encoded decodes"))
            }
        }
    )* };
}
goes_round! {
    Bytes<'a> => Bytes<'b>, Human<'a> => Human<'b>, NulFree<'a> => NulFree<'b>, Text<'a> => Text<'b>,
    Sensitive<'a> => Sensitive<'b>, Rest<'a> => Rest<'b>, Name<'a> => Name<'b>, NameList<'a> => NameList<'b>,
    Mpint<'a> => Mpint<'b>,
}

macro_rules! types {
    ($bytes:expr, $u:expr; $($type:ty),*) => { $(
        type_from_bytes::<$type>($bytes, true);
        type_from_value::<$type>($u);
    )* };
}

macro_rules! messages {
    ($bytes:expr, $which:expr, $u:expr; $($module:path: $($message:ident),*;)*) => {
        $( $( {
            use $module as module;
            if let Ok(message) = module::$message::from_payload($bytes) {
                let encoded = payload(&message);
                // One more time, because a boolean may have been any value but zero.
                let again = module::$message::from_payload(&encoded).expect("what was encoded decodes");
                assert_eq!(payload(&again), encoded);
                assert_eq!(encoded.len(), $bytes.len());
                let _ = format!("{message:?}");
            }
        } )* )*
        // One kind for each input, so that the bytes are not shared out among forty.
        let mut at = 0u8;
        $( $( {
            use $module as module;
            if $which == at && let Ok(message) = module::$message::arbitrary($u) {
                let encoded = payload(&message);
                let again = module::$message::from_payload(&encoded).expect("what was encoded decodes");
                assert_eq!(payload(&again), encoded);
                assert_eq!(format!("{message:?}"), format!("{again:?}"));
            }
            at += 1;
        } )* )*
        let _ = at;
    };
}

fuzz_target!(|data: &[u8]| {
    let Some((which, bytes)) = data.split_first() else { return };
    let u = &mut Unstructured::new(bytes);
    types!(bytes, u; Bytes<'_>, Human<'_>, NulFree<'_>, Text<'_>, Sensitive<'_>, Rest<'_>, Name<'_>, NameList<'_>, Mpint<'_>);
    type_from_bytes::<Blob<Name<'_>>>(bytes, true);
    type_from_bytes::<Blob<Mpint<'_>>>(bytes, true);
    type_from_bytes::<Blob<keys::Signature<'_>>>(bytes, true);
    type_from_bytes::<u8>(bytes, true);
    type_from_bytes::<u32>(bytes, true);
    type_from_bytes::<u64>(bytes, true);
    type_from_bytes::<[u8; 16]>(bytes, true);
    type_from_bytes::<bool>(bytes, false);
    messages!(bytes, *which % 64, u;
        transport::message: Disconnect, Ignore, Unimplemented, Debug, ExtInfo, KexInit, NewKeys, KexEcdhInit, KexEcdhReply, KexDhGexGroup, KexDhGexInit, KexDhGexReply,
            KexDhGexRequest, Ping, Pong;
        userauth::message: ServiceRequest, ServiceAccept, Request, NoneRequest, KeyOffer, KeyProof, BoundKeyOffer, BoundKeyProof,
            PasswordRequest, PasswordChange, InteractiveRequest, Failure, Success, Banner, PkOk, PasswordChangeRequest, InfoRequest, InfoResponse;
        connection::message: GlobalRequestFrame, RequestSuccess, RequestFailure, ChannelOpen, ChannelOpenConfirmation, ChannelOpenFailure,
            ChannelWindowAdjust, ChannelData, ChannelExtendedData, ChannelEof, ChannelClose, ChannelRequestFrame, ChannelSuccess, ChannelFailure;
    );
    // What a name decides the meaning of.
    if let Ok(frame) = connection::message::ChannelRequestFrame::from_payload(bytes) {
        let _ = format!("{:?}", connection::ChannelRequest::parse(frame.name, frame.data.0));
    }
    if let Ok(frame) = connection::message::GlobalRequestFrame::from_payload(bytes) {
        let _ = format!("{:?}", connection::GlobalRequest::parse(frame.name, frame.data.0));
    }
    if let Ok(frame) = connection::message::ChannelOpen::from_payload(bytes) {
        let _ = format!("{:?}", connection::ChannelType::parse(frame.kind, frame.data.0));
    }
    if let Ok(modes) = connection::TerminalModes::parse(bytes) {
        let _ = format!("{modes:?}");
    }
});
