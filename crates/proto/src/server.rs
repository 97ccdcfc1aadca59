//! The server's side: who is let in, and what the host key signs.

use std::fmt;
use std::time::Instant;

use crypto::Group;
use keys::{Secret, SignatureAlg};
use transport::{GroupRequest, SignRequest, Transport};
use userauth::server::{BannerText, Config as AuthConfig, Output};
use userauth::{
    Authenticated, InteractiveAnswer, KeyVerdict, Methods, PasswordAnswer, Proof, Responses, SessionInfo,
    Verdict,
};
use wire::{Bytes, Human, Role, Text};

use crate::question::{Ask, What, sealed};
use crate::side::{Call, Handled, Machine, Side};
use crate::ticket::Tickets;
use crate::{ChannelQuestion, Connection, Error, Event, Misuse, Step, Ticket};

/// The side that accepted the connection.
#[derive(Clone, Copy, Debug)]
pub enum Server {}

/// What a server is asked. Whoever does not answer says no.
pub enum ServerQuestion<'b> {
    /// Which group is the key exchange to be in (RFC 4419)?
    Group {
        /// Answers it.
        ticket: Ticket<ChooseGroup>,
        /// The sizes that will do.
        request: GroupRequest,
    },
    /// A signature by a host key is needed.
    Sign {
        /// Answers it.
        ticket: Ticket<SignExchange>,
        /// What is to be signed, with which key and algorithm, and what it was computed from.
        request: SignRequest,
    },
    /// May this user in without showing anything? It is asked for every `none`, which is how clients begin: the time to
    /// look the user up and to call [`set_methods`](Connection::set_methods) and [`banner`](Connection::banner).
    None {
        /// Answers it.
        ticket: Ticket<AdmitNone>,
        /// The user.
        user: Text<'b>,
    },
    /// Would a signature by this key be looked at? Nothing is proven, and nobody is let in by it.
    KeyOffer {
        /// Answers it.
        ticket: Ticket<WantKey>,
        /// The user.
        user: Text<'b>,
        /// The algorithm that would sign.
        algorithm: &'static SignatureAlg,
        /// The blob of the key.
        key: Bytes<'b>,
    },
    /// Is this signature good, and may its key in?
    KeyProof {
        /// Answers it.
        ticket: Ticket<AdmitKey>,
        /// What is to be verified, with [`userauth::verify`].
        proof: Proof,
    },
    /// Is this the password?
    Password {
        /// Answers it.
        ticket: Ticket<AdmitPassword>,
        /// The user.
        user: Text<'b>,
        /// The password.
        password: Secret,
    },
    /// Is `old` the password, and may `new` take its place?
    PasswordChange {
        /// Answers it.
        ticket: Ticket<AdmitPassword>,
        /// The user.
        user: Text<'b>,
        /// The password up to now.
        old: Secret,
        /// The password from now on.
        new: Secret,
    },
    /// What is the user to be asked (RFC 4256)?
    Interactive {
        /// Answers it.
        ticket: Ticket<AdmitInteractive>,
        /// The user.
        user: Text<'b>,
        /// Methods behind the prompts that the client would like; usually empty.
        submethods: Text<'b>,
        /// A language tag; usually empty.
        language: Human<'b>,
    },
    /// Are these the right responses?
    Responses {
        /// Answers it.
        ticket: Ticket<AdmitInteractive>,
        /// One response for each prompt of the last challenge.
        responses: Responses,
    },
    /// About channels.
    Channel(ChannelQuestion<'b>),
}

/// Secrets have no `Debug`; what carries one shows the rest.
impl fmt::Debug for ServerQuestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group { ticket: _, request } => f.debug_struct("Group").field("request", request).finish(),
            Self::Sign { ticket: _, request } => f.debug_struct("Sign").field("request", request).finish(),
            Self::None { ticket: _, user } => f.debug_struct("None").field("user", user).finish(),
            Self::KeyOffer { ticket: _, user, algorithm, key } => f
                .debug_struct("KeyOffer")
                .field("user", user)
                .field("algorithm", &algorithm.name)
                .field("key", key)
                .finish(),
            Self::KeyProof { ticket: _, proof } => f.debug_struct("KeyProof").field("proof", proof).finish(),
            Self::Password { user, .. } => {
                f.debug_struct("Password").field("user", user).finish_non_exhaustive()
            }
            Self::PasswordChange { user, .. } => {
                f.debug_struct("PasswordChange").field("user", user).finish_non_exhaustive()
            }
            Self::Interactive { ticket: _, user, submethods, language } => f
                .debug_struct("Interactive")
                .field("user", user)
                .field("submethods", submethods)
                .field("language", language)
                .finish(),
            Self::Responses { ticket: _, responses } => {
                f.debug_struct("Responses").field("responses", responses).finish()
            }
            Self::Channel(question) => f.debug_tuple("Channel").field(question).finish(),
        }
    }
}

/// What a server learns about the login without being asked.
#[derive(Debug)]
pub enum ServerAuthEvent {
    /// A request failed without anybody having been asked. For the log.
    Unasked(userauth::server::Unasked),
    /// The user is in.
    Authenticated(Authenticated),
}

/// Answered with a group whose size is one of those that will do.
#[derive(Clone, Copy, Debug)]
pub enum ChooseGroup {}
/// Answered with the blob of the signature.
#[derive(Clone, Copy, Debug)]
pub enum SignExchange {}
/// Answered with a verdict.
#[derive(Clone, Copy, Debug)]
pub enum AdmitNone {}
/// Answered with whether the key is worth a signature.
#[derive(Clone, Copy, Debug)]
pub enum WantKey {}
/// Answered with a verdict that holds the proof.
#[derive(Clone, Copy, Debug)]
pub enum AdmitKey {}
/// Answered with a verdict, or with the wish for another password.
#[derive(Clone, Copy, Debug)]
pub enum AdmitPassword {}
/// Answered with a challenge or a verdict.
#[derive(Clone, Copy, Debug)]
pub enum AdmitInteractive {}

impl sealed::Sealed for ChooseGroup {}
impl sealed::Sealed for SignExchange {}
impl sealed::Sealed for AdmitNone {}
impl sealed::Sealed for WantKey {}
impl sealed::Sealed for AdmitKey {}
impl sealed::Sealed for AdmitPassword {}
impl sealed::Sealed for AdmitInteractive {}

impl Ask<Server> for ChooseGroup {
    type Answer = Group;

    fn apply(connection: &mut Connection<Server>, _: What, group: Group) -> Result<(), Error> {
        Ok(connection.transport.group(connection.now, Some(group))?)
    }
}

impl Ask<Server> for SignExchange {
    type Answer = Vec<u8>;

    fn apply(connection: &mut Connection<Server>, _: What, answer: Vec<u8>) -> Result<(), Error> {
        Ok(connection.transport.signed(connection.now, Some(&answer))?)
    }
}

impl Ask<Server> for AdmitNone {
    type Answer = Verdict;

    fn apply(connection: &mut Connection<Server>, _: What, verdict: Verdict) -> Result<(), Error> {
        connection.answer_login(|server, _, out| server.none(verdict, out))
    }
}

impl Ask<Server> for WantKey {
    type Answer = bool;

    fn apply(connection: &mut Connection<Server>, _: What, wanted: bool) -> Result<(), Error> {
        connection.answer_login(|server, now, out| server.key_offer(now, wanted, out))
    }
}

impl Ask<Server> for AdmitKey {
    type Answer = KeyVerdict;

    fn apply(connection: &mut Connection<Server>, _: What, verdict: KeyVerdict) -> Result<(), Error> {
        connection.answer_login(|server, now, out| server.key_proof(now, verdict, out))
    }
}

impl Ask<Server> for AdmitPassword {
    type Answer = PasswordAnswer;

    fn apply(connection: &mut Connection<Server>, _: What, answer: PasswordAnswer) -> Result<(), Error> {
        connection.answer_login(|server, now, out| server.password(now, answer, out))
    }
}

impl Ask<Server> for AdmitInteractive {
    type Answer = InteractiveAnswer;

    fn apply(connection: &mut Connection<Server>, _: What, answer: InteractiveAnswer) -> Result<(), Error> {
        connection.answer_login(|server, now, out| server.interactive(now, answer, out))
    }
}

/// User authentication of a server: its machine is made when the session it is bound to exists.
pub enum ServerAuth {
    /// Before the first keys.
    Before(AuthConfig),
    /// From then on.
    Machine(Box<userauth::Server>),
}

impl ServerAuth {
    fn machine(&mut self) -> Result<&mut userauth::Server, Error> {
        match self {
            Self::Machine(server) => Ok(server),
            Self::Before(_) => Err(userauth::Error::Misuse(userauth::Misuse::WrongTime).into()),
        }
    }
}

impl Machine<Server> for ServerAuth {
    fn blocked(&self) -> bool {
        matches!(self, Self::Machine(server) if server.waiting())
    }

    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Before(_) => None,
            Self::Machine(server) => server.deadline(),
        }
    }

    fn begin(&mut self, session: SessionInfo, _: &mut Transport) -> Result<(), Error> {
        if let Self::Before(config) = self {
            let config = std::mem::take(config);
            *self = Self::Machine(Box::new(userauth::Server::new(config, session)));
        }
        Ok(())
    }

    fn extensions(&mut self, _: &Transport) {}

    fn handle<'b>(&mut self, call: Call<'_>, payload: &'b [u8]) -> Result<Handled<'b, Server>, Error> {
        let output = self.machine()?.handle(call.now, payload, call.out)?;
        Ok(handled(output, call.tickets, call.answer_by))
    }

    fn answered_by(&mut self, now: Instant) {
        if let Self::Machine(server) = self {
            server.answered_by(now);
        }
    }

    fn handle_timeout(&mut self, call: Call<'_>) -> Result<Handled<'static, Server>, Error> {
        let output = self.machine()?.handle_timeout(call.now, call.out)?;
        Ok(handled(output, call.tickets, call.answer_by))
    }

    fn refuse(&mut self, call: Call<'_>) -> Result<Handled<'static, Server>, Error> {
        let output = self.machine()?.refuse(call.now, call.out)?;
        Ok(handled(output, call.tickets, call.answer_by))
    }
}

fn handled<'b>(output: Output<'b>, tickets: &mut Tickets<What>, by: Option<Instant>) -> Handled<'b, Server> {
    use userauth::server::Ask as Asked;
    let event = |event| Step::Event(Event::Auth(event));
    let question = match output {
        Output::Progress => return Handled::Progress,
        Output::Unimplemented => return Handled::Unimplemented,
        Output::Unasked(why) => return Handled::Step(event(ServerAuthEvent::Unasked(why))),
        Output::Authenticated(who) => return Handled::LoggedIn(event(ServerAuthEvent::Authenticated(who))),
        Output::Ask(Asked::None { user }) => {
            ServerQuestion::None { ticket: tickets.issue(What::Auth, by), user }
        }
        Output::Ask(Asked::KeyOffer { user, algorithm, key }) => {
            ServerQuestion::KeyOffer { ticket: tickets.issue(What::Auth, by), user, algorithm, key }
        }
        Output::Ask(Asked::KeyProof { proof }) => {
            ServerQuestion::KeyProof { ticket: tickets.issue(What::Auth, by), proof }
        }
        Output::Ask(Asked::Password { user, password }) => {
            ServerQuestion::Password { ticket: tickets.issue(What::Auth, by), user, password }
        }
        Output::Ask(Asked::PasswordChange { user, old, new }) => {
            ServerQuestion::PasswordChange { ticket: tickets.issue(What::Auth, by), user, old, new }
        }
        Output::Ask(Asked::Interactive { user, submethods, language }) => {
            ServerQuestion::Interactive { ticket: tickets.issue(What::Auth, by), user, submethods, language }
        }
        Output::Ask(Asked::Responses { responses }) => {
            ServerQuestion::Responses { ticket: tickets.issue(What::Auth, by), responses }
        }
    };
    Handled::Step(Step::Ask(question))
}

impl crate::side::sealed::Sealed for Server {}

impl Side for Server {
    type Question<'b> = ServerQuestion<'b>;
    type AuthEvent<'b> = ServerAuthEvent;
    type Auth = AuthConfig;
    type Machine = ServerAuth;

    const ROLE: Role = Role::Server;

    fn machine(auth: AuthConfig) -> ServerAuth {
        ServerAuth::Before(auth)
    }

    fn accepted(auth: &AuthConfig) -> Option<&[&'static SignatureAlg]> {
        Some(&auth.algorithms)
    }

    fn exchange_question(
        ask: transport::Ask,
        tickets: &mut Tickets<What>,
    ) -> Option<ServerQuestion<'static>> {
        match ask {
            transport::Ask::Group(request) => {
                Some(ServerQuestion::Group { ticket: tickets.issue(What::Exchange, None), request })
            }
            transport::Ask::Sign(request) => {
                Some(ServerQuestion::Sign { ticket: tickets.issue(What::Exchange, None), request })
            }
            // Only a client's exchange asks this.
            transport::Ask::HostKey(_) => None,
        }
    }

    fn channel_question(question: ChannelQuestion<'_>) -> ServerQuestion<'_> {
        ServerQuestion::Channel(question)
    }

    fn shorten_question<'b>(question: ServerQuestion<'static>) -> ServerQuestion<'b> {
        question
    }

    fn shorten_event<'b>(event: ServerAuthEvent) -> Self::AuthEvent<'b> {
        event
    }
}

/// What only a server does.
impl Connection<Server> {
    /// Lets the answer to a question about the login work.
    fn answer_login(
        &mut self,
        answer: impl FnOnce(
            &mut userauth::Server,
            Instant,
            &mut Transport,
        ) -> Result<Output<'static>, userauth::Error>,
    ) -> Result<(), Error> {
        self.with_auth(|auth, call| {
            let output = answer(auth.machine()?, call.now, call.out)?;
            Ok(handled(output, call.tickets, call.answer_by))
        })
    }

    /// Sends a text to show to the user, before the login is complete (RFC 4252 §5.4).
    ///
    /// # Errors
    /// Misuse: not while logging in.
    pub fn banner(&mut self, text: &BannerText) -> Result<(), Error> {
        Ok(self.auth.machine()?.banner(text, &mut self.transport)?)
    }

    /// Sets the methods by which this user may go on.
    ///
    /// # Errors
    /// Misuse, before the first keys: nobody has said who they are.
    pub fn set_methods(&mut self, methods: Methods) -> Result<(), Error> {
        self.auth.machine()?.set_methods(methods);
        Ok(())
    }

    /// Sets how many answers that are not success this user may get, and of how many keys more they may be told that they
    /// would not be accepted.
    ///
    /// # Errors
    /// Misuse, before the first keys.
    pub fn set_max_tries(&mut self, max_tries: u32, key_questions: u32) -> Result<(), Error> {
        self.auth.machine()?.set_max_tries(max_tries, key_questions);
        Ok(())
    }

    /// Sets the signature algorithms that this user may sign with, now that it is known who that is, and tells the client if it takes
    /// that (`ext-info-in-auth@openssh.com`). Says whether it was told: others find out by being refused.
    ///
    /// # Errors
    /// Misuse, before the first keys.
    pub fn set_signature_algorithms(
        &mut self,
        algorithms: Vec<&'static SignatureAlg>,
    ) -> Result<bool, Error> {
        if self.error().is_some() {
            return Err(Misuse::Over.into());
        }
        let told = self.transport.send_ext_info(&algorithms);
        self.auth.machine()?.set_algorithms(algorithms);
        Ok(told.is_ok())
    }
}
