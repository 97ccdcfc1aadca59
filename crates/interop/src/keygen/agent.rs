//! `ssh-agent`, asked by us and by `ssh-add`.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use keyfiles::agent::{AgentClient, Answer, Constraint, Hop, HopKey, Permitted};
use keys::{CertificateKind, CertificateRequest, Identity, Secret, SignatureAlg, verify};
use wire::{Encode, put_string};

use super::lab::{Lab, Made, line, ours};
use crate::error::{During, Error};
use crate::peers::{DEADLINE, Release};

/// The first process of the agent's namespace, which ends with our end of its standard input, and the agent with it. Arguments: the
/// folder of the release and the socket.
const GUARD: &str = r#"
chroot "$1" /usr/bin/ssh-agent -D -a "$2" <&- &
read -r _
"#;

/// How long a key that lives for a second may be seen.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(15);

/// An agent of the release that has no keys, and our connection to it.
struct Agent {
    guard: Child,
    /// Its path for programs of the release.
    socket: String,
    stream: UnixStream,
    client: AgentClient,
}

impl Agent {
    fn start(lab: &Lab<'_>) -> Result<Self, Error> {
        let socket = lab.scratch().path("agent");
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--kill-child", "sh", "-c", GUARD, "guard"]);
        command.arg(lab.chroot().root()).arg(&socket).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut guard = command.stderr(Stdio::null()).spawn().during("starting an agent")?;
        // It says where it listens once it does.
        let mut said = String::new();
        let read = guard.stdout.take().map(|stdout| BufReader::new(stdout).read_line(&mut said));
        let listens = matches!(read, Some(Ok(1..)));
        // The path may be longer than a socket's name can be.
        let folder = File::open(lab.scratch().outside()).during("opening a scratch folder")?;
        let path = format!("/proc/self/fd/{}/agent", folder.as_raw_fd());
        let stream = if listens {
            UnixStream::connect(path).during("connecting to an agent")
        } else {
            Err(Error::wrong("no agent"))
        };
        match stream {
            Ok(stream) => {
                stream.set_read_timeout(Some(DEADLINE)).during("setting a timeout")?;
                Ok(Self { guard, socket, stream, client: AgentClient::default() })
            }
            Err(error) => {
                end(&mut guard);
                Err(error)
            }
        }
    }

    /// The answer to what was asked.
    fn answer(&mut self) -> Result<Answer, Error> {
        while !self.client.transmit().is_empty() {
            let sent = self.stream.write(self.client.transmit()).during("writing to an agent")?;
            self.client.sent(sent);
        }
        let mut bytes = [0; 4096];
        loop {
            let read = self.stream.read(&mut bytes).during("reading from an agent")?;
            if read == 0 {
                return Err(Error::wrong("the agent closed the connection"));
            }
            let (taken, answer) = ours("an answer", self.client.receive(&bytes[..read]))?;
            match answer {
                Some(answer) if taken == read => return Ok(answer),
                Some(_) => return Err(Error::wrong("the agent said more than it was asked")),
                None => {}
            }
        }
    }

    fn add(&mut self, made: &Made, comment: &str, constraints: &[Constraint<'_>]) -> Result<Answer, Error> {
        ours("adding a key", self.client.add(&made.key, comment.as_bytes(), constraints))?;
        self.answer()
    }

    fn sign(
        &mut self,
        identity: &Identity,
        algorithm: &'static SignatureAlg,
        data: &[u8],
    ) -> Result<Answer, Error> {
        ours("signing", self.client.sign(identity, algorithm, data))?;
        self.answer()
    }

    /// The keys as `ssh-add -L` lists them.
    fn list(&mut self) -> Result<String, Error> {
        ours("listing", self.client.request_identities())?;
        let Answer::Identities(identities) = self.answer()? else { return Err(Error::wrong("no list")) };
        let mut text = String::new();
        for listed in identities {
            let comment = String::from_utf8_lossy(&listed.comment).into_owned();
            text.push_str(&identity_line(&ours("a listed key", listed.identity)?, &comment));
        }
        Ok(text)
    }

    /// What `ssh-add -L` lists.
    fn listed(&self, lab: &Lab<'_>) -> Result<String, Error> {
        let listed = self.ssh_add(lab, &["-L"])?;
        Ok(if listed == "The agent has no identities.\n" { String::new() } else { listed })
    }

    /// Runs `ssh-add`, which says no when the agent is empty, and gives what it wrote.
    fn ssh_add(&self, lab: &Lab<'_>, arguments: &[&str]) -> Result<String, Error> {
        let socket = format!("SSH_AUTH_SOCK={}", self.socket);
        let finished =
            lab.program("/usr/bin/env", &[&[&socket, "/usr/bin/ssh-add"][..], arguments].concat(), b"")?;
        match finished.status {
            Some(0 | 1) => Ok(String::from_utf8_lossy(&finished.stdout).into_owned()),
            _ => Err(Error::wrong(format!("ssh-add {}: {}", arguments.join(" "), finished.stderr))),
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        end(&mut self.guard);
    }
}

fn end(guard: &mut Child) {
    drop(guard.stdin.take());
    let _ = guard.wait();
}

fn identity_line(identity: &Identity, comment: &str) -> String {
    match identity {
        Identity::Key(key) => line(key, comment),
        Identity::Certificate(certificate) => format!("{certificate} {comment}\n"),
    }
}

/// A certificate of the key by itself, which `ssh-add` does not mind.
fn certify(lab: &mut Lab<'_>, made: &Made) -> Result<Identity, Error> {
    let mut request = CertificateRequest::new(CertificateKind::User, made.key.public(), b"agent");
    request.principals = vec![b"jo".to_vec()];
    let algorithm = made.algorithm(&mut lab.random);
    let certificate = ours("a certificate", request.sign(&made.key, algorithm, &mut lab.random))?;
    Ok(Identity::Certificate(Box::new(certificate)))
}

/// Every algorithm that such an identity signs with.
fn algorithms(identity: &Identity) -> impl Iterator<Item = &'static SignatureAlg> {
    keys::SIGNATURES.iter().filter(|row| row.key_type == identity.key_type())
}

/// Has the agent sign with every algorithm and verifies it.
fn sign_all(lab: &mut Lab<'_>, agent: &mut Agent, identity: &Identity) -> Result<(), Error> {
    for algorithm in algorithms(identity) {
        let what = format!("a signature by {}", algorithm.name);
        let data: [u8; 40] = lab.random.bytes();
        let answer = agent.sign(identity, algorithm, &data)?;
        let Answer::Signature(signature) = &answer else {
            return Err(Error::wrong(format!("{what}: {answer:?}")));
        };
        let proven = ours(&what, verify(algorithm, &identity.blob(), &data, signature))?;
        lab.same(&what, identity, proven.identity())?;
    }
    Ok(())
}

/// Keys of all types: added by us and by `ssh-add`, listed by both, used, and forgotten.
pub(super) fn keys(lab: &mut Lab<'_>) -> Result<(), Error> {
    let mut agent = Agent::start(lab)?;
    let mut expected = String::new();
    for (number, made) in lab.keys().into_iter().enumerate() {
        let what = format!("{:?}", made.kind);
        let identity = Identity::Key(made.key.public());
        let comment = if number % 2 == 0 {
            let comment = lab.random.comment();
            let added = agent.add(made, &comment, &[])?;
            lab.same(&what, &Answer::Success, &added)?;
            comment
        } else {
            let path = lab.write("key", &made.file)?;
            agent.ssh_add(lab, &["-q", &path])?;
            "made".to_owned()
        };
        expected.push_str(&identity_line(&identity, &comment));
        lab.same_text(&what, &agent.listed(lab)?, &expected)?;
        lab.same_text(&what, &agent.list()?, &expected)?;
        sign_all(lab, &mut agent, &identity)?;
        let public = lab.write("key.pub", identity_line(&identity, ""))?;
        agent.ssh_add(lab, &["-T", &public])?;
    }

    let keys = lab.keys();
    ours("removing", agent.client.remove(&keys[0].key.public().blob()))?;
    let removed = agent.answer()?;
    lab.same("removing a key", &Answer::Success, &removed)?;
    let rest = expected.split_once('\n').map_or("", |(_, rest)| rest);
    lab.same_text("one key less", &agent.listed(lab)?, rest)?;
    ours("removing", agent.client.remove(&keys[0].key.public().blob()))?;
    let removed = agent.answer()?;
    lab.same("removing it again", &Answer::Failure, &removed)?;
    let algorithm = keys[0].algorithm(&mut lab.random);
    let signed = agent.sign(&Identity::Key(keys[0].key.public()), algorithm, b"data")?;
    lab.same("signing with what is not there", &Answer::Failure, &signed)?;
    ours("removing", agent.client.remove_all())?;
    let removed = agent.answer()?;
    lab.same("removing all", &Answer::Success, &removed)?;
    lab.same_text("nothing left", &agent.listed(lab)?, "")
}

/// Certificates, added by both.
pub(super) fn certificates(lab: &mut Lab<'_>) -> Result<(), Error> {
    let mut agent = Agent::start(lab)?;
    let mut expected = String::new();
    for (number, made) in lab.keys().into_iter().enumerate() {
        let what = format!("a certificate of {:?}", made.kind);
        let identity = certify(lab, made)?;
        let Identity::Certificate(certificate) = &identity else { return Err(Error::wrong(what)) };
        let comment = if number % 2 == 0 {
            let comment = lab.random.comment();
            ours(&what, agent.client.add_certificate(&made.key, certificate, comment.as_bytes(), &[]))?;
            let added = agent.answer()?;
            lab.same(&what, &Answer::Success, &added)?;
            comment
        } else {
            // It adds the key, and then its certificate that lies beside it.
            let path = lab.write("key", &made.file)?;
            lab.write("key-cert.pub", identity_line(&identity, "certificate"))?;
            agent.ssh_add(lab, &["-q", &path])?;
            expected.push_str(&line(&made.key.public(), "made"));
            "made".to_owned()
        };
        expected.push_str(&identity_line(&identity, &comment));
        lab.same_text(&what, &agent.listed(lab)?, &expected)?;
        lab.same_text(&what, &agent.list()?, &expected)?;
        sign_all(lab, &mut agent, &identity)?;
    }
    Ok(())
}

/// What a key signs to log in, with a session's identifier.
fn login(session: &[u8], user: &str, made: &Made, algorithm: &SignatureAlg) -> Vec<u8> {
    let mut data = Vec::new();
    put_string(&mut data, session);
    data.push(50);
    for text in [user, "ssh-connection", "publickey"] {
        put_string(&mut data, text.as_bytes());
    }
    true.encode(&mut data);
    put_string(&mut data, algorithm.name.as_bytes());
    put_string(&mut data, &made.key.public().blob());
    data
}

/// Keys that may not do everything, or not for long.
pub(super) fn limits(lab: &mut Lab<'_>) -> Result<(), Error> {
    let keys = lab.quick_keys();
    let (host, made, other) = (keys[0], keys[1], keys[2]);
    let algorithm = made.algorithm(&mut lab.random);
    let identity = Identity::Key(made.key.public());

    let mut agent = Agent::start(lab)?;
    let added = agent.add(made, "for a second", &[Constraint::Lifetime(1)])?;
    lab.same("a key for a second", &Answer::Success, &added)?;
    let since = Instant::now();
    let added = agent.add(other, "for an hour", &[Constraint::Lifetime(3600), Constraint::Confirm])?;
    lab.same("a key that is confirmed", &Answer::Success, &added)?;
    // There is nobody who could be asked.
    let signed = agent.sign(&Identity::Key(other.key.public()), other.algorithm(&mut lab.random), b"data")?;
    lab.same("a signature that nobody confirms", &Answer::Failure, &signed)?;
    let left = line(&other.key.public(), "for an hour");
    while agent.list()? != left {
        lab.holds("a key for a second is still there", since.elapsed() < FORGOTTEN_AFTER)?;
        // It says nothing when it forgets a key.
        thread::sleep(Duration::from_millis(50));
    }

    let blob = host.key.public().blob();
    let host_keys = [HopKey { blob: &blob, is_authority: false }];
    let to = Hop { user: "jo", host: "host", keys: &host_keys };
    let permitted = [Permitted { from: Hop::default(), to }];
    let added = agent.add(made, "for jo", &[Constraint::RestrictDestination(&permitted)])?;
    lab.same("a key for a destination", &Answer::Success, &added)?;
    let session: [u8; 32] = lab.random.bytes();
    let signed = agent.sign(&identity, algorithm, &login(&session, "jo", made, algorithm))?;
    lab.same("a login without a session", &Answer::Failure, &signed)?;
    let host_algorithm = host.algorithm(&mut lab.random);
    let forged = ours("the host's signature", host.key.sign(host_algorithm, b"another session"))?;
    ours("binding", agent.client.bind_session(&blob, &session, &forged, false))?;
    let bound = agent.answer()?;
    lab.same("a session that the host did not sign", &Answer::Failure, &bound)?;
    let signature = ours("the host's signature", host.key.sign(host_algorithm, &session))?;
    ours("binding", agent.client.bind_session(&blob, &session, &signature, false))?;
    let bound = agent.answer()?;
    lab.same("a session", &Answer::Success, &bound)?;
    let signed = agent.sign(&identity, algorithm, &login(&session, "amy", made, algorithm))?;
    lab.same("a login as another user", &Answer::Failure, &signed)?;
    let data = login(&session, "jo", made, algorithm);
    let Answer::Signature(signature) = agent.sign(&identity, algorithm, &data)? else {
        return Err(Error::wrong("the login that the key is for was refused"));
    };
    let proven = ours("a login", verify(algorithm, &identity.blob(), &data, &signature))?;
    lab.same("a login", &identity, proven.identity())
}

/// What is not about one key.
pub(super) fn requests(lab: &mut Lab<'_>) -> Result<(), Error> {
    let mut agent = Agent::start(lab)?;
    let made = lab.keys()[0];
    let (identity, algorithm) = (Identity::Key(made.key.public()), made.algorithm(&mut lab.random));
    let added = agent.add(made, "key", &[])?;
    lab.same("adding", &Answer::Success, &added)?;
    let passphrase = Secret::copy_of(lab.random.comment().as_bytes());

    ours("locking", agent.client.lock(&passphrase))?;
    let locked = agent.answer()?;
    lab.same("locking", &Answer::Success, &locked)?;
    lab.same_text("locked", &agent.list()?, "")?;
    lab.same_text("locked", &agent.listed(lab)?, "")?;
    let signed = agent.sign(&identity, algorithm, b"data")?;
    lab.same("signing while it is locked", &Answer::Failure, &signed)?;
    ours("locking", agent.client.lock(&passphrase))?;
    let locked = agent.answer()?;
    lab.same("locking twice", &Answer::Failure, &locked)?;
    ours("unlocking", agent.client.unlock(&Secret::copy_of(b"wrong")))?;
    let unlocked = agent.answer()?;
    lab.same("unlocking with a wrong passphrase", &Answer::Failure, &unlocked)?;
    ours("unlocking", agent.client.unlock(&passphrase))?;
    let unlocked = agent.answer()?;
    lab.same("unlocking", &Answer::Success, &unlocked)?;
    lab.same_text("unlocked", &agent.listed(lab)?, &identity_line(&identity, "key"))?;
    sign_all(lab, &mut agent, &identity)?;

    ours("a token", agent.client.add_token("/nowhere/pkcs11.so", &passphrase, &[]))?;
    let added = agent.answer()?;
    lab.same("a token that is not there", &Answer::Failure, &added)?;
    ours("a token", agent.client.remove_token("/nowhere/pkcs11.so", &passphrase))?;
    let removed = agent.answer()?;
    lab.same("a token that is not there", &Answer::Failure, &removed)?;

    ours("asking for extensions", agent.client.query())?;
    let extensions = agent.answer()?;
    match (lab.release(), extensions) {
        // Older ones know no such question.
        (Release::Bookworm | Release::Trixie, answer) => lab.same("extensions", &Answer::Failure, &answer),
        (Release::Forky, Answer::Extensions(names)) => {
            let has = names.iter().any(|name| name == b"session-bind@openssh.com");
            lab.holds(&format!("extensions: {names:?}"), has)
        }
        (Release::Forky, answer) => Err(Error::wrong(format!("extensions: {answer:?}"))),
    }
}
