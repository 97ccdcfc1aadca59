//! The fifteen ways in which servers that are not OpenSSH's break real clients: each with the real client, with our sshd and
//! with a stock one in its place, which proves the case. The first two digits of a case say which way it is.
//!
//! This is a slow set, of minutes: it runs when it is named. The fifth way, an hour of keepalives, is a test of the protocol
//! core with a virtual clock besides what is here (`crates/proto/tests/keepalive.rs`).

mod environment;
mod ways;

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use crate::case::{Case, Job, Report};
use crate::error::{During, Error};
use crate::peers::{ClientKind, Library, Peers, Python, Release, Server, ServerKind, Settings};
use crate::script;
use crate::sshd::with_log;
use ways::{Body, WAYS, Way};

/// All of it with our sshd.
///
/// # Errors
///
/// When a client can not say what it is.
pub fn ours(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    run(peers, report, ServerKind::Nacre)
}

/// All of it with the newest stock `sshd`.
///
/// # Errors
///
/// When a client can not say what it is.
pub fn stock(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    run(peers, report, ServerKind::OpenSsh(Release::Forky))
}

/// A server that is told something else than the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Setup {
    /// Nothing.
    Plain,
    /// To replace its keys every 64 KiB.
    Rekeying,
    /// To ask every second whether its client is there.
    Asking,
    /// To allow no session.
    NoSessions,
    /// To replace a Unix socket that is in the way of a new one.
    Unlinking,
    /// That the user's shell is bash.
    Bash,
}

impl Setup {
    fn settings(self) -> Settings {
        let mut settings = Settings::default();
        match self {
            Self::Plain => {}
            Self::Rekeying => settings.rekey_limit = Some("65536".to_owned()),
            Self::Asking => {
                settings.extra = ["ClientAliveInterval 1", "ClientAliveCountMax 2"].map(str::to_owned).into();
            }
            Self::NoSessions => settings.extra.push("MaxSessions 0".to_owned()),
            Self::Unlinking => settings.extra.push("StreamLocalBindUnlink yes".to_owned()),
            Self::Bash => settings.shell = Some("/bin/bash".to_owned()),
        }
        settings
    }

    /// Starts the server, with a service in the user's home.
    fn start(self, peers: &Peers, kind: ServerKind) -> Result<Server, Error> {
        let server = kind.start(peers, &self.settings())?;
        if let Some(home) = server.home() {
            fs::write(home.join("service.py"), script::SERVICE).during("writing a service")?;
        }
        Ok(server)
    }
}

/// Every case of every way. A server that can not be started fails its cases, not the others.
fn run(peers: &Peers, report: &mut Report, kind: ServerKind) -> Result<(), Error> {
    let python = &Python::find()?;
    let mut servers = BTreeMap::new();
    for way in WAYS {
        for &release in way.body.releases() {
            // One for the programs of each release, which then do not meet in the user's home.
            servers
                .entry((way.setup, release))
                .or_insert_with(|| way.setup.start(peers, kind).map_err(|error| error.to_string()));
        }
    }
    let mut jobs = Vec::new();
    for way in WAYS {
        for &release in way.body.releases() {
            let server = &servers[&(way.setup, release)];
            let client = match way.body {
                Body::Paramiko => python.name_of(Library::Paramiko)?,
                Body::Asyncssh => python.name_of(Library::Asyncssh)?,
                Body::Script(..) | Body::Environment => peers.name_of_client(ClientKind::OpenSsh(release)),
            };
            let case = Case::new(&client, &peers.name_of_server(kind), way.name);
            jobs.push(Job::new(case, move |_| {
                let server = server.as_ref().map_err(Error::wrong)?;
                let mark = server.log_mark();
                with_log(server, mark, go(way, peers, python, release, server))
            }));
        }
    }
    report.run_side_by_side(jobs);
    Ok(())
}

/// Goes one way with one server.
fn go(way: &Way, peers: &Peers, python: &Python, release: Release, server: &Server) -> Result<(), Error> {
    let deadline = Duration::from_secs(way.seconds);
    let by_program =
        |program| python.run_program(program, way.name, peers, server, peers.user_key(), deadline);
    match way.body {
        Body::Script(text, _) => script::run(peers, release, server, text, deadline),
        Body::Paramiko => by_program(include_str!("../python/real_paramiko.py")),
        Body::Asyncssh => by_program(include_str!("../python/real_asyncssh.py")),
        Body::Environment => environment::is_as_with_stock(peers, server),
    }
}
