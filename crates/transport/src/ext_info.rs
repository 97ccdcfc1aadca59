//! Extension negotiation (RFC 8308).

use keys::SignatureAlg;
use wire::{Bytes, Decode, NameList, Reader, Role, put_string};

use crate::error::{Error, Misbehaviour};
use crate::limits::EXTENSIONS_MAX;
use crate::message::ExtInfo;

const SERVER_SIG_ALGS: &str = "server-sig-algs";
const HOSTBOUND: &str = "publickey-hostbound@openssh.com";
const PING: &str = "ping@openssh.com";
const EXT_INFO_IN_AUTH: &str = "ext-info-in-auth@openssh.com";
const AGENT_FORWARD: &str = "agent-forward";

/// The extensions that the peer told us of and that we know.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PeerExtensions {
    /// The signature algorithms that the server takes from users (RFC 8308 §3.1), comma-separated.
    pub server_sig_algs: Option<String>,
    /// The server knows `publickey-hostbound-v00@openssh.com`.
    pub publickey_hostbound: bool,
    /// The peer answers pings.
    pub ping: bool,
    /// The client takes another EXT_INFO while it authenticates.
    pub ext_info_in_auth: bool,
    /// The server knows the names of agent forwarding that have no vendor in them (RFC 9987).
    pub agent_forward: bool,
}

impl PeerExtensions {
    /// Takes over what a message says. A second message replaces what it names again; OpenSSH's second one names
    /// only what has changed.
    pub(crate) fn merge(&mut self, message: &ExtInfo<'_>) -> Result<(), Error> {
        if message.count > EXTENSIONS_MAX {
            return Err(Misbehaviour::TooManyExtensions { count: message.count }.into());
        }
        let mut input = Reader::new(message.extensions.0);
        for _ in 0..message.count {
            let name = Bytes::decode(&mut input)?.0;
            let value = Bytes::decode(&mut input)?.0;
            // Those of OpenSSH have a version as their value, and only one version is known.
            let known = value == b"0";
            match std::str::from_utf8(name).unwrap_or_default() {
                SERVER_SIG_ALGS => {
                    let names = std::str::from_utf8(value).map_err(|_| wire::WireError::BadName)?;
                    self.server_sig_algs = Some(NameList::new(names)?.as_str().to_owned());
                }
                HOSTBOUND => self.publickey_hostbound = known,
                PING => self.ping = known,
                EXT_INFO_IN_AUTH => self.ext_info_in_auth = known,
                AGENT_FORWARD => self.agent_forward = known,
                // RFC 8308 §2.5: unknown ones must be ignored.
                _ => {}
            }
        }
        input.finish()?;
        Ok(())
    }
}

/// What we say right after our first NEWKEYS.
pub(crate) fn ours(role: Role, server_sig_algs: &[&'static SignatureAlg]) -> (u32, Vec<u8>) {
    match role {
        Role::Client => (1, pairs(&[(EXT_INFO_IN_AUTH, "0")])),
        Role::Server => {
            let names = signature_names(server_sig_algs);
            let extensions =
                [(SERVER_SIG_ALGS, names.as_str()), (HOSTBOUND, "0"), (PING, "0"), (AGENT_FORWARD, "0")];
            (4, pairs(&extensions))
        }
    }
}

/// What a server says when it knows which user is authenticating.
pub(crate) fn update(server_sig_algs: &[&'static SignatureAlg]) -> (u32, Vec<u8>) {
    (1, pairs(&[(SERVER_SIG_ALGS, &signature_names(server_sig_algs))]))
}

/// What the keys of these algorithms sign with, each once: a certificate's key signs as it does without one.
fn signature_names(algorithms: &[&'static SignatureAlg]) -> String {
    let mut names: Vec<&str> = Vec::with_capacity(algorithms.len());
    for row in algorithms {
        if !names.contains(&row.signature_name) {
            names.push(row.signature_name);
        }
    }
    names.join(",")
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in pairs {
        put_string(&mut out, name.as_bytes());
        put_string(&mut out, value.as_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{Encode, Rest};

    fn merged(count: u32, extensions: &[u8]) -> Result<PeerExtensions, Error> {
        let mut known = PeerExtensions::default();
        known.merge(&ExtInfo { count, extensions: Rest(extensions) }).map(|()| known)
    }

    #[test]
    fn what_we_say_is_what_a_peer_of_ours_reads() {
        let (count, extensions) = ours(Role::Server, &[SignatureAlg::by_name("ssh-ed25519").unwrap()]);
        let known = merged(count, &extensions).unwrap();
        assert_eq!(known.server_sig_algs.as_deref(), Some("ssh-ed25519"));
        assert!(known.publickey_hostbound && known.ping && known.agent_forward && !known.ext_info_in_auth);
        let (count, extensions) = ours(Role::Client, &[]);
        assert_eq!(
            merged(count, &extensions).unwrap(),
            PeerExtensions { ext_info_in_auth: true, ..PeerExtensions::default() }
        );
    }

    #[test]
    fn certificates_are_announced_as_what_their_keys_sign_with() {
        let rows = [
            "rsa-sha2-256-cert-v01@openssh.com",
            "ssh-ed25519-cert-v01@openssh.com",
            "ssh-ed25519",
            "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        ]
        .map(|name| SignatureAlg::by_name(name).unwrap());
        let names = "rsa-sha2-256,ssh-ed25519,webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
        for (count, extensions) in [ours(Role::Server, &rows), update(&rows)] {
            let known = merged(count, &extensions).unwrap();
            assert_eq!(known.server_sig_algs.as_deref(), Some(names));
        }
    }

    #[test]
    fn unknown_extensions_and_unknown_versions_are_ignored() {
        let extensions = pairs(&[("no-flow-control", "p"), (PING, "1"), ("\u{e9}", "x")]);
        assert_eq!(merged(3, &extensions).unwrap(), PeerExtensions::default());
    }

    #[test]
    fn a_second_message_replaces_only_what_it_names() {
        let mut known = merged(2, &pairs(&[(SERVER_SIG_ALGS, "a"), (PING, "0")])).unwrap();
        let second = pairs(&[(SERVER_SIG_ALGS, "b,c")]);
        known.merge(&ExtInfo { count: 1, extensions: Rest(&second) }).unwrap();
        assert_eq!((known.server_sig_algs.as_deref(), known.ping), (Some("b,c"), true));
    }

    #[test]
    fn the_count_is_checked_against_the_limit_and_the_contents() {
        let count = EXTENSIONS_MAX + 1;
        assert_eq!(merged(count, &[]), Err(Misbehaviour::TooManyExtensions { count }.into()));
        assert_eq!(merged(1, &[]), Err(Error::Malformed(wire::WireError::Truncated { needed: 4, left: 0 })));
        assert_eq!(
            merged(0, &pairs(&[("a", "b")])),
            Err(Error::Malformed(wire::WireError::Trailing { left: 10 }))
        );
        let mut bad = Vec::new();
        Bytes(SERVER_SIG_ALGS.as_bytes()).encode(&mut bad);
        Bytes(b"a,,b").encode(&mut bad);
        assert_eq!(merged(1, &bad), Err(Error::Malformed(wire::WireError::BadName)));
    }
}
