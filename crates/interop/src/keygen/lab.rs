//! A release's programs with files to work on, and the keys of the run.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;

use keys::{KeyFile, KeyLine, PrivateKey, PublicKey, SIGNATURES, SignatureAlg};

use super::random::Random;
use crate::error::{During, Error};
use crate::peers::{Chroot, DEADLINE, Finished, Input, KeyKind, KeyPair, Peers, Release, Scratch};

/// A key that `ssh-keygen` made.
pub(super) struct Made {
    pub(super) kind: KeyKind,
    /// Without passphrase.
    pub(super) file: String,
    pub(super) key: PrivateKey,
}

impl Made {
    fn by(chroot: &Chroot, kind: KeyKind) -> Result<Self, Error> {
        let pair = KeyPair::generate(chroot, kind, "made")?;
        let key = KeyFile::parse(pair.private().as_bytes())
            .map_err(|error| Error::wrong(format!("{kind:?} by {}: {error}", chroot.release())))?
            .key;
        let line =
            KeyLine::parse(pair.public().as_bytes()).map_err(|error| Error::wrong(error.to_string()))?;
        if *line.key() != key.public() {
            return Err(Error::wrong(format!("{kind:?} by {}: another public key", chroot.release())));
        }
        Ok(Self { kind, file: pair.private().to_owned(), key })
    }

    /// An algorithm that it signs messages and certificates with.
    pub(super) fn algorithm(&self, random: &mut Random) -> &'static SignatureAlg {
        // Without SHA-1, which OpenSSH verifies in certificates only.
        let names: Vec<_> =
            self.key.algorithms().filter(|row| row.name != "ssh-rsa" && !row.certificate).collect();
        names[random.index(names.len())]
    }
}

/// The keys of the run, of each type that the release knows. RSA keys take seconds to make, so all releases share them.
pub(super) struct Pool(BTreeMap<Release, Vec<Made>>, Vec<Made>);

/// Sizes of the RSA keys.
const RSA: [u32; 4] = [1024, 2048, 3072, 4096];

impl Pool {
    /// Has them made.
    pub(super) fn make(peers: &Peers) -> Result<Self, Error> {
        thread::scope(|scope| {
            let newest = peers.chroot(Release::Forky);
            let slow = RSA.map(|bits| scope.spawn(move || Made::by(newest, KeyKind::Rsa(bits))));
            let mut quick = BTreeMap::new();
            for release in Release::ALL {
                let mut kinds = vec![KeyKind::Ed25519];
                kinds.extend([256, 384, 521].map(KeyKind::Ecdsa));
                kinds.extend((release == Release::Forky).then_some(KeyKind::MlDsa44Ed25519));
                let made: Result<Vec<_>, _> =
                    kinds.into_iter().map(|kind| Made::by(peers.chroot(release), kind)).collect();
                quick.insert(release, made?);
            }
            let slow: Result<Vec<_>, _> = slow
                .into_iter()
                .map(|made| made.join().map_err(|_| Error::wrong("making RSA keys panicked"))?)
                .collect();
            Ok(Self(quick, slow?))
        })
    }
}

/// What one case works with.
pub(super) struct Lab<'a> {
    chroot: &'a Chroot,
    scratch: Scratch,
    pool: &'a Pool,
    compared: usize,
    pub(super) random: Random,
}

impl<'a> Lab<'a> {
    pub(super) fn open(chroot: &'a Chroot, pool: &'a Pool, seed: u64) -> Result<Self, Error> {
        Ok(Self { chroot, scratch: chroot.scratch()?, pool, compared: 0, random: Random::new(seed) })
    }

    /// How much has been compared.
    pub(super) fn compared(&self) -> usize {
        self.compared
    }

    pub(super) fn release(&self) -> Release {
        self.chroot.release()
    }

    pub(super) fn chroot(&self) -> &'a Chroot {
        self.chroot
    }

    pub(super) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// The run's keys of the types that the release knows.
    pub(super) fn keys(&self) -> Vec<&'a Made> {
        let quick = self.pool.0.get(&self.chroot.release()).into_iter().flatten();
        quick.chain(&self.pool.1).collect()
    }

    /// Those that sign fast enough to be used often.
    pub(super) fn quick_keys(&self) -> Vec<&'a Made> {
        self.keys().into_iter().filter(|made| !matches!(made.kind, KeyKind::Rsa(3072..))).collect()
    }

    /// Writes a file that only its owner reads; gives its path for programs.
    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<String, Error> {
        let path = self.scratch.outside().join(name);
        fs::write(&path, content).during("writing a file of a case")?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).during("setting a file's mode")?;
        Ok(self.scratch.path(name))
    }

    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, Error> {
        fs::read(self.scratch.outside().join(name)).during("reading a file of a case")
    }

    /// Runs `ssh-keygen` and hears how it ends.
    pub(super) fn keygen(&self, arguments: &[&str]) -> Result<Finished, Error> {
        self.program("/usr/bin/ssh-keygen", arguments, b"")
    }

    /// Runs a program of the release that reads this, with texts in UTF-8.
    pub(super) fn program(&self, program: &str, arguments: &[&str], input: &[u8]) -> Result<Finished, Error> {
        let mut argv = vec!["/usr/bin/env".to_owned(), "LC_ALL=C.UTF-8".to_owned(), program.to_owned()];
        argv.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self.chroot.run(Some(&self.scratch), &argv, Input::from(input.to_vec()), DEADLINE)
    }

    /// Runs `ssh-keygen`, which must do it, and gives what it wrote.
    pub(super) fn keygen_does(&self, arguments: &[&str]) -> Result<String, Error> {
        let finished = self.keygen(arguments)?;
        let stdout = String::from_utf8_lossy(&finished.stdout).into_owned();
        if finished.status == Some(0) {
            return Ok(stdout);
        }
        let command = format!("ssh-keygen {}", arguments.join(" "));
        Err(Error::Program { command, output: format!("{stdout}{}", finished.stderr) })
    }

    /// They must be the same.
    pub(super) fn same<T: PartialEq + Debug>(
        &mut self,
        what: &str,
        theirs: &T,
        ours: &T,
    ) -> Result<(), Error> {
        self.compared += 1;
        if theirs == ours {
            return Ok(());
        }
        Err(Error::wrong(format!("{what}\n  theirs: {theirs:#?}\n  ours:   {ours:#?}")))
    }

    /// Texts must be the same; the first line that differs is shown.
    pub(super) fn same_text(&mut self, what: &str, theirs: &str, ours: &str) -> Result<(), Error> {
        self.compared += 1;
        if theirs == ours {
            return Ok(());
        }
        let equal = theirs.lines().zip(ours.lines()).take_while(|(their, our)| their == our).count();
        let shown = |text: &str| {
            text.lines().skip(equal.saturating_sub(2)).take(6).collect::<Vec<_>>().join("\n    ")
        };
        Err(Error::wrong(format!(
            "{what}: line {} differs\n  theirs:\n    {}\n  ours:\n    {}",
            equal + 1,
            shown(theirs),
            shown(ours)
        )))
    }

    /// It must be so.
    pub(super) fn holds(&mut self, what: &str, is_so: bool) -> Result<(), Error> {
        self.compared += 1;
        if is_so { Ok(()) } else { Err(Error::wrong(what)) }
    }
}

/// An error of ours where there must be none.
pub(super) fn ours<T, E: std::fmt::Display>(what: &str, result: Result<T, E>) -> Result<T, Error> {
    result.map_err(|error| Error::wrong(format!("{what}: {error}")))
}

/// A public key with a comment as one line with its end.
pub(super) fn line(key: &PublicKey, comment: &str) -> String {
    if comment.is_empty() { format!("{key}\n") } else { format!("{key} {comment}\n") }
}

/// What authorities may sign certificates with, SHA-1 too.
pub(super) fn authority_algorithms() -> Vec<&'static SignatureAlg> {
    SIGNATURES.iter().filter(|row| !row.certificate).collect()
}
