//! Compares with what a real sshd made of a number of lines, good and bad.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use nacre_keyfiles::authorized_keys::{Tunnel, lines};

const RECORDED: &str = include_str!("openssh-10.6.txt");
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOuBVA+OrztROrw2lmTOBlkBxk46ybxW6GAN6PXzzrUb";

/// Where we differ, and why. Each of these has to differ.
const DIFFERENT: &[(&str, &str)] = &[
    (r"KEY \x00 comment", "theirs reads up to the NUL"),
    (r"ssh-ed25519 BASE64\x0b", "theirs takes any white space for none inside of base64"),
];

/// The line that a case means.
fn meant(case: &str) -> Vec<u8> {
    let base64 = KEY.split_once(' ').unwrap().1;
    let case = case.replace("KEY", KEY).replace("BASE64", base64);
    let (mut line, mut rest) = (Vec::new(), case.bytes());
    while let Some(byte) = rest.next() {
        line.push(match byte {
            b'\\' => match rest.next().unwrap() {
                b't' => b'\t',
                b'r' => b'\r',
                b'\\' => b'\\',
                b'x' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => panic!("\\{other}"),
            },
            byte => byte,
        });
    }
    line
}

/// Their words, of which one has no blank before it, and one depends on the configuration.
fn permissions(words: &str) -> String {
    let words = words.replace("expires", " expires");
    words.split_whitespace().filter(|word| *word != "environment").collect::<Vec<_>>().join(" ")
}

#[test]
fn lines_mean_what_they_mean_to_openssh() {
    let (mut compared, mut different) = (0, 0);
    for case in RECORDED.split("\n\n").skip(1) {
        let mut told = case.lines();
        let text = told.next().unwrap().strip_prefix("< ").unwrap();
        let (mut theirs, mut command) = (None, None);
        for line in told {
            match line.split_at(1) {
                (">", words) => theirs = Some(permissions(words)),
                ("$", text) => command = Some(meant(text.strip_prefix(' ').unwrap_or(""))),
                ("!", _) => {}
                _ => panic!("{line}"),
            }
        }
        let theirs = theirs.map(|permissions| (permissions, command));
        let line = meant(text);
        let [(1, ours)] = &lines(&line).collect::<Vec<_>>()[..] else { panic!("{text}: one line") };
        let ours = match ours {
            Ok(None) => None,
            Err(_) => None,
            // It was asked about a key without a certificate.
            Ok(Some(entry)) if entry.options.cert_authority || entry.options.principals.is_some() => None,
            Ok(Some(entry)) => {
                assert_eq!(entry.key.to_string(), KEY, "{text}");
                let it = &entry.options;
                let tunnel = it.tunnel.map_or_else(String::new, |tunnel| match tunnel {
                    Tunnel::Any => "tun=2147483647".to_owned(),
                    Tunnel::Number(number) => format!("tun={number}"),
                });
                let granted = [
                    (it.agent_forwarding, "agent-forwarding"),
                    (it.command.is_some(), "command"),
                    (!it.expires.is_empty(), "expires"),
                    (!it.touch_required, "no-touch-required"),
                    (!it.listen.is_empty(), "permitlisten"),
                    (!it.open.is_empty(), "permitopen"),
                    (it.port_forwarding, "port-forwarding"),
                    (it.pty, "pty"),
                    (it.tunnel.is_some(), tunnel.as_str()),
                    (it.verify_required, "uv"),
                    (it.user_rc, "user-rc"),
                    (it.x11_forwarding, "x11-forwarding"),
                ];
                let granted: Vec<_> = granted.iter().filter(|(has, _)| *has).map(|(_, name)| *name).collect();
                Some((granted.join(" "), it.command.as_ref().map(|command| command.to_vec())))
            }
        };
        match DIFFERENT.iter().find(|(different, _)| *different == text) {
            Some((_, why)) => {
                assert_ne!(ours, theirs, "{text}: no longer different ({why})");
                different += 1;
            }
            None => assert_eq!(ours, theirs, "{text}"),
        }
        compared += 1;
    }
    assert!(compared > 130, "{compared}");
    assert_eq!(different, DIFFERENT.len());
}
