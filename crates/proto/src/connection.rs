use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crypto::Rng;
use transport::{Input, RecvBuf, Transport};
use userauth::SessionInfo;

use crate::alive::{Alive, Due};
use crate::limits::{COMMAND_ROOM, CONTROL_PER_CALL};
use crate::question::{Ask, OpenChannel, What};
use crate::side::{Call, Handled, Machine, Side};
use crate::ticket::Tickets;
use crate::{ChannelQuestion, Config, Error, Event, Misuse, Step, Ticket, Wait};

/// The tag of a question about life: no request of the application has it.
const ALIVE_TAG: u64 = u64::MAX;

/// One SSH connection, seen from one side, without a socket, a clock or randomness of its own.
///
/// See the [manual](crate::manual) for how to drive it. Every call does a bounded amount of work, and after an error
/// other than misuse the connection *is* that error.
pub struct Connection<S: Side> {
    pub(crate) transport: Transport,
    /// The host key of the first exchange, which logins are bound to.
    host_key: Vec<u8>,
    pub(crate) auth: S::Machine,
    /// Made by the login and by nothing else: before it, there is nothing that a channel message could act on.
    pub(crate) channels: Option<connection::Connection>,
    channel_config: connection::Config,
    pub(crate) tickets: Tickets<What>,
    /// What answers and points of time have led to and nobody was told of yet.
    follow_ups: VecDeque<Step<'static, S>>,
    pub(crate) alive: Alive,
    login_by: Option<Instant>,
    answer_within: Option<Duration>,
    /// Answers about the login came since anybody told the time; what they led to began with this serial number.
    untimed: Option<u64>,
    /// The receive buffer still holds what may be a password.
    wipe: bool,
    pub(crate) now: Instant,
    error: Option<Error>,
}

impl<S: Side> Connection<S> {
    /// A connection that starts at `now`. Its randomness comes from `rng`, so that with a seeded one it can be replayed.
    ///
    /// # Errors
    /// Misuse, when the configuration cannot be: no host key, an empty list of algorithms.
    pub fn new(config: Config<S>, rng: Box<dyn Rng + Send>, now: Instant) -> Result<Self, Error> {
        let Config { mut transport, auth, channels, login_grace, answer_within, alive } = config;
        if transport.role != S::ROLE {
            Arc::make_mut(&mut transport).role = S::ROLE;
        }
        // What is announced is what is taken.
        if let Some(accepted) = S::accepted(&auth)
            && transport.server_sig_algs != accepted
        {
            Arc::make_mut(&mut transport).server_sig_algs = accepted.to_vec();
        }
        Ok(Self {
            transport: Transport::new(transport, rng, now)?,
            host_key: Vec::new(),
            auth: S::machine(auth),
            channels: None,
            channel_config: channels,
            tickets: Tickets::new(),
            follow_ups: VecDeque::new(),
            alive: Alive::new(alive),
            login_by: login_grace.and_then(|grace| now.checked_add(grace)),
            answer_within,
            untimed: None,
            wipe: false,
            now,
            error: None,
        })
    }

    /// Takes in at most one packet, or one line before the keys, from `rx`.
    ///
    /// # Errors
    /// Why the connection is over. What [`transmit`](Self::transmit) holds then tells the peer.
    pub fn process<'b>(&mut self, now: Instant, rx: &'b mut RecvBuf) -> Result<Step<'b, S>, Error> {
        self.time_is(now);
        if std::mem::take(&mut self.wipe) {
            rx.wipe_consumed();
        }
        if let Some(step) = self.follow_ups.pop_front() {
            return Ok(step.shorten());
        }
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        if self.auth.blocked() {
            return Ok(Step::Blocked);
        }
        match self.take_in(now, rx) {
            Ok(step) => {
                self.pump();
                Ok(step)
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    fn take_in<'b>(&mut self, now: Instant, rx: &'b mut RecvBuf) -> Result<Step<'b, S>, Error> {
        let input = self.transport.process(now, rx)?;
        match &input {
            Input::NeedBytes => return Ok(Step::NeedBytes),
            Input::Blocked => return Ok(Step::Blocked),
            Input::Progress | Input::Event(_) | Input::Ask(_) | Input::Payload(_) => {}
        }
        if self.channels.is_some() {
            self.alive.heard(now);
        }
        match input {
            Input::NeedBytes | Input::Blocked | Input::Progress => Ok(Step::Progress),
            Input::Event(event) => self.transport_event(event),
            Input::Ask(ask) => {
                match &ask {
                    transport::Ask::Sign(request) if !request.rekey => {
                        self.host_key.clone_from(&request.transcript.host_key);
                    }
                    transport::Ask::HostKey(offer) if !offer.rekey => self.host_key.clone_from(&offer.blob),
                    transport::Ask::Group(_) | transport::Ask::Sign(_) | transport::Ask::HostKey(_) => {}
                }
                Ok(match S::exchange_question(ask, &mut self.tickets) {
                    Some(question) => Step::Ask(S::shorten_question(question)),
                    None => Step::Progress,
                })
            }
            Input::Payload(payload) => self.route(payload),
        }
    }

    fn transport_event<'b>(&mut self, event: transport::Event<'b>) -> Result<Step<'b, S>, Error> {
        match event {
            transport::Event::KeysChanged { first: true } => {
                if let Some(id) = self.transport.session_id() {
                    let session = SessionInfo::new(id.as_bytes(), &self.host_key);
                    self.auth.begin(session, &mut self.transport)?;
                }
            }
            transport::Event::Extensions => self.auth.extensions(&self.transport),
            transport::Event::Greeting(_)
            | transport::Event::Identified
            | transport::Event::Agreed(_)
            | transport::Event::KeysChanged { first: false }
            | transport::Event::Debug { .. }
            | transport::Event::Unimplemented { .. }
            | transport::Event::Pong { .. }
            | transport::Event::Disconnected { .. } => {}
        }
        Ok(Step::Event(Event::Transport(event)))
    }

    /// The one place that knows which numbers belong to whom, and when (RFC 4250 §4.1).
    fn route<'b>(&mut self, payload: transport::Payload<'b>) -> Result<Step<'b, S>, Error> {
        let number = payload.bytes.first().copied().unwrap_or_default();
        match number {
            5 | 6 | 50..=79 => {
                self.wipe = self.channels.is_none();
                let (auth, call) = self.auth_call();
                match auth.handle(call, payload.bytes)? {
                    Handled::Progress => Ok(Step::Progress),
                    Handled::Unimplemented => self.unimplemented(payload.sequence),
                    Handled::Step(step) => Ok(step),
                    Handled::LoggedIn(step) => {
                        self.logged_in();
                        Ok(step)
                    }
                }
            }
            80..=127 => {
                // No channels exist before the login, so there is nothing that could act on the message.
                let Some(channels) = &mut self.channels else { return Err(Error::OutOfPhase { number }) };
                match channels.handle(payload.bytes, &mut self.transport) {
                    Ok(output) => Ok(self.channel_output(output)),
                    Err(connection::Error::Unimplemented(_)) => self.unimplemented(payload.sequence),
                    Err(error) => Err(error.into()),
                }
            }
            0..=4 | 7..=49 | 128..=255 => self.unimplemented(payload.sequence),
        }
    }

    fn unimplemented<'b>(&mut self, sequence: u32) -> Result<Step<'b, S>, Error> {
        self.transport.unimplemented(sequence);
        Ok(Step::Progress)
    }

    fn channel_output<'b>(&mut self, output: connection::Output<'b>) -> Step<'b, S> {
        let by = self.answer_by();
        let question = match output {
            connection::Output::Nothing => return Step::Progress,
            connection::Output::Event(connection::Event::GlobalReply { tag: ALIVE_TAG, .. }) => {
                return Step::Progress;
            }
            connection::Output::Event(event) => return Step::Event(Event::Channel(event)),
            connection::Output::Ask(connection::Ask::Open { id, kind, window: _, max_packet: _ }) => {
                let ticket = self.tickets.issue(What::Open(id), by);
                ChannelQuestion::Open { ticket, channel: id.channel(), kind }
            }
            connection::Output::Ask(connection::Ask::Request { id, channel, request }) => {
                let ticket = self.tickets.issue(What::Request(id), by);
                ChannelQuestion::Request { ticket, channel, request }
            }
            connection::Output::Ask(connection::Ask::Global { id, request }) => {
                let ticket = self.tickets.issue(What::Global(id), by);
                ChannelQuestion::Global { ticket, request }
            }
            // Both enums may grow; what this crate cannot hand on is refused when its place in the queue is reached.
            connection::Output::Ask(_) => return Step::Progress,
        };
        Step::Ask(S::channel_question(question))
    }

    fn logged_in(&mut self) {
        self.channels = Some(connection::Connection::new(S::ROLE, self.channel_config));
        self.login_by = None;
        self.transport.authenticated();
        self.alive.heard(self.now);
    }

    /// Answers a question. What follows from it comes out of the next [`process`](Self::process).
    ///
    /// # Errors
    /// Misuse, when the answer is not one that this question can have; the question is then answered with no.
    /// An answer that comes after its deadline, after the connection's end, or to another connection than the one that
    /// asked, is no error: nobody waits for it.
    pub fn answer<Q: Ask<S>>(&mut self, ticket: Ticket<Q>, answer: Q::Answer) -> Result<(), Error> {
        let Some(what) = self.tickets.redeem(&ticket) else { return Ok(()) };
        if self.error.is_some() {
            return Ok(());
        }
        if what == What::Auth {
            self.untimed.get_or_insert(self.tickets.next_serial());
        }
        match Q::apply(self, what, answer) {
            Ok(()) => {
                self.pump();
                Ok(())
            }
            Err(error) if error.fault() == crate::Fault::Misuse => {
                self.refuse(what);
                Err(error)
            }
            // The next `process` says so, to whoever drives the connection.
            Err(error) => {
                self.fail(error);
                Ok(())
            }
        }
    }

    /// Answers an open with a refusal whose words were not known beforehand; all else is as with [`answer`](Self::answer).
    ///
    /// # Errors
    /// None that an application can cause.
    pub fn refuse_open(
        &mut self,
        ticket: Ticket<OpenChannel>,
        refusal: connection::OpenRefusal<'_>,
    ) -> Result<(), Error> {
        let Some(What::Open(id)) = self.tickets.redeem(&ticket) else { return Ok(()) };
        if self.error.is_none() {
            self.with_channels(|channels, out| channels.answer_open(id, Err(refusal), out))?;
            self.pump();
        }
        Ok(())
    }

    fn refuse(&mut self, what: What) {
        let refused = match what {
            What::Exchange => self.transport.refuse(self.now).map_err(Error::from),
            What::Auth => self.with_auth(|auth, call| auth.refuse(call)),
            What::Open(id) => {
                let refusal = Err(connection::OpenRefusal::PROHIBITED);
                self.with_channels(|channels, out| channels.answer_open(id, refusal, out))
            }
            What::Request(id) => self.with_channels(|channels, out| channels.answer_request(id, false, out)),
            What::Global(id) => self.with_channels(|channels, out| channels.answer_global(id, None, out)),
        };
        match refused {
            Err(error) if error.fault() != crate::Fault::Misuse => {
                self.fail(error);
            }
            // Nobody waits for this "no" any more: the channel is gone, say.
            Ok(()) | Err(_) => self.pump(),
        }
    }

    /// Keeps what an answer or a point of time has led to for the next `process`.
    pub(crate) fn follow(&mut self, handled: Handled<'static, S>) {
        match handled {
            Handled::Progress | Handled::Unimplemented => {}
            Handled::Step(step) => self.follow_ups.push_back(step),
            Handled::LoggedIn(step) => {
                self.logged_in();
                self.follow_ups.push_back(step);
            }
        }
    }

    /// Lets an answer work on user authentication.
    pub(crate) fn with_auth(
        &mut self,
        work: impl FnOnce(&mut S::Machine, Call<'_>) -> Result<Handled<'static, S>, Error>,
    ) -> Result<(), Error> {
        let (auth, call) = self.auth_call();
        let handled = work(auth, call)?;
        self.follow(handled);
        Ok(())
    }

    /// User authentication, and what a call into it works with.
    fn auth_call(&mut self) -> (&mut S::Machine, Call<'_>) {
        let answer_by = self.answer_by();
        let call = Call { now: self.now, tickets: &mut self.tickets, answer_by, out: &mut self.transport };
        (&mut self.auth, call)
    }

    /// Lets an answer work on the channels. That a channel is gone in the meantime is no error of whoever answers.
    pub(crate) fn with_channels(
        &mut self,
        work: impl FnOnce(&mut connection::Connection, &mut Transport) -> Result<(), connection::Misuse>,
    ) -> Result<(), Error> {
        let Some(channels) = &mut self.channels else { return Err(Misuse::NotLoggedIn.into()) };
        match work(channels, &mut self.transport) {
            Ok(())
            | Err(
                connection::Misuse::UnknownChannel
                | connection::Misuse::AfterClose
                | connection::Misuse::NoSuchQuestion,
            ) => Ok(()),
            Err(misuse) => Err(Misuse::Channel(misuse).into()),
        }
    }

    /// What is to be sent to the peer now; empty when there is nothing.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        self.transport.transmit()
    }

    /// Says that the first `n` bytes of [`transmit`](Self::transmit) were sent.
    pub fn sent(&mut self, n: usize) {
        self.transport.sent(n);
        self.pump();
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called at the latest. Ask again after every other call.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        if self.error.is_some() {
            return None;
        }
        // Nobody may know of it yet, what was last called had no time to tell, or a "no" is to be given.
        if self.transport.error().is_some() || self.untimed.is_some() || self.tickets.any_dropped() {
            return Some(self.now);
        }
        [
            self.transport.deadline(),
            self.auth.deadline(),
            self.tickets.deadline(),
            self.login_by,
            self.alive.deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what is due at `now`; nothing, when that is before [`deadline`](Self::deadline). What it led to comes out of
    /// the next [`process`](Self::process).
    pub fn handle_timeout(&mut self, now: Instant) {
        self.time_is(now);
        if self.error.is_some() {
            return;
        }
        if let Err(error) = self.time_passed(now) {
            self.fail(error);
        }
        self.pump();
    }

    /// Takes note of the time. Answers come without one, so what hangs on theirs is put right here.
    fn time_is(&mut self, now: Instant) {
        self.now = now;
        if let Some(first) = self.untimed.take() {
            self.auth.answered_by(now);
            if let Some(by) = self.answer_by() {
                self.tickets.postpone(first, by);
            }
        }
    }

    /// Until when a question that is asked now may be answered.
    fn answer_by(&self) -> Option<Instant> {
        self.answer_within.and_then(|wait| self.now.checked_add(wait))
    }

    fn time_passed(&mut self, now: Instant) -> Result<(), Error> {
        if self.login_by.is_some_and(|by| by <= now) {
            return Err(Error::TimedOut(Wait::Login));
        }
        while let Some(what) = self.tickets.expire(now) {
            self.refuse(what);
        }
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        self.transport.handle_timeout(now)?;
        if self.auth.deadline().is_some_and(|due| due <= now) {
            self.with_auth(|auth, call| auth.handle_timeout(call))?;
        }
        match self.alive.check(now) {
            Due::Nothing => Ok(()),
            Due::Lost => Err(Error::TimedOut(Wait::Alive)),
            // Without room the peer is not reading, which is no sign of life either.
            Due::Ask if self.transport.reply_room() < COMMAND_ROOM => Ok(()),
            Due::Ask => {
                let request = connection::GlobalRequest::Keepalive;
                match self.with_channels(|channels, out| channels.global(&request, true, ALIVE_TAG, out)) {
                    // So many answers are owed already that one more question would tell nothing.
                    Ok(()) | Err(Error::Misuse(_)) => Ok(()),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// Puts out channel state, as long as there is room and the gate is open.
    pub(crate) fn pump(&mut self) {
        let Some(channels) = &mut self.channels else { return };
        for _ in 0..CONTROL_PER_CALL {
            let room = self.transport.gate_open() && self.transport.reply_room() >= COMMAND_ROOM;
            if !room || !channels.next_control(&mut self.transport) {
                break;
            }
        }
        // A channel that is gone takes its questions with it. Otherwise a peer could pile them up, channel after channel.
        if self.tickets.len() > channels.pending_questions() {
            self.tickets.withdraw(|what| match what {
                What::Request(id) => !channels.is_open(id.channel()),
                What::Exchange | What::Auth | What::Open(_) | What::Global(_) => false,
            });
        }
    }

    /// Ends the connection with `error`: the peer is told, and nothing else happens any more.
    fn fail(&mut self, error: Error) -> Error {
        if let Some((reason, text)) = error.disconnect()
            && !matches!(error, Error::Transport(_))
        {
            self.transport.disconnect(reason, text);
        }
        self.end(error)
    }

    pub(crate) fn end(&mut self, error: Error) -> Error {
        // Follow-ups are facts that came before the end; questions among them are past answering.
        self.tickets.withdraw(|_| true);
        self.error.get_or_insert(error).clone()
    }

    /// Whether the user is in: channels can be used.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.channels.is_some() && self.error.is_none()
    }

    /// Why the connection is over, if it is.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// The transport, to look at: identification, algorithms, session id, extensions of the peer.
    #[must_use]
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The channels, to look at; none before the login.
    #[must_use]
    pub fn channels(&self) -> Option<&connection::Connection> {
        self.channels.as_ref()
    }

    /// The channels and where their messages go, when a command can be carried out now.
    pub(crate) fn with_room(&mut self) -> Result<(&mut connection::Connection, &mut Transport), Misuse> {
        if self.error.is_some() {
            return Err(Misuse::Over);
        }
        let channels = self.channels.as_mut().ok_or(Misuse::NotLoggedIn)?;
        if self.transport.reply_room() < COMMAND_ROOM {
            return Err(Misuse::NoRoom);
        }
        Ok((channels, &mut self.transport))
    }
}
