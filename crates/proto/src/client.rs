//! The client's side: whether the host is trusted, and how the user proves who they are.

use std::sync::Arc;
use std::time::Instant;

use keys::{Secret, SignatureAlg};
use transport::{HostKeyOffer, Transport};
use userauth::SessionInfo;
use userauth::client::{Credential, LoggedIn, Output, Prompts, ServerExtensions, Wanted};
use wire::{Human, NameList, Role};

use crate::question::{Ask, What, sealed};
use crate::side::{Call, Handled, Machine, Side};
use crate::ticket::Tickets;
use crate::{ChannelQuestion, Connection, Error, Event, Step, Ticket};

/// The side that connected.
#[derive(Clone, Copy, Debug)]
pub enum Client {}

/// How a client logs in: what is needed before there is a session.
#[derive(Clone, Debug)]
pub struct ClientAuthConfig {
    /// The name of the user on the server.
    pub user: String,
}

/// What a client is asked. Whoever does not answer says no.
#[derive(Debug)]
pub enum ClientQuestion<'b> {
    /// Is this the server that is meant? The key has signed the exchange already.
    HostKey {
        /// Answers it.
        ticket: Ticket<TrustHostKey>,
        /// The key.
        offer: HostKeyOffer,
    },
    /// What is to be tried next?
    Credential {
        /// Answers it; no answer gives up.
        ticket: Ticket<NextCredential>,
        /// Why, and what can go on.
        wanted: Wanted,
    },
    /// A signature by the user's key, please.
    Sign {
        /// Answers it.
        ticket: Ticket<SignLogin>,
        /// The algorithm to sign with.
        algorithm: &'static SignatureAlg,
        /// The blob of the key.
        key: Arc<[u8]>,
        /// The bytes to sign.
        data: Vec<u8>,
    },
    /// What does the user respond?
    Prompts {
        /// Answers it.
        ticket: Ticket<RespondToPrompts>,
        /// What to show, and what to ask.
        prompts: Prompts<'b>,
    },
    /// The password has expired.
    ChangePassword {
        /// Answers it.
        ticket: Ticket<ChangePassword>,
        /// What to show.
        prompt: Human<'b>,
    },
    /// About channels.
    Channel(ChannelQuestion<'b>),
}

/// What a client learns about the login.
#[derive(Debug)]
pub enum ClientAuthEvent<'b> {
    /// A text to show to the user, escaped.
    Banner(Human<'b>),
    /// The user is in.
    LoggedIn(LoggedIn),
}

/// Answered with whether the key is the host's.
#[derive(Clone, Copy, Debug)]
pub enum TrustHostKey {}
/// Answered with a credential.
#[derive(Clone, Copy, Debug)]
pub enum NextCredential {}
/// Answered with the blob of the signature; no answer goes on with another credential.
#[derive(Clone, Copy, Debug)]
pub enum SignLogin {}
/// Answered with one response for each prompt; no answer goes on with another credential.
#[derive(Clone, Copy, Debug)]
pub enum RespondToPrompts {}
/// Answered with the old and the new password; no answer goes on with another credential.
#[derive(Clone, Copy, Debug)]
pub enum ChangePassword {}

impl sealed::Sealed for TrustHostKey {}
impl sealed::Sealed for NextCredential {}
impl sealed::Sealed for SignLogin {}
impl sealed::Sealed for RespondToPrompts {}
impl sealed::Sealed for ChangePassword {}

impl Ask<Client> for TrustHostKey {
    type Answer = bool;

    fn apply(connection: &mut Connection<Client>, _: What, trusted: bool) -> Result<(), Error> {
        Ok(connection.transport.host_key(connection.now, trusted)?)
    }
}

impl Ask<Client> for NextCredential {
    type Answer = Credential;

    fn apply(connection: &mut Connection<Client>, _: What, credential: Credential) -> Result<(), Error> {
        connection.answer_login(|client, out| client.credential(credential, out))
    }
}

impl Ask<Client> for SignLogin {
    type Answer = Vec<u8>;

    fn apply(connection: &mut Connection<Client>, _: What, signature: Vec<u8>) -> Result<(), Error> {
        connection.answer_login(|client, out| client.signature(Some(signature), out))
    }
}

impl Ask<Client> for RespondToPrompts {
    type Answer = Vec<Secret>;

    fn apply(connection: &mut Connection<Client>, _: What, responses: Vec<Secret>) -> Result<(), Error> {
        connection.answer_login(|client, out| client.responses(Some(responses), out))
    }
}

impl Ask<Client> for ChangePassword {
    type Answer = (Secret, Secret);

    fn apply(connection: &mut Connection<Client>, _: What, passwords: (Secret, Secret)) -> Result<(), Error> {
        connection.answer_login(|client, out| client.change_password(Some(passwords), out))
    }
}

/// User authentication of a client: its machine is made when the session it is bound to exists.
pub enum ClientAuth {
    /// Before the first keys.
    Before(ClientAuthConfig),
    /// From then on.
    Machine(Box<userauth::Client>),
}

impl ClientAuth {
    fn machine(&mut self) -> Result<&mut userauth::Client, Error> {
        match self {
            Self::Machine(client) => Ok(client),
            Self::Before(_) => Err(userauth::Error::Misuse(userauth::Misuse::WrongTime).into()),
        }
    }
}

impl Machine<Client> for ClientAuth {
    /// Never: while a question is open a client still takes banners, and refuses all else by itself.
    fn blocked(&self) -> bool {
        false
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn begin(&mut self, session: SessionInfo, out: &mut Transport) -> Result<(), Error> {
        if let Self::Before(config) = self {
            let mut client = userauth::Client::new(&config.user, session)?;
            client.start(out)?;
            *self = Self::Machine(Box::new(client));
        }
        Ok(())
    }

    fn extensions(&mut self, transport: &Transport) {
        if let Self::Machine(client) = self {
            let extensions = transport.peer_extensions();
            client.set_extensions(ServerExtensions {
                signature_algorithms: extensions
                    .server_sig_algs
                    .as_deref()
                    .and_then(|names| NameList::new(names).ok()),
                host_bound: extensions.publickey_hostbound,
            });
        }
    }

    fn handle<'b>(&mut self, call: Call<'_>, payload: &'b [u8]) -> Result<Handled<'b, Client>, Error> {
        let output = self.machine()?.handle(payload)?;
        Ok(handled(output, call.tickets, call.answer_by))
    }

    /// Nothing waits for points of time.
    fn answered_by(&mut self, _: Instant) {}

    fn handle_timeout(&mut self, _: Call<'_>) -> Result<Handled<'static, Client>, Error> {
        Ok(Handled::Progress)
    }

    fn refuse(&mut self, call: Call<'_>) -> Result<Handled<'static, Client>, Error> {
        let output = self.machine()?.refuse(call.out)?;
        Ok(handled(output, call.tickets, call.answer_by))
    }
}

fn handled<'b>(output: Output<'b>, tickets: &mut Tickets<What>, by: Option<Instant>) -> Handled<'b, Client> {
    use userauth::client::Ask as Asked;
    let event = |event| Step::Event(Event::Auth(event));
    let question = match output {
        Output::Progress => return Handled::Progress,
        Output::Unimplemented => return Handled::Unimplemented,
        Output::Banner(text) => return Handled::Step(event(ClientAuthEvent::Banner(text))),
        Output::Authenticated(how) => return Handled::LoggedIn(event(ClientAuthEvent::LoggedIn(how))),
        Output::Ask(Asked::Credential(wanted)) => {
            ClientQuestion::Credential { ticket: tickets.issue(What::Auth, by), wanted }
        }
        Output::Ask(Asked::Sign { algorithm, key, data, wanted: _ }) => {
            ClientQuestion::Sign { ticket: tickets.issue(What::Auth, by), algorithm, key, data }
        }
        Output::Ask(Asked::Prompts(prompts)) => {
            ClientQuestion::Prompts { ticket: tickets.issue(What::Auth, by), prompts }
        }
        Output::Ask(Asked::ChangePassword { prompt }) => {
            ClientQuestion::ChangePassword { ticket: tickets.issue(What::Auth, by), prompt }
        }
    };
    Handled::Step(Step::Ask(question))
}

impl crate::side::sealed::Sealed for Client {}

impl Side for Client {
    type Question<'b> = ClientQuestion<'b>;
    type AuthEvent<'b> = ClientAuthEvent<'b>;
    type Auth = ClientAuthConfig;
    type Machine = ClientAuth;

    const ROLE: Role = Role::Client;

    fn machine(auth: ClientAuthConfig) -> ClientAuth {
        ClientAuth::Before(auth)
    }

    fn accepted(_: &ClientAuthConfig) -> Option<&[&'static SignatureAlg]> {
        None
    }

    fn exchange_question(
        ask: transport::Ask,
        tickets: &mut Tickets<What>,
    ) -> Option<ClientQuestion<'static>> {
        match ask {
            transport::Ask::HostKey(offer) => {
                Some(ClientQuestion::HostKey { ticket: tickets.issue(What::Exchange, None), offer })
            }
            // Only a server's exchange asks this.
            transport::Ask::Group(_) | transport::Ask::Sign(_) => None,
        }
    }

    fn channel_question(question: ChannelQuestion<'_>) -> ClientQuestion<'_> {
        ClientQuestion::Channel(question)
    }

    fn shorten_question<'b>(question: ClientQuestion<'static>) -> ClientQuestion<'b> {
        question
    }

    fn shorten_event<'b>(event: ClientAuthEvent<'static>) -> ClientAuthEvent<'b> {
        event
    }
}

/// What only a client does.
impl Connection<Client> {
    /// Lets the answer to a question about the login work.
    fn answer_login(
        &mut self,
        answer: impl FnOnce(&mut userauth::Client, &mut Transport) -> Result<Output<'static>, userauth::Error>,
    ) -> Result<(), Error> {
        self.with_auth(|auth, call| {
            let output = answer(auth.machine()?, call.out)?;
            Ok(handled(output, call.tickets, call.answer_by))
        })
    }

    /// Whether the server takes user signatures by `algorithm`; nothing, when it has not said (RFC 8308 §3.1).
    #[must_use]
    pub fn takes(&self, algorithm: &SignatureAlg) -> Option<bool> {
        match &self.auth {
            ClientAuth::Machine(client) => client.takes(algorithm),
            ClientAuth::Before(_) => None,
        }
    }
}
