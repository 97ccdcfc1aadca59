//! The cases: our client with every real server, every real client with our server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use connection::Grant;
use crypto::{CIPHERS, COMPRESSIONS, CipherAlg, CompressionAlg, KexAlg, MACS, MacAlg, OsRng};
use keys::{KeyFile, PrivateKey, SignatureAlg};
use proto::{Client, Config, Connection, Event, Server as OurServer, Side};
use testkit::{ClientApp, Driven, Login, Pattern, ServerApp, Session};
use transport::{Algorithms, Directions, RekeyPolicy};

use super::drive::{Ended, drive, state};
use crate::case::{Case, Report};
use crate::error::Error;
use crate::peers::{
    self, ClientKind, DBCLIENT_TRIES, KeyPair, Peers, Release, Server, ServerKind, Settings, USER, serve_once,
};

/// Bytes that go each way in a case.
const AMOUNT: u64 = 10_000_000;

/// Bytes that go each way in a case with a client. `plink` takes its time over each of its packets.
const CLIENT_AMOUNT: u64 = 2_000_000;

/// Bytes after which our side replaces the keys.
const REKEY: u64 = 64 * 1024;

/// The same where there is compression, which the data of the cases does well under.
const REKEY_COMPRESSED: u64 = 2 * 1024;

/// What our side lets a peer be ahead of it. What is under way when a key exchange begins still passes under the old keys,
/// so with a window of megabytes there would be few exchanges.
const GRANT: Grant = Grant { window: 128 * 1024, max_packet: 32 * 1024 };

/// Key exchanges that a case must have had.
const EXCHANGES_MIN: u64 = 10;

/// How long a case may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// What our side insists on; of what it does not name it offers its defaults.
#[derive(Clone, Copy, Default)]
pub(super) struct Choice {
    pub(super) kex: Option<&'static KexAlg>,
    pub(super) host_key: Option<&'static SignatureAlg>,
    pub(super) cipher: Option<&'static CipherAlg>,
    pub(super) mac: Option<&'static MacAlg>,
    pub(super) compression: Option<&'static CompressionAlg>,
}

impl Choice {
    /// What keys are replaced under besides the defaults, with the peers that know it: a stream that begins anew with each
    /// exchange, and packets whose last block or whose counter goes over into the next.
    fn while_rekeying() -> [Self; 4] {
        let cipher = |name| CIPHERS.iter().find(|row| row.name == name);
        let mac = |name| MACS.iter().find(|row| row.name == name);
        // Some clients compress unless they are told not to.
        let plain =
            Self { compression: COMPRESSIONS.iter().find(|row| row.name == "none"), ..Self::default() };
        [
            plain,
            Self { compression: COMPRESSIONS.iter().find(|row| row.name != "none"), ..plain },
            Self { cipher: cipher("aes128-cbc"), mac: mac("hmac-sha2-256"), ..plain },
            Self { cipher: cipher("aes256-ctr"), mac: mac("umac-128-etm@openssh.com"), ..plain },
        ]
    }

    fn compresses(self) -> bool {
        self.compression.is_some_and(|row| row.name != "none")
    }

    /// Bytes after which our side replaces the keys.
    fn rekey(self) -> u64 {
        if self.compresses() { REKEY_COMPRESSED } else { REKEY }
    }

    pub(super) fn algorithms(self) -> Algorithms {
        let mut algorithms = Algorithms::default_for(wire::Role::Client);
        if let Some(kex) = self.kex {
            algorithms.kex = vec![kex];
        }
        if let Some(host_key) = self.host_key {
            algorithms.host_keys = vec![host_key];
        }
        if let Some(cipher) = self.cipher {
            algorithms.ciphers = Directions::both(vec![cipher]);
        }
        if let Some(mac) = self.mac {
            algorithms.macs = Directions::both(vec![mac]);
        }
        if let Some(compression) = self.compression {
            algorithms.compressions = Directions::both(vec![compression]);
        }
        algorithms
    }

    /// What a case with it is called.
    fn what(self, amount: &str) -> String {
        let word = if self.compresses() { ", zlib" } else { "" };
        format!("{amount}, rekey{word}")
    }
}

pub(super) fn private(pair: &KeyPair) -> Result<PrivateKey, Error> {
    let file = KeyFile::parse(pair.private().as_bytes());
    file.map(|file| file.key).map_err(|error| Error::wrong(format!("the peers' key file: {error}")))
}

pub(super) fn client(
    peers: &Peers,
    choice: Choice,
    rekey: u64,
    logins: Vec<Login>,
) -> Result<(Driven<Client>, ClientApp), Error> {
    let mut config = testkit::client_config();
    config.auth.user = USER.to_owned();
    let transport = Arc::make_mut(&mut config.transport);
    transport.algorithms = choice.algorithms();
    transport.rekey = RekeyPolicy { bytes: Some(rekey), ..RekeyPolicy::default() };
    let mut app = ClientApp::new(logins);
    app.grant = GRANT;
    app.trusted = Some(private(peers.host_key())?.public());
    Ok((connection(config)?, app))
}

pub(super) fn connection<S: Side>(config: Config<S>) -> Result<Driven<S>, Error> {
    let made = Connection::new(config, Box::new(OsRng), Instant::now());
    made.map(Driven::from).map_err(|error| Error::wrong(format!("our configuration: {error}")))
}

/// Logs in with our client, runs `command` with so many bytes of input, and returns what became of the session.
pub(super) fn run(
    server: &Server,
    connection: &mut Driven<Client>,
    app: &mut ClientApp,
    command: &str,
    input: u64,
) -> Result<Session, Error> {
    let stream = server.connect()?;
    let mut once = Once { app, command, input };
    let ended = drive(stream, connection, &mut once, DEADLINE, |once| {
        once.app.sessions.values().any(|session| session.closed || session.refused)
    })?;
    match (ended, app.sessions.values().next()) {
        (Ended::Done, Some(session)) => Ok(session.clone()),
        (ended, session) => Err(Error::wrong(format!("{ended:?}, session {session:?}"))),
    }
}

/// A client that runs one command once it is in.
struct Once<'a> {
    app: &'a mut ClientApp,
    command: &'a str,
    input: u64,
}

impl testkit::App<Client> for Once<'_> {
    fn event(&mut self, connection: &mut Driven<Client>, event: &Event<'_, Client>) {
        self.app.event(connection, event);
        if matches!(event, Event::Auth(proto::ClientAuthEvent::LoggedIn(_))) {
            self.app.run(connection, self.command, self.input);
        }
    }

    fn question(&mut self, connection: &mut Driven<Client>, question: proto::ClientQuestion<'_>) {
        self.app.question(connection, question);
    }

    fn turn(&mut self, connection: &mut Driven<Client>) -> bool {
        self.app.turn(connection)
    }
}

pub(super) fn note(case: &mut Case, connection: &Connection<impl Side>) {
    if let Some(agreed) = connection.transport().agreed() {
        let protection = &agreed.protection.client_to_server;
        case.agreed(agreed.kex.name, protection.cipher.name, protection.mac.map_or("", |mac| mac.name));
    }
}

/// Our client with every server: 10 MB each way through `cat`, keys replaced every 64 KiB.
///
/// # Errors
///
/// When a server can not be started.
pub fn servers(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    for kind in ServerKind::ALL.into_iter().chain(ServerKind::LIBRARIES) {
        let mut settings = Settings::default();
        if let ServerKind::OpenSsh(release) = kind {
            settings.algorithms = peers.all_of_openssh(release)?;
        }
        let server = kind.start(peers, &settings)?;
        for choice in Choice::while_rekeying() {
            let case = Case::new("ours", server.name(), &choice.what("10 MB"));
            report.run_where_common(case, |case| {
                let login = Login::Key(private(peers.user_key())?, true);
                let (mut connection, mut app) =
                    client(peers, choice, choice.rekey(), vec![Login::None, login])?;
                let mark = server.log_mark();
                let ran = run(&server, &mut connection, &mut app, "cat", AMOUNT);
                note(case, &connection);
                if let Some(proto::Error::Transport(transport::Error::NoCommon(_))) = connection.error() {
                    return Ok(false);
                }
                let session =
                    ran.map_err(|error| Error::wrong(format!("{error}\n{}", server.log_since(mark))))?;
                let got = (session.stdout, session.status, session.eof);
                if got != (AMOUNT, Some(0), true) {
                    return Err(Error::wrong(format!(
                        "bytes, status, EOF: {got:?}\n{}",
                        server.log_since(mark)
                    )));
                }
                let exchanges = connection.transport().exchanges();
                if exchanges < EXCHANGES_MIN {
                    return Err(Error::wrong(format!("only {exchanges} key exchanges")));
                }
                Ok(true)
            });
        }
    }
    Ok(())
}

/// Ways to log in to real servers, and their exit statuses.
///
/// # Errors
///
/// When a server can not be started.
pub fn logins(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    for kind in ServerKind::ALL {
        if kind == ServerKind::Russh {
            continue;
        }
        let settings = Settings { password: Some("correct horse".to_owned()), ..Settings::default() };
        let server = kind.start(peers, &settings)?;
        let mut try_login = |what: &str, logins: Vec<Login>| {
            report.run(Case::new("ours", server.name(), what), |case| {
                let (mut connection, mut app) = client(peers, Choice::default(), u64::MAX, logins)?;
                let session = run(&server, &mut connection, &mut app, "cat; exit 7", 1000);
                note(case, &connection);
                let session = session.map_err(|error| Error::wrong(format!("{error}\n{}", server.log())))?;
                if (session.stdout, session.status) != (1000, Some(7)) {
                    return Err(Error::wrong(format!("{session:?}")));
                }
                Ok(())
            });
        };
        let key = || private(peers.user_key());
        try_login("key, no query", vec![Login::Key(key()?, false)]);
        try_login("password", vec![Login::Password("correct horse".to_owned())]);
        let stranger = PrivateKey::generate(&mut OsRng).map_err(|error| Error::wrong(error.to_string()))?;
        try_login(
            "second try",
            vec![
                Login::None,
                Login::Key(stranger, true),
                Login::Password("wrong".to_owned()),
                Login::Key(key()?, true),
            ],
        );
        if matches!(kind, ServerKind::OpenSsh(_)) {
            // Without PAM there is no keyboard-interactive in sshd, and it says so.
            report.run(Case::new("ours", server.name(), "interactive"), |case| {
                let logins = vec![Login::Interactive(vec!["x".to_owned()])];
                let (mut connection, mut app) = client(peers, Choice::default(), u64::MAX, logins)?;
                let ended = drive(server.connect()?, &mut connection, &mut app, DEADLINE, |_| false)?;
                note(case, &connection);
                match ended {
                    Ended::Over(proto::Error::UserAuth(userauth::Error::Refused(_))) => Ok(()),
                    ended => Err(Error::wrong(format!("{ended:?}"))),
                }
            });
        }
    }
    Ok(())
}

/// Real clients with our server: 2 MB each way through `echo`, keys replaced every 64 KiB by our side.
///
/// # Errors
///
/// When a client can not say what it knows.
pub fn clients(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    for kind in ClientKind::ALL {
        for choice in Choice::while_rekeying() {
            let name = peers.name_of_client(kind);
            report.run_where_common(Case::new(&name, "ours", &choice.what("2 MB")), |case| {
                let mut tries = DBCLIENT_TRIES;
                loop {
                    let served = serve(peers, kind, choice, CLIENT_AMOUNT, case);
                    tries -= 1;
                    match (&served, kind) {
                        (Err(Error::Deadline { .. }), ClientKind::Dropbear(_)) if tries > 0 => {}
                        _ => return served,
                    }
                }
            });
        }
    }
    Ok(())
}

/// Serves one client; false when the two have no algorithm in common.
fn serve(
    peers: &Peers,
    kind: ClientKind,
    choice: Choice,
    amount: u64,
    case: &mut Case,
) -> Result<bool, Error> {
    let mut input = vec![0; usize::try_from(amount).unwrap_or(usize::MAX)];
    Pattern::new().fill(&mut input);
    // What it would only offer when it is told to, too.
    let algorithms = match kind {
        ClientKind::OpenSsh(release) => peers.all_of_openssh(release)?,
        ClientKind::Dropbear(_) | ClientKind::Putty(_) => peers::Algorithms::default(),
    };
    let login = peers::Login {
        command: "echo",
        input: input.clone().into(),
        algorithms,
        // Before our side loses patience, so that it is the client's log that is seen.
        deadline: DEADLINE / 2,
        ..peers::Login::new(peers.user_key(), peers.host_key())
    };
    let host_key = private(peers.host_key())?;
    let user_key = private(peers.user_key())?;
    let mut config = testkit::server_config(std::slice::from_ref(&host_key));
    let transport = Arc::make_mut(&mut config.transport);
    transport.algorithms = choice.algorithms();
    transport.rekey = RekeyPolicy { bytes: Some(choice.rekey()), ..RekeyPolicy::default() };
    let mut app = ServerApp::new(vec![host_key]);
    app.keys.push(user_key.public());
    app.grant = Some(GRANT);
    let mut connection: Driven<OurServer> = connection(config)?;
    let (finished, served) = serve_once(peers, kind, login, |stream| {
        drive(stream, &mut connection, &mut app, DEADLINE, |_| false)
    });
    note(case, &connection);
    if let Some(proto::Error::Transport(transport::Error::NoCommon(_))) = connection.error() {
        return Ok(false);
    }
    let served = served.ok_or_else(|| Error::wrong("the client did not connect"))??;
    let ours = |error| Error::wrong(format!("{error}\nserved: {served:?}; {}", state(&connection)));
    let finished = match finished {
        Err(error @ Error::Deadline { .. }) if matches!(kind, ClientKind::Dropbear(_)) => return Err(error),
        finished => finished.map_err(ours)?,
    };
    // PuTTY finds out by itself that there is nothing in common, and goes.
    if finished.stderr.contains("does not correspond to any supported algorithm")
        || finished.stderr.contains("Couldn't agree a ")
    {
        return Ok(false);
    }
    finished.must_be(0, &input).map_err(ours)?;
    let exchanges = connection.transport().exchanges();
    if exchanges < EXCHANGES_MIN {
        return Err(Error::wrong(format!("only {exchanges} key exchanges")));
    }
    Ok(true)
}

/// What must not work: a host key that is not the one that is known, and a user who is not.
///
/// # Errors
///
/// When a server can not be started.
pub fn refusals(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    let server = ServerKind::OpenSsh(Release::Forky).start(peers, &Settings::default())?;
    report.run(Case::new("ours", server.name(), "host refused"), |_| {
        let (mut connection, mut app) = client(peers, Choice::default(), REKEY, vec![Login::None])?;
        app.trusted = Some(PrivateKey::from_seed(&[7; 32]).public());
        match drive(server.connect()?, &mut connection, &mut app, DEADLINE, |_| false)? {
            Ended::Over(proto::Error::Transport(transport::Error::Refused(transport::Refusal::HostKey))) => {
                Ok(())
            }
            ended => Err(Error::wrong(format!("{ended:?}"))),
        }
    });
    report.run(Case::new("ours", server.name(), "user refused"), |_| {
        let stranger = PrivateKey::from_seed(&[9; 32]);
        let (mut connection, mut app) =
            client(peers, Choice::default(), REKEY, vec![Login::Key(stranger, true)])?;
        match drive(server.connect()?, &mut connection, &mut app, DEADLINE, |_| false)? {
            Ended::Over(proto::Error::UserAuth(userauth::Error::Refused(_))) => Ok(()),
            ended => Err(Error::wrong(format!("{ended:?}"))),
        }
    });
    for kind in ClientKind::ALL {
        let name = peers.name_of_client(kind);
        report.run(Case::new(&name, "ours", "user refused"), |case| {
            let host_key = private(peers.host_key())?;
            let config = testkit::server_config(std::slice::from_ref(&host_key));
            let mut app = ServerApp::new(vec![host_key]);
            let mut connection = connection(config)?;
            let login =
                peers::Login { command: "echo", ..peers::Login::new(peers.user_key(), peers.host_key()) };
            let (finished, served) = serve_once(peers, kind, login, |stream| {
                drive(stream, &mut connection, &mut app, DEADLINE, |_| false)
            });
            note(case, &connection);
            let finished = finished?;
            // `dbclient` ends with status 0 when it is told to go, whatever for.
            let said_no = finished.status != Some(0) || matches!(kind, ClientKind::Dropbear(_));
            if !said_no || !finished.stdout.is_empty() || app.user.is_some() {
                return Err(Error::wrong(format!("{finished:?}, served {served:?}")));
            }
            Ok(())
        });
    }
    Ok(())
}
