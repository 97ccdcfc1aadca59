//! How net and the session come to be, and the first messages that tell them what they are.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use config::Effective;
use config::value::{ChannelTimeouts, RekeyLimit};
use keys::{PublicKey, SignatureAlg};
use sys::ids::{Pid, Uid};
use sys::spawn::{Child, SpawnError};
use wire::{Bytes, Encode, Human, NameList, NulFree, Text, WireError};

use crate::host_keys::HostKeys;
use crate::log::level_number;
use crate::peer::Peer;
use crate::protocol::monitor::{Admitted, SessionStart, Start};
use crate::protocol::{Link, LinkError, join};
use crate::role::Role;
use crate::server::{Accepted, Server};

use super::chroot;
use super::login::Authenticated;

/// A child of ours, and our end of the link to it.
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) link: Link,
}

/// Why a child could not be brought to work.
#[derive(Debug)]
pub(super) enum StartError {
    Pair(io::Error),
    Spawn(SpawnError),
    Send(LinkError),
    /// Something does not fit its field.
    Field(WireError),
    /// The session's root cannot be used.
    Chroot(chroot::Unusable),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pair(error) => write!(f, "socketpair: {error}"),
            Self::Spawn(error) => error.fmt(f),
            Self::Send(error) => write!(f, "first message: {error}"),
            Self::Field(error) => write!(f, "first message: {error}"),
            Self::Chroot(error) => error.fmt(f),
        }
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Pair(error)
    }
}

impl From<SpawnError> for StartError {
    fn from(error: SpawnError) -> Self {
        Self::Spawn(error)
    }
}

impl From<LinkError> for StartError {
    fn from(error: LinkError) -> Self {
        Self::Send(error)
    }
}

impl From<WireError> for StartError {
    fn from(error: WireError) -> Self {
        Self::Field(error)
    }
}

/// Starts net. The peer's descriptors are its own from then on: ours are closed.
pub(super) fn net(server: &Server, effective: &Effective, accepted: Accepted) -> Result<Started, StartError> {
    let (link, theirs) = Link::pair()?;
    let child = Role::Net.start(server, None, None, &theirs)?;
    let address = accepted.peer.client_text();
    let [kex, user, ciphers, macs] = [
        &effective.kex_algorithms,
        &effective.pubkey_accepted_algorithms,
        &effective.ciphers,
        &effective.macs,
    ]
    .map(|list| list.0.join(","));
    let blobs = server.host_keys.blobs();
    let host_key_algorithms = usable(effective, &blobs).join(",");
    let host_keys = join(blobs.iter().map(Vec::as_slice));
    let rekey = Rekey::of(effective.rekey_limit);
    let (uid, gid) = server.net_user.as_ref().map_or((0, 0), |user| (user.uid.0, user.gid.0));
    let start = Start {
        parent: own_pid(),
        address: Text::new(&address)?,
        port: accepted.peer.client_port().into(),
        two: accepted.output.is_some(),
        chroot: server.net_root.is_some(),
        ids: server.net_user.is_some(),
        uid,
        gid,
        addendum: Text::new(effective.version_addendum.as_deref().unwrap_or_default())?,
        kex: NameList::new(&kex)?,
        host_key_algorithms: NameList::new(&host_key_algorithms)?,
        user_algorithms: NameList::new(&user)?,
        ciphers: NameList::new(&ciphers)?,
        macs: NameList::new(&macs)?,
        compression: effective.compression,
        host_keys: Bytes(&host_keys),
        rekey_bytes: rekey.bytes,
        rekey_seconds: rekey.seconds,
        max_tries: effective.max_auth_tries,
        key_questions: effective.pubkey_auth_options.questions.unwrap_or(0).into(),
        failure_seed: failure_seed(&server.host_keys, &accepted.peer),
        log_level: level_number(server.log.level()),
    };
    let mut fds = vec![accepted.input.as_fd()];
    fds.extend(accepted.output.as_ref().map(AsFd::as_fd));
    fds.extend(server.net_root.as_ref().map(AsFd::as_fd));
    link.send(&start, &fds)?;
    Ok(Started { child, link })
}

/// Starts the session of a user who is in, and lets net know both.
pub(super) fn session(
    server: &Server,
    peer: &Peer,
    net: &Link,
    authenticated: &Authenticated,
) -> Result<Started, StartError> {
    let (link, theirs) = Link::pair()?;
    let (of_net, of_session) = Link::pair()?;
    let user = &authenticated.user;
    let root = chroot::directory(authenticated.effective.chroot_directory.0.as_deref(), user);
    let root = root.map_err(StartError::Chroot)?;
    let child = Role::Session.start(server, authenticated.credentials.clone(), root.clone(), &theirs)?;
    if let Some(root) = &root {
        server.log.verbose(format_args!("Changed root directory to \"{}\"", root.to_string_lossy()));
    }
    let (client, local) = (peer.client_text(), peer.local_text());
    let mut permit = Vec::new();
    authenticated.permit.encode(&mut permit);
    let start = SessionStart {
        parent: own_pid(),
        user: NulFree::new(user.name.as_bytes())?,
        uid: user.uid.0,
        home: NulFree::new(user.home.as_os_str().as_bytes())?,
        shell: NulFree::new(user.shell.as_os_str().as_bytes())?,
        client_address: Text::new(&client)?,
        client_port: peer.client_port().into(),
        local_address: Text::new(&local)?,
        local_port: peer.local_port().into(),
        permit: Bytes(&permit),
        own_ptys: Uid::effective() != Uid::ROOT,
        chrooted: root.is_some(),
        log_level: level_number(server.log.level()),
    };
    link.send(&start, &[of_session.as_fd()])?;
    let effective = &authenticated.effective;
    let rekey = Rekey::of(effective.rekey_limit);
    let timeouts = timeouts(&effective.channel_timeout);
    let admitted = Admitted {
        max_sessions: authenticated.permit.sessions,
        channel_timeouts: Text::new(&timeouts)?,
        unused_seconds: seconds(effective.unused_connection_timeout),
        qos_interactive: octet(effective.ip_qos.interactive),
        qos_bulk: octet(effective.ip_qos.bulk),
        alive_seconds: seconds(effective.client_alive_interval),
        alive_count: effective.client_alive_count_max,
        rekey_bytes: rekey.bytes,
        rekey_seconds: rekey.seconds,
        remarks: Human(authenticated.remarks.as_bytes()),
    };
    net.send(&admitted, &[of_net.as_fd()])?;
    Ok(Started { child, link })
}

/// `RekeyLimit` as messages have it.
struct Rekey {
    bytes: u64,
    seconds: u64,
}

impl Rekey {
    fn of(limit: RekeyLimit) -> Self {
        Self { bytes: limit.bytes.unwrap_or_default(), seconds: seconds(limit.time) }
    }
}

/// `ChannelTimeout` as messages have it: in whole seconds, what is begun counting as one. No type of channel has a comma.
pub(super) fn timeouts(timeouts: &ChannelTimeouts) -> String {
    let entries = timeouts.0.iter().filter(|entry| !entry.pattern.contains(','));
    let whole = |time: Duration| time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
    entries.map(|entry| format!("{}={}", entry.pattern, whole(entry.time))).collect::<Vec<_>>().join(",")
}

/// An octet of `IPQoS` as messages have it.
fn octet(value: Option<u8>) -> u32 {
    value.map_or(256, u32::from)
}

fn seconds(time: Option<Duration>) -> u64 {
    time.map_or(0, |time| time.as_secs())
}

fn own_pid() -> u32 {
    u32::try_from(Pid::own().0).unwrap_or_default()
}

/// The algorithms for which there is a host key.
fn usable(effective: &Effective, blobs: &[Vec<u8>]) -> Vec<&'static str> {
    let has_key = |name: &&str| {
        let row = SignatureAlg::by_name(name);
        let of_type =
            |key_type| blobs.iter().any(|blob| PublicKey::type_of(blob).is_ok_and(|found| found == key_type));
        row.is_some_and(|row| of_type(row.key_type))
    };
    effective.host_key_algorithms.0.iter().copied().filter(has_key).collect()
}

/// Moves the points at which failures are told. It follows from a host key, which nobody else has, and the client's address, which it
/// cannot choose at will: measuring again brings nothing new.
fn failure_seed(keys: &HostKeys, peer: &Peer) -> u64 {
    keys.number_for(&format!("points of time of failures, {}", peer.client_text()))
}

#[cfg(test)]
mod tests {
    use keys::PrivateKey;

    use super::*;
    use crate::monitor::testing::config;

    #[test]
    fn times_of_channels_are_told_in_whole_seconds_and_in_their_order() {
        let told = |line: &str| timeouts(&config(line).unwrap().global().channel_timeout);
        assert_eq!(told(""), "");
        assert_eq!(
            told("ChannelTimeout session:*=1m a,b=3 direct-tcpip=0 global=1.5"),
            "session:*=60,direct-tcpip=0,global=2"
        );
    }

    #[test]
    fn the_seed_stays_for_a_key_and_differs_between_keys() {
        let keys = |seed| HostKeys::one(PrivateKey::from_seed(&[seed; 32]));
        let peer = Peer::default();
        assert_eq!(failure_seed(&keys(1), &peer), failure_seed(&keys(1), &peer));
        assert_ne!(failure_seed(&keys(1), &peer), failure_seed(&keys(2), &peer));
    }

    #[test]
    fn the_seed_differs_between_clients() {
        let seeds = ["127.0.0.1:0", "127.0.0.2:0"].map(|address| {
            let server = std::net::TcpListener::bind(address).unwrap();
            let socket = std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
            failure_seed(&HostKeys::one(PrivateKey::from_seed(&[1; 32])), &Peer::of(&socket))
        });
        assert_ne!(seeds[0], seeds[1]);
    }
}
