//! Giving a recording to a fresh connection.

use std::collections::BTreeMap;
use std::time::Instant;

use connection::{
    ChannelRequest, ChannelType, GlobalRequest, LocalId, OpenReason, OpenRefusal, Priority, Signal,
};
use crypto::{Group, HashAlg, Hasher, SeededRng};
use keys::{SIGNATURES, Secret, SignatureAlg};
use proto::{
    AdmitInteractive, AdmitKey, AdmitNone, AdmitPassword, ChangePassword, ChannelQuestion, ChooseGroup,
    Client, ClientQuestion, Config, Connection, Error, NextCredential, OpenChannel, RecvBuf, ReplyToGlobal,
    ReplyToRequest, RespondToPrompts, Server, ServerQuestion, Side, SignExchange, SignLogin, Step, Ticket,
    TrustHostKey, WantKey,
};
use transport::Reason;
use userauth::client::Credential;
use userauth::server::BannerText;
use userauth::{InteractiveAnswer, KeyVerdict, PasswordAnswer, Proof, Verdict};
use wire::{Human, Name};

use super::{Answer, Command, Credentials, Input, Record, digest, step_text};

/// Gives what was recorded to a fresh connection of `config`, and checks that all of the output is the same.
///
/// # Panics
/// At the first output that differs, with the number of its entry; and when the recording is of the other side or does
/// not fit the configuration.
pub fn replay<S: Replayed>(record: &Record, config: Config<S>) {
    let mut replay = Replay::<S>::new(record, config);
    for (number, entry) in record.entries.iter().enumerate() {
        let output = replay.put_in(&entry.input);
        assert_eq!(output, entry.output, "entry {number}: {:?}", entry.input);
    }
}

/// Like [`replay`], but only the bytes that are sent are checked. They are what a recording that is kept for long is
/// about; the text of events and errors may change.
///
/// # Panics
/// As there.
pub fn replay_sent<S: Replayed>(record: &Record, config: Config<S>) {
    let mut replay = Replay::<S>::new(record, config);
    for (number, entry) in record.entries.iter().enumerate() {
        let output = replay.put_in(&entry.input);
        if matches!(entry.input, Input::Sent(_)) {
            assert_eq!(output, entry.output, "entry {number}: {:?}", entry.input);
        }
    }
}

struct Replay<S: Replayed> {
    connection: Connection<S>,
    start: Instant,
    rx: RecvBuf,
    /// The questions that are open, by number.
    kept: BTreeMap<u64, Kept>,
    /// The channels that there ever were, by number.
    channels: BTreeMap<u32, LocalId>,
    sent: Hasher,
}

impl<S: Replayed> Replay<S> {
    fn new(record: &Record, config: Config<S>) -> Self {
        assert_eq!(record.role, S::ROLE, "the recording is of the other side");
        let start = Instant::now();
        let rng = Box::new(SeededRng::new(record.seed));
        Self {
            connection: Connection::new(config, rng, start).expect("a good configuration"),
            start,
            rx: RecvBuf::new(),
            kept: BTreeMap::new(),
            channels: BTreeMap::new(),
            sent: Hasher::new(HashAlg::Sha256),
        }
    }

    fn put_in(&mut self, input: &Input) -> String {
        match input {
            Input::Feed(bytes) => {
                self.rx.space(bytes.len())[..bytes.len()].copy_from_slice(bytes);
                self.rx.filled(bytes.len());
                String::new()
            }
            Input::Process(at) => {
                let result = self.connection.process(self.start + *at, &mut self.rx);
                let text = step_text(&result);
                if let Ok(Step::Ask(question)) = result {
                    let kept = S::keep(question);
                    if let Kept::Open(_, channel) = &kept {
                        self.channels.insert(channel.number(), *channel);
                    }
                    self.kept.insert(kept.serial(), kept);
                }
                text
            }
            Input::Timeout(at) => {
                self.connection.handle_timeout(self.start + *at);
                String::new()
            }
            Input::Sent(0) => {
                self.connection.sent(0);
                String::new()
            }
            Input::Sent(n) => {
                let waiting = self.connection.transmit();
                assert!(waiting.len() >= *n, "{n} bytes were sent, {} are there", waiting.len());
                self.sent.update(&waiting[..*n]);
                self.connection.sent(*n);
                digest(&self.sent)
            }
            Input::Answer(question, answer) => {
                let kept = self.kept.remove(question).expect("a question that is open");
                format!("{:?}", S::answer(&mut self.connection, kept, answer.clone()))
            }
            Input::Decline(question) => {
                self.kept.remove(question).expect("a question that is open");
                String::new()
            }
            Input::Slot(channel, stream, max, data) => {
                let channel = self.channels[channel];
                let Some(mut slot) = self.connection.slot(channel, *stream, *max) else {
                    assert!(data.is_empty(), "there is no slot for {} bytes", data.len());
                    return String::new();
                };
                if data.is_empty() {
                    return String::new();
                }
                slot.room()[..data.len()].copy_from_slice(data);
                format!("{:?}", slot.commit(data.len()))
            }
            Input::Command(command) => self.command(command),
        }
    }

    fn command(&mut self, command: &Command) -> String {
        let channel = |number: &u32| self.channels[number];
        let connection = &mut self.connection;
        match command {
            Command::Open(kind, grant, tag) => {
                let kind =
                    ChannelType::parse(Name::new(&kind.name).expect("a name"), &kind.data).expect("a type");
                let result = connection.open(&kind, *grant, *tag);
                if let Ok(channel) = result {
                    self.channels.insert(channel.number(), channel);
                }
                format!("{result:?}")
            }
            Command::Request(number, request, want_reply, tag) => {
                let request = ChannelRequest::parse(Name::new(&request.name).expect("a name"), &request.data)
                    .expect("a request");
                format!("{:?}", connection.request(channel(number), &request, *want_reply, *tag))
            }
            Command::Global(request, want_reply, tag) => {
                let request = GlobalRequest::parse(Name::new(&request.name).expect("a name"), &request.data)
                    .expect("a request");
                format!("{:?}", connection.global(&request, *want_reply, *tag))
            }
            Command::Eof(number) => format!("{:?}", connection.eof(channel(number))),
            Command::Close(number) => format!("{:?}", connection.close(channel(number))),
            Command::ExitStatus(number, status) => {
                format!("{:?}", connection.exit_status(channel(number), *status))
            }
            Command::ExitSignal(number, name, core_dumped, message) => {
                let signal = Signal::from_name(Name::new(name).expect("a name"));
                format!("{:?}", connection.exit_signal(channel(number), signal, *core_dumped, message))
            }
            Command::Consumed(number, bytes) => format!("{:?}", connection.consumed(channel(number), *bytes)),
            Command::SetWindow(number, bytes) => {
                format!("{:?}", connection.set_window(channel(number), *bytes))
            }
            Command::StopReading(number) => format!("{:?}", connection.stop_reading(channel(number))),
            Command::Ready(number, stream, ready) => {
                format!("{:?}", connection.ready(channel(number), *stream, *ready))
            }
            Command::SetPriority(number, interactive) => {
                let priority = if *interactive { Priority::Interactive } else { Priority::Bulk };
                format!("{:?}", connection.set_priority(channel(number), priority))
            }
            Command::Rekey => {
                connection.rekey();
                String::new()
            }
            Command::RekeyPolicy(bytes, packets, millis) => {
                connection.set_rekey_policy(Command::rekey_policy(*bytes, *packets, *millis));
                String::new()
            }
            Command::AlivePolicy(millis, count_max) => {
                connection.set_alive_policy(Command::alive_policy(*millis, *count_max));
                String::new()
            }
            Command::Ping(data) => format!("{:?}", connection.ping(data)),
            Command::Disconnect(reason, text) => {
                connection.disconnect(Reason(*reason), &String::from_utf8_lossy(text));
                String::new()
            }
            Command::Release => {
                connection.release();
                String::new()
            }
            Command::Banner(_)
            | Command::SetMethods(_)
            | Command::SetMaxTries(..)
            | Command::SignatureAlgorithms(_) => format!("{:?}", S::login_command(connection, command)),
        }
    }
}

/// A question that is open, with what its answer needs.
pub enum Kept {
    /// For [`ChooseGroup`].
    Group(Ticket<ChooseGroup>),
    /// For [`SignExchange`].
    SignExchange(Ticket<SignExchange>),
    /// For [`AdmitNone`].
    None(Ticket<AdmitNone>),
    /// For [`WantKey`].
    KeyOffer(Ticket<WantKey>),
    /// For [`AdmitKey`], with the proof.
    KeyProof(Ticket<AdmitKey>, Proof),
    /// For [`AdmitPassword`].
    Password(Ticket<AdmitPassword>),
    /// For [`AdmitInteractive`].
    Interactive(Ticket<AdmitInteractive>),
    /// For [`TrustHostKey`].
    HostKey(Ticket<TrustHostKey>),
    /// For [`NextCredential`].
    Credential(Ticket<NextCredential>),
    /// For [`SignLogin`].
    SignLogin(Ticket<SignLogin>),
    /// For [`RespondToPrompts`].
    Prompts(Ticket<RespondToPrompts>),
    /// For [`ChangePassword`].
    ChangePassword(Ticket<ChangePassword>),
    /// For [`OpenChannel`], with the channel.
    Open(Ticket<OpenChannel>, LocalId),
    /// For [`ReplyToRequest`].
    Request(Ticket<ReplyToRequest>),
    /// For [`ReplyToGlobal`].
    Global(Ticket<ReplyToGlobal>),
}

impl Kept {
    fn serial(&self) -> u64 {
        match self {
            Self::Group(ticket) => ticket.serial(),
            Self::SignExchange(ticket) => ticket.serial(),
            Self::None(ticket) => ticket.serial(),
            Self::KeyOffer(ticket) => ticket.serial(),
            Self::KeyProof(ticket, _) => ticket.serial(),
            Self::Password(ticket) => ticket.serial(),
            Self::Interactive(ticket) => ticket.serial(),
            Self::HostKey(ticket) => ticket.serial(),
            Self::Credential(ticket) => ticket.serial(),
            Self::SignLogin(ticket) => ticket.serial(),
            Self::Prompts(ticket) => ticket.serial(),
            Self::ChangePassword(ticket) => ticket.serial(),
            Self::Open(ticket, _) => ticket.serial(),
            Self::Request(ticket) => ticket.serial(),
            Self::Global(ticket) => ticket.serial(),
        }
    }

    fn of_channel(question: ChannelQuestion<'_>) -> Self {
        match question {
            ChannelQuestion::Open { ticket, channel, .. } => Self::Open(ticket, channel),
            ChannelQuestion::Request { ticket, .. } => Self::Request(ticket),
            ChannelQuestion::Global { ticket, .. } => Self::Global(ticket),
        }
    }

    fn answer_channel<S: Side>(self, connection: &mut Connection<S>, answer: Answer) -> Result<(), Error> {
        match (self, answer) {
            (Self::Open(ticket, _), Answer::Grant(grant)) => connection.answer(ticket, Ok(grant)),
            (Self::Open(ticket, _), Answer::Refusal(reason, text)) => {
                connection.refuse_open(ticket, OpenRefusal { reason: OpenReason(reason), text: Human(&text) })
            }
            (Self::Request(ticket), Answer::Bool(yes)) => connection.answer(ticket, yes),
            (Self::Global(ticket), Answer::Data(data)) => connection.answer(ticket, data),
            (_, answer) => panic!("{answer:?} answers nothing that was asked"),
        }
    }
}

/// A side whose recordings can be replayed. Both are.
pub trait Replayed: Side {
    /// Keeps a question's ticket.
    fn keep(question: Self::Question<'_>) -> Kept;
    /// Answers a question.
    ///
    /// # Errors
    /// As [`Connection::answer`].
    ///
    /// # Panics
    /// When the answer is none to that question.
    fn answer(connection: &mut Connection<Self>, kept: Kept, answer: Answer) -> Result<(), Error>;
    /// Carries out a command about logins.
    ///
    /// # Errors
    /// As the command.
    ///
    /// # Panics
    /// When this side has no such command.
    fn login_command(connection: &mut Connection<Self>, command: &Command) -> Result<(), Error>;
}

impl Replayed for Server {
    fn keep(question: ServerQuestion<'_>) -> Kept {
        match question {
            ServerQuestion::Group { ticket, .. } => Kept::Group(ticket),
            ServerQuestion::Sign { ticket, .. } => Kept::SignExchange(ticket),
            ServerQuestion::None { ticket, .. } => Kept::None(ticket),
            ServerQuestion::KeyOffer { ticket, .. } => Kept::KeyOffer(ticket),
            ServerQuestion::KeyProof { ticket, proof } => Kept::KeyProof(ticket, proof),
            ServerQuestion::Password { ticket, .. } | ServerQuestion::PasswordChange { ticket, .. } => {
                Kept::Password(ticket)
            }
            ServerQuestion::Interactive { ticket, .. } | ServerQuestion::Responses { ticket, .. } => {
                Kept::Interactive(ticket)
            }
            ServerQuestion::Channel(question) => Kept::of_channel(question),
        }
    }

    fn answer(connection: &mut Connection<Self>, kept: Kept, answer: Answer) -> Result<(), Error> {
        match (kept, answer) {
            (Kept::Group(ticket), Answer::Group(prime, generator)) => {
                let group = Group::new(&prime, &generator).expect("what was good when it was recorded");
                connection.answer(ticket, group)
            }
            (Kept::SignExchange(ticket), Answer::Bytes(signature)) => connection.answer(ticket, signature),
            (Kept::None(ticket), Answer::Verdict(verdict)) => connection.answer(ticket, verdict),
            (Kept::KeyOffer(ticket), Answer::Bool(wanted)) => connection.answer(ticket, wanted),
            (Kept::KeyProof(ticket, proof), Answer::Verdict(verdict)) => {
                let proven = || userauth::verify(&proof).expect("what was good when it was recorded");
                let verdict = match verdict {
                    Verdict::Accept => KeyVerdict::Accept(proven()),
                    Verdict::Partial { remaining } => KeyVerdict::Partial { proven: proven(), remaining },
                    Verdict::Reject => KeyVerdict::Reject,
                };
                connection.answer(ticket, verdict)
            }
            (Kept::Password(ticket), Answer::Verdict(verdict)) => {
                connection.answer(ticket, PasswordAnswer::Verdict(verdict))
            }
            (Kept::Password(ticket), Answer::Bytes(prompt)) => {
                let prompt = String::from_utf8(prompt).expect("a text");
                connection.answer(ticket, PasswordAnswer::Change { prompt })
            }
            (Kept::Interactive(ticket), Answer::Verdict(verdict)) => {
                connection.answer(ticket, InteractiveAnswer::Verdict(verdict))
            }
            (Kept::Interactive(ticket), Answer::Challenge(challenge)) => {
                connection.answer(ticket, InteractiveAnswer::Challenge(challenge))
            }
            (kept, answer) => kept.answer_channel(connection, answer),
        }
    }

    fn login_command(connection: &mut Connection<Self>, command: &Command) -> Result<(), Error> {
        match command {
            Command::Banner(text) => {
                let text = String::from_utf8_lossy(text);
                connection.banner(&BannerText::new(&text).expect("what was short enough"))
            }
            Command::SetMethods(methods) => connection.set_methods(*methods),
            Command::SetMaxTries(tries, questions) => connection.set_max_tries(*tries, *questions),
            Command::SignatureAlgorithms(names) => {
                let rows = names.iter().map(|name| signature_algorithm(name)).collect();
                connection.set_signature_algorithms(rows).map(|_| ())
            }
            other => panic!("{other:?} is no command about logins"),
        }
    }
}

impl Replayed for Client {
    fn keep(question: ClientQuestion<'_>) -> Kept {
        match question {
            ClientQuestion::HostKey { ticket, .. } => Kept::HostKey(ticket),
            ClientQuestion::Credential { ticket, .. } => Kept::Credential(ticket),
            ClientQuestion::Sign { ticket, .. } => Kept::SignLogin(ticket),
            ClientQuestion::Prompts { ticket, .. } => Kept::Prompts(ticket),
            ClientQuestion::ChangePassword { ticket, .. } => Kept::ChangePassword(ticket),
            ClientQuestion::Channel(question) => Kept::of_channel(question),
        }
    }

    fn answer(connection: &mut Connection<Self>, kept: Kept, answer: Answer) -> Result<(), Error> {
        match (kept, answer) {
            (Kept::HostKey(ticket), Answer::Bool(trusted)) => connection.answer(ticket, trusted),
            (Kept::Credential(ticket), Answer::Credential(credential)) => {
                let credential = match credential {
                    Credentials::None => Credential::None,
                    Credentials::PublicKey(algorithm, key, query_first) => {
                        Credential::PublicKey { algorithm: signature_algorithm(&algorithm), key, query_first }
                    }
                    Credentials::Password(password) => Credential::Password(Secret::new(password)),
                    Credentials::Interactive(submethods) => Credential::Interactive { submethods },
                    Credentials::GiveUp => Credential::GiveUp,
                };
                connection.answer(ticket, credential)
            }
            (Kept::SignLogin(ticket), Answer::Bytes(signature)) => connection.answer(ticket, signature),
            (Kept::Prompts(ticket), Answer::Secrets(responses)) => {
                connection.answer(ticket, responses.into_iter().map(Secret::new).collect())
            }
            (Kept::ChangePassword(ticket), Answer::Secrets(passwords)) => {
                let [old, new] = <[Vec<u8>; 2]>::try_from(passwords).expect("two passwords");
                connection.answer(ticket, (Secret::new(old), Secret::new(new)))
            }
            (kept, answer) => kept.answer_channel(connection, answer),
        }
    }

    fn login_command(_: &mut Connection<Self>, command: &Command) -> Result<(), Error> {
        panic!("a client has no {command:?}")
    }
}

fn signature_algorithm(name: &str) -> &'static SignatureAlg {
    SIGNATURES.iter().find(|row| row.name == name).expect("an algorithm of the table")
}
