//! Configurations that nobody wrote: a dump read back is the same dump, and nothing panics.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use common::{Memory, PATH, read};
use nacre_config::{ConnInfo, keyword::KEYWORDS, limits::MAX_REPORTS};
use proptest::prelude::*;

/// Words as an administrator could write them, quoted or not.
const WORD: &str = r#"[a-z0-9/*?%:=.,~ \t'"\\#\[\]é-]{0,12}"#;

/// Values that some keyword takes, so that lines are often good.
fn value() -> impl Strategy<Value = String> {
    const GOOD: &[&str] = &[
        "yes",
        "no",
        "none",
        "0",
        "7",
        "65535",
        "2147483647",
        "1h30m",
        "16K",
        "default 5",
        "10:30:60",
        "any",
        "inet6",
        "debug2",
        "/a",
        "'/a b' c",
        "~/x",
        "relative",
        "A=1 'B=x y'",
        "LANG LC_*",
        "sftp /x -a 'b  c' # d",
        "\"s f\" = \"x\"",
        "192.0.2.1",
        "[2001:db8::1]:22",
        "*",
        "host.example:7",
        "fe80::1%eth0",
        "aes128-ctr",
        "+ssh-rsa",
        "^*gcm*",
        "-*sha1*",
        "curve25519-sha256",
        "#x",
        "= =x",
        "echo \"a  b\" # it's",
        "prohibit-password",
        "local",
        "any",
        "[::1]:80 a:* *:1",
        "session:*=1m global=1.5",
        "0177",
        "af21 0x07",
        "/jail/%u",
        "A*,!AB",
        "\"none\"",
        "\x0cx",
    ];
    prop_oneof![
        3 => proptest::sample::select(GOOD).prop_map(str::to_owned),
        1 => WORD.prop_map(|word| format!("\"{}\"", word.replace(['\\', '"'], "x"))),
        1 => WORD,
    ]
}

fn line() -> impl Strategy<Value = String> {
    let names: Vec<&str> = KEYWORDS.iter().map(|keyword| keyword.name).collect();
    let separator = proptest::sample::select(&[" ", "=", " = ", "\t"][..]);
    (proptest::sample::select(names), separator, value())
        .prop_map(|(name, separator, value)| format!("{name}{separator}{value}\n"))
}

fn connection() -> ConnInfo {
    ConnInfo::parse("user=bob,host=h.example.org,addr=192.0.2.7,laddr=192.0.2.1,lport=2222,rdomain=rd")
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_dump_read_back_is_the_same_dump(lines in prop::collection::vec(line(), 1..20)) {
        // Lines that are refused are left out, so that most configurations have some that are not.
        let good: Vec<String> = lines.into_iter().filter(|line| read(&Memory::with(line)).is_ok()).collect();
        let Ok(config) = read(&Memory::with(&good.concat())) else { return Ok(()) };
        for effective in [config.global().clone(), config.effective(&connection())] {
            let dump = effective.dump();
            let again = read(&Memory::with(&dump));
            let again = match again {
                Ok(again) => again,
                Err(error) => return Err(TestCaseError::fail(format!("{error}\n{dump}"))),
            };
            prop_assert_eq!(again.global().dump(), dump);
            prop_assert!(again.warnings().is_empty());
        }
    }

    #[test]
    fn any_lines_are_read_or_refused(
        lines in prop::collection::vec(prop_oneof![line(), WORD.prop_map(|line| format!("{line}\n")), "Match [a-z!=*, ]{0,20}\n", "Include \\*?/?[a-z/*]{0,4}\n"], 0..30),
    ) {
        let main = lines.concat();
        // A file that includes itself ends as well.
        match read(&Memory::with(&main).and("/a", &main).and("/etc/ssh/a", &main)) {
            Ok(config) => {
                let _ = config.effective(&connection()).dump();
            }
            Err(error) => {
                prop_assert!(error.reports.len() <= MAX_REPORTS && !error.reports.is_empty());
                prop_assert!(error.to_string().lines().all(|line| !line.contains(char::is_control)), "{error}");
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut files = Memory::default();
        files.0.insert(PATH.into(), bytes);
        if let Err(error) = read(&files) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn any_test_specification_is_read_or_refused(spec in "[a-z=,.:0-9-]{0,40}") {
        if let Err(error) = ConnInfo::parse(&spec) {
            prop_assert!(error.to_string().contains("in test mode specification") || error.to_string().contains("Invalid test mode"));
        }
    }
}
