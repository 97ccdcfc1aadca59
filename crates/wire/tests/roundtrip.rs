//! Every type reads back what it wrote, and no input makes a decoder do anything but answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use nacre_wire::{
    Blob, Bytes, Decode, Encode, Human, Mpint, Name, NameList, NulFree, Reader, Rest, Sensitive, Text,
    decode_all, encoded_len,
};
use proptest::prelude::*;

fn encoded<T: Encode>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(&mut out);
    assert_eq!(out.len(), encoded_len(value));
    out
}

/// Decodes a `T`; what was accepted must encode to the very bytes that were read.
fn canonical<'a, T: Decode<'a> + Encode>(bytes: &'a [u8]) {
    let mut input = Reader::new(bytes);
    if let Ok(value) = T::decode(&mut input) {
        let read = bytes.len() - input.left();
        assert_eq!(encoded(&value), bytes[..read]);
    }
}

proptest! {
    #[test]
    fn strings_read_back(bytes: Vec<u8>, text in "[^\0]*") {
        let wire = encoded(&Bytes(&bytes));
        prop_assert_eq!(decode_all::<Bytes<'_>>(&wire).unwrap().0, &bytes[..]);
        let wire = encoded(&Human(&bytes));
        prop_assert_eq!(decode_all::<Human<'_>>(&wire).unwrap().0, &bytes[..]);
        let wire = encoded(&Sensitive(&bytes));
        prop_assert_eq!(decode_all::<Sensitive<'_>>(&wire).unwrap().0, &bytes[..]);
        let text = Text::new(&text).unwrap();
        let wire = encoded(&text);
        prop_assert_eq!(decode_all::<Text<'_>>(&wire).unwrap(), text);
        prop_assert_eq!(NulFree::new(&bytes).is_ok(), !bytes.contains(&0));
    }

    #[test]
    fn mpints_have_one_encoding(magnitude in proptest::collection::vec(any::<u8>(), 0..300)) {
        let number = Mpint::from_magnitude(&magnitude);
        let wire = encoded(&number);
        prop_assert_eq!(decode_all::<Mpint<'_>>(&wire).unwrap(), number);
        // The sign bit is never set, and there is no byte that could be left out.
        prop_assert!(wire.get(4).is_none_or(|first| first & 0x80 == 0));
    }

    #[test]
    fn lists_read_back(names in proptest::collection::vec("[a-z0-9@.-]{1,70}", 0..20)) {
        let joined = names.join(",");
        let wire = encoded(&NameList::new(&joined).unwrap());
        let read: Vec<_> = decode_all::<NameList<'_>>(&wire).unwrap().iter().map(str::to_owned).collect();
        prop_assert_eq!(read, names);
    }

    #[test]
    fn what_is_accepted_is_canonical(bytes in proptest::collection::vec(any::<u8>(), 0..64), length in 0_u32..70) {
        let mut prefixed = length.to_be_bytes().to_vec();
        prefixed.extend_from_slice(&bytes);
        for input in [&bytes, &prefixed] {
            canonical::<Bytes<'_>>(input);
            canonical::<NulFree<'_>>(input);
            canonical::<Text<'_>>(input);
            canonical::<Human<'_>>(input);
            canonical::<Name<'_>>(input);
            canonical::<NameList<'_>>(input);
            canonical::<Mpint<'_>>(input);
            canonical::<Rest<'_>>(input);
            canonical::<Blob<u32>>(input);
            canonical::<Blob<Bytes<'_>>>(input);
            canonical::<u64>(input);
            canonical::<[u8; 16]>(input);
        }
    }

    #[test]
    fn display_of_human_text_holds_no_control_character(bytes: Vec<u8>) {
        prop_assert!(!Human(&bytes).to_string().chars().any(char::is_control));
    }
}
