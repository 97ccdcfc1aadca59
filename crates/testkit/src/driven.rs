use std::ops::Deref;
use std::time::Instant;

use connection::{
    ChannelRequest, ChannelType, GlobalRequest, Grant, LocalId, OpenRefusal, Priority, Signal, Stream,
};
use crypto::Group;
use keys::{Secret, SignatureAlg};
use proto::{
    AdmitInteractive, AdmitKey, AdmitNone, AdmitPassword, AlivePolicy, Ask, ChangePassword, ChooseGroup,
    Client, Connection, Error, Misuse, NextCredential, OpenChannel, RecvBuf, ReplyToGlobal, ReplyToRequest,
    RespondToPrompts, Server, Side, SignExchange, SignLogin, Step, Ticket, TrustHostKey, WantKey,
};
use transport::{Reason, RekeyPolicy};
use userauth::client::Credential;
use userauth::server::BannerText;
use userauth::{InteractiveAnswer, KeyVerdict, Methods, PasswordAnswer, Verdict};

use crate::record::{Answer, Command, Credentials, Input, Payload, Record, Tape};

/// A connection as an application of a test drives it. All that changes the connection goes through here and can be
/// recorded; what only looks at it is [`Connection`]'s own.
pub struct Driven<S: Side> {
    connection: Connection<S>,
    tape: Option<Tape>,
}

impl<S: Side> From<Connection<S>> for Driven<S> {
    fn from(connection: Connection<S>) -> Self {
        Self { connection, tape: None }
    }
}

impl<S: Side> Deref for Driven<S> {
    type Target = Connection<S>;

    fn deref(&self) -> &Connection<S> {
        &self.connection
    }
}

impl<S: Side> Driven<S> {
    /// Records from now on, which must be the start, of a connection that was made at `start` from the configuration
    /// `config` with randomness from `seed`.
    pub fn record(&mut self, config: &str, seed: u64, start: Instant) {
        self.tape = Some(Tape::new(S::ROLE, config, seed, start));
    }

    /// What was recorded, if anything was; recording ends.
    pub fn recorded(&mut self) -> Option<Record> {
        self.tape.take().map(Tape::finish)
    }

    /// Notes that `bytes` were put into the receive buffer.
    pub fn fed(&mut self, bytes: &[u8]) {
        self.note(|| Input::Feed(bytes.to_vec()));
    }

    /// See [`Connection::process`].
    ///
    /// # Errors
    /// As there.
    pub fn process<'b>(&mut self, now: Instant, rx: &'b mut RecvBuf) -> Result<Step<'b, S>, Error> {
        let result = self.connection.process(now, rx);
        if let Some(tape) = &mut self.tape {
            let at = tape.offset(now);
            tape.push(Input::Process(at), crate::record::step_text(&result));
        }
        result
    }

    /// See [`Connection::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
        if let Some(tape) = &mut self.tape {
            let at = tape.offset(now);
            tape.push(Input::Timeout(at), String::new());
        }
    }

    /// See [`Connection::sent`].
    pub fn sent(&mut self, n: usize) {
        if let Some(tape) = &mut self.tape {
            tape.transmitted(&self.connection.transmit()[..n]);
        }
        self.connection.sent(n);
    }

    /// See [`Connection::answer`].
    ///
    /// # Errors
    /// As there.
    pub fn answer<Q: Recordable<S>>(&mut self, ticket: Ticket<Q>, answer: Q::Answer) -> Result<(), Error> {
        let input = self.tape.is_some().then(|| Input::Answer(ticket.serial(), Q::recorded(&answer)));
        let result = self.connection.answer(ticket, answer);
        self.push(input, || format!("{result:?}"));
        result
    }

    /// Drops a ticket, which answers "no".
    pub fn decline<Q: Ask<S>>(&mut self, ticket: Ticket<Q>) {
        self.note(|| Input::Decline(ticket.serial()));
        drop(ticket);
    }

    /// See [`Connection::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(&mut self, kind: &ChannelType<'_>, grant: Grant, tag: u64) -> Result<LocalId, Misuse> {
        let result = self.connection.open(kind, grant, tag);
        self.command(|| Command::Open(Payload::of_open(kind), grant, tag), || format!("{result:?}"));
        result
    }

    /// See [`Connection::request`].
    ///
    /// # Errors
    /// As there.
    pub fn request(
        &mut self,
        channel: LocalId,
        request: &ChannelRequest<'_>,
        want_reply: bool,
        tag: u64,
    ) -> Result<(), Misuse> {
        let result = self.connection.request(channel, request, want_reply, tag);
        let command = || Command::Request(channel.number(), Payload::of_request(request), want_reply, tag);
        self.command(command, || format!("{result:?}"));
        result
    }

    /// See [`Connection::global`].
    ///
    /// # Errors
    /// As there.
    pub fn global(&mut self, request: &GlobalRequest<'_>, want_reply: bool, tag: u64) -> Result<(), Misuse> {
        let result = self.connection.global(request, want_reply, tag);
        let command = || Command::Global(Payload::of_global(request), want_reply, tag);
        self.command(command, || format!("{result:?}"));
        result
    }

    /// See [`Connection::eof`].
    ///
    /// # Errors
    /// As there.
    pub fn eof(&mut self, channel: LocalId) -> Result<(), Misuse> {
        let result = self.connection.eof(channel);
        self.command(|| Command::Eof(channel.number()), || format!("{result:?}"));
        result
    }

    /// See [`Connection::close`].
    ///
    /// # Errors
    /// As there.
    pub fn close(&mut self, channel: LocalId) -> Result<(), Misuse> {
        let result = self.connection.close(channel);
        self.command(|| Command::Close(channel.number()), || format!("{result:?}"));
        result
    }

    /// See [`Connection::exit_status`].
    ///
    /// # Errors
    /// As there.
    pub fn exit_status(&mut self, channel: LocalId, status: u32) -> Result<(), Misuse> {
        let result = self.connection.exit_status(channel, status);
        self.command(|| Command::ExitStatus(channel.number(), status), || format!("{result:?}"));
        result
    }

    /// See [`Connection::exit_signal`].
    ///
    /// # Errors
    /// As there.
    pub fn exit_signal(
        &mut self,
        channel: LocalId,
        signal: Signal<'_>,
        core_dumped: bool,
        message: &[u8],
    ) -> Result<(), Misuse> {
        let result = self.connection.exit_signal(channel, signal, core_dumped, message);
        let name = || signal.name().to_owned();
        let command = || Command::ExitSignal(channel.number(), name(), core_dumped, message.to_vec());
        self.command(command, || format!("{result:?}"));
        result
    }

    /// See [`Connection::consumed`].
    ///
    /// # Errors
    /// As there.
    pub fn consumed(&mut self, channel: LocalId, bytes: u32) -> Result<(), Misuse> {
        let result = self.connection.consumed(channel, bytes);
        self.command(|| Command::Consumed(channel.number(), bytes), || format!("{result:?}"));
        result
    }

    /// See [`Connection::set_window`].
    ///
    /// # Errors
    /// As there.
    pub fn set_window(&mut self, channel: LocalId, bytes: u32) -> Result<(), Misuse> {
        let result = self.connection.set_window(channel, bytes);
        self.command(|| Command::SetWindow(channel.number(), bytes), || format!("{result:?}"));
        result
    }

    /// See [`Connection::stop_reading`].
    ///
    /// # Errors
    /// As there.
    pub fn stop_reading(&mut self, channel: LocalId) -> Result<(), Misuse> {
        let result = self.connection.stop_reading(channel);
        self.command(|| Command::StopReading(channel.number()), || format!("{result:?}"));
        result
    }

    /// See [`Connection::ready`].
    ///
    /// # Errors
    /// As there.
    pub fn ready(&mut self, channel: LocalId, stream: Stream, ready: bool) -> Result<(), Misuse> {
        let result = self.connection.ready(channel, stream, ready);
        self.command(|| Command::Ready(channel.number(), stream, ready), || format!("{result:?}"));
        result
    }

    /// See [`Connection::set_priority`].
    ///
    /// # Errors
    /// As there.
    pub fn set_priority(&mut self, channel: LocalId, priority: Priority) -> Result<(), Misuse> {
        let result = self.connection.set_priority(channel, priority);
        let interactive = priority == Priority::Interactive;
        self.command(|| Command::SetPriority(channel.number(), interactive), || format!("{result:?}"));
        result
    }

    /// See [`Connection::set_rekey_policy`].
    pub fn set_rekey_policy(&mut self, policy: RekeyPolicy) {
        self.connection.set_rekey_policy(policy);
        self.command(|| Command::of_rekey(policy), String::new);
    }

    /// See [`Connection::set_alive_policy`].
    pub fn set_alive_policy(&mut self, policy: Option<AlivePolicy>) {
        self.connection.set_alive_policy(policy);
        self.command(|| Command::of_alive(policy), String::new);
    }

    /// See [`Connection::rekey`].
    pub fn rekey(&mut self) {
        self.connection.rekey();
        self.command(|| Command::Rekey, String::new);
    }

    /// See [`Connection::ping`].
    ///
    /// # Errors
    /// As there.
    pub fn ping(&mut self, data: &[u8]) -> Result<(), Error> {
        let result = self.connection.ping(data);
        self.command(|| Command::Ping(data.to_vec()), || format!("{result:?}"));
        result
    }

    /// See [`Connection::disconnect`].
    pub fn disconnect(&mut self, reason: Reason, text: &str) {
        self.connection.disconnect(reason, text);
        self.command(|| Command::Disconnect(reason.0, text.as_bytes().to_vec()), String::new);
    }

    /// See [`Connection::release`].
    pub fn release(&mut self) {
        self.connection.release();
        self.command(|| Command::Release, String::new);
    }

    /// See [`Connection::slot`].
    pub fn slot(&mut self, channel: LocalId, stream: Stream, max: usize) -> Option<Slot<'_>> {
        if let Some(tape) = &mut self.tape {
            tape.push(Input::Slot(channel.number(), stream, max, Vec::new()), String::new());
        }
        let slot = self.connection.slot(channel, stream, max)?;
        Some(Slot { slot, tape: self.tape.as_mut() })
    }

    fn note(&mut self, input: impl FnOnce() -> Input) {
        if let Some(tape) = &mut self.tape {
            tape.push(input(), String::new());
        }
    }

    fn push(&mut self, input: Option<Input>, output: impl FnOnce() -> String) {
        if let (Some(tape), Some(input)) = (&mut self.tape, input) {
            tape.push(input, output());
        }
    }

    fn command(&mut self, command: impl FnOnce() -> Command, output: impl FnOnce() -> String) {
        if let Some(tape) = &mut self.tape {
            tape.push(Input::Command(command()), output());
        }
    }
}

/// What only a server does.
impl Driven<Server> {
    /// See [`Connection::banner`].
    ///
    /// # Errors
    /// As there.
    pub fn banner(&mut self, text: &BannerText) -> Result<(), Error> {
        let result = self.connection.banner(text);
        self.command(|| Command::Banner(text.as_str().as_bytes().to_vec()), || format!("{result:?}"));
        result
    }

    /// See [`Connection::set_methods`].
    ///
    /// # Errors
    /// As there.
    pub fn set_methods(&mut self, methods: Methods) -> Result<(), Error> {
        let result = self.connection.set_methods(methods);
        self.command(|| Command::SetMethods(methods), || format!("{result:?}"));
        result
    }

    /// See [`Connection::set_max_tries`].
    ///
    /// # Errors
    /// As there.
    pub fn set_max_tries(&mut self, max_tries: u32, key_questions: u32) -> Result<(), Error> {
        let result = self.connection.set_max_tries(max_tries, key_questions);
        self.command(|| Command::SetMaxTries(max_tries, key_questions), || format!("{result:?}"));
        result
    }

    /// See [`Connection::set_signature_algorithms`].
    ///
    /// # Errors
    /// As there.
    pub fn set_signature_algorithms(
        &mut self,
        algorithms: Vec<&'static SignatureAlg>,
    ) -> Result<bool, Error> {
        let names: Vec<String> = algorithms.iter().map(|row| row.name.to_owned()).collect();
        let result = self.connection.set_signature_algorithms(algorithms);
        let told = || format!("{:?}", result.as_ref().map(|_| ()));
        self.command(|| Command::SignatureAlgorithms(names), told);
        result
    }
}

/// See [`proto::Slot`].
pub struct Slot<'c> {
    slot: proto::Slot<'c>,
    tape: Option<&'c mut Tape>,
}

impl Slot<'_> {
    /// See [`proto::Slot::room`].
    pub fn room(&mut self) -> &mut [u8] {
        self.slot.room()
    }

    /// See [`proto::Slot::commit`].
    ///
    /// # Errors
    /// As there.
    pub fn commit(mut self, n: usize) -> Result<(), Misuse> {
        let data = self.tape.is_some().then(|| self.slot.room().iter().take(n).copied().collect());
        let result = self.slot.commit(n);
        if let (Some(tape), Some(data)) = (self.tape, data) {
            tape.committed(data, format!("{result:?}"));
        }
        result
    }
}

/// A kind of question whose answers can be recorded. All are.
pub trait Recordable<S: Side>: Ask<S> {
    /// The answer, to be kept.
    fn recorded(answer: &Self::Answer) -> Answer;
}

impl<S: Side> Recordable<S> for OpenChannel {
    fn recorded(answer: &Result<Grant, OpenRefusal<'static>>) -> Answer {
        match answer {
            Ok(grant) => Answer::Grant(*grant),
            Err(refusal) => Answer::Refusal(refusal.reason.0, refusal.text.0.to_vec()),
        }
    }
}

impl<S: Side> Recordable<S> for ReplyToRequest {
    fn recorded(answer: &bool) -> Answer {
        Answer::Bool(*answer)
    }
}

impl<S: Side> Recordable<S> for ReplyToGlobal {
    fn recorded(answer: &Option<Vec<u8>>) -> Answer {
        Answer::Data(answer.clone())
    }
}

impl Recordable<Server> for ChooseGroup {
    fn recorded(answer: &Group) -> Answer {
        Answer::Group(answer.prime().to_vec(), answer.generator().to_vec())
    }
}

impl Recordable<Server> for SignExchange {
    fn recorded(answer: &Vec<u8>) -> Answer {
        Answer::Bytes(answer.clone())
    }
}

impl Recordable<Server> for AdmitNone {
    fn recorded(answer: &Verdict) -> Answer {
        Answer::Verdict(*answer)
    }
}

impl Recordable<Server> for WantKey {
    fn recorded(answer: &bool) -> Answer {
        Answer::Bool(*answer)
    }
}

impl Recordable<Server> for AdmitKey {
    fn recorded(answer: &KeyVerdict) -> Answer {
        Answer::Verdict(match answer {
            KeyVerdict::Accept(_) => Verdict::Accept,
            KeyVerdict::Partial { remaining, .. } => Verdict::Partial { remaining: *remaining },
            KeyVerdict::Reject => Verdict::Reject,
        })
    }
}

impl Recordable<Server> for AdmitPassword {
    fn recorded(answer: &PasswordAnswer) -> Answer {
        match answer {
            PasswordAnswer::Verdict(verdict) => Answer::Verdict(*verdict),
            PasswordAnswer::Change { prompt } => Answer::Bytes(prompt.clone().into_bytes()),
        }
    }
}

impl Recordable<Server> for AdmitInteractive {
    fn recorded(answer: &InteractiveAnswer) -> Answer {
        match answer {
            InteractiveAnswer::Verdict(verdict) => Answer::Verdict(*verdict),
            InteractiveAnswer::Challenge(challenge) => Answer::Challenge(challenge.clone()),
        }
    }
}

impl Recordable<Client> for TrustHostKey {
    fn recorded(answer: &bool) -> Answer {
        Answer::Bool(*answer)
    }
}

impl Recordable<Client> for NextCredential {
    fn recorded(answer: &Credential) -> Answer {
        Answer::Credential(match answer {
            Credential::None => Credentials::None,
            Credential::PublicKey { algorithm, key, query_first } => {
                Credentials::PublicKey(algorithm.name.to_owned(), key.clone(), *query_first)
            }
            Credential::Password(password) => Credentials::Password(password.expose().to_vec()),
            Credential::Interactive { submethods } => Credentials::Interactive(submethods.clone()),
            Credential::GiveUp => Credentials::GiveUp,
        })
    }
}

impl Recordable<Client> for SignLogin {
    fn recorded(answer: &Vec<u8>) -> Answer {
        Answer::Bytes(answer.clone())
    }
}

impl Recordable<Client> for RespondToPrompts {
    fn recorded(answer: &Vec<Secret>) -> Answer {
        Answer::Secrets(answer.iter().map(|secret| secret.expose().to_vec()).collect())
    }
}

impl Recordable<Client> for ChangePassword {
    fn recorded((old, new): &(Secret, Secret)) -> Answer {
        Answer::Secrets(vec![old.expose().to_vec(), new.expose().to_vec()])
    }
}
