//! What differs between the two sides: how a user logs in, and what is asked.

use std::fmt;
use std::time::Instant;

use keys::SignatureAlg;
use transport::Transport;
use userauth::SessionInfo;
use wire::Role;

use crate::question::What;
use crate::ticket::Tickets;
use crate::{ChannelQuestion, Error, Step};

/// A side of a connection: [`Client`](crate::Client) or [`Server`](crate::Server).
///
/// Only this crate implements it.
pub trait Side: sealed::Sealed + Sized + 'static {
    /// What this side is asked.
    type Question<'b>: fmt::Debug;
    /// What this side learns about the login.
    type AuthEvent<'b>: fmt::Debug;
    /// How this side logs in, or lets in.
    type Auth;

    #[doc(hidden)]
    type Machine: Machine<Self>;
    #[doc(hidden)]
    const ROLE: Role;
    #[doc(hidden)]
    fn machine(auth: Self::Auth) -> Self::Machine;
    /// The algorithms by which users may sign, where this side takes their signatures.
    #[doc(hidden)]
    fn accepted(auth: &Self::Auth) -> Option<&[&'static SignatureAlg]>;
    #[doc(hidden)]
    fn exchange_question(ask: transport::Ask, tickets: &mut Tickets<What>)
    -> Option<Self::Question<'static>>;
    #[doc(hidden)]
    fn channel_question(question: ChannelQuestion<'_>) -> Self::Question<'_>;
    #[doc(hidden)]
    fn shorten_question<'b>(question: Self::Question<'static>) -> Self::Question<'b>;
    #[doc(hidden)]
    fn shorten_event<'b>(event: Self::AuthEvent<'static>) -> Self::AuthEvent<'b>;
}

/// User authentication as a connection drives it, on either side.
pub trait Machine<S: Side> {
    /// No message of this layer can be taken in now.
    fn blocked(&self) -> bool;
    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    fn deadline(&self) -> Option<Instant>;
    /// The first keys are in place.
    fn begin(&mut self, session: SessionInfo, out: &mut Transport) -> Result<(), Error>;
    /// The peer told of its extensions.
    fn extensions(&mut self, transport: &Transport);
    /// A message of this layer came.
    fn handle<'b>(&mut self, call: Call<'_>, payload: &'b [u8]) -> Result<Handled<'b, S>, Error>;
    /// The answers so far came no later than `now`.
    fn answered_by(&mut self, now: Instant);
    /// The deadline has come.
    fn handle_timeout(&mut self, call: Call<'_>) -> Result<Handled<'static, S>, Error>;
    /// The open question is answered with no.
    fn refuse(&mut self, call: Call<'_>) -> Result<Handled<'static, S>, Error>;
}

/// What a call into a [`Machine`] works with.
pub struct Call<'c> {
    /// The time.
    pub now: Instant,
    /// The questions that are open.
    pub tickets: &'c mut Tickets<What>,
    /// Until when a question may be answered.
    pub answer_by: Option<Instant>,
    /// Where messages go.
    pub out: &'c mut Transport,
}

/// What user authentication made of a message, an answer, or the time.
pub enum Handled<'b, S: Side> {
    /// Nothing to tell.
    Progress,
    /// A number that it does not know.
    Unimplemented,
    /// To be handed on.
    Step(Step<'b, S>),
    /// To be handed on; the user is in.
    LoggedIn(Step<'b, S>),
}

pub(crate) mod sealed {
    /// Keeps the sides to the two that there are.
    pub trait Sealed {}
}
