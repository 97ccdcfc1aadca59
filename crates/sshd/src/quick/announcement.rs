//! What is printed: everything that somebody needs to log in.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use keys::PublicKey;

use super::Quick;
use crate::log::Logger;

/// The key files that `ssh` tries without being told, of types that we know.
const TRIED: &str = "id_ed25519";

impl Quick {
    /// The lines: the fingerprint, the password when there is one, and the command to type.
    pub(crate) fn announcement(&self, host_key: &PublicKey, listens: SocketAddr) -> String {
        let fingerprint = host_key.fingerprint().to_string();
        let mut lines = format!("Host key fingerprint: {fingerprint} (ED25519)\n");
        if let Some(password) = &self.password {
            // Writing to a String does not fail.
            let _ = writeln!(lines, "Password: {}", String::from_utf8_lossy(password.expose()));
        }
        let _ = writeln!(lines, "{}", self.command(&fingerprint, listens));
        lines
    }

    fn command(&self, fingerprint: &str, listens: SocketAddr) -> String {
        let mut command = "ssh".to_owned();
        let is_tried = |private: &Path| private == Path::new(&self.user.home).join(".ssh").join(TRIED);
        if !self.identities.iter().any(|identity| is_tried(&identity.private))
            && let Some(identity) = self.identities.first()
        {
            let _ = write!(command, " -i {}", quoted(&identity.private.to_string_lossy()));
        }
        if !self.host_key_is_kept {
            // The next run has another key: under the same name the client would take it for a forged one.
            let digits = fingerprint.rsplit(':').next().unwrap_or_default();
            let plain = digits.chars().filter(char::is_ascii_alphanumeric).take(12).collect::<String>();
            let _ = write!(command, " -o HostKeyAlias=nacre-{plain}");
        }
        let name = quoted(&self.user.name.to_string_lossy());
        let _ = write!(command, " -p {} {name}@{}", listens.port(), reachable(listens.ip()));
        command
    }

    /// Says in the log who is let in, for whoever reads that.
    pub(crate) fn introduce(&self, log: &Logger) {
        let how = match (self.has_password(), self.keys().len()) {
            (true, _) => "the password made for this run".to_owned(),
            (false, 0) => "authorized_keys".to_owned(),
            (false, count) => format!("authorized_keys and {count} of their own keys"),
        };
        log.info(format_args!("Only {} is let in, with {how}.", self.user.name.to_string_lossy()));
    }
}

/// An address that a client on this machine can connect to.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

/// A word for the shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/+@:,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use crypto::{Secret, SeededRng};
    use keys::PrivateKey;
    use sys::ids::{Gid, Uid};
    use sys::users::{Password, User};

    use super::super::credential::Identity;
    use super::*;

    fn key(seed: u64) -> PublicKey {
        PrivateKey::generate(&mut SeededRng::new(seed)).unwrap().public()
    }

    fn quick(privates: &[&str], password: Option<&str>, kept: bool) -> Quick {
        let identities: Vec<Identity> =
            privates.iter().map(|path| Identity { key: key(1), private: path.into() }).collect();
        Quick {
            user: User {
                name: "alice".into(),
                uid: Uid(1),
                gid: Gid(1),
                comment: "".into(),
                home: "/home/alice".into(),
                shell: "/bin/sh".into(),
                password: Password::Empty,
            },
            keys: identities.iter().map(|identity| identity.key.clone()).collect(),
            identities,
            password: password.map(|text| Secret::copy_of(text.as_bytes())),
            host_key_is_kept: kept,
        }
    }

    fn announced(quick: &Quick, listens: &str) -> Vec<String> {
        quick.announcement(&key(9), listens.parse().unwrap()).lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_command_is_as_short_as_it_can_be() {
        let fingerprint = format!("Host key fingerprint: {} (ED25519)", key(9).fingerprint());
        let command = "ssh -p 2222 alice@127.0.0.1";
        assert_eq!(announced(&quick(&[], None, true), "127.0.0.1:2222"), [&*fingerprint, command]);
        let tried = quick(&["/home/alice/.ssh/a", "/home/alice/.ssh/id_ed25519"], None, true);
        assert_eq!(announced(&tried, "0.0.0.0:2222"), [&*fingerprint, command]);
    }

    #[test]
    fn a_password_has_a_line_of_its_own() {
        let lines = announced(&quick(&[], Some("abc-def"), true), "127.0.0.1:2222");
        assert_eq!(lines.get(1).map(String::as_str), Some("Password: abc-def"));
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn a_key_that_ssh_would_not_try_is_named() {
        let lines = announced(&quick(&["/home/al ice/.ssh/work"], None, true), "[::1]:22");
        assert_eq!(lines.last().unwrap(), "ssh -i '/home/al ice/.ssh/work' -p 22 alice@::1");
    }

    #[test]
    fn a_host_key_for_this_run_has_a_name_of_its_own() {
        let lines = announced(&quick(&[], None, false), "127.0.0.1:2222");
        let command = lines.last().unwrap();
        let alias = command.strip_prefix("ssh -o HostKeyAlias=nacre-").unwrap();
        assert_eq!(alias.split_once(' ').unwrap().1, "-p 2222 alice@127.0.0.1");
        assert!(alias.split_once(' ').unwrap().0.len() >= 8);
    }

    #[test]
    fn only_the_password_is_the_password() {
        let quick = quick(&[], Some("abc"), true);
        assert!(quick.is_password(b"abc"));
        for wrong in [&b""[..], b"ab", b"abcd", b"abC"] {
            assert!(!quick.is_password(wrong));
        }
    }
}
