//! Files of any bytes, and good lines among bad ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use nacre_keyfiles::authorized_keys::lines;
use proptest::prelude::*;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOuBVA+OrztROrw2lmTOBlkBxk46ybxW6GAN6PXzzrUb";

/// A line of pieces that lines are made of, so that much of it is nearly right.
fn nearly_a_line() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "\"",
            "\\",
            "\\\"",
            ",",
            "=",
            " ",
            "\t",
            "#",
            "\r",
            "no-",
            "pty",
            "restrict",
            "command",
            "command=\"",
            "from=\"*\"",
            "expiry-time=\"20400101\"",
            "environment=\"A=1\"",
            "permitopen=\"a:1\"",
            "permitlisten=\"",
            "user-rc",
            "ssh-ed25519",
            "ssh-x AAAABXNzaC14",
            KEY,
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_the_end(file in prop::collection::vec(any::<u8>(), 0..400)) {
        let ends = file.iter().filter(|byte| **byte == b'\n').count();
        let count = ends + usize::from(!file.is_empty() && !file.ends_with(b"\n"));
        prop_assert_eq!(lines(&file).map(|(number, _)| number).collect::<Vec<_>>(), (1..=count).collect::<Vec<_>>());
        for (_, line) in lines(&file) {
            if let Err(fault) = line {
                prop_assert!(!fault.to_string().contains('\n'));
            }
        }
    }

    #[test]
    fn a_line_means_the_same_whatever_stands_before_and_after_it(
        before in prop::collection::vec(nearly_a_line(), 0..4),
        line in nearly_a_line(),
        after in prop::collection::vec(nearly_a_line(), 0..4),
    ) {
        prop_assume!(!line.contains(&b'\n'));
        let with_end = [&line[..], b"\n"].concat();
        let mut alone = lines(&with_end);
        let (_, meant) = alone.next().unwrap();
        let mut file: Vec<u8> = before.join(&b'\n');
        file.push(b'\n');
        let number = file.iter().filter(|byte| **byte == b'\n').count() + 1;
        file.extend_from_slice(&with_end);
        file.extend(after.join(&b'\n'));
        let found = lines(&file).find(|(at, _)| *at == number).unwrap().1;
        prop_assert_eq!(found, meant);
    }

    #[test]
    fn a_bad_line_never_hides_the_next(before in prop::collection::vec(nearly_a_line(), 0..4)) {
        let file = [&before.join(&b'\n')[..], b"\nno-pty,command=\"x\" ", KEY.as_bytes(), b" me"].concat();
        let entry = lines(&file).last().unwrap().1.unwrap().unwrap();
        prop_assert_eq!(entry.key.to_string(), KEY);
        prop_assert_eq!(entry.options.command.as_deref(), Some(&b"x"[..]));
        prop_assert!(!entry.options.pty);
    }

    #[test]
    fn a_command_is_read_as_it_was_quoted(command in "[^\0\r\n]{0,40}") {
        // A backslash right before a quote, or at the end, has no written form.
        prop_assume!(!command.contains("\\\"") && !command.ends_with('\\'));
        let line = format!("command=\"{}\" {KEY}", command.replace('"', "\\\""));
        let entry = lines(line.as_bytes()).next().unwrap().1.unwrap().unwrap();
        prop_assert_eq!(entry.options.command.as_deref(), Some(command.as_bytes()));
    }
}
