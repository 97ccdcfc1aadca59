//! The matrix: every algorithm that both know logs in and moves 1 MB, once with each peer in each direction.

use std::sync::Arc;
use std::time::Duration;

use keys::{CertificateKind, PrivateKey, SIGNATURES, SignatureAlg};
use proto::{ClientQuestion, ServerQuestion};
use testkit::{Driven, Pattern, ServerApp};
use userauth::KeyVerdict;
use userauth::client::Credential;

use super::cases::{self, connection, note, private};
use super::device;
use super::drive::{drive, state};
use super::item::Item;
use super::party::Party;
use super::ring::{Ring, Trust, blob, public};
use crate::case::{Case, Job, Outcome, Report};
use crate::error::Error;
use crate::peers::{
    ClientKind, KeyKind, Library, Login, Offer, Peers, Release, Server, ServerKind, Settings, serve_whom,
};
use crate::sshd::with_log;
use crate::stock::payload;

/// Bytes that go each way in a case.
const AMOUNT: usize = 1_000_000;

/// How long a case may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// When a client is killed: before our side loses patience, so that it is the client's log that is seen.
const CLIENT_DEADLINE: Duration = Duration::from_secs(40);

/// Our client with every server.
///
/// # Errors
///
/// When a server can not be started.
pub fn matrix_servers(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    let ring = &Ring::new(peers)?;
    for kind in ServerKind::ALL.into_iter().chain(ServerKind::LIBRARIES) {
        let mut servers = Vec::new();
        for hosts in HOSTS {
            let server = start(peers, ring, kind, hosts)?;
            let offer = Offer::read(&server.connect()?)?;
            servers.push((hosts, server, offer));
        }
        // Others than OpenSSH have one list for both kinds of keys.
        let users = match kind {
            ServerKind::OpenSsh(release) => peers.signatures_of_openssh(release)?,
            _ => servers.iter().flat_map(|(.., offer)| offer.host_keys.clone()).collect(),
        };
        for (number, (hosts, server, offer)) in servers.iter().enumerate() {
            // It says that it has RSA, but is built without.
            let jobs = Item::all()
                .into_iter()
                .filter(|item| match item {
                    Item::Host(_, kind) => hosts.contains(kind),
                    _ => number == 0,
                })
                .filter(|item| item.offered(offer, &users) && !(kind == ServerKind::Russh && item.is_rsa()))
                // Our client is a machine without a device.
                .filter(|item| !item.is_of_device())
                .map(|item| {
                    Job::new(Case::new("ours", server.name(), &item.label()), move |case| {
                        let mark = server.log_mark();
                        with_log(server, mark, our_client(peers, ring, server, item, case))
                    })
                });
            report.run_side_by_side(jobs.collect());
        }
    }
    Ok(())
}

/// The types of host keys of a server: a server has one RSA key, and dropbear has four keys at most.
const HOSTS: [&[KeyKind]; 3] = [
    &[KeyKind::Ed25519, KeyKind::Ecdsa(256), KeyKind::Rsa(2048), KeyKind::MlDsa44Ed25519],
    &[KeyKind::Ecdsa(384), KeyKind::Rsa(3072)],
    &[KeyKind::Ecdsa(521), KeyKind::Rsa(4096)],
];

/// A server that refuses nothing, with host keys of these types as far as it knows them.
fn start(peers: &Peers, ring: &Ring, kind: ServerKind, hosts: &[KeyKind]) -> Result<Server, Error> {
    let openssh = match kind {
        ServerKind::OpenSsh(release) => Some(release),
        _ => None,
    };
    let certificates =
        openssh.is_some() || [ServerKind::Go, ServerKind::Python(Library::Asyncssh)].contains(&kind);
    let knows = |key: KeyKind| match key {
        KeyKind::MlDsa44Ed25519 => openssh == Some(Release::Forky),
        KeyKind::Rsa(_) => kind != ServerKind::Russh,
        KeyKind::Ed25519 | KeyKind::Ecdsa(_) => true,
        // Our client has none.
        KeyKind::SkEd25519 | KeyKind::SkEcdsa => false,
    };
    let hosts = ring.hosts.iter().filter(|pair| hosts.contains(&pair.kind) && knows(pair.kind));
    let users = ring.users.iter().filter(|pair| knows(pair.kind));
    let mut settings = Settings {
        host_keys: hosts.map(|pair| pair.of(certificates).clone()).collect(),
        more_user_keys: users.map(|pair| pair.plain.public().to_owned()).collect(),
        authority: certificates.then(|| ring.authority.clone()),
        ..Settings::default()
    };
    if let Some(release) = openssh {
        settings.algorithms = peers.all_of_openssh(release)?;
        settings.extra = ["HostKeyAlgorithms *", "PubkeyAcceptedAlgorithms *"].map(str::to_owned).into();
    }
    kind.start(peers, &settings)
}

fn our_client(peers: &Peers, ring: &Ring, server: &Server, item: Item, case: &mut Case) -> Result<(), Error> {
    let (mut connection, mut app) = cases::client(peers, item.choice(), u64::MAX, Vec::new())?;
    let mut hosts = Vec::new();
    for pair in &ring.hosts {
        hosts.push(public(&pair.plain)?);
    }
    let trust = Trust { keys: hosts, authority: public(&ring.authority)?, kind: CertificateKind::Host };
    let (algorithm, kind, certificate) = item.user();
    let algorithm = SignatureAlg::by_name(algorithm).ok_or_else(|| Error::wrong("no such row"))?;
    let pair = ring.user(kind).of(certificate);
    let (key, blob) = (private(pair)?, blob(pair)?);
    let mut tried = false;
    app.hook = Some(Box::new(move |connection, question| match question {
        ClientQuestion::HostKey { ticket, offer } => {
            connection.answer(ticket, trust.admits(&offer.blob)).expect("an answer");
            None
        }
        ClientQuestion::Credential { ticket, .. } => {
            let shown = Credential::PublicKey { algorithm, key: blob.clone(), query_first: true };
            let credential = if tried { Credential::GiveUp } else { shown };
            tried = true;
            connection.answer(ticket, credential).expect("a credential");
            None
        }
        ClientQuestion::Sign { ticket, algorithm, data, .. } => {
            match key.sign(algorithm, &data) {
                Ok(signature) => connection.answer(ticket, signature).expect("a signature"),
                Err(_) => connection.decline(ticket),
            }
            None
        }
        other => Some(other),
    }));
    let ran = cases::run(server, &mut connection, &mut app, "cat", AMOUNT as u64);
    note(case, &connection);
    let session = ran?;
    agreed(item, &connection)?;
    match (session.stdout, session.status, session.eof) {
        (bytes, Some(0), true) if bytes == AMOUNT as u64 => Ok(()),
        other => Err(Error::wrong(format!("bytes, status, EOF: {other:?}"))),
    }
}

/// Checks that what was to be agreed on was.
fn agreed<S: proto::Side>(item: Item, connection: &Driven<S>) -> Result<(), Error> {
    let Some(agreed) = connection.transport().agreed() else {
        return Err(Error::wrong("nothing was agreed on"));
    };
    let protections = [&agreed.protection.client_to_server, &agreed.protection.server_to_client];
    let all = |name: fn(&transport::Protection) -> &'static str| {
        protections.iter().all(|protection| name(protection) == item.name())
    };
    let good = match item {
        Item::Kex(row) => agreed.kex.name == row.name,
        Item::Cipher(_) => all(|protection| protection.cipher.name),
        Item::Mac(_) => all(|protection| protection.mac.map_or("", |mac| mac.name)),
        Item::Compression(_) => all(|protection| protection.compression.name),
        Item::Host(row, _) => agreed.host_key.name == row.name,
        // Our side has said by which.
        Item::User(..) => true,
    };
    if good { Ok(()) } else { Err(Error::wrong(format!("{} was not agreed on", item.name()))) }
}

/// Every client with our server, in this process.
///
/// # Errors
///
/// When a client can not say what it knows.
pub fn matrix_clients(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    let ring = &Ring::new(peers)?;
    for party in &Party::all() {
        let name = party.name(peers);
        let (offer, users) = &party.offer(peers, ring, CLIENT_DEADLINE)?;
        let common = Item::all().into_iter().filter(|item| item.offered(offer, users));
        let jobs = common.map(|item| {
            Job::new(Case::new(&name, "ours", &item.label()), move |case| {
                party.patiently(|| our_server(peers, ring, party, item, case))
            })
        });
        report.run_side_by_side(jobs.collect());
    }
    Ok(())
}

/// What a client is told for an item.
fn login<'a>(ring: &'a Ring, item: Item, command: &'a str, input: Vec<u8>) -> Login<'a> {
    let (host, host_certificate) = item.host();
    let (_, user, user_certificate) = item.user();
    Login {
        command,
        input: input.into(),
        host_authority: host_certificate.then_some(&ring.authority),
        deadline: CLIENT_DEADLINE,
        ..Login::new(ring.user(user).of(user_certificate), &ring.host(host).plain)
    }
}

fn our_server(peers: &Peers, ring: &Ring, party: &Party, item: Item, case: &mut Case) -> Result<(), Error> {
    let (kind, certificate) = item.host();
    let host = ring.host(kind).of(certificate);
    let host_key: PrivateKey = private(host)?;
    let mut config = testkit::server_config(std::slice::from_ref(&host_key));
    let (_, user, _) = item.user();
    let accepted: Vec<_> = match item {
        // A client wants to see what the certificate's key signs with.
        Item::User(alg, _) => {
            SIGNATURES.iter().filter(|row| row.name == alg.name || row.name == alg.signature_name).collect()
        }
        _ => SIGNATURES.iter().collect(),
    };
    config.auth.algorithms.clone_from(&accepted);
    let transport = Arc::make_mut(&mut config.transport);
    transport.algorithms = item.choice().algorithms();
    transport.host_keys = vec![blob(host)?];
    transport.server_sig_algs = accepted;
    let mut app = ServerApp::new(vec![host_key]);
    let trust = Trust {
        keys: vec![public(&ring.user(user).plain)?],
        authority: public(&ring.authority)?,
        kind: CertificateKind::User,
    };
    app.hook = Some(Box::new(move |connection, question| match question {
        ServerQuestion::KeyOffer { ticket, key, .. } => {
            connection.answer(ticket, trust.admits(key.0)).expect("an answer");
            None
        }
        ServerQuestion::KeyProof { ticket, proof } => {
            let verdict = match userauth::verify(&proof) {
                Ok(proven) if trust.admits(proof.key()) => KeyVerdict::Accept(proven),
                _ => KeyVerdict::Reject,
            };
            connection.answer(ticket, verdict).expect("a verdict");
            None
        }
        other => Some(other),
    }));
    let mut connection = connection(config)?;
    let mut input = vec![0; AMOUNT];
    Pattern::new().fill(&mut input);
    let mut login = login(ring, item, "echo", input.clone());
    if matches!(item, Item::Compression(row) if row.name != "none") {
        login.extra.extend(party.compress());
    }
    let (finished, served) = serve_whom(
        CLIENT_DEADLINE,
        |port| party.run(peers, Login { port, ..login }),
        |stream| drive(stream, &mut connection, &mut app, DEADLINE, |_| false),
    );
    note(case, &connection);
    let served = served.ok_or_else(|| Error::wrong(format!("the client did not connect: {finished:?}")))?;
    let ours = |error| Error::wrong(format!("{error}\nserved: {served:?}; {}", state(&connection)));
    if let Err(error @ Error::Deadline { .. }) = finished {
        return Err(error);
    }
    finished?.must_be(0, &input).map_err(ours)?;
    agreed(item, &connection)
}

/// The newest of each client with our sshd, which is started anew for each algorithm and knows no other; then what else there is
/// about keys in devices.
///
/// # Errors
///
/// When a client can not say what it knows.
pub fn matrix_sshd(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    let ring = &Ring::new(peers)?;
    let mut parties = Vec::new();
    for party in Party::all() {
        let newest = |release: Release| release == Release::Forky;
        let wanted = match &party {
            Party::Stock(ClientKind::OpenSsh(release)) => newest(*release),
            Party::Stock(ClientKind::Dropbear(release)) => newest(*release),
            Party::Stock(ClientKind::Putty(release)) => newest(*release),
            Party::Library(_) | Party::Go => true,
        };
        if wanted {
            let (offer, users) = party.offer(peers, ring, CLIENT_DEADLINE)?;
            parties.push((party.name(peers), party, offer, users));
        }
    }
    let name = peers.name_of_server(ServerKind::Nacre);
    for item in Item::all() {
        let common: Vec<_> = parties.iter().filter(|(.., offer, users)| item.offered(offer, users)).collect();
        if common.is_empty() {
            continue;
        }
        let (algorithms, line) = item.configured();
        let (host, host_certificate) = item.host();
        let settings = Settings {
            algorithms,
            host_keys: vec![ring.host(host).of(host_certificate).clone()],
            more_user_keys: ring.users.iter().map(|pair| pair.plain.public().to_owned()).collect(),
            authority: Some(ring.authority.clone()),
            extra: line.into_iter().collect(),
            ..Settings::default()
        };
        let server = match ServerKind::Nacre.start(peers, &settings) {
            Ok(server) => server,
            Err(error) => {
                report.note(Case::new("nobody", &name, &item.label()), Outcome::Failed(error.to_string()));
                continue;
            }
        };
        let server = &server;
        let bytes = &payload(AMOUNT);
        let jobs = common.into_iter().map(|(name, party, ..)| {
            Job::new(Case::new(name, server.name(), &item.label()), move |case| {
                let mut login =
                    Login { port: server.address().port(), ..login(ring, item, "cat", bytes.clone()) };
                if matches!(item, Item::Compression(row) if row.name != "none") {
                    login.extra.extend(party.compress());
                }
                let mark = server.log_mark();
                let finished = party.patiently(|| party.run(peers, login.clone()))?;
                case.agreed_in_log(&finished.stderr);
                with_log(server, mark, finished.must_be(0, bytes))
            })
        });
        report.run_side_by_side(jobs.collect());
    }
    device::touched(peers, report)
}

/// The matrix as a Markdown table, if any of it ran: a line for each algorithm, a column for each peer. `c` is our client
/// with that server, `s` that client with our server machine, `d` with our sshd; a capital letter failed.
#[must_use]
pub fn summary(rows: &[(Case, Outcome)]) -> Option<String> {
    let labels: Vec<String> = Item::all().iter().map(|item| item.label()).collect();
    let mut columns: Vec<&str> = Vec::new();
    let mut cells: Vec<(usize, &str, char)> = Vec::new();
    for (case, outcome) in rows {
        let Some(line) = labels.iter().position(|label| *label == case.what) else { continue };
        let (peer, way) = match (case.client.as_str(), case.server.as_str()) {
            ("ours", server) => (server, 'c'),
            (client, "ours") => (client, 's'),
            (client, _) => (client, 'd'),
        };
        if !columns.contains(&peer) {
            columns.push(peer);
        }
        let failed = matches!(outcome, Outcome::Failed(_));
        cells.push((line, peer, if failed { way.to_ascii_uppercase() } else { way }));
    }
    if cells.is_empty() {
        return None;
    }
    let mut text = format!("\n| | {} |\n|---|{}\n", columns.join(" | "), "---|".repeat(columns.len()));
    for (line, label) in labels.iter().enumerate() {
        text.push_str(&format!("| {label} |"));
        for column in &columns {
            let mark =
                |(at, peer, way): &(usize, &str, char)| (*at == line && peer == column).then_some(*way);
            let marks: String = cells.iter().filter_map(mark).collect();
            text.push_str(&format!(" {marks} |"));
        }
        text.push('\n');
    }
    Some(text)
}
