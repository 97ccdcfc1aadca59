//! The cases: our client with every real server, every real client with our server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use connection::Grant;
use crypto::{CIPHERS, CipherAlg, KEX, KexAlg, MACS, MacAlg, NULL_CIPHER, NULL_KEX, OsRng};
use keys::{KeyFile, PrivateKey};
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

/// What our side lets a peer be ahead of it. What is under way when a key exchange begins still passes under the old keys,
/// so with a window of megabytes there would be few exchanges.
const GRANT: Grant = Grant { window: 128 * 1024, max_packet: 32 * 1024 };

/// Key exchanges that a case must have had.
const EXCHANGES_MIN: u64 = 10;

/// How long a case may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// What one side and the other have agreed on, one after the other.
#[derive(Clone, Copy)]
struct Choice {
    kex: Option<&'static KexAlg>,
    cipher: Option<&'static CipherAlg>,
    mac: Option<&'static MacAlg>,
}

impl Choice {
    const DEFAULT: Self = Self { kex: None, cipher: None, mac: None };

    fn algorithms(self) -> Algorithms {
        let mut algorithms = Algorithms::default_for(wire::Role::Client);
        if let Some(kex) = self.kex {
            algorithms.kex = vec![kex];
        }
        if let Some(cipher) = self.cipher {
            algorithms.ciphers = Directions::both(vec![cipher]);
        }
        if let Some(mac) = self.mac {
            algorithms.macs = Directions::both(vec![mac]);
        }
        algorithms
    }
}

fn private(pair: &KeyPair) -> Result<PrivateKey, Error> {
    let file = KeyFile::parse(pair.private().as_bytes());
    file.map(|file| file.key).map_err(|error| Error::wrong(format!("the peers' key file: {error}")))
}

fn client(
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

fn connection<S: Side>(config: Config<S>) -> Result<Driven<S>, Error> {
    let made = Connection::new(config, Box::new(OsRng), Instant::now());
    made.map(Driven::from).map_err(|error| Error::wrong(format!("our configuration: {error}")))
}

/// Logs in with our client, runs `command` with so many bytes of input, and returns what became of the session.
fn run(
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

/// Our names among those that a server lists, found by offering it something that nobody knows.
struct Common {
    kex: Vec<&'static KexAlg>,
    ciphers: Vec<&'static CipherAlg>,
    macs: Vec<&'static MacAlg>,
}

impl Common {
    fn probe(peers: &Peers, server: &Server) -> Result<Self, Error> {
        let kex = Self::theirs(peers, server, Choice { kex: Some(&NULL_KEX), ..Choice::DEFAULT })?;
        let ciphers = Self::theirs(peers, server, Choice { cipher: Some(&NULL_CIPHER), ..Choice::DEFAULT })?;
        let listed = |list: &str, name: &str| list.split(',').any(|listed| listed == name);
        let common = Self {
            kex: KEX.iter().filter(|alg| listed(&kex, alg.name)).collect(),
            ciphers: CIPHERS.iter().filter(|alg| listed(&ciphers, alg.name)).collect(),
            macs: MACS.iter().collect(),
        };
        if common.kex.is_empty() || common.ciphers.is_empty() {
            return Err(Error::wrong(format!("nothing in common with {kex} and {ciphers}")));
        }
        Ok(common)
    }

    /// The server's list of what `choice` offers in vain.
    fn theirs(peers: &Peers, server: &Server, choice: Choice) -> Result<String, Error> {
        let (mut connection, mut app) = client(peers, choice, REKEY, Vec::new())?;
        match drive(server.connect()?, &mut connection, &mut app, DEADLINE, |_| false)? {
            Ended::Over(proto::Error::Transport(transport::Error::NoCommon(none))) => Ok(none.theirs),
            ended => Err(Error::wrong(format!("a null algorithm was not refused: {ended:?}"))),
        }
    }
}

fn note(case: &mut Case, connection: &Connection<impl Side>) {
    if let Some(agreed) = connection.transport().agreed() {
        let protection = &agreed.protection.client_to_server;
        case.agreed(agreed.kex.name, protection.cipher.name, protection.mac.map_or("", |mac| mac.name));
    }
}

/// Our client with every server: each algorithm that both know, 10 MB each way through `cat`, keys replaced every 64 KiB.
///
/// # Errors
///
/// When a server can not be started.
pub fn servers(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    for kind in ServerKind::ALL {
        let mut settings = Settings::default();
        if let ServerKind::OpenSsh(release) = kind {
            settings.algorithms = peers.all_of_openssh(release)?;
        }
        let server = kind.start(peers, &settings)?;
        let common = Common::probe(peers, &server)?;
        let mut choices: Vec<Choice> =
            common.kex.iter().map(|kex| Choice { kex: Some(kex), ..Choice::DEFAULT }).collect();
        choices
            .extend(common.ciphers.iter().map(|cipher| Choice { cipher: Some(cipher), ..Choice::DEFAULT }));
        let plain = common.ciphers.iter().copied().find(|cipher| !cipher.aead);
        for mac in &common.macs {
            choices.push(Choice { cipher: plain, mac: Some(mac), ..Choice::DEFAULT });
        }
        for choice in choices {
            let case = Case::new("ours", server.name(), "10 MB, rekey");
            report.run_where_common(case, |case| {
                let login = Login::Key(private(peers.user_key())?, true);
                let (mut connection, mut app) = client(peers, choice, REKEY, vec![Login::None, login])?;
                let mark = server.log_mark();
                let ran = run(&server, &mut connection, &mut app, "cat", AMOUNT);
                note(case, &connection);
                if let Some(proto::Error::Transport(transport::Error::NoCommon(none))) = connection.error()
                    && matches!(none.kind, transport::Kind::Mac(_))
                {
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
                let (mut connection, mut app) = client(peers, Choice::DEFAULT, u64::MAX, logins)?;
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
                let (mut connection, mut app) = client(peers, Choice::DEFAULT, u64::MAX, logins)?;
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

/// Real clients with our server: each algorithm that both know, 2 MB each way through `echo`, keys replaced every 64 KiB
/// by our side.
///
/// # Errors
///
/// When a client can not say what it knows.
pub fn clients(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    for kind in ClientKind::ALL {
        let mut choices = vec![Choice::DEFAULT];
        choices.extend(KEX.iter().map(|kex| Choice { kex: Some(kex), ..Choice::DEFAULT }));
        choices.extend(CIPHERS.iter().map(|cipher| Choice { cipher: Some(cipher), ..Choice::DEFAULT }));
        let plain = CIPHERS.iter().find(|cipher| cipher.name == "aes256-ctr");
        choices.extend(MACS.iter().map(|mac| Choice { cipher: plain, mac: Some(mac), ..Choice::DEFAULT }));
        for choice in choices {
            let name = peers.name_of_client(kind);
            report.run_where_common(Case::new(&name, "ours", "2 MB, rekey"), |case| {
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
    let login = peers::Login {
        command: "echo",
        input: input.clone().into(),
        // Before our side loses patience, so that it is the client's log that is seen.
        deadline: DEADLINE / 2,
        ..peers::Login::new(peers.user_key(), peers.host_key())
    };
    let host_key = private(peers.host_key())?;
    let user_key = private(peers.user_key())?;
    let mut config = testkit::server_config(std::slice::from_ref(&host_key));
    let transport = Arc::make_mut(&mut config.transport);
    transport.algorithms = choice.algorithms();
    transport.rekey = RekeyPolicy { bytes: Some(REKEY), ..RekeyPolicy::default() };
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
    if finished.stderr.contains("does not correspond to any supported algorithm") {
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
        let (mut connection, mut app) = client(peers, Choice::DEFAULT, REKEY, vec![Login::None])?;
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
            client(peers, Choice::DEFAULT, REKEY, vec![Login::Key(stranger, true)])?;
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
