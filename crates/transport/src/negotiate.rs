//! Negotiation (RFC 4253 §7.1): a pure function from two lists to rows.

use std::fmt;

use crypto::{CipherAlg, CompressionAlg, KexAlg, MacAlg};
use keys::SignatureAlg;
use wire::{NameList, Role};

use crate::algorithms::{Algorithms, Directions};
use crate::message::KexInit;

/// What was agreed on.
#[derive(Clone, Copy, Debug)]
pub struct Agreed {
    /// The key exchange method.
    pub kex: &'static KexAlg,
    /// The signature algorithm of the host key.
    pub host_key: &'static SignatureAlg,
    /// What protects each direction.
    pub protection: Directions<Protection>,
}

/// What protects one direction.
#[derive(Clone, Copy, Debug)]
pub struct Protection {
    /// The cipher.
    pub cipher: &'static CipherAlg,
    /// The MAC, where the cipher does not authenticate by itself.
    pub mac: Option<&'static MacAlg>,
    /// The compression method.
    pub compression: &'static CompressionAlg,
}

/// A kind of algorithm for which the two sides have nothing in common, and what they offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoCommon {
    /// The kind.
    pub kind: Kind,
    /// What we offered.
    pub ours: String,
    /// What the peer offered. It can hold anything that a list of names can hold.
    pub theirs: String,
}

/// A kind of algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Key exchange method.
    Kex,
    /// Signature algorithm of the host key.
    HostKey,
    /// Cipher of what a side sends.
    Cipher(Role),
    /// MAC of what a side sends.
    Mac(Role),
    /// Compression method of what a side sends.
    Compression(Role),
}

/// What a pair of KEXINITs comes to.
#[derive(Clone, Copy, Debug)]
pub struct Negotiated {
    /// The algorithms.
    pub agreed: Agreed,
    /// The peer has sent a packet on the guess that its first choices would be taken, and they were not: it must be
    /// dropped.
    pub drop_guess: bool,
}

/// What the peer's first KEXINIT says beyond algorithms. They look like key exchange methods and are never taken for
/// one, because no row has such a name. In a later KEXINIT they mean nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Markers {
    pub(crate) strict: bool,
    pub(crate) ext_info: bool,
}

/// The marker by which `role` says that it knows strict KEX.
pub(crate) fn strict_marker(role: Role) -> &'static str {
    match role {
        Role::Client => "kex-strict-c-v00@openssh.com",
        Role::Server => "kex-strict-s-v00@openssh.com",
    }
}

/// The marker by which `role` asks for EXT_INFO (RFC 8308 §2.1).
pub(crate) fn ext_info_marker(role: Role) -> &'static str {
    match role {
        Role::Client => "ext-info-c",
        Role::Server => "ext-info-s",
    }
}

impl Markers {
    pub(crate) fn of(theirs: &KexInit<'_>, peer: Role) -> Self {
        Self {
            strict: theirs.kex.contains(strict_marker(peer)),
            ext_info: theirs.kex.contains(ext_info_marker(peer)),
        }
    }
}

/// Finds what `ours`, who is `role`, and the peer agree on: the first in the client's list that the server has too.
///
/// RFC 4253 §7.1 also wants the key exchange method to suit the host key algorithm: a method can call for keys that
/// encrypt. None of ours does, and every host key of ours signs, so the two lists are searched one after the other.
/// Languages are ignored.
///
/// # Errors
/// [`NoCommon`] for the first kind, in the order of KEXINIT, that has nothing in common.
pub fn negotiate(ours: &Algorithms, theirs: &KexInit<'_>, role: Role) -> Result<Negotiated, NoCommon> {
    let kex = common(&ours.kex, theirs.kex, role, Kind::Kex)?;
    let host_key = common(&ours.host_keys, theirs.host_keys, role, Kind::HostKey)?;
    let theirs_of = |sender: Role| match sender {
        Role::Client => (
            theirs.ciphers_client_to_server,
            theirs.macs_client_to_server,
            theirs.compressions_client_to_server,
        ),
        Role::Server => (
            theirs.ciphers_server_to_client,
            theirs.macs_server_to_client,
            theirs.compressions_server_to_client,
        ),
    };
    let protection = |sender: Role| {
        let (ciphers, macs, compressions) = theirs_of(sender);
        let cipher = common(ours.ciphers.sent_by(sender), ciphers, role, Kind::Cipher(sender))?;
        // A cipher that authenticates by itself leaves nothing to agree on (RFC 5647 §5.1 would have it differently;
        // like everybody we do as OpenSSH's PROTOCOL §1.6 says).
        let mac = match cipher.aead {
            true => None,
            false => Some(common(ours.macs.sent_by(sender), macs, role, Kind::Mac(sender))?),
        };
        let compression =
            common(ours.compressions.sent_by(sender), compressions, role, Kind::Compression(sender))?;
        Ok(Protection { cipher, mac, compression })
    };
    let protection = Directions {
        client_to_server: protection(Role::Client)?,
        server_to_client: protection(Role::Server)?,
    };
    let same_first =
        |ours: Option<&str>, theirs: NameList<'_>| ours.is_some() && theirs.iter().next() == ours;
    let guessed_right = same_first(ours.kex.first().map(|row| row.name), theirs.kex)
        && same_first(ours.host_keys.first().map(|row| row.name), theirs.host_keys);
    Ok(Negotiated {
        agreed: Agreed { kex, host_key, protection },
        drop_guess: theirs.first_kex_packet_follows && !guessed_right,
    })
}

/// A row that has a name in negotiation.
pub(crate) trait Named {
    fn name(&self) -> &'static str;
}

macro_rules! named {
    ($($row:ty),*) => { $( impl Named for $row {
        fn name(&self) -> &'static str { self.name }
    } )* };
}
named!(KexAlg, SignatureAlg, CipherAlg, MacAlg, CompressionAlg);

/// The names of `rows` as they stand in a name-list.
pub(crate) fn list<T: Named>(rows: &[&'static T]) -> String {
    let mut list = String::new();
    for row in rows {
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(row.name());
    }
    list
}

fn common<T: Named>(
    ours: &[&'static T],
    theirs: NameList<'_>,
    role: Role,
    kind: Kind,
) -> Result<&'static T, NoCommon> {
    let found = match role {
        Role::Client => ours.iter().find(|row| theirs.contains(row.name())),
        Role::Server => theirs.iter().find_map(|name| ours.iter().find(|row| row.name() == name)),
    };
    found.copied().ok_or_else(|| NoCommon { kind, ours: list(ours), theirs: theirs.as_str().to_owned() })
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, sender) = match self {
            Self::Kex => return f.write_str("key exchange method"),
            Self::HostKey => return f.write_str("host key type"),
            Self::Cipher(sender) => ("cipher", sender),
            Self::Mac(sender) => ("MAC", sender),
            Self::Compression(sender) => ("compression method", sender),
        };
        let direction = match sender {
            Role::Client => "client to server",
            Role::Server => "server to client",
        };
        write!(f, "{what} ({direction})")
    }
}

impl fmt::Display for NoCommon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no matching {} found. Their offer: {}", self.kind, wire::Escaped(self.theirs.as_bytes()))
    }
}
