//! Writes the recordings that `crates/proto/tests/recorded.rs` replays: a login and an echo with the newest OpenSSH, by every
//! key exchange under every kind of cipher.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crypto::{CIPHERS, KEX, MACS, SeededRng};
use keys::{PrivateKey, PublicKey, SignatureAlg};
use proto::{Config, Connection, Side};
use testkit::record::Record;
use testkit::{ClientApp, Driven, Login, Pattern, ServerApp};
use transport::Algorithms;

use super::cases::{self, private};
use super::drive::drive;
use crate::error::{During, Error};
use crate::peers::{self, ClientKind, KeyPair, Peers, Release, ServerKind, Settings, USER, serve_whom};

/// The key exchange that the OpenSSH of the recordings does not know.
const UNKNOWN: &str = "mlkem1024nistp384-sha384";

/// Where our side's randomness comes from.
const SEED: u64 = 5;

/// Bytes that are echoed.
const AMOUNT: usize = 100;

/// How long one may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// A cipher of each kind with a MAC where it wants one: the bytes of a packet, and how they are made. They take turns, so
/// that every row stands somewhere.
const KINDS: [&[(&str, &str)]; 5] = [
    &[("chacha20-poly1305@openssh.com", "")],
    &[("aes128-gcm@openssh.com", ""), ("aes256-gcm@openssh.com", "")],
    &[
        ("aes128-ctr", "hmac-sha2-256-etm@openssh.com"),
        ("aes192-ctr", "umac-64-etm@openssh.com"),
        ("aes256-ctr", "hmac-sha2-512-etm@openssh.com"),
        ("aes128-ctr", "umac-128-etm@openssh.com"),
        ("aes256-ctr", "hmac-sha1-etm@openssh.com"),
    ],
    &[
        ("aes256-ctr", "hmac-sha2-256"),
        ("aes192-ctr", "hmac-sha2-512"),
        ("aes128-ctr", "umac-64@openssh.com"),
        ("aes256-ctr", "umac-128@openssh.com"),
        ("aes128-ctr", "hmac-sha1"),
    ],
    &[
        ("aes128-cbc", "hmac-sha2-256"),
        ("aes192-cbc", "umac-64-etm@openssh.com"),
        ("aes256-cbc", "hmac-sha2-512-etm@openssh.com"),
        ("3des-cbc", "hmac-sha1"),
    ],
];

/// What one recording is of.
struct Suite {
    kex: &'static str,
    cipher: &'static str,
    mac: &'static str,
}

impl Suite {
    /// The name of its configuration: three names, `-` for no MAC.
    fn name(&self) -> String {
        let mac = if self.mac.is_empty() { "-" } else { self.mac };
        format!("{},{},{mac}", self.kex, self.cipher)
    }

    /// The same in the name of a file.
    fn file(&self) -> String {
        let short = |name: &str| name.split('@').next().unwrap_or_default().to_owned();
        // Two names of one method differ behind the sign.
        let kex = self.kex.replace("@libssh.org", "-libssh").replace("@openssh.com", "-openssh");
        let words = [kex, short(self.cipher), short(self.mac)];
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_")
    }

    fn algorithms(&self) -> Result<Algorithms, Error> {
        let none = || Error::wrong(format!("no such row in {}", self.name()));
        let choice = cases::Choice {
            kex: Some(KEX.iter().find(|row| row.name == self.kex).ok_or_else(none)?),
            host_key: SignatureAlg::by_name("ssh-ed25519"),
            cipher: Some(CIPHERS.iter().find(|row| row.name == self.cipher).ok_or_else(none)?),
            mac: MACS.iter().find(|row| row.name == self.mac),
            compression: crypto::COMPRESSIONS.iter().find(|row| row.name == "none"),
        };
        let mut algorithms = choice.algorithms();
        if self.mac.is_empty() {
            algorithms.macs = transport::Directions::both(MACS.iter().take(1).collect());
        }
        Ok(algorithms)
    }

    /// The same for OpenSSH.
    fn configured(&self) -> peers::Algorithms {
        peers::Algorithms {
            kex: Some(self.kex.to_owned()),
            ciphers: Some(self.cipher.to_owned()),
            macs: (!self.mac.is_empty()).then(|| self.mac.to_owned()),
        }
    }
}

/// Writes the recordings into `folder`: of our client with every kind of cipher, of our server with each once.
///
/// # Errors
///
/// When a peer can not be started, a login fails, or a file can not be written.
pub fn record(peers: &Peers, folder: &Path) -> Result<usize, Error> {
    fs::create_dir_all(folder).during("making a folder of recordings")?;
    let mut count = 0;
    for (at, kex) in KEX.iter().filter(|row| row.name != UNKNOWN).enumerate() {
        for (number, kind) in KINDS.iter().enumerate() {
            let (cipher, mac) = kind[at % kind.len()];
            let suite = Suite { kex: kex.name, cipher, mac };
            let mut write = |role: &str, mut record: Record| {
                count += 1;
                record.keep_only_sent();
                let file = folder.join(format!("{role}_{}.txt", suite.file()));
                fs::write(file, record.to_text()).during("writing a recording")
            };
            write("client", client(peers, &suite)?)?;
            if at % KINDS.len() == number {
                write("server", server(peers, &suite)?)?;
            }
        }
    }
    Ok(count)
}

/// A connection that is recorded.
fn recorded<S: Side>(config: Config<S>, suite: &Suite) -> Result<Driven<S>, Error> {
    let start = Instant::now();
    let made = Connection::new(config, Box::new(SeededRng::new(SEED)), start);
    let mut driven =
        made.map(Driven::from).map_err(|error| Error::wrong(format!("our configuration: {error}")))?;
    driven.record(&suite.name(), SEED, start);
    Ok(driven)
}

fn finish<S: Side>(mut connection: Driven<S>) -> Result<Record, Error> {
    connection.recorded().ok_or_else(|| Error::wrong("nothing was recorded"))
}

fn client(peers: &Peers, suite: &Suite) -> Result<Record, Error> {
    let settings = Settings { algorithms: suite.configured(), ..Settings::default() };
    let server = ServerKind::OpenSsh(Release::Forky).start(peers, &settings)?;
    let mut config = testkit::client_config();
    config.auth.user = USER.to_owned();
    Arc::make_mut(&mut config.transport).algorithms = suite.algorithms()?;
    let mut connection = recorded(config, suite)?;
    let mut app = ClientApp::new(vec![Login::Key(private(peers.user_key())?, true)]);
    let session = cases::run(&server, &mut connection, &mut app, "cat", AMOUNT as u64)
        .map_err(|error| Error::wrong(format!("{}: {error}\n{}", suite.name(), server.log())))?;
    if (session.stdout, session.status) != (AMOUNT as u64, Some(0)) {
        return Err(Error::wrong(format!("{}: {session:?}", suite.name())));
    }
    finish(connection)
}

fn server(peers: &Peers, suite: &Suite) -> Result<Record, Error> {
    let host_key = || PrivateKey::from_seed(&[7; 32]);
    let host = KeyPair::of(host_key())?;
    let mut config = testkit::server_config(&[host_key()]);
    let ed25519: Vec<_> = SignatureAlg::by_name("ssh-ed25519").into_iter().collect();
    config.auth.algorithms.clone_from(&ed25519);
    let transport = Arc::make_mut(&mut config.transport);
    transport.algorithms = suite.algorithms()?;
    transport.server_sig_algs = ed25519;
    let mut connection = recorded(config, suite)?;
    let mut app = ServerApp::new(vec![host_key()]);
    let user: PublicKey = private(peers.user_key())?.public();
    app.keys.push(user);
    let mut input = vec![0; AMOUNT];
    Pattern::new().fill(&mut input);
    let login = peers::Login {
        command: "echo",
        input: input.clone().into(),
        algorithms: suite.configured(),
        ..peers::Login::new(peers.user_key(), &host)
    };
    let (finished, served) = serve_whom(
        DEADLINE,
        |port| ClientKind::OpenSsh(Release::Forky).run_once(peers, peers::Login { port, ..login }),
        |stream| drive(stream, &mut connection, &mut app, DEADLINE, |_| false),
    );
    finished?.must_be(0, &input)?;
    served.ok_or_else(|| Error::wrong("the client did not connect"))??;
    finish(connection)
}
