//! The machine: who calls what, and what it all comes to.

mod frame;
mod receive;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use crypto::{Group, Rng};
use keys::SignatureAlg;
use wire::{Bytes, Human, Message, Outbox, Rest, Role};

use crate::algorithms::Algorithms;
use crate::config::Config;
use crate::error::{Closed, Error, Misbehaviour, Misuse};
use crate::ext_info::{self, PeerExtensions};
use crate::ident::{IdentReader, PeerIdent};
use crate::inbound::Inbound;
use crate::input::Input;
use crate::kex::{Answer, Context, Kex, Question, Session, host_key_for};
use crate::limits::{DISCONNECT_TEXT_MAX, PACKET_LENGTH_MAX, PACKETS_PER_KEY, PING_MAX};
use crate::message::{Disconnect, ExtInfo, Ping, Unimplemented};
use crate::negotiate::{Agreed, Markers};
use crate::outbound::Outbound;
use crate::reason::Reason;
use crate::recvbuf::RecvBuf;
use crate::rekey::{RekeyPoints, RekeyPolicy, Volume};
use crate::timers::{Timer, Timers};
use crate::transcript::SessionId;

pub use frame::Frame;

/// One connection's transport layer, client or server.
///
/// It owns no socket and no clock: bytes come in a [`RecvBuf`], go out by [`transmit`](Self::transmit), and the time is
/// an argument. One byte at a time gives the same as everything at once. After an error it *is* that error.
pub struct Transport {
    config: Arc<Config>,
    /// The algorithms of the configuration; a server's host key algorithms are those for which it has a key.
    offer: Algorithms,
    rng: Box<dyn Rng + Send>,
    /// Until the peer's identification is here.
    ident: Option<IdentReader>,
    peer_ident: Option<PeerIdent>,
    session: Session,
    kex: Kex,
    inbound: Inbound,
    outbound: Outbound,
    timers: Timers,
    /// An exchange was begun by a call that told no time: its time runs from the next one that does.
    untimed: bool,
    /// The latest time that anybody told us.
    now: Instant,
    /// What protects the connection: that of the last exchange that was completed.
    agreed: Option<Agreed>,
    rekey_policy: RekeyPolicy,
    /// What the policy comes to under the keys in use.
    rekey_points: Option<RekeyPoints>,
    /// Exchanges that were completed.
    exchanges: u64,
    authenticated: bool,
    packets_before_auth: u64,
    exchanges_before_auth: u32,
    rekey_wanted: bool,
    extensions: PeerExtensions,
    ext_infos: u32,
    failed: Option<Error>,
}

impl Transport {
    /// A connection that begins now. Our identification is ready to be sent at once; KEXINIT follows when the peer's
    /// identification is here.
    ///
    /// # Errors
    /// [`Misuse`] when the configuration cannot work.
    pub fn new(config: Arc<Config>, rng: Box<dyn Rng + Send>, now: Instant) -> Result<Self, Misuse> {
        let offer = offer(&config)?;
        let ident = config.ident.as_str().as_bytes().to_vec();
        let (client_ident, server_ident) = match config.role {
            Role::Client => (ident, Vec::new()),
            Role::Server => (Vec::new(), ident),
        };
        let mut outbound = Outbound::new(config.limits.packets_per_key.min(PACKETS_PER_KEY));
        outbound.put_plain(config.ident.as_str().as_bytes());
        outbound.put_plain(b"\r\n");
        let mut timers = Timers::default();
        timers.set(Timer::Exchange, now.checked_add(config.exchange_timeout));
        let session = Session {
            role: config.role,
            client_ident,
            server_ident,
            id: None,
            strict: false,
            peer: Markers::default(),
            ours: Markers { strict: config.strict_kex, ext_info: config.ext_info },
            ext_info: ext_info::ours(config.role, &config.server_sig_algs),
        };
        Ok(Self {
            rekey_policy: config.rekey,
            config,
            offer,
            rng,
            ident: Some(IdentReader::default()),
            peer_ident: None,
            session,
            kex: Kex::Idle,
            inbound: Inbound::new(),
            outbound,
            timers,
            untimed: false,
            now,
            agreed: None,
            rekey_points: None,
            exchanges: 0,
            authenticated: false,
            packets_before_auth: 0,
            exchanges_before_auth: 0,
            rekey_wanted: false,
            extensions: PeerExtensions::default(),
            ext_infos: 0,
            failed: None,
        })
    }

    /// Processes at most one packet, or one line before the keys, of what is in `rx`. What is returned borrows the
    /// plaintext from `rx` and not from the machine.
    ///
    /// # Errors
    /// Why the connection is over; the same again from then on. A DISCONNECT that fits is ready to be sent.
    pub fn process<'b>(&mut self, now: Instant, rx: &'b mut RecvBuf) -> Result<Input<'b>, Error> {
        self.time_is(now);
        self.alive()?;
        let result = self.receive(rx);
        self.time_is(now);
        if let Err(error) = &result {
            self.fail(error.clone());
        }
        result
    }

    /// Bytes that are ready for the socket.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        self.outbound.buf().data()
    }

    /// Says that the first `n` bytes of [`transmit`](Self::transmit) were sent.
    pub fn sent(&mut self, n: usize) {
        self.outbound.buf_mut().sent(n);
    }

    /// Gives back the memory of the send buffer when nothing waits in it, and what compression can do without. For
    /// connections that are idle.
    pub fn release(&mut self) {
        self.outbound.release();
    }

    /// When [`handle_timeout`](Self::handle_timeout) must be called at the latest. Ask again after every other call: one
    /// that tells no time can have begun an exchange, or have used up the key, and then this is at once.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.failed {
            Some(_) => None,
            None if self.untimed || self.outbound.used_up() => Some(self.now),
            None => self.timers.next(),
        }
    }

    /// Does what is due by `now`; calling it early does nothing.
    ///
    /// # Errors
    /// Why the connection is over: [`Error::TimedOut`] when an exchange took too long.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.time_is(now);
        self.alive()?;
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Exchange => {
                    self.fail(Error::TimedOut);
                    return Err(Error::TimedOut);
                }
                Timer::Rekey => self.rekey_wanted = true,
            }
        }
        self.rekey_if_due();
        self.time_is(now);
        self.alive()
    }

    /// The answer to [`Ask::Group`](crate::Ask::Group): a group, or `None` when there is none of these sizes.
    ///
    /// # Errors
    /// [`Error::Misuse`] when nobody asked, or when the group is not of a size that was asked for; the question stays
    /// open then. Otherwise why the connection is over: [`Error::Refused`] after a no.
    pub fn group(&mut self, now: Instant, group: Option<Group>) -> Result<(), Error> {
        self.now = now;
        self.alive()?;
        let Some(Question::Group(sizes)) = self.kex.question() else { return Err(Misuse::NotAsked.into()) };
        if group.as_ref().is_some_and(|group| !sizes.admits(group.bits())) {
            return Err(Misuse::WrongGroup.into());
        }
        self.answer(Answer::Group(group))
    }

    /// The answer to [`Ask::HostKey`](crate::Ask::HostKey): whether the host key is trusted.
    ///
    /// # Errors
    /// [`Error::Misuse`] when nobody asked. Otherwise why the connection is over: [`Error::Refused`] after a no.
    pub fn host_key(&mut self, now: Instant, accept: bool) -> Result<(), Error> {
        self.now = now;
        self.alive()?;
        let Some(Question::HostKey) = self.kex.question() else { return Err(Misuse::NotAsked.into()) };
        self.answer(Answer::HostKey(accept))
    }

    /// The answer to [`Ask::Sign`](crate::Ask::Sign): the signature's blob, or `None` for no.
    ///
    /// # Errors
    /// [`Error::Misuse`] when nobody asked, or when the signature is not of the algorithm that was asked for; the
    /// question stays open then. Otherwise why the connection is over: [`Error::Refused`] after a no.
    pub fn signed(&mut self, now: Instant, signature: Option<&[u8]>) -> Result<(), Error> {
        self.now = now;
        self.alive()?;
        let Some(Question::Signature(algorithm)) = self.kex.question() else {
            return Err(Misuse::NotAsked.into());
        };
        if let Some(blob) = signature {
            let named = keys::Signature::parse(blob).is_ok_and(|signature| signature.is_by(algorithm));
            if !named {
                return Err(Misuse::WrongSignature.into());
            }
        }
        self.answer(Answer::Signature(signature))
    }

    /// Answers whatever question is open with no.
    ///
    /// # Errors
    /// [`Error::Misuse`] when nobody asked. Otherwise why the connection is over: [`Error::Refused`].
    pub fn refuse(&mut self, now: Instant) -> Result<(), Error> {
        self.now = now;
        self.alive()?;
        let question = self.kex.question().ok_or(Misuse::NotAsked)?;
        self.settle(Err(Error::Refused(question.refusal())))
    }

    fn answer(&mut self, answer: Answer<'_>) -> Result<(), Error> {
        let result = self.exchange(|kex, cx| Ok((kex.answer(answer, cx)?, ())));
        self.settle(result)
    }

    /// Whether a question is open, so that nothing more is processed before its answer.
    #[must_use]
    pub fn awaits_answer(&self) -> bool {
        self.failed.is_none() && self.kex.question().is_some()
    }

    /// Says that the user is authenticated: larger packets may come, keys are replaced from now on, and delayed
    /// compression begins. A server says so right after it sent the message that tells the client, and a client right
    /// after that message has come: the next packet is the first one that is compressed, in both directions.
    pub fn authenticated(&mut self) {
        self.authenticated = true;
        match self.config.role {
            Role::Client => {
                self.outbound.authenticated();
                self.inbound.authenticated();
            }
            Role::Server => {
                self.outbound.authenticated_behind_what_waits();
                if self.kex.is_idle() {
                    self.inbound.authenticated();
                } else {
                    // Our message goes out under new keys. The client, which does nothing else during an exchange,
                    // has sent its NEWKEYS when it comes to read it.
                    self.inbound.authenticated_from_new_keys();
                }
            }
        }
        self.rekey_if_due();
    }

    /// Wants new keys. The exchange begins when none is under way and the user is authenticated.
    pub fn rekey(&mut self) {
        self.rekey_wanted = true;
        self.rekey_if_due();
    }

    /// Changes when keys are replaced, for the keys in use too: a server may only know what holds once it knows the user.
    pub fn set_rekey_policy(&mut self, policy: RekeyPolicy) {
        self.rekey_policy = policy;
        // An exchange that is under way ends with this.
        if self.kex.is_idle() {
            self.schedule_rekey();
        }
        self.rekey_if_due();
    }

    /// Whether a message of an upper layer would be sealed at once. It waits where an exchange is under way.
    #[must_use]
    pub fn gate_open(&self) -> bool {
        self.failed.is_none() && self.outbound.gate_open()
    }

    /// Bytes that messages may still take before input is no longer processed. Sending does not refuse to go over it;
    /// whoever sends for reasons of their own, and not to answer, looks here first.
    #[must_use]
    pub fn reply_room(&self) -> usize {
        if self.outbound.gate_open() {
            let most = self.config.limits.sealed_ahead.saturating_add(self.replies_max());
            most.saturating_sub(self.outbound.buf().len())
        } else {
            self.replies_max().saturating_sub(self.outbound.waiting())
        }
    }

    /// Asks the peer for `data` back.
    ///
    /// # Errors
    /// [`Misuse::NotOffered`] when the peer did not say that it answers pings; [`Misuse::TooLong`] over
    /// [`PING_MAX`](crate::limits::PING_MAX).
    pub fn ping(&mut self, data: &[u8]) -> Result<(), Misuse> {
        if !self.extensions.ping {
            return Err(Misuse::NotOffered);
        }
        if data.len() > PING_MAX {
            return Err(Misuse::TooLong);
        }
        self.send(&Ping { data: Bytes(data) });
        Ok(())
    }

    /// Tells the peer that nobody knew the message of the packet with this sequence number (RFC 4253 §11.4).
    pub fn unimplemented(&mut self, sequence: u32) {
        self.send(&Unimplemented { sequence });
    }

    /// Tells an authenticating client by which algorithms this user may prove a key. For a server that has come to
    /// know the user and has other rules for them.
    ///
    /// # Errors
    /// [`Misuse::NotOffered`] when the client does not take that, [`Misuse::NotNow`] for a client, before the first
    /// keys, or after authentication.
    pub fn send_ext_info(&mut self, server_sig_algs: &[&'static SignatureAlg]) -> Result<(), Misuse> {
        if self.config.role != Role::Server || self.authenticated || self.exchanges == 0 {
            return Err(Misuse::NotNow);
        }
        if !self.session.peer.ext_info || !self.extensions.ext_info_in_auth {
            return Err(Misuse::NotOffered);
        }
        let (count, extensions) = ext_info::update(server_sig_algs);
        self.send(&ExtInfo { count, extensions: Rest(&extensions) });
        Ok(())
    }

    /// Ends the connection: a DISCONNECT becomes ready to be sent, nothing comes after it. `text` is cut to
    /// [`DISCONNECT_TEXT_MAX`](crate::limits::DISCONNECT_TEXT_MAX) bytes.
    pub fn disconnect(&mut self, reason: Reason, text: &str) {
        if self.failed.is_none() {
            self.say_goodbye(reason, text);
            self.stop(Error::Closed(Closed::Local(reason)));
        }
    }

    /// Which side we are.
    #[must_use]
    pub fn role(&self) -> Role {
        self.config.role
    }

    /// The peer's identification, when it is here.
    #[must_use]
    pub fn peer_ident(&self) -> Option<&PeerIdent> {
        self.peer_ident.as_ref()
    }

    /// The session's identifier, from our first NEWKEYS on.
    #[must_use]
    pub fn session_id(&self) -> Option<&SessionId> {
        self.session.id.as_ref()
    }

    /// What protects the connection, after the first exchange.
    #[must_use]
    pub fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    /// Whether the connection is under strict KEX.
    #[must_use]
    pub fn strict_kex(&self) -> bool {
        self.session.strict
    }

    /// How many exchanges were completed.
    #[must_use]
    pub fn exchanges(&self) -> u64 {
        self.exchanges
    }

    /// The extensions that the peer told us of so far.
    #[must_use]
    pub fn peer_extensions(&self) -> &PeerExtensions {
        &self.extensions
    }

    /// Why the connection is over, if it is.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.failed.as_ref()
    }

    fn alive(&mut self) -> Result<(), Error> {
        if self.outbound.used_up() && self.failed.is_none() {
            self.fail(Error::KeyUsedUp);
        }
        match &self.failed {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Takes note of the time.
    fn time_is(&mut self, now: Instant) {
        self.now = now;
        if std::mem::take(&mut self.untimed) {
            self.timers.set(Timer::Exchange, now.checked_add(self.config.exchange_timeout));
        }
    }

    /// Runs a step of the exchange.
    fn exchange<T>(
        &mut self,
        step: impl FnOnce(Kex, &mut Context<'_>) -> Result<(Kex, T), Error>,
    ) -> Result<T, Error> {
        let kex = std::mem::replace(&mut self.kex, Kex::Idle);
        let mut cx = Context {
            session: &mut self.session,
            offer: &self.offer,
            host_keys: &self.config.host_keys,
            out: &mut self.outbound,
            inbound: &mut self.inbound,
            rng: &mut *self.rng,
        };
        let (kex, outcome) = step(kex, &mut cx)?;
        self.kex = kex;
        Ok(outcome)
    }

    /// Begins an exchange from our side.
    fn begin_exchange(&mut self) -> Result<(), Error> {
        self.rekey_wanted = false;
        self.timers.set(Timer::Rekey, None);
        // For the first exchange the clock runs from the start of the connection.
        self.untimed = self.exchanges > 0;
        self.exchange(|_, cx| Ok((Kex::begin(cx)?, ())))
    }

    /// Says when the keys in use are to be replaced, by the policy in force.
    fn schedule_rekey(&mut self) {
        let Some(agreed) = &self.agreed else { return };
        let role = self.config.role;
        let (ours, theirs) = (agreed.protection.sent_by(role), agreed.protection.sent_by(role.peer()));
        self.rekey_points = Some(self.rekey_policy.points(ours.cipher, theirs.cipher));
        let interval = self.rekey_policy.interval;
        self.timers.set(Timer::Rekey, interval.and_then(|interval| self.now.checked_add(interval)));
    }

    /// Begins an exchange when there is a reason and none is under way. Not before authentication: no amount of data
    /// can pass by then, and there are servers that cannot do it. And not while data waits for a peer that does not
    /// read: each exchange would let another load of answers come to what waits already.
    fn rekey_if_due(&mut self) {
        // This is asked for every packet, so what is seldom true is asked first.
        let Some(points) = self.rekey_points.filter(|_| self.authenticated) else { return };
        let sent = Volume { bytes: self.outbound.bytes(), packets: self.outbound.packets() };
        let received = Volume { bytes: self.inbound.bytes(), packets: self.inbound.packets() };
        let used = self.outbound.used() > 0;
        let due =
            self.rekey_wanted || used && points.due_by_sent(sent) || points.due_by_received(received, used);
        if !due || self.failed.is_some() || !self.kex.is_idle() {
            return;
        }
        if self.outbound.buf().len() < self.config.limits.sealed_ahead {
            let result = self.begin_exchange();
            let _: Result<(), Error> = self.settle(result);
        }
    }

    fn replies_max(&self) -> usize {
        let limits = &self.config.limits;
        if self.authenticated { limits.replies } else { limits.replies_before_auth }
    }

    fn packet_length_max(&self) -> u32 {
        let limits = &self.config.limits;
        let limit = if self.authenticated { limits.packet_length } else { limits.packet_length_before_auth };
        limit.min(PACKET_LENGTH_MAX)
    }

    /// Makes the machine what went wrong, if something did.
    fn settle(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        if let Err(error) = &result {
            self.fail(error.clone());
        }
        result
    }

    /// Ends the connection with an error, telling the peer what it may know.
    fn fail(&mut self, error: Error) {
        if self.failed.is_some() {
            return;
        }
        if self.ident.is_some() {
            // There are no packets yet; OpenSSH says these lines, and tools look for them.
            if self.config.role == Role::Server {
                match &error {
                    Error::Misbehaved(Misbehaviour::ProtocolVersion { .. }) => {
                        self.outbound.put_plain(b"Protocol major versions differ.\r\n");
                    }
                    Error::Misbehaved(_) => {
                        self.outbound.put_plain(b"Invalid SSH identification string.\r\n");
                    }
                    _ => {}
                }
            }
        } else if let Some(reason) = error.disconnect_reason() {
            self.say_goodbye(reason, error.disconnect_text());
        }
        self.stop(error);
    }

    fn say_goodbye(&mut self, reason: Reason, text: &str) {
        if self.ident.is_none() {
            let text = text.get(..text.floor_char_boundary(DISCONNECT_TEXT_MAX)).unwrap_or_default();
            self.outbound.pass(&Disconnect {
                reason: reason.0,
                description: Human(text.as_bytes()),
                language: Human(b""),
            });
        }
    }

    fn stop(&mut self, error: Error) {
        self.outbound.shut();
        self.kex = Kex::Idle;
        self.failed = Some(error);
    }
}

/// Messages of the layers above. They are sealed at once where the gate is open and wait for it in order otherwise.
/// After the end they are dropped.
impl Outbox for Transport {
    fn send<M: Message>(&mut self, message: &M) {
        if self.failed.is_none() {
            self.outbound.send(message);
            self.rekey_if_due();
        }
    }
}

/// What is offered: the configured algorithms, a server's host keys only where there is a key.
fn offer(config: &Config) -> Result<Algorithms, Misuse> {
    let mut offer = config.algorithms.clone();
    if config.host_keys.iter().any(|blob| keys::PublicKey::type_of(blob).is_err()) {
        return Err(Misuse::BadHostKey);
    }
    if config.role == Role::Server {
        offer.host_keys.retain(|row| host_key_for(&config.host_keys, row.key_type).is_some());
        if offer.host_keys.is_empty() {
            return Err(Misuse::NoHostKey);
        }
    }
    let usable =
        |sender| !offer.ciphers.sent_by(sender).is_empty() && !offer.compressions.sent_by(sender).is_empty();
    if offer.kex.is_empty() || offer.host_keys.is_empty() || !usable(Role::Client) || !usable(Role::Server) {
        return Err(Misuse::NoAlgorithms);
    }
    Ok(offer)
}
