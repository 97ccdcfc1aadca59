//! Other people's SSH servers and clients, started and stopped.
//!
//! Servers listen on the loopback only, on a port that was free, and are ready when they have said so in their log.
//! Each runs in process and mount namespaces of its own that end with the value that holds it, whatever becomes of this
//! program. Clients are given a deadline and are killed at it.

mod chroot;
mod client;
mod daemon;
mod dropbear;
mod go;
mod keys;
mod nacre;
mod offer;
mod openssh;
mod process;
mod putty;
mod python;
mod russh;
mod server;
mod terminal;

use std::collections::BTreeMap;
use std::time::Duration;

pub use chroot::{Chroot, Release, Scratch};
pub(crate) use client::serve_whom;
pub use client::{ClientKind, DBCLIENT_TRIES, Login, serve_once};
pub use keys::{KeyKind, KeyPair};
pub(crate) use nacre::program as nacre_program;
pub use offer::Offer;
pub use openssh::AlgorithmKind;
pub use process::{Finished, Input};
pub use python::{Library, Python};
pub use server::{Server, ServerKind, Settings};
pub use terminal::Terminal;

use crate::error::Error;

/// The account that clients log in to; it is in every folder that `tools/peers` makes, with `/bin/sh` as its shell.
pub const USER: &str = "nacre";

/// How long a server may take until it listens, and a client until it ends when its caller does not say.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Algorithms by their names, comma-separated in order of preference; `None` leaves the peer its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Algorithms {
    /// Key exchanges.
    pub kex: Option<String>,
    /// Ciphers, both directions.
    pub ciphers: Option<String>,
    /// MACs, both directions.
    pub macs: Option<String>,
}

impl Algorithms {
    pub(crate) fn are_default(&self) -> bool {
        self == &Self::default()
    }
}

/// All peers: the folders of the releases and the libraries, with one user key and one host key for this run.
#[derive(Debug)]
pub struct Peers {
    releases: BTreeMap<Release, Chroot>,
    versions: BTreeMap<Release, [String; 3]>,
    go: go::Go,
    python: Python,
    libraries: [String; Library::ALL.len()],
    user_key: KeyPair,
    host_key: KeyPair,
}

impl Peers {
    /// Finds the folder of every release and the libraries, asks all for their versions, and makes the keys of this run.
    ///
    /// # Errors
    ///
    /// [`Error::NoPeer`] when a folder is missing or was not completed, [`Error::NotNamed`] when Python's is not named, and
    /// whatever running the programs gives.
    pub fn open() -> Result<Self, Error> {
        let mut releases = BTreeMap::new();
        let mut versions = BTreeMap::new();
        for release in Release::ALL {
            let chroot = Chroot::find(release)?;
            chroot.sweep();
            let names = [openssh::version(&chroot)?, dropbear::version(&chroot)?, putty::version(&chroot)?];
            versions.insert(release, names);
            releases.insert(release, chroot);
        }
        let chroot = &releases[&Release::ALL[0]];
        let user_key = KeyPair::generate(chroot, KeyKind::Ed25519, "user")?;
        let host_key = KeyPair::generate(chroot, KeyKind::Ed25519, "host")?;
        let python = Python::find()?;
        let [asyncssh, paramiko] = Library::ALL.map(|library| python.name_of(library));
        let libraries = [asyncssh?, paramiko?];
        Ok(Self { releases, versions, go: go::Go::find()?, python, libraries, user_key, host_key })
    }

    /// The folder of a release.
    #[must_use]
    pub fn chroot(&self, release: Release) -> &Chroot {
        &self.releases[&release]
    }

    /// Go's library.
    pub(crate) fn go(&self) -> &go::Go {
        &self.go
    }

    /// The Python that has the libraries.
    pub(crate) fn python(&self) -> &Python {
        &self.python
    }

    /// The name and version of one of Python's libraries, such as `paramiko 5.1.0`.
    #[must_use]
    pub fn name_of_library(&self, library: Library) -> String {
        match library {
            Library::Asyncssh => self.libraries[0].clone(),
            Library::Paramiko => self.libraries[1].clone(),
        }
    }

    /// The user key that [`Settings::default`] servers accept.
    #[must_use]
    pub fn user_key(&self) -> &KeyPair {
        &self.user_key
    }

    /// The host key of all servers that are started here, and one that a server of ours can use.
    #[must_use]
    pub fn host_key(&self) -> &KeyPair {
        &self.host_key
    }

    /// A server's name and version, such as `OpenSSH 10.6p1`.
    #[must_use]
    pub fn name_of_server(&self, kind: ServerKind) -> String {
        match kind {
            ServerKind::OpenSsh(release) => self.versions[&release][0].clone(),
            ServerKind::Dropbear(release) => self.versions[&release][1].clone(),
            ServerKind::Russh => russh::NAME.to_owned(),
            ServerKind::Go => self.go.name().to_owned(),
            ServerKind::Python(library) => self.name_of_library(library),
            ServerKind::Nacre => nacre::NAME.to_owned(),
        }
    }

    /// A client's name and version, such as `PuTTY 0.85`.
    #[must_use]
    pub fn name_of_client(&self, kind: ClientKind) -> String {
        match kind {
            ClientKind::OpenSsh(release) => self.versions[&release][0].clone(),
            ClientKind::Dropbear(release) => self.versions[&release][1].clone(),
            ClientKind::Putty(release) => self.versions[&release][2].clone(),
        }
    }

    /// The names of the algorithms that the OpenSSH of a release knows, as `ssh -Q` lists them.
    ///
    /// # Errors
    ///
    /// When the program can not be run.
    pub fn known_to_openssh(&self, release: Release, kind: AlgorithmKind) -> Result<Vec<String>, Error> {
        openssh::known(self.chroot(release), kind)
    }

    /// Those of our names that the OpenSSH of a release knows too, in our order.
    ///
    /// # Errors
    ///
    /// When the program can not be run.
    pub fn common_with_openssh<'n>(
        &self,
        release: Release,
        kind: AlgorithmKind,
        ours: &[&'n str],
    ) -> Result<Vec<&'n str>, Error> {
        let known = self.known_to_openssh(release, kind)?;
        Ok(ours.iter().copied().filter(|ours| known.iter().any(|known| known == ours)).collect())
    }

    /// The signature algorithms that the OpenSSH of a release knows, with those of certificates.
    ///
    /// # Errors
    ///
    /// When the program can not be run.
    pub fn signatures_of_openssh(&self, release: Release) -> Result<Vec<String>, Error> {
        openssh::signatures(self.chroot(release))
    }

    /// Everything that the OpenSSH of a release knows, for a server that is to refuse nothing.
    ///
    /// # Errors
    ///
    /// When the program can not be run.
    pub fn all_of_openssh(&self, release: Release) -> Result<Algorithms, Error> {
        let all = |kind| Ok(Some(self.known_to_openssh(release, kind)?.join(",")));
        Ok(Algorithms {
            kex: all(AlgorithmKind::Kex)?,
            ciphers: all(AlgorithmKind::Cipher)?,
            macs: all(AlgorithmKind::Mac)?,
        })
    }
}

/// The version in a program's own words: what follows `mark`, up to a blank, comma or the line's end.
fn version_after(mark: &str, name: &str, text: &str) -> Result<String, Error> {
    let version = text
        .split_once(mark)
        .map(|(_, rest)| rest.split(|c: char| c == ',' || c.is_whitespace()).next().unwrap_or_default())
        .filter(|version| !version.is_empty())
        .ok_or_else(|| Error::wrong(format!("no version of {name} in: {text}")))?;
    Ok(format!("{name} {version}"))
}
