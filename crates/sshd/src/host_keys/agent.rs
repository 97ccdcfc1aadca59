//! The agent that has private host keys (`HostKeyAgent`): asked for one signature at a time, on a connection of its own.

use std::env;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Instant;

use config::value::HostKeyAgent;
use keyfiles::agent::{AgentClient, AgentError, Answer};
use keys::{Identity, PublicKey, SignatureAlg, VerifyError};
use sys::poll::{self, Entry};

use super::limits::{AGENT_ANSWERS, AGENT_READ};
use crate::log::Logger;
use crate::settings::without_number;

/// The variable in which an agent's socket is passed on.
const VARIABLE: &str = "SSH_AUTH_SOCK";

/// An agent, by its socket.
#[derive(Clone, Debug)]
pub(super) struct Agent(PathBuf);

/// Why an agent did not sign.
#[derive(Debug)]
pub(super) enum AgentFault {
    /// It cannot be spoken with.
    Io(io::Error),
    /// It took longer than [`AGENT_ANSWERS`].
    TooSlow,
    /// It has hung up.
    Closed,
    /// What it said makes no sense.
    Protocol(AgentError),
    /// It does not want to, or does not have the key.
    Refused,
    /// It signed by another algorithm.
    OtherAlgorithm,
    /// Its signature is none.
    Signature(VerifyError),
}

impl fmt::Display for AgentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => f.write_str(&without_number(error)),
            Self::TooSlow => write!(f, "no answer within {} seconds", AGENT_ANSWERS.as_secs()),
            Self::Closed => f.write_str("connection closed"),
            Self::Protocol(error) => error.fmt(f),
            Self::Refused => f.write_str("agent refused operation"),
            Self::OtherAlgorithm => f.write_str("signature by another algorithm than was asked for"),
            Self::Signature(error) => error.fmt(f),
        }
    }
}

impl From<io::Error> for AgentFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<AgentError> for AgentFault {
    fn from(error: AgentError) -> Self {
        Self::Protocol(error)
    }
}

impl Agent {
    /// The configured one, when it is there now. That it is not is logged; keys that only it has are not used then.
    pub(super) fn find(configured: &HostKeyAgent, log: &Logger) -> Option<Self> {
        let path = match configured {
            HostKeyAgent::None => return None,
            HostKeyAgent::Path(path) => path.clone(),
            HostKeyAgent::Environment => match env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
                Some(path) => path.into(),
                None => {
                    log.error(format_args!("Could not connect to agent \"{VARIABLE}\": agent not present"));
                    return None;
                }
            },
        };
        match sys::local::connect(&path) {
            Ok(_) => Some(Self(path)),
            Err(error) => {
                let error = without_number(&error);
                log.error(format_args!("Could not connect to agent \"{}\": {error}", path.display()));
                None
            }
        }
    }

    /// The socket.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Has the agent sign. Its signature is verified, so that nothing else of what it says gets into an answer of ours.
    pub(super) fn sign(
        &self,
        key: &PublicKey,
        algorithm: &'static SignatureAlg,
        data: &[u8],
    ) -> Result<Vec<u8>, AgentFault> {
        let socket = UnixStream::from(sys::local::connect(&self.0)?);
        let mut client = AgentClient::default();
        client.sign(&Identity::Key(key.clone()), algorithm, data)?;
        match converse(socket, &mut client)? {
            Answer::Signature(signature) => {
                let _verified =
                    keys::verify(algorithm, &key.blob(), data, &signature).map_err(AgentFault::Signature)?;
                Ok(signature)
            }
            Answer::OtherAlgorithm => Err(AgentFault::OtherAlgorithm),
            Answer::Failure | Answer::Success | Answer::Identities(_) | Answer::Extensions(_) => {
                Err(AgentFault::Refused)
            }
        }
    }
}

/// Sends what there is to send, and waits for the answer.
fn converse(mut socket: UnixStream, client: &mut AgentClient) -> Result<Answer, AgentFault> {
    let begun = Instant::now();
    let mut buffer = [0; AGENT_READ];
    loop {
        let left = AGENT_ANSWERS.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Err(AgentFault::TooSlow);
        }
        let mut entries = [Entry::new(socket.as_fd(), true, !client.transmit().is_empty())];
        poll::wait(&mut entries, Some(left))?;
        let [Entry { readable, writable, .. }] = entries;
        if writable {
            match socket.write(client.transmit()) {
                Ok(written) => client.sent(written),
                Err(error) if passes(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if readable {
            let read = match socket.read(&mut buffer) {
                Ok(0) => return Err(AgentFault::Closed),
                Ok(read) => read,
                Err(error) if passes(&error) => continue,
                Err(error) => return Err(error.into()),
            };
            // What follows the answer was not asked for, and is nobody's.
            let (_, answer) = client.receive(buffer.get(..read).unwrap_or_default())?;
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
    }
}

fn passes(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use keys::PrivateKey;
    use wire::put_string;

    use super::*;

    fn key() -> PrivateKey {
        PrivateKey::from_seed(&[5; 32])
    }

    fn row() -> &'static SignatureAlg {
        SignatureAlg::by_name("ssh-ed25519").unwrap()
    }

    /// What becomes of an agent's answer, which is sent in two pieces. With no bytes it hangs up.
    fn outcome(payload: Vec<u8>) -> Result<Vec<u8>, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent");
        let listener = UnixListener::bind(&path).unwrap();
        let agent = thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut length = [0; 4];
            socket.read_exact(&mut length).unwrap();
            let mut request = vec![0; u32::from_be_bytes(length) as usize];
            socket.read_exact(&mut request).unwrap();
            let mut frame = Vec::new();
            if !payload.is_empty() {
                put_string(&mut frame, &payload);
            }
            let (first, second) = frame.split_at(frame.len() / 2);
            socket.write_all(first).unwrap();
            socket.write_all(second).unwrap();
            request
        });
        let signed = Agent(path).sign(&key().public(), row(), b"data").map_err(|fault| fault.to_string());
        let request = agent.join().unwrap();
        let mut wanted = vec![13];
        put_string(&mut wanted, &key().public().blob());
        put_string(&mut wanted, b"data");
        wanted.extend([0; 4]);
        assert_eq!(request, wanted);
        signed
    }

    /// SSH_AGENT_SIGN_RESPONSE.
    fn response(signature: &[u8]) -> Vec<u8> {
        let mut payload = vec![14];
        put_string(&mut payload, signature);
        payload
    }

    #[test]
    fn a_good_signature_is_used_and_nothing_else() {
        let good = key().sign(row(), b"data").unwrap();
        assert_eq!(outcome(response(&good)), Ok(good));
        let stranger = PrivateKey::from_seed(&[6; 32]);
        for bad in [key().sign(row(), b"other").unwrap(), stranger.sign(row(), b"data").unwrap()] {
            assert!(outcome(response(&bad)).is_err());
        }
        let mut other = Vec::new();
        put_string(&mut other, b"rsa-sha2-256");
        put_string(&mut other, &[0; 64]);
        let why = "signature by another algorithm than was asked for";
        assert_eq!(outcome(response(&other)), Err(why.into()));
        assert_eq!(outcome(vec![5]), Err("agent refused operation".into()));
        assert_eq!(outcome(vec![]), Err("connection closed".into()));
        assert!(outcome(vec![99]).is_err());
    }

    #[test]
    fn an_agent_that_is_gone_does_not_sign() {
        let gone = Agent("/nonexistent/agent".into());
        let fault = gone.sign(&key().public(), row(), b"data").unwrap_err();
        assert_eq!(fault.to_string(), "No such file or directory");
    }
}
