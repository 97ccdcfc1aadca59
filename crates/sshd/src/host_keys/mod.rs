//! The keys that prove who the server is.
//!
//! | module | noun |
//! |---|---|
//! | `file` | files of private keys, of public ones, and of certificates |
//! | `certificate` | certificates of these keys |
//! | `agent` | the agent that has private halves |
//! | `limits` | bounds |

mod agent;
mod certificate;
mod file;
mod limits;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use config::Effective;
use config::value::{HostKeyAgent, HostKeys as Files};
use crypto::{HashAlg, OsRng, Rng, Secret};
use keys::{Certificate, Identity, PrivateKey, PublicKey, SignError, SignatureAlg};

use crate::log::{Level, Logger};

use agent::{Agent, AgentFault};
use file::{LoadError, report};

pub(crate) use file::read;

/// The host keys, in the order of the configuration, and their certificates.
pub(crate) struct HostKeys {
    keys: Vec<HostKey>,
    /// With the number of the key of each.
    certificates: Vec<(usize, Certificate)>,
    /// What nobody else has.
    seed: Secret,
}

impl fmt::Debug for HostKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostKeys")
            .field("keys", &self.keys)
            .field("certificates", &self.certificates.len())
            .finish_non_exhaustive()
    }
}

/// A host key, and what signs with it.
#[derive(Debug)]
struct HostKey {
    public: PublicKey,
    signer: Signer,
}

#[derive(Debug)]
enum Signer {
    /// We have it.
    Own(PrivateKey),
    /// An agent has it.
    Agent(Agent),
}

/// Why a host key did not sign.
#[derive(Debug)]
pub(crate) enum CannotSign {
    /// There is no such key.
    NoKey,
    /// It cannot, by this algorithm.
    Key(SignError),
    /// Its agent did not.
    Agent(PathBuf, String),
}

impl fmt::Display for CannotSign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey => f.write_str("no such host key"),
            Self::Key(error) => error.fmt(f),
            Self::Agent(path, error) => write!(f, "agent {}: {error}", path.display()),
        }
    }
}

/// What the configuration says of host keys.
#[derive(Clone, Copy)]
struct Sources<'a> {
    files: &'a Files,
    certificates: &'a [PathBuf],
    agent: &'a HostKeyAgent,
    /// Bits of an RSA key at least.
    rsa_bits: u32,
}

impl HostKeys {
    /// The keys of the configuration. What is wrong with a file is logged, as an error when the configuration names it; a default one
    /// that is not there is passed over.
    pub(crate) fn load(global: &Effective, log: &Logger) -> Self {
        Self::of(
            Sources {
                files: &global.host_key,
                certificates: &global.host_certificate.0,
                agent: &global.host_key_agent,
                rsa_bits: global.required_rsa_size,
            },
            log,
        )
    }

    fn of(sources: Sources<'_>, log: &Logger) -> Self {
        let level = if sources.files.configured { Level::Error } else { Level::Debug1 };
        let agent = Agent::find(sources.agent, log);
        let mut keys: Vec<HostKey> = Vec::new();
        for path in &sources.files.files {
            let Some(key) = HostKey::load(path, agent.as_ref(), level, log) else {
                log.log(level, format_args!("Unable to load host key: {}", path.display()));
                continue;
            };
            if keys.iter().any(|known| known.public == key.public) {
                log.log(level, format_args!("Ignoring duplicate host key: {}", path.display()));
            } else if key.is_usable(path, sources.rsa_bits, log) {
                log.debug(format_args!(
                    "{} host key: {} {}",
                    key.signer,
                    key.public.key_type(),
                    key.public.fingerprint()
                ));
                keys.push(key);
            }
        }
        let publics: Vec<&PublicKey> = keys.iter().map(|key| &key.public).collect();
        let certificates = certificate::load(sources.certificates, &publics, log);
        let seed = seed(&keys);
        Self { keys, certificates, seed }
    }

    /// One key that comes from no file of the configuration.
    pub(crate) fn one(key: PrivateKey) -> Self {
        let keys = vec![HostKey { public: key.public(), signer: Signer::Own(key) }];
        let seed = seed(&keys);
        Self { keys, certificates: Vec::new(), seed }
    }

    /// None at all.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self { keys: Vec::new(), certificates: Vec::new(), seed: Secret::new(Vec::new()) }
    }

    /// What clients are shown, by the numbers that roles call each by: the public halves in their order, and behind them the
    /// certificates.
    pub(crate) fn blobs(&self) -> Vec<Vec<u8>> {
        let plain = self.keys.iter().map(|key| key.public.blob());
        plain.chain(self.certificates.iter().map(|(_, certificate)| certificate.blob().to_vec())).collect()
    }

    /// The key whose public half this is, by its number.
    pub(crate) fn position(&self, blob: &[u8]) -> Option<usize> {
        self.keys.iter().position(|key| key.public.blob() == blob)
    }

    /// The public half of a key, or of the key of a certificate.
    pub(crate) fn public(&self, index: usize) -> Option<&PublicKey> {
        self.key(index).map(|key| &key.public)
    }

    fn key(&self, index: usize) -> Option<&HostKey> {
        let certified = || self.certificates.get(index.checked_sub(self.keys.len())?);
        let index = if index < self.keys.len() { index } else { certified()?.0 };
        self.keys.get(index)
    }

    /// Signs by this algorithm with this key, or with the key of this certificate.
    pub(crate) fn sign(
        &self,
        index: usize,
        algorithm: &SignatureAlg,
        data: &[u8],
    ) -> Result<Vec<u8>, CannotSign> {
        let key = self.key(index).ok_or(CannotSign::NoKey)?;
        match &key.signer {
            Signer::Own(private) => private.sign(algorithm, data).map_err(CannotSign::Key),
            Signer::Agent(agent) => {
                let fault = |fault: AgentFault| CannotSign::Agent(agent.path().to_owned(), fault.to_string());
                let plain = SignatureAlg::by_name(algorithm.signature_name).ok_or(CannotSign::NoKey)?;
                agent.sign(&key.public, plain, data).map_err(fault)
            }
        }
    }

    /// Whether there is no key at all, so that nobody could know who the server is.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// A number that follows from `text` and a secret of the server.
    pub(crate) fn number_for(&self, text: &str) -> u64 {
        let digest = HashAlg::Sha256.digest(&[self.seed.expose(), text.as_bytes()].concat());
        digest.as_slice().first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
    }
}

impl HostKey {
    /// The key of a file: a private one, or a public one whose private half an agent has.
    fn load(path: &Path, agent: Option<&Agent>, level: Level, log: &Logger) -> Option<Self> {
        if let Some(agent) = agent
            && let Some(public) = public_half(path)
        {
            log.debug(format_args!("will rely on agent for hostkey {}", path.display()));
            return Some(Self { public, signer: Signer::Agent(agent.clone()) });
        }
        match read(path) {
            Ok(key) => Some(Self { public: key.public(), signer: Signer::Own(key) }),
            Err(error) => {
                report(path, &error, level, log);
                None
            }
        }
    }

    /// Whether it is good enough, and can sign at all. What is wrong with it is an error whoever named the file.
    fn is_usable(&self, path: &Path, rsa_bits: u32, log: &Logger) -> bool {
        let path = path.display();
        let required = usize::try_from(rsa_bits).unwrap_or(usize::MAX);
        if matches!(self.public, PublicKey::Rsa(_)) && self.public.bits() < required {
            log.error(format_args!("Host key {path}: Invalid key length"));
            return false;
        }
        // An agent may be given the key later.
        let Signer::Own(private) = &self.signer else { return true };
        let signed = private.algorithms().next().map(|row| private.sign(row, b""));
        match signed {
            Some(Ok(_)) => true,
            Some(Err(error)) => {
                log.error(format_args!("Host key {path}: {error}"));
                false
            }
            None => false,
        }
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own(_) => "private",
            Self::Agent(_) => "agent",
        })
    }
}

/// The public key that a file is, or that lies beside the private key which is not there.
fn public_half(path: &Path) -> Option<PublicKey> {
    let public = match file::read_public(path) {
        Ok(public) => public,
        Err(LoadError::Io(_)) => {
            let mut name = path.as_os_str().to_owned();
            name.push(".pub");
            file::read_public(Path::new(&name)).ok()?
        }
        Err(LoadError::NoFile | LoadError::Unprotected(_) | LoadError::File(_)) => None,
    };
    match public? {
        Identity::Key(key) => Some(key),
        Identity::Certificate(_) => None,
    }
}

/// Follows from the first private key that we have, so it stays from run to run; where agents have all of them it is for this run.
fn seed(keys: &[HostKey]) -> Secret {
    let own = keys.iter().find_map(|key| match &key.signer {
        Signer::Own(private) => Some(private.fields()),
        Signer::Agent(_) => None,
    });
    let Some(fields) = own else {
        let mut random = [0; 32];
        // Without any, points of time can be measured, and nothing else.
        let _ = OsRng.fill(&mut random);
        return Secret::new(random.to_vec());
    };
    Secret::copy_of(HashAlg::Sha256.digest(fields.expose()).as_slice())
}
