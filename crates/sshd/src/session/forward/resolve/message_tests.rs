#![allow(clippy::arithmetic_side_effects)]

use super::*;

/// An answer to `question` with these flags and records.
pub(super) fn answer(question: &Question, flags: u16, records: &[(&[u8], u16, &[u8])]) -> Vec<u8> {
    let mut out = question.encoded();
    out[2..4].copy_from_slice(&(RESPONSE | RECURSION_DESIRED | flags).to_be_bytes());
    out[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
    for (owner, number, data) in records {
        out.extend(*owner);
        out.extend(number.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 60]);
        out.extend((data.len() as u16).to_be_bytes());
        out.extend(*data);
    }
    out
}

fn question(kind: Kind) -> Question {
    Question::new(0x1234, kind, "Host.Example").unwrap()
}

/// Where the question's name stands.
const SAME: &[u8] = &[0xc0, 12];

#[test]
fn a_question_is_encoded_as_the_rfc_has_it() {
    let expected = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x04host\x07example\0\0\x1c\0\x01";
    assert_eq!(question(Kind::Aaaa).encoded(), expected);
}

#[test]
fn names_without_an_encoding_are_no_questions() {
    let long = "x".repeat(64);
    let deep = "x.".repeat(127) + "xx";
    for name in ["", ".", "a..b", ".a", "a.", &long, &deep] {
        assert!(Question::new(1, Kind::A, name).is_none(), "{name}");
    }
    assert!(Question::new(1, Kind::A, &("x.".repeat(126) + "x")).is_some());
}

#[test]
fn addresses_of_the_name_and_its_aliases_are_found_and_no_others() {
    let question = question(Kind::A);
    let direct = answer(&question, 0, &[(SAME, 1, &[192, 0, 2, 1]), (SAME, 1, &[192, 0, 2, 2])]);
    let expected = ["192.0.2.1", "192.0.2.2"].map(|address| address.parse().unwrap());
    assert_eq!(question.read(&direct), Some(Answer::Addresses(expected.into())));
    let alias = answer(
        &question,
        0,
        &[
            (b"\x01b\0", 1, &[192, 0, 2, 3]),
            (b"\x05other\0", 1, &[192, 0, 2, 4]),
            (b"\x01A\0", 5, b"\x01B\0"),
            (SAME, 5, b"\x01a\0"),
            (SAME, 16, b"text"),
        ],
    );
    assert_eq!(question.read(&alias), Some(Answer::Addresses(vec!["192.0.2.3".parse().unwrap()])));
    let circle = answer(&question, 0, &[(SAME, 5, b"\x01a\0"), (b"\x01a\0", 5, SAME)]);
    assert_eq!(question.read(&circle), Some(Answer::Addresses(vec![])));
}

#[test]
fn ipv6_addresses_are_read() {
    let question = question(Kind::Aaaa);
    let mut address = [0; 16];
    address[15] = 1;
    let packet = answer(&question, 0, &[(SAME, 28, &address)]);
    assert_eq!(question.read(&packet), Some(Answer::Addresses(vec!["::1".parse().unwrap()])));
}

#[test]
fn codes_and_truncation_are_told() {
    let question = question(Kind::A);
    assert_eq!(question.read(&answer(&question, 3, &[])), Some(Answer::NoName));
    assert_eq!(question.read(&answer(&question, 2, &[])), Some(Answer::Failed));
    assert_eq!(question.read(&answer(&question, 5, &[])), Some(Answer::Failed));
    assert_eq!(question.read(&answer(&question, TRUNCATED, &[])), Some(Answer::Truncated));
}

#[test]
fn answers_to_other_questions_are_none() {
    let asked = question(Kind::A);
    let others = [
        Question::new(0x1235, Kind::A, "host.example").unwrap(),
        Question::new(0x1234, Kind::Aaaa, "host.example").unwrap(),
        Question::new(0x1234, Kind::A, "host.exampl").unwrap(),
    ];
    for other in others {
        assert_eq!(asked.read(&answer(&other, 0, &[])), None);
    }
    // What comes back is our own question.
    assert_eq!(asked.read(&asked.encoded()), None);
}

#[test]
fn pointers_that_lead_nowhere_or_in_circles_are_refused() {
    let question = question(Kind::A);
    let start = question.encoded().len() as u8;
    // To itself, ahead, out of the packet, two that point at each other, and a kind of label that there is not.
    let names: [&[u8]; 5] =
        [&[0xc0, start], &[0xc0, start + 2], &[0xff, 0xff], &[0xc0, start + 2, 0xc0, start], &[0x40, 0]];
    for name in names {
        assert_eq!(question.read(&answer(&question, 0, &[(name, 1, &[1, 2, 3, 4])])), None, "{name:?}");
    }
    let wrong_size = answer(&question, 0, &[(SAME, 1, &[1, 2, 3])]);
    assert_eq!(question.read(&wrong_size), None);
}

#[test]
fn no_cut_and_no_flipped_bit_makes_it_fall_over_or_invent_addresses_out_of_nothing() {
    let question = question(Kind::A);
    let whole = answer(&question, 0, &[(SAME, 5, b"\x01a\xc0\x0c"), (b"\x01a\xc0\x0c", 1, &[192, 0, 2, 1])]);
    assert_eq!(question.read(&whole), Some(Answer::Addresses(vec!["192.0.2.1".parse().unwrap()])));
    for end in 0..whole.len() {
        assert_eq!(question.read(&whole[..end]), None, "{end}");
    }
    for bit in 0..whole.len() * 8 {
        let mut packet = whole.clone();
        packet[bit / 8] ^= 1 << (bit % 8);
        if let Some(Answer::Addresses(addresses)) = question.read(&packet) {
            assert!(addresses.len() <= 1);
        }
    }
}

#[test]
fn bytes_of_chance_are_read_to_some_end() {
    let question = question(Kind::A);
    let mut random = crypto::SeededRng::new(7);
    for length in 0..2000 {
        let mut packet = answer(&question, 0, &[]);
        let mut tail = vec![0; length % 300];
        crypto::Rng::fill(&mut random, &mut tail).unwrap();
        // Labels and pointers more often than chance has them.
        tail.iter_mut().step_by(3).for_each(|byte| *byte &= 0xc7);
        packet[7] = 200;
        packet.extend(tail);
        let _ = question.read(&packet);
    }
    assert_eq!(question.read(&[]), None);
}
