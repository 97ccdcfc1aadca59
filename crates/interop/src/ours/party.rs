//! The clients of the matrix as one kind of thing: programs and libraries.

use std::time::Duration;

use crate::error::Error;
use crate::peers::{
    Algorithms, ClientKind, DBCLIENT_TRIES, Finished, Library, Login, Offer, Peers, Python, serve_whom,
};

use super::item::Item;
use super::ring::Ring;

/// A client.
#[derive(Clone)]
pub(super) enum Party {
    Stock(ClientKind),
    Library(Python, Library),
}

impl Party {
    /// All of them.
    pub(super) fn all() -> Result<Vec<Self>, Error> {
        let python = Python::find()?;
        let mut all: Vec<Self> = ClientKind::ALL.into_iter().map(Self::Stock).collect();
        all.extend(Library::ALL.map(|library| Self::Library(python.clone(), library)));
        Ok(all)
    }

    pub(super) fn name(&self, peers: &Peers) -> Result<String, Error> {
        match self {
            Self::Stock(kind) => Ok(peers.name_of_client(*kind)),
            Self::Library(python, library) => python.name_of(*library),
        }
    }

    /// Logs in, offering everything that it knows.
    pub(super) fn run(&self, peers: &Peers, mut login: Login<'_>) -> Result<Finished, Error> {
        match self {
            Self::Stock(kind) => {
                match kind {
                    ClientKind::OpenSsh(release) => {
                        login.algorithms = peers.all_of_openssh(*release)?;
                        login.extra.extend(
                            ["HostKeyAlgorithms=*", "PubkeyAcceptedAlgorithms=*"].map(|o| format!("-o{o}")),
                        );
                    }
                    // What is not named stays below the line.
                    ClientKind::Putty(_) => {
                        let kex = "ntru-curve25519,mlkem-curve25519,mlkem-nist256,mlkem-nist384,ecdh,dh-gex-sha1,\
                            dh-group18-sha512,dh-group17-sha512,dh-group16-sha512,dh-group15-sha512,\
                            dh-group14-sha1,dh-group1-sha1,rsa";
                        login.algorithms = Algorithms {
                            kex: Some(kex.to_owned()),
                            ciphers: Some("aes,chacha20,aesgcm,3des,blowfish,des,arcfour".to_owned()),
                            macs: None,
                        };
                    }
                    ClientKind::Dropbear(_) => {}
                }
                kind.run_once(peers, login)
            }
            Self::Library(python, library) => python.login(*library, peers, login),
        }
    }

    /// Does `run` again where `dbclient` stood still in it.
    pub(super) fn patiently<T>(&self, mut run: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
        let tries = if matches!(self, Self::Stock(ClientKind::Dropbear(_))) { DBCLIENT_TRIES } else { 1 };
        for _ in 1..tries {
            match run() {
                Err(Error::Deadline { .. }) => {}
                done => return done,
            }
        }
        run()
    }

    /// The argument with which it compresses if it can.
    pub(super) fn compress(&self) -> Option<String> {
        match self {
            Self::Stock(ClientKind::Dropbear(_)) => None,
            Self::Stock(_) => Some("-C".to_owned()),
            Self::Library(..) => Some("compress".to_owned()),
        }
    }

    /// What it offers, and what its users may sign with.
    pub(super) fn offer(
        &self,
        peers: &Peers,
        ring: &Ring,
        deadline: Duration,
    ) -> Result<(Offer, Vec<String>), Error> {
        let key = &ring.users[0].plain;
        let login = Login {
            command: "true",
            host_authority: Some(&ring.authority),
            deadline,
            ..Login::new(key, &ring.hosts[0].plain)
        };
        // The library checks its host key, not a certificate's, and names types only as keys.
        let login = match self {
            Self::Library(_, Library::Paramiko) => Login { host_authority: None, ..login },
            _ => login,
        };
        let (finished, offer) = serve_whom(
            deadline,
            |port| self.run(peers, Login { port, ..login }),
            |stream| Offer::read(&stream),
        );
        let mut offer =
            offer.ok_or_else(|| Error::wrong(format!("the client did not connect: {finished:?}")))??;
        let users = match self {
            Self::Stock(ClientKind::OpenSsh(release)) => peers.signatures_of_openssh(*release)?,
            Self::Stock(ClientKind::Dropbear(_)) => {
                // It verifies both, and signs with the shorter hash only.
                offer.host_keys.iter().filter(|name| *name != "rsa-sha2-512").cloned().collect()
            }
            Self::Stock(ClientKind::Putty(_)) | Self::Library(..) => {
                if let Self::Library(_, Library::Paramiko) = self {
                    // The script that drives it knows host keys by a plain line only.
                    offer.host_keys.retain(|name| !name.contains("-cert-"));
                }
                let mut names = offer.host_keys.clone();
                for item in Item::all() {
                    if let Item::User(row, _) = item
                        && row.certificate
                        && offer.host_keys.iter().any(|name| name == row.signature_name)
                        && !names.iter().any(|name| name == row.name)
                    {
                        names.push(row.name.to_owned());
                    }
                }
                names
            }
        };
        Ok((offer, users))
    }
}
