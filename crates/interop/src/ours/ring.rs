//! The keys of the matrix: one of each type for the user and for the host, with certificates.

use keys::{Certificate, CertificateKind, Identity, IdentityLine, PublicKey, SIGNATURES};

use crate::error::Error;
use crate::peers::{KeyKind, KeyPair, Peers, Release, USER};

/// The name that certificates of hosts carry: where everything listens.
const HOST: &[u8] = b"127.0.0.1";

/// A key pair with and without its certificate.
pub(super) struct Pair {
    pub(super) kind: KeyKind,
    pub(super) plain: KeyPair,
    pub(super) certified: KeyPair,
}

impl Pair {
    pub(super) fn of(&self, certificate: bool) -> &KeyPair {
        if certificate { &self.certified } else { &self.plain }
    }
}

/// All keys. Users have some in devices too.
pub(super) struct Ring {
    pub(super) users: Vec<Pair>,
    pub(super) hosts: Vec<Pair>,
    pub(super) authority: KeyPair,
}

impl Ring {
    /// Makes the keys with the newest release's programs.
    pub(super) fn new(peers: &Peers) -> Result<Self, Error> {
        let chroot = peers.chroot(Release::Forky);
        let authority = KeyPair::generate(chroot, KeyKind::Ed25519, "authority")?;
        let pairs = |host: bool| -> Result<Vec<Pair>, Error> {
            let mut pairs = Vec::new();
            let devices = KeyKind::DEVICES.into_iter().filter(|_| !host);
            for kind in KeyKind::ALL.into_iter().chain(devices) {
                let plain = KeyPair::generate(chroot, kind, "matrix")?;
                let name = if host { str::from_utf8(HOST).unwrap_or_default() } else { USER };
                let certified = plain.certified(chroot, &authority, host, name, &[])?;
                pairs.push(Pair { kind, plain, certified });
            }
            Ok(pairs)
        };
        Ok(Self { users: pairs(false)?, hosts: pairs(true)?, authority })
    }

    pub(super) fn user(&self, kind: KeyKind) -> &Pair {
        Self::find(&self.users, kind)
    }

    pub(super) fn host(&self, kind: KeyKind) -> &Pair {
        Self::find(&self.hosts, kind)
    }

    fn find(pairs: &[Pair], kind: KeyKind) -> &Pair {
        pairs.iter().find(|pair| pair.kind == kind).unwrap_or(&pairs[0])
    }
}

/// The blob that stands in a line, of a key or of a certificate.
pub(super) fn blob(pair: &KeyPair) -> Result<Vec<u8>, Error> {
    let line = pair.certificate().unwrap_or(pair.public());
    let read = IdentityLine::parse(line.trim_end().as_bytes());
    read.map(|line| line.identity().blob()).map_err(|error| Error::wrong(format!("{error} in {line}")))
}

/// The public key of a pair, wherever the private one is.
pub(super) fn public(pair: &KeyPair) -> Result<PublicKey, Error> {
    let line = pair.public();
    let read = IdentityLine::parse(line.trim_end().as_bytes());
    read.map(|line| line.identity().key().clone()).map_err(|error| Error::wrong(format!("{error} in {line}")))
}

/// Who is trusted: keys, and certificates of one authority.
#[derive(Clone)]
pub(super) struct Trust {
    pub(super) keys: Vec<PublicKey>,
    pub(super) authority: PublicKey,
    pub(super) kind: CertificateKind,
}

impl Trust {
    /// Whether this blob is a key that is trusted, or a good certificate of it by the authority.
    pub(super) fn admits(&self, blob: &[u8]) -> bool {
        let Ok(identity) = Identity::parse(blob) else { return false };
        let known = self.keys.contains(identity.key());
        known && identity.certificate().is_none_or(|certificate| self.vouched(certificate))
    }

    fn vouched(&self, certificate: &Certificate) -> bool {
        let name = match self.kind {
            CertificateKind::User => USER.as_bytes(),
            CertificateKind::Host => HOST,
        };
        let accepted: Vec<_> = SIGNATURES.iter().collect();
        let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
        certificate.authority() == &self.authority
            && certificate.verify_authority(&accepted).is_ok_and(|endorsed| {
                endorsed.admits(self.kind, name, now).is_ok() && endorsed.options().is_ok()
            })
    }
}
