//! Stock clients with stock servers: proves that the peers work, that they are started and stopped cleanly, and that what
//! later fails with one of ours is ours.

use crate::case::{Case, Report};
use crate::error::Error;
use crate::peers::{
    AlgorithmKind, Algorithms, ClientKind, Finished, Input, Login, Peers, Release, Server, ServerKind,
    Settings, serve_once,
};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

/// How much goes through a session and back.
const PAYLOAD: usize = 300_000;

/// Always the same bytes, which do not compress (some clients compress when they may) and in which a lost or doubled piece
/// shows.
#[must_use]
pub fn payload(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(step).collect()
}

/// Every client with every server: the echo of a payload, and an exit status.
///
/// # Errors
///
/// When a server can not be started.
pub fn matrix(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    for server_kind in ServerKind::ALL {
        let server = server_kind.start(peers, &Settings::default())?;
        for client_kind in ClientKind::ALL {
            let case = Case::new(&peers.name_of_client(client_kind), server.name(), "echo, status");
            report.run(case, |case| {
                echo(peers, client_kind, &server, login(peers, &server), case)?;
                let login = Login { command: "exit 7", ..login(peers, &server) };
                with_log(&server, client_kind.run(peers, login)?.must_be(7, b""))
            });
        }
    }
    Ok(())
}

/// The newest `ssh` with each `sshd`, with every key exchange, cipher and MAC that both know.
///
/// # Errors
///
/// When a server can not be started, or a peer does not list what it knows.
pub fn algorithms(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    let client_kind = ClientKind::OpenSsh(Release::Forky);
    let client_name = peers.name_of_client(client_kind);
    for release in Release::ALL {
        let settings = Settings { algorithms: peers.all_of_openssh(release)?, ..Settings::default() };
        let server = ServerKind::OpenSsh(release).start(peers, &settings)?;
        for (kind, what) in
            [(AlgorithmKind::Kex, "kex"), (AlgorithmKind::Cipher, "cipher"), (AlgorithmKind::Mac, "mac")]
        {
            let known = peers.known_to_openssh(release, kind)?;
            for name in peers.known_to_openssh(Release::Forky, kind)? {
                if !known.contains(&name) {
                    continue;
                }
                let mut algorithms = Algorithms::default();
                match kind {
                    AlgorithmKind::Kex => algorithms.kex = Some(name.clone()),
                    AlgorithmKind::Cipher => algorithms.ciphers = Some(name.clone()),
                    // With a cipher that needs one.
                    AlgorithmKind::Mac => {
                        algorithms.ciphers = Some("aes128-ctr".to_owned());
                        algorithms.macs = Some(name.clone());
                    }
                }
                report.run(Case::new(&client_name, server.name(), what), |case| {
                    let login = Login { algorithms, ..login(peers, &server) };
                    echo(peers, client_kind, &server, login, case)?;
                    let agreed = match kind {
                        AlgorithmKind::Kex => &case.kex,
                        AlgorithmKind::Cipher => &case.cipher,
                        AlgorithmKind::Mac => &case.mac,
                    };
                    if *agreed == name { Ok(()) } else { Err(Error::wrong(format!("{name} was not agreed"))) }
                });
            }
        }
    }
    Ok(())
}

/// Rekeying during the echo: by the client against each server, and by each server that can be told to.
///
/// # Errors
///
/// When a server can not be started.
pub fn rekey(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    let client_kind = ClientKind::OpenSsh(Release::Forky);
    let client_name = peers.name_of_client(client_kind);
    for server_kind in ServerKind::ALL {
        let server = server_kind.start(peers, &Settings::default())?;
        report.run(Case::new(&client_name, server.name(), "client rekeys"), |case| {
            let login = Login { rekey_limit: Some("64K".to_owned()), ..login(peers, &server) };
            rekeyed(&echo(peers, client_kind, &server, login, case)?)
        });
        if let ServerKind::Dropbear(_) = server_kind {
            continue;
        }
        let settings = Settings { rekey_limit: Some("65536".to_owned()), ..Settings::default() };
        let server = server_kind.start(peers, &settings)?;
        report.run(Case::new(&client_name, server.name(), "server rekeys"), |case| {
            rekeyed(&echo(peers, client_kind, &server, login(peers, &server), case)?)
        });
    }
    Ok(())
}

/// Every client through a listener of ours that hands the bytes on to a server: proves [`serve_once`].
///
/// # Errors
///
/// When the server can not be started.
pub fn relay(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    let server = ServerKind::OpenSsh(Release::Forky).start(peers, &Settings::default())?;
    for kind in ClientKind::ALL {
        let case = Case::new(&peers.name_of_client(kind), server.name(), "relayed");
        report.run(case, |_| {
            let stdin = payload(PAYLOAD);
            let login = Login { command: "cat", input: stdin.clone().into(), ..login(peers, &server) };
            let (finished, served) =
                serve_once(peers, kind, login, |client| pump(&client, &server.connect()?));
            with_log(&server, finished?.must_be(0, &stdin))?;
            let (sent, received) = served.ok_or_else(|| Error::wrong("the client did not connect"))??;
            if sent > PAYLOAD as u64 && received > PAYLOAD as u64 {
                return Ok(());
            }
            Err(Error::wrong(format!("only {sent} and {received} bytes went through")))
        });
    }
    // A client that ends before it connects must not leave us waiting for it.
    let case = Case::new(&peers.name_of_client(ClientKind::ALL[0]), "nobody", "no connection");
    report.run(case, |_| {
        let login = Login {
            extra: vec!["-oNoSuchOption=1".to_owned()],
            ..Login::new(peers.user_key(), peers.host_key())
        };
        let (finished, served) = serve_once(peers, ClientKind::ALL[0], login, |_| ());
        match (finished?.status, served) {
            (Some(255), None) => Ok(()),
            other => Err(Error::wrong(format!("expected status 255 and no connection, got {other:?}"))),
        }
    });
    Ok(())
}

/// What must be refused: a wrong user key by each server, a wrong host key by each client that can be told one.
///
/// # Errors
///
/// When a server can not be started.
pub fn refusals(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    let refused = |client: ClientKind, login: Login<'_>| {
        let finished = client.run(peers, login)?;
        if finished.status != Some(0) && finished.stdout.is_empty() {
            return Ok(());
        }
        Err(Error::wrong(format!("let in: {finished:?}")))
    };
    let client = ClientKind::OpenSsh(Release::Forky);
    for kind in ServerKind::ALL {
        let server = kind.start(peers, &Settings::default())?;
        report.run(Case::new(&peers.name_of_client(client), server.name(), "wrong key"), |_| {
            refused(client, Login { command: "echo in", user_key: peers.host_key(), ..login(peers, &server) })
        });
    }
    let server = ServerKind::OpenSsh(Release::Forky).start(peers, &Settings::default())?;
    for client in ClientKind::ALL.into_iter().filter(|kind| !matches!(kind, ClientKind::Dropbear(_))) {
        report.run(Case::new(&peers.name_of_client(client), server.name(), "wrong host"), |_| {
            refused(client, Login { command: "echo in", host_key: peers.user_key(), ..login(peers, &server) })
        });
    }
    Ok(())
}

/// What else cases of ours need of the peers: a password that is right, a terminal, and a server that says why it can
/// not start.
///
/// # Errors
///
/// When a server can not be started.
pub fn abilities(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    let (ssh, plink) = (ClientKind::OpenSsh(Release::Forky), ClientKind::Putty(Release::Forky));
    for kind in ServerKind::ALL.into_iter().filter(|kind| *kind != ServerKind::Russh) {
        let settings = Settings { password: Some("open sesame".to_owned()), ..Settings::default() };
        let server = kind.start(peers, &settings)?;
        // With a key that does not let it in.
        let with = |password: &str| Login {
            command: "echo in",
            user_key: peers.host_key(),
            extra: vec!["-pw".to_owned(), password.to_owned()],
            ..login(peers, &server)
        };
        report.run(Case::new(&peers.name_of_client(plink), server.name(), "password"), |_| {
            with_log(&server, plink.run(peers, with("open sesame"))?.must_be(0, b"in\n"))
        });
        report.run(Case::new(&peers.name_of_client(plink), server.name(), "bad password"), |_| {
            let finished = plink.run(peers, with("open says me"))?;
            if finished.status == Some(0) { Err(Error::wrong("let in")) } else { Ok(()) }
        });
        report.run(Case::new(&peers.name_of_client(ssh), server.name(), "terminal"), |_| {
            let input = Input { stays_open: true, ..Input::default() };
            let login =
                Login { command: "tty", input, extra: vec!["-tt".to_owned()], ..login(peers, &server) };
            with_log(&server, ssh.run(peers, login)?.must_be(0, b"/dev/pts/0\r\n"))
        });
        let settings = Settings { extra: vec!["-X-no-such-option".to_owned()], ..Settings::default() };
        report.run(Case::new("nobody", server.name(), "bad option"), |_| {
            match kind.start(peers, &settings) {
                Err(Error::NotListening { log, .. }) if log.contains("-X") => Ok(()),
                other => Err(Error::wrong(format!("expected a log that names the option, got {other:?}"))),
            }
        });
    }
    Ok(())
}

fn login<'a>(peers: &'a Peers, server: &'a Server) -> Login<'a> {
    Login { port: server.address().port(), ..Login::new(peers.user_key(), server.host_key()) }
}

fn echo(
    peers: &Peers,
    kind: ClientKind,
    server: &Server,
    login: Login<'_>,
    case: &mut Case,
) -> Result<Finished, Error> {
    let stdin = payload(PAYLOAD);
    let login = Login { command: "cat", input: stdin.clone().into(), ..login };
    let mark = server.log_mark();
    let finished = kind.run(peers, login)?;
    // OpenSSH says what was agreed, on either side.
    case.agreed_in_log(&server.log_since(mark));
    case.agreed_in_log(&finished.stderr);
    with_log(server, finished.must_be(0, &stdin))?;
    Ok(finished)
}

/// Checks that the log of an `ssh` tells of more key exchanges than the first.
fn rekeyed(finished: &Finished) -> Result<(), Error> {
    match finished.stderr.matches("kex: algorithm: ").count() {
        0 | 1 => Err(Error::wrong(format!("no rekey happened\n{}", finished.stderr))),
        _ => Ok(()),
    }
}

/// Adds the server's log to an error.
fn with_log(server: &Server, result: Result<(), Error>) -> Result<(), Error> {
    result.map_err(|error| Error::wrong(format!("{error}\n--- log of {}\n{}", server.name(), server.log())))
}

/// Copies both directions until both have ended; returns how much went from the client and to it.
fn pump(client: &TcpStream, server: &TcpStream) -> Result<(u64, u64), Error> {
    let copy = |mut from: &TcpStream, mut to: &TcpStream| -> io::Result<u64> {
        let mut buffer = vec![0; 1 << 16];
        let mut sum = 0;
        loop {
            // A peer that has what it wants may reset instead of closing.
            let n = match from.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
                read => read?,
            };
            if n == 0 {
                let _ = to.shutdown(Shutdown::Write);
                return Ok(sum);
            }
            match to.write_all(&buffer[..n]) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(sum),
                written => written?,
            }
            sum += n as u64;
        }
    };
    thread::scope(|scope| {
        let up = scope.spawn(|| copy(client, server));
        let down = copy(server, client).map_err(|error| Error::Io("relaying to the client", error))?;
        let up = up.join().map_err(|_| Error::wrong("a relay panicked"))?;
        Ok((up.map_err(|error| Error::Io("relaying to the server", error))?, down))
    })
}

#[cfg(test)]
mod tests {
    use super::payload;

    #[test]
    fn a_payload_has_no_short_period() {
        let bytes = payload(4096);
        for period in 1..2048 {
            assert_ne!(bytes[..1024], bytes[period..period + 1024], "period {period}");
        }
    }
}
