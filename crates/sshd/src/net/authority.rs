//! The monitor: it signs, it decides about the login, and it writes the log.

use std::collections::VecDeque;
use std::fmt::Display;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crypto::Group;
use keys::{Secret, SignatureAlg};
use proto::{
    AdmitInteractive, AdmitKey, AdmitNone, AdmitPassword, AlivePolicy, ChooseGroup, Connection,
    ReplyToGlobal, Server, SignExchange, Ticket, WantKey,
};
use transport::{GroupPart, GroupRequest, SignRequest};
use userauth::server::BannerText;
use userauth::{InteractiveAnswer, KeyProven, KeyVerdict, Method, Methods, PasswordAnswer, Proof, Verdict};
use wire::{Bytes, Human, Message, Name, NameList, Sensitive, Text, row};

use crate::log::{Level, level_number, level_of};
use crate::protocol::monitor::{
    Admitted, ChosenGroup, KeyOffer, KeyProof, Log, MONITOR, Password, Prove, Proven, Sign, Signed, User,
    UserPolicy, Verdict as Decision, WantGroup,
};
use crate::protocol::{Link, LinkError};

use super::courier::Courier;
use super::limits::{LAST_LINES, LOG_LINE};
use super::start::{rekey, signatures};
use super::timeouts::Policy;

/// What stands for the service class that the kernel sets.
const LEFT_ALONE: u32 = 256;

/// What only the monitor can answer.
pub(super) enum Question {
    Group(Ticket<ChooseGroup>, GroupRequest),
    Sign(Ticket<SignExchange>, SignRequest),
    Login(Login),
    /// Whether host keys are ours, by their blobs, joined.
    Prove(Ticket<ReplyToGlobal>, Vec<u8>),
}

/// A question about the login.
pub(super) enum Login {
    None(Ticket<AdmitNone>),
    KeyOffer(Ticket<WantKey>, &'static SignatureAlg, Vec<u8>),
    KeyProof(Ticket<AdmitKey>, Proof),
    Password(Ticket<AdmitPassword>, Secret),
    /// What we do not do: the answer is no, but the user is known by then.
    PasswordChange(Ticket<AdmitPassword>),
    Interactive(Ticket<AdmitInteractive>),
}

/// What the monitor was asked and has yet to answer.
enum Asked {
    Group(Ticket<ChooseGroup>),
    Sign(Ticket<SignExchange>),
    User(Login),
    KeyOffer(Ticket<WantKey>),
    KeyProof(Ticket<AdmitKey>, Proof),
    Password(Ticket<AdmitPassword>),
    Prove(Ticket<ReplyToGlobal>),
}

/// The user is in.
pub(super) struct Admission {
    /// The link to their session.
    pub(super) session: Link,
    /// Sessions at once.
    pub(super) max_sessions: u32,
    /// How long channels may be idle.
    pub(super) timeouts: Policy,
    /// How packets are marked while somebody waits for each byte, and else; `None` as the kernel does.
    pub(super) service_classes: (Option<u8>, Option<u8>),
    /// What the client is told of it: lines.
    pub(super) remarks: String,
}

/// The monitor, as it is asked: one question at a time, as it wants it.
pub(super) struct Authority {
    monitor: Courier,
    log_level: Level,
    /// The list of algorithms that every client was told.
    announced: String,
    /// The monitor knows the user's name.
    introduced: bool,
    /// The monitor says that there is no such user.
    invalid: bool,
    /// Lines for the log that may still be said in passing.
    lines: u32,
    asked: Option<Asked>,
    /// Questions that wait for their turn: the login's one, a signature's, and those for proofs of host keys.
    waiting: VecDeque<Question>,
}

impl Authority {
    pub(super) fn new(monitor: Link, log_level: Level, announced: String) -> Result<Self, LinkError> {
        let lines = row(MONITOR, Log::NUMBER).map_or(0, |row| row.phase.most);
        Ok(Self {
            monitor: Courier::new(monitor)?,
            log_level,
            announced,
            introduced: false,
            invalid: false,
            lines: lines.saturating_sub(LAST_LINES),
            asked: None,
            waiting: VecDeque::new(),
        })
    }

    /// Whether there is no such user, or not for us, as far as the monitor has said.
    pub(super) fn user_is_invalid(&self) -> bool {
        self.invalid
    }

    /// The link, to be watched and flushed.
    pub(super) fn courier(&mut self) -> &mut Courier {
        &mut self.monitor
    }

    /// A line for the log. A monitor that has gone is found out elsewhere.
    pub(super) fn log(&mut self, level: Level, line: impl Display) {
        if level > self.log_level {
            return;
        }
        if let Some(left) = self.lines.checked_sub(1) {
            self.lines = left;
            self.say(level, &line.to_string());
        }
    }

    /// How the connection ended, which has its place in the log whatever was said before.
    pub(super) fn log_end(&mut self, level: Level, line: &str) {
        if level <= self.log_level {
            self.say(level, line);
        }
    }

    fn say(&mut self, level: Level, line: &str) {
        let text = line.as_bytes();
        let line = Log { level: level_number(level), text: Human(text.get(..LOG_LINE).unwrap_or(text)) };
        // A log that is too slow loses lines, rather than us the memory for them.
        if self.monitor.takes(&line) {
            let _ = self.monitor.send(&line);
        }
    }

    /// Sends what the log still has to be told.
    pub(super) fn finish(&mut self) {
        let _ = self.monitor.finish();
    }

    /// Tells the monitor who wants to log in: once, before everything that depends on it. It is the name of all that follows.
    pub(super) fn login(
        &mut self,
        connection: &mut Connection<Server>,
        user: &str,
        login: Login,
    ) -> Result<(), LinkError> {
        if self.introduced {
            return self.ask(connection, Question::Login(login));
        }
        self.introduced = true;
        if self.asked.is_some() {
            return Err(LinkError::Protocol("a login while a key is exchanged".to_owned()));
        }
        let name = Text::new(user)?;
        self.monitor.send(&User { name })?;
        self.asked = Some(Asked::User(login));
        Ok(())
    }

    /// Asks a question, now or when it is its turn.
    pub(super) fn ask(
        &mut self,
        connection: &mut Connection<Server>,
        question: Question,
    ) -> Result<(), LinkError> {
        self.waiting.push_back(question);
        self.go_on(connection)
    }

    /// Asks the next question that is the monitor's.
    fn go_on(&mut self, connection: &mut Connection<Server>) -> Result<(), LinkError> {
        while self.asked.is_none() {
            let Some(question) = self.waiting.pop_front() else { break };
            self.asked = match question {
                Question::Group(ticket, GroupRequest { min, preferred, max }) => {
                    self.monitor.send(&WantGroup { min, preferred, max })?;
                    Some(Asked::Group(ticket))
                }
                Question::Sign(ticket, request) => {
                    self.sign(&request)?;
                    Some(Asked::Sign(ticket))
                }
                Question::Login(login) => self.pose(connection, login)?,
                Question::Prove(ticket, keys) => {
                    self.monitor.send(&Prove { keys: Bytes(&keys) })?;
                    Some(Asked::Prove(ticket))
                }
            };
        }
        Ok(())
    }

    fn sign(&mut self, request: &SignRequest) -> Result<(), LinkError> {
        let transcript = &request.transcript;
        let (sizes, prime, generator) = match &transcript.group {
            Some(GroupPart { request, group }) => (*request, group.prime(), group.generator()),
            None => (GroupRequest { min: 0, preferred: 0, max: 0 }, &[][..], &[][..]),
        };
        self.monitor.send(&Sign {
            algorithm: Name::new(request.algorithm.name)?,
            kex: Name::new(request.kex.name)?,
            host_key: u32::try_from(request.host_key).unwrap_or(u32::MAX),
            client_ident: Bytes(&transcript.client_ident),
            server_ident: Bytes(&transcript.server_ident),
            client_kexinit: Bytes(&transcript.client_kexinit),
            server_kexinit: Bytes(&transcript.server_kexinit),
            group_min: sizes.min,
            group_preferred: sizes.preferred,
            group_max: sizes.max,
            prime: Bytes(prime),
            generator: Bytes(generator),
            client_public: Bytes(&transcript.client_public),
            server_public: Bytes(&transcript.server_public),
            shared_secret: Sensitive(transcript.shared_secret.expose()),
        })
    }

    fn pose(
        &mut self,
        connection: &mut Connection<Server>,
        login: Login,
    ) -> Result<Option<Asked>, LinkError> {
        Ok(match login {
            Login::None(ticket) => {
                connection.answer(ticket, Verdict::Reject)?;
                None
            }
            Login::PasswordChange(ticket) => {
                connection.answer(ticket, PasswordAnswer::Verdict(Verdict::Reject))?;
                None
            }
            Login::Interactive(ticket) => {
                connection.answer(ticket, InteractiveAnswer::Verdict(Verdict::Reject))?;
                None
            }
            Login::KeyOffer(ticket, algorithm, key) => {
                let algorithm = Name::new(algorithm.name)?;
                self.monitor.send(&KeyOffer { algorithm, key: Bytes(&key) })?;
                Some(Asked::KeyOffer(ticket))
            }
            Login::KeyProof(ticket, proof) => {
                self.monitor.send(&KeyProof {
                    algorithm: Name::new(proof.algorithm().name)?,
                    key: Bytes(proof.key()),
                    signature: Bytes(proof.signature()),
                    host_bound: proof.host_key().is_some(),
                })?;
                Some(Asked::KeyProof(ticket, proof))
            }
            Login::Password(ticket, password) => {
                self.monitor.send(&Password { password: Sensitive(password.expose()) })?;
                Some(Asked::Password(ticket))
            }
        })
    }

    /// Takes the monitor's next answer, if it has one now. Says whether it had, and what to do when the user is in.
    pub(super) fn receive(
        &mut self,
        connection: &mut Connection<Server>,
    ) -> Result<Option<Option<Admission>>, LinkError> {
        let Some(incoming) = self.monitor.receive(1)? else { return Ok(None) };
        let (number, fd) = (incoming.number(), incoming.fds.into_iter().next());
        let payload = incoming.payload.to_vec();
        let mut admission = None;
        match (self.asked.take(), number, fd) {
            (Some(Asked::Group(ticket)), ChosenGroup::NUMBER, None) => {
                let ChosenGroup { prime, generator } = ChosenGroup::from_payload(&payload)?;
                if prime.0.is_empty() {
                    // Without an answer it is no.
                    drop(ticket);
                } else {
                    let group = Group::new(prime.0, generator.0)
                        .map_err(|error| LinkError::Protocol(error.to_string()))?;
                    connection.answer(ticket, group)?;
                }
            }
            (Some(Asked::Sign(ticket)), Signed::NUMBER, None) => {
                let signature = Signed::from_payload(&payload)?.signature.0.to_vec();
                connection.answer(ticket, signature)?;
            }
            (Some(Asked::Prove(ticket)), Proven::NUMBER, None) => {
                let signatures = Proven::from_payload(&payload)?.signatures.0.to_vec();
                // Nobody waits for an answer that comes too late.
                let _ = connection.answer(ticket, Some(signatures).filter(|all| !all.is_empty()));
            }
            (Some(Asked::User(login)), UserPolicy::NUMBER, None) => {
                self.adopt(connection, &UserPolicy::from_payload(&payload)?)?;
                self.waiting.push_front(Question::Login(login));
            }
            (Some(Asked::KeyOffer(ticket)), Decision::NUMBER, None) => {
                connection.answer(ticket, Decision::from_payload(&payload)?.good)?;
            }
            (Some(Asked::KeyProof(ticket, _)), Decision::NUMBER, None) => {
                refusal(&payload)?;
                connection.answer(ticket, KeyVerdict::Reject)?;
            }
            (Some(Asked::Password(ticket)), Decision::NUMBER, None) => {
                refusal(&payload)?;
                connection.answer(ticket, PasswordAnswer::Verdict(Verdict::Reject))?;
            }
            (Some(Asked::KeyProof(ticket, proof)), Admitted::NUMBER, Some(session)) => {
                admission = Some(admit(connection, &Admitted::from_payload(&payload)?, session)?);
                connection.answer(ticket, KeyVerdict::Accept(KeyProven::vouched_for(&proof)))?;
            }
            (Some(Asked::Password(ticket)), Admitted::NUMBER, Some(session)) => {
                admission = Some(admit(connection, &Admitted::from_payload(&payload)?, session)?);
                connection.answer(ticket, PasswordAnswer::Verdict(Verdict::Accept))?;
            }
            (_, number, _) => return Err(LinkError::Protocol(format!("unexpected message {number}"))),
        }
        self.go_on(connection)?;
        Ok(Some(admission))
    }

    /// Makes what holds for the user hold for the rest of the login.
    fn adopt(
        &mut self,
        connection: &mut Connection<Server>,
        policy: &UserPolicy<'_>,
    ) -> Result<(), LinkError> {
        self.invalid = policy.invalid;
        self.log_level = level_of(policy.log_level).unwrap_or(self.log_level);
        connection.set_methods(methods(policy.methods))?;
        connection.set_max_tries(policy.max_tries, policy.key_questions)?;
        if policy.algorithms.as_str() != self.announced {
            connection.set_signature_algorithms(signatures(policy.algorithms))?;
        }
        if !policy.banner.0.is_empty() {
            match BannerText::new(&String::from_utf8_lossy(policy.banner.0)) {
                Ok(text) => connection.banner(&text)?,
                Err(too_long) => self.log(Level::Error, format_args!("banner: {too_long}")),
            }
        }
        Ok(())
    }
}

/// An answer of the monitor that cannot be one.
impl From<proto::Error> for LinkError {
    fn from(misuse: proto::Error) -> Self {
        Self::Protocol(misuse.to_string())
    }
}

/// The methods of a list, as far as we have them.
fn methods(names: NameList<'_>) -> Methods {
    let named = |method: &Method| names.contains(method.name());
    Method::ALL.into_iter().filter(named).fold(Methods::EMPTY, Methods::with)
}

/// The one verdict there is about what would decide the login: the other one is `Admitted`.
fn refusal(payload: &[u8]) -> Result<(), LinkError> {
    match Decision::from_payload(payload)?.good {
        false => Ok(()),
        true => Err(LinkError::Protocol("a verdict that only an admission can be".to_owned())),
    }
}

/// A service class of a message.
fn class(octet: u32) -> Result<Option<u8>, LinkError> {
    match u8::try_from(octet) {
        Ok(class) => Ok(Some(class)),
        Err(_) if octet == LEFT_ALONE => Ok(None),
        Err(_) => Err(LinkError::Protocol("a service class that is none".to_owned())),
    }
}

fn admit(
    connection: &mut Connection<Server>,
    admitted: &Admitted<'_>,
    session: OwnedFd,
) -> Result<Admission, LinkError> {
    let interval = Duration::from_secs(admitted.alive_seconds);
    // With `ClientAliveCountMax 0` no number of unanswered questions ends a connection.
    let count_max = if admitted.alive_count == 0 { u32::MAX } else { admitted.alive_count };
    let alive = AlivePolicy { interval, count_max };
    connection.set_alive_policy((!interval.is_zero()).then_some(alive));
    connection.set_rekey_policy(rekey(admitted.rekey_bytes, admitted.rekey_seconds));
    Ok(Admission {
        session: Link::try_from(session)?,
        max_sessions: admitted.max_sessions,
        timeouts: Policy::parse(admitted.channel_timeouts.as_str(), admitted.unused_seconds)?,
        service_classes: (class(admitted.qos_interactive)?, class(admitted.qos_bulk)?),
        remarks: String::from_utf8_lossy(admitted.remarks.0).into_owned(),
    })
}
