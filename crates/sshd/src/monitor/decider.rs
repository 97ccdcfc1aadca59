//! What the monitor answers: a state machine over the messages of its children, without a socket or a process.

use crypto::OsRng;
use sys::ids::Uid;
use sys::users::Accounts;
use userauth::limits::USER_MAX;
use wire::Bytes;
use zeroize::Zeroizing;

use crate::log::level_of;
use crate::peer::Peer;
use crate::protocol::monitor::{ChosenGroup, From, Prove, Proven, Signed, Verdict, WantGroup};
use crate::protocol::{encode, join};
use crate::server::Server;

use super::account::Directory;
use super::exchange::Exchanges;
use super::groups;
use super::limits::LOG_TEXT_MAX;
use super::login::{Authenticated, Login};
use super::proof;
use super::requests::{self, Decides, Request};
use super::table::{Phase, Table};
use super::violation::Violation;

/// What is to be done about a request.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Nothing.
    Nothing,
    /// This is the answer, for whoever asked.
    Answer(Zeroizing<Vec<u8>>),
    /// The user is in.
    LogIn(Box<Authenticated>),
    /// A pseudo-terminal is wanted.
    OpenPty,
}

/// Where a login is.
enum State {
    /// No key exchange yet, so nothing that a signature could be bound to.
    ExpectExchange,
    /// Nobody is named yet.
    ExpectUser,
    /// The user tries.
    ExpectProof(Box<Login>),
    LoggedIn,
    /// A child did what none of ours does.
    Over,
}

/// Decides about one connection.
pub(super) struct Decider {
    peer: Peer,
    accounts: Accounts,
    /// As whom the server runs.
    own: Uid,
    table: Table,
    exchanges: Exchanges,
    state: State,
}

impl Decider {
    pub(super) fn new(peer: Peer, accounts: Accounts, own: Uid) -> Self {
        let (table, exchanges) = (Table::new(), Exchanges::default());
        Self { peer, accounts, own, table, exchanges, state: State::ExpectExchange }
    }

    /// On which side of the login the connection is.
    pub(super) fn phase(&self) -> Phase {
        match self.state {
            State::ExpectExchange | State::ExpectUser | State::ExpectProof(_) | State::Over => Phase::Login,
            State::LoggedIn => Phase::LoggedIn,
        }
    }

    /// Takes one message of a child. After a violation nothing is decided any more.
    pub(super) fn handle(
        &mut self,
        server: &mut Server,
        from: From,
        payload: &[u8],
    ) -> Result<Outcome, Violation> {
        let phase = self.phase();
        let state = std::mem::replace(&mut self.state, State::Over);
        if matches!(state, State::Over) {
            return Err(Violation::OutOfOrder("message"));
        }
        let (request, decides) = requests::read(&mut self.table, from, phase, payload)?;
        let (state, outcome) = self.answer(server, phase, state, request)?;
        // The table has the last word on what may let somebody in.
        if matches!(outcome, Outcome::LogIn(_)) && decides == Decides(false) {
            return Err(Violation::OutOfOrder("login"));
        }
        self.state = state;
        Ok(outcome)
    }

    fn answer(
        &mut self,
        server: &mut Server,
        phase: Phase,
        state: State,
        request: Request<'_>,
    ) -> Result<(State, Outcome), Violation> {
        Ok(match (request, state) {
            (Request::Sign(request), state) => {
                let config = server.config.global();
                let signed = self.exchanges.sign(&request, phase, &server.host_keys, config);
                let signature = signed.map_err(Violation::Implausible)?;
                let next = match state {
                    State::ExpectExchange => State::ExpectUser,
                    later @ (State::ExpectUser | State::ExpectProof(_) | State::LoggedIn | State::Over) => {
                        later
                    }
                };
                (next, Outcome::Answer(encode(&Signed { signature: Bytes(&signature) })))
            }
            (Request::WantGroup(wanted), state) => (state, self.group(server, wanted, phase)?),
            (Request::User(user), State::ExpectUser) => {
                let login = self.user(server, user.name.as_str())?;
                let policy = login.policy();
                (State::ExpectProof(Box::new(login)), Outcome::Answer(policy))
            }
            (Request::KeyOffer(offer), State::ExpectProof(mut login)) => {
                let good = login.offer(server, &self.directory(server), &offer)?;
                (State::ExpectProof(login), verdict(good))
            }
            (Request::KeyProof(proof), State::ExpectProof(mut login)) => {
                let session = self.exchanges.session().ok_or(Violation::OutOfOrder("KeyProof"))?;
                let authenticated = login.prove(server, &self.directory(server), session, &proof)?;
                decided(login, authenticated)
            }
            (Request::Password(password), State::ExpectProof(mut login)) => {
                let authenticated = login.password(server, &self.directory(server), &password)?;
                decided(login, authenticated)
            }
            (Request::Prove(request), State::LoggedIn) => (State::LoggedIn, self.prove(server, &request)?),
            (Request::PtyOpen, State::LoggedIn) => (State::LoggedIn, Outcome::OpenPty),
            (Request::Log(line), state) => {
                let suffix = if phase == Phase::Login { " [preauth]" } else { "" };
                log(server, line.level, line.text.0, suffix)?;
                (state, Outcome::Nothing)
            }
            (Request::SessionLog(line), State::LoggedIn) => {
                log(server, line.level, line.text.0, "")?;
                (State::LoggedIn, Outcome::Nothing)
            }
            (Request::LogFull, state) => (state, Outcome::Nothing),
            (Request::User(_), _) => return Err(Violation::OutOfOrder("User")),
            (Request::KeyOffer(_), _) => return Err(Violation::OutOfOrder("KeyOffer")),
            (Request::KeyProof(_), _) => return Err(Violation::OutOfOrder("KeyProof")),
            (Request::Password(_), _) => return Err(Violation::OutOfOrder("Password")),
            (Request::Prove(_), _) => return Err(Violation::OutOfOrder("Prove")),
            (Request::PtyOpen, _) => return Err(Violation::OutOfOrder("PtyOpen")),
            (Request::SessionLog(_), _) => return Err(Violation::OutOfOrder("SessionLog")),
        })
    }

    /// Chooses a group for a key exchange.
    fn group(&mut self, server: &Server, wanted: WantGroup, phase: Phase) -> Result<Outcome, Violation> {
        let config = server.config.global();
        let choose = |sizes| groups::choose(config.moduli_file.as_deref(), sizes, &mut OsRng, &server.log);
        let group = self.exchanges.group(wanted, phase, config, choose).map_err(Violation::Implausible)?;
        let (prime, generator) =
            group.as_ref().map_or((&[][..], &[][..]), |group| (group.prime(), group.generator()));
        let answer = ChosenGroup { prime: Bytes(prime), generator: Bytes(generator) };
        Ok(Outcome::Answer(encode(&answer)))
    }

    /// Proves that host keys are ours.
    fn prove(&self, server: &Server, request: &Prove<'_>) -> Result<Outcome, Violation> {
        let session = self.exchanges.session().ok_or(Violation::OutOfOrder("Prove"))?;
        let rsa = self.exchanges.rsa();
        let keys = &server.host_keys;
        let signatures = proof::of_host_keys(request, session.id(), rsa, keys, &server.log)?;
        let signatures = signatures.unwrap_or_default();
        let signatures = join(signatures.iter().map(Vec::as_slice));
        Ok(Outcome::Answer(encode(&Proven { signatures: Bytes(&signatures) })))
    }

    fn user(&self, server: &mut Server, name: &str) -> Result<Login, Violation> {
        if name.len() > USER_MAX {
            return Err(Violation::UserTooLong);
        }
        let login = Login::begin(server, &self.directory(server), &self.peer, name);
        // A level of the command line stays; one of a `Match` block is about this user.
        if login.log_level() != server.config.global().log_level {
            server.log.set_level(login.log_level());
        }
        let title = format!("sshd: {} [priv]", login.title().unwrap_or("unknown"));
        if let Some(shown) = &mut server.title {
            shown.set(&title);
        }
        Ok(login)
    }

    fn directory<'a>(&'a self, server: &'a Server) -> Directory<'a> {
        Directory { accounts: &self.accounts, quick: server.quick.as_ref(), own: self.own }
    }
}

fn verdict(good: bool) -> Outcome {
    Outcome::Answer(encode(&Verdict { good }))
}

fn decided(login: Box<Login>, authenticated: Option<Authenticated>) -> (State, Outcome) {
    match authenticated {
        Some(authenticated) => (State::LoggedIn, Outcome::LogIn(Box::new(authenticated))),
        None => (State::ExpectProof(login), verdict(false)),
    }
}

/// A line of a child. The log itself escapes what could begin another one.
fn log(server: &Server, level: u8, text: &[u8], suffix: &str) -> Result<(), Violation> {
    let level = level_of(level).ok_or(Violation::LogLevel(level))?;
    let text = String::from_utf8_lossy(text.get(..LOG_TEXT_MAX).unwrap_or(text));
    server.log.log(level, format_args!("{text}{suffix}"));
    Ok(())
}

#[cfg(test)]
mod tests;
