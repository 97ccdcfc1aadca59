//! The clients of the matrix as one kind of thing: programs and libraries.

use std::time::Duration;

use crate::error::Error;
use crate::peers::{
    Algorithms, ClientKind, DBCLIENT_TRIES, Finished, Library, Login, Offer, Peers, Release, serve_whom,
};

use super::item::Item;
use super::ring::Ring;

/// A client.
#[derive(Clone)]
pub(super) enum Party {
    Stock(ClientKind),
    Library(Library),
    Go,
}

impl Party {
    /// All of them.
    pub(super) fn all() -> Vec<Self> {
        let mut all: Vec<Self> = ClientKind::ALL.into_iter().map(Self::Stock).collect();
        all.extend(Library::ALL.map(Self::Library));
        all.push(Self::Go);
        all
    }

    pub(super) fn name(&self, peers: &Peers) -> String {
        match self {
            Self::Stock(kind) => peers.name_of_client(*kind),
            Self::Library(library) => peers.name_of_library(*library),
            Self::Go => peers.go().name().to_owned(),
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
            Self::Library(library) => peers.python().login(*library, peers, login),
            Self::Go => peers.go().login(peers, login),
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
            Self::Stock(ClientKind::Dropbear(_)) | Self::Go => None,
            Self::Stock(_) => Some("-C".to_owned()),
            Self::Library(_) => Some("compress".to_owned()),
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
            Self::Library(Library::Paramiko) => Login { host_authority: None, ..login },
            _ => login,
        };
        let (finished, offer) = serve_whom(
            deadline,
            |port| self.run(peers, Login { port, ..login }),
            |stream| Offer::read(&stream),
        );
        let mut offer =
            offer.ok_or_else(|| Error::wrong(format!("the client did not connect: {finished:?}")))??;
        let mut users = match self {
            Self::Stock(ClientKind::OpenSsh(release)) => peers.signatures_of_openssh(*release)?,
            Self::Stock(ClientKind::Dropbear(_)) => {
                // It verifies both, and signs with the shorter hash only.
                offer.host_keys.iter().filter(|name| *name != "rsa-sha2-512").cloned().collect()
            }
            Self::Stock(ClientKind::Putty(_)) | Self::Library(_) | Self::Go => {
                if let Self::Library(Library::Paramiko) = self {
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
        // Others know such keys too, but have no device.
        let device = matches!(self, Self::Stock(ClientKind::OpenSsh(Release::Forky)));
        users.retain(|name| device || !name.starts_with("sk-"));
        Ok((offer, users))
    }
}
