//! What the monitor wants this process to be.

use std::fmt;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use crypto::{CIPHERS, COMPRESSIONS, KEX, MACS, OsRng};
use keys::{SIGNATURES, SignatureAlg};
use proto::{Config, Connection, Server};
use sys::ids::{Credentials, Gid, Pid, Uid};
use sys::jail::{Jail, Refusal, Report};
use sys::process::{self, Resource};
use transport::{Algorithms, Directions, Ident, RekeyPolicy};
use userauth::{Method, Methods};
use wire::{NameList, Role};

use crate::log::{Level, level_of};
use crate::protocol::monitor::Start;
use crate::protocol::{Link, LinkError, split};
use crate::settings::SOFTWARE;

use super::limits::{CHANNELS, OPEN_FILES};
use super::words::Subject;

/// The start message and its descriptors, taken apart.
pub(super) struct Orders {
    pub(super) config: Config<Server>,
    /// Signature algorithms of users' keys, as the list that was announced.
    pub(super) user_algorithms: String,
    pub(super) link: reactor::Transport,
    pub(super) subject: Subject,
    pub(super) log_level: Level,
    parent: Pid,
    /// The empty directory.
    root: Option<OwnedFd>,
    /// As whom to run.
    credentials: Option<Credentials>,
    /// What we say goes to a file (`-i`).
    grows_files: bool,
}

impl fmt::Debug for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orders").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl Orders {
    /// Waits for the start message.
    pub(super) fn receive(monitor: &mut Link) -> Result<Self, LinkError> {
        let incoming = monitor.receive(3)?;
        let start = Start::from_payload(incoming.payload)?;
        let config = config(&start)?;
        let missing = || LinkError::Protocol("a descriptor is missing".to_owned());
        let mut fds = incoming.fds.into_iter();
        let input = fds.next().ok_or_else(missing)?;
        let output = if start.two { Some(fds.next().ok_or_else(missing)?) } else { None };
        let root = if start.chroot { Some(fds.next().ok_or_else(missing)?) } else { None };
        let (uid, gid) = (Uid(start.uid), Gid(start.gid));
        let credentials = start.ids.then(|| Credentials { uid, gid, groups: Vec::new() });
        if fds.next().is_some() {
            return Err(LinkError::Protocol("one descriptor too many".to_owned()));
        }
        let link = reactor::Transport { input, output };
        Ok(Self {
            config,
            user_algorithms: start.user_algorithms.as_str().to_owned(),
            subject: Subject {
                address: start.address.as_str().to_owned(),
                port: start.port,
                user: None,
                invalid: false,
                logged_in: false,
                identified: false,
            },
            log_level: level_of(start.log_level).unwrap_or(Level::Quiet),
            parent: Pid(i32::try_from(start.parent).unwrap_or_default()),
            grows_files: is_file(link.output.as_ref().unwrap_or(&link.input)),
            link,
            root,
            credentials,
        })
    }

    /// Builds the walls. What they leave to us is what we have by now.
    pub(super) fn enter_jail(&mut self) -> Result<Report, sys::jail::JailError> {
        let hard = process::limit(Resource::OpenFiles).map_or(OPEN_FILES, |limit| limit.hard);
        Jail {
            kept: None,
            root: self.root.take(),
            credentials: self.credentials.take(),
            parent: self.parent,
            open_files: OPEN_FILES.min(hard),
            grows_files: self.grows_files,
            refusal: Refusal::Error,
        }
        .enter()
    }

    /// The connection, which begins now.
    pub(super) fn connection(&self) -> Result<Connection<Server>, proto::Error> {
        Connection::new(self.config.clone(), Box::new(OsRng), Instant::now())
    }
}

/// Whether bytes that are written there stay.
fn is_file(fd: &OwnedFd) -> bool {
    fd.try_clone().and_then(|fd| File::from(fd).metadata()).is_ok_and(|data| data.is_file())
}

fn config(start: &Start<'_>) -> Result<Config<Server>, LinkError> {
    let bad = |misuse: transport::Misuse| LinkError::Protocol(misuse.to_string());
    let addendum = Some(start.addendum.as_str()).filter(|text| !text.is_empty());
    let ident = Ident::new(SOFTWARE, addendum).map_err(bad)?;
    let mut transport = transport::Config::new(Role::Server, ident);
    transport.algorithms = Algorithms {
        kex: rows(KEX, start.kex, |row| row.name),
        host_keys: signatures(start.host_key_algorithms),
        ciphers: Directions::both(rows(CIPHERS, start.ciphers, |row| row.name)),
        macs: Directions::both(rows(MACS, start.macs, |row| row.name)),
        compressions: Directions::both(
            COMPRESSIONS.iter().filter(|row| start.compression || row.name == "none").collect(),
        ),
    };
    transport.host_keys = split(start.host_keys.0)?.into_iter().map(<[u8]>::to_vec).collect();
    transport.rekey = rekey(start.rekey_bytes, start.rekey_seconds);
    let auth = userauth::server::Config {
        // Whatever can be asked about: the user must be known before it is known what holds for them.
        methods: Methods::EMPTY
            .with(Method::PublicKey)
            .with(Method::Password)
            .with(Method::KeyboardInteractive),
        max_tries: start.max_tries,
        key_questions: start.key_questions,
        algorithms: signatures(start.user_algorithms),
        failure_seed: start.failure_seed,
        ..userauth::server::Config::default()
    };
    let mut config = Config::new(transport, auth);
    config.channels.channels_max = CHANNELS;
    // The monitor has the watch.
    config.login_grace = None;
    Ok(config)
}

/// When keys are replaced; 0 leaves it to the ciphers, and to nothing.
pub(super) fn rekey(bytes: u64, seconds: u64) -> RekeyPolicy {
    RekeyPolicy {
        bytes: (bytes > 0).then_some(bytes),
        interval: (seconds > 0).then_some(Duration::from_secs(seconds)),
        ..RekeyPolicy::default()
    }
}

/// The signature algorithms of a list, in its order.
pub(super) fn signatures(names: NameList<'_>) -> Vec<&'static SignatureAlg> {
    rows(SIGNATURES, names, |row| row.name)
}

fn rows<T>(table: &'static [T], names: NameList<'_>, name: fn(&T) -> &'static str) -> Vec<&'static T> {
    names.iter().filter_map(|wanted| table.iter().find(|row| name(row) == wanted)).collect()
}
