//! Turns, waiting, and the end.

use std::io;
use std::time::{Duration, Instant};

use mio::Events;
use proto::channels::Event as ChannelEvent;
use proto::{Connection, Event, RecvBuf, Side, Step};

use crate::application::Application;
use crate::descriptors::{Descriptors, Owner, Reactor, Readiness, WatchId};
use crate::io::Io;
use crate::limits::{
    EVENTS, IDLE_AFTER, LAST_READS, LAST_WORDS, LOOK_AFTER, PACKETS_PER_TURN, READ_PER_TURN, SEAL_PER_TURN,
    SEAL_PER_TURN_INTERACTIVE, WRITE_BATCH,
};
use crate::link::{Got, Link, Transport};
use crate::outbound::Filled;
use crate::state::{ServiceClasses, State};

/// Why the loop has ended.
#[derive(Debug)]
pub enum Ended {
    /// The connection is over, by an error or by DISCONNECT. What it had to say was sent.
    Over(proto::Error),
    /// The peer has closed its side of the socket.
    PeerClosed,
    /// The socket, or waiting, failed.
    Failed(io::Error),
    /// The application called [`Io::stop`].
    Stopped,
}

/// Drives one connection for one application.
pub struct Driver<A: Application> {
    application: A,
    state: State<A::Side>,
    link: Link,
    rx: RecvBuf,
    events: Events,
    /// The socket takes nothing any more, why, and until when it is still read.
    broken: Option<(io::Error, Instant)>,
    /// What was received waits for something else than bytes.
    blocked: bool,
    /// Buffers may hold memory.
    warm: bool,
    /// When the way to the peer may be looked at again.
    look: Instant,
}

impl<A: Application> Driver<A> {
    /// A driver of `connection` over `transport`, whose descriptors it makes non-blocking.
    ///
    /// # Errors
    /// What `fcntl` and epoll say.
    pub fn new(
        reactor: Reactor,
        transport: Transport,
        connection: Connection<A::Side>,
        application: A,
    ) -> io::Result<Self> {
        let descriptors = Descriptors::new(reactor);
        let link = Link::new(transport, &descriptors)?;
        Ok(Self {
            application,
            state: State::new(connection, descriptors),
            link,
            rx: RecvBuf::new(),
            events: Events::with_capacity(EVENTS),
            broken: None,
            blocked: false,
            warm: true,
            look: Instant::now(),
        })
    }

    /// Runs until the end of the connection.
    pub fn run(mut self) -> (Ended, A) {
        self.application.start(&mut Io::new(&mut self.state));
        let ended = loop {
            if let Some(ended) = self.turn() {
                break ended;
            }
            if let Err(error) = self.wait() {
                break Ended::Failed(error);
            }
        };
        self.last_words();
        (ended, self.application)
    }

    /// Gives everybody who is ready a bounded turn.
    fn turn(&mut self) -> Option<Ended> {
        self.state.now = Instant::now();
        self.state.again = false;
        self.time();
        self.watched();
        self.flush();
        if let Some(ended) = self.receive() {
            return Some(ended);
        }
        self.classify();
        self.tune();
        self.send();
        for channel in std::mem::take(&mut self.state.drained) {
            self.state.again = true;
            self.application.drained(&mut Io::new(&mut self.state), channel);
        }
        if self.state.stopped {
            return Some(Ended::Stopped);
        }
        let hopeless = self.broken.take_if(|(_, until)| *until <= self.state.now);
        hopeless.map(|(error, _)| Ended::Failed(error))
    }

    /// Does what is due by now.
    fn time(&mut self) {
        let now = self.state.now;
        if self.state.connection.deadline().is_some_and(|due| due <= now) {
            self.state.connection.handle_timeout(now);
        }
        while let Some((timer, ())) = self.state.timers.expire(now) {
            self.application.timer(&mut Io::new(&mut self.state), timer);
        }
        while let Some((_, channel)) = self.state.graces.expire(now) {
            self.state.grace_over(channel);
        }
    }

    /// Calls the application for watched descriptors that are ready, each once.
    fn watched(&mut self) {
        for key in self.state.descriptors.take_marked() {
            let Readiness { readable, writable, hung_up: _ } = self.state.descriptors.take_marks(key);
            if writable {
                self.application.writable(&mut Io::new(&mut self.state), WatchId(key));
            }
            if readable {
                self.application.readable(&mut Io::new(&mut self.state), WatchId(key));
            }
        }
    }

    /// Takes in what the peer has sent.
    fn receive(&mut self) -> Option<Ended> {
        let mut bytes = READ_PER_TURN;
        self.blocked = false;
        for _ in 0..PACKETS_PER_TURN {
            if self.state.stopped {
                return None;
            }
            let state = &mut self.state;
            // A step borrows the receive buffer, so that is read into after the match.
            match state.connection.process(state.now, &mut self.rx) {
                Ok(Step::NeedBytes) => {}
                // It ends by what is written, answered, or due.
                Ok(Step::Blocked) => {
                    self.blocked = true;
                    return None;
                }
                Ok(Step::Progress) => continue,
                Ok(Step::Event(event)) => {
                    if !moved(state, &event) {
                        self.application.event(&mut Io::new(state), &event);
                    }
                    continue;
                }
                Ok(Step::Ask(question)) => {
                    self.application.question(&mut Io::new(state), question);
                    continue;
                }
                Err(error) => return Some(Ended::Over(error)),
            }
            if !self.link.readable {
                return None;
            }
            if bytes == 0 {
                break;
            }
            match self.link.read(&mut self.rx) {
                Ok(Got::Bytes(n)) => {
                    bytes = bytes.saturating_sub(n);
                    self.warm = true;
                    // Clients switch Nagle's algorithm off only once they are in, and most say two things in a row before.
                    if !self.state.connection.is_open() {
                        self.link.acknowledge();
                    }
                }
                Ok(Got::Nothing) => {}
                Ok(Got::End) => return Some(Ended::PeerClosed),
                Err(error) => return Some(Ended::Failed(error)),
            }
        }
        self.state.again = true;
        None
    }

    /// Writes what waits for descriptors that take something again.
    fn flush(&mut self) {
        let mut channels = std::mem::take(&mut self.state.unblocked);
        for channel in channels.drain(..) {
            self.state.flush(channel);
        }
        if self.state.unblocked.is_empty() {
            // Its memory serves the next time.
            self.state.unblocked = channels;
        }
    }

    /// Marks packets as urgent or not, when that has changed.
    fn classify(&mut self) {
        let bulk = self.state.connection.channels().is_some_and(|channels| channels.any_bulk());
        let ServiceClasses { interactive, bulk: other } = self.state.classes;
        self.link.classify(if bulk { other } else { interactive });
    }

    /// Lets receive windows follow what the way to the peer holds, about once in a round trip.
    fn tune(&mut self) {
        let now = self.state.now;
        let wanted = self.state.connection.channels().is_some_and(|channels| channels.wants_tuning());
        if !wanted || now < self.look {
            return;
        }
        let round_trip = self.link.round_trip();
        if let Some(round_trip) = round_trip {
            self.state.connection.tune(now, round_trip);
        }
        self.look = now.checked_add(round_trip.unwrap_or_default().max(LOOK_AFTER)).unwrap_or(now);
    }

    /// Seals what channels have, and writes it, a batch at a time.
    fn send(&mut self) {
        let typing = self.state.connection.channels().is_some_and(|channels| channels.any_interactive());
        let mut left = if typing { SEAL_PER_TURN_INTERACTIVE } else { SEAL_PER_TURN };
        while self.broken.is_none() && self.link.writable {
            let mut waiting = self.state.connection.transmit().len();
            while waiting < WRITE_BATCH && left > 0 {
                let Some(sealed) = self.seal() else { break };
                left = left.saturating_sub(sealed);
                waiting = self.state.connection.transmit().len();
            }
            if waiting == 0 {
                return;
            }
            self.warm = true;
            self.write();
            if left == 0 {
                self.state.again = true;
                return;
            }
        }
        if self.broken.is_some() {
            let waiting = self.state.connection.transmit().len();
            self.state.connection.sent(waiting);
            // As above: it may be what the rest of the input waited for.
            self.state.again |= self.blocked && waiting > 0;
        }
    }

    /// Seals a packet for whose turn it is. Says how much that took of the turn, or that there is nothing to seal.
    fn seal(&mut self) -> Option<usize> {
        let (channel, stream) = self.state.connection.sendable()?;
        let before = self.state.connection.transmit().len();
        match self.state.fill(channel, stream) {
            // Finding nothing is work too.
            Filled::Sealed(n) => Some(n.max(1024)),
            Filled::NoRoom => None,
            Filled::Unattached => {
                self.application.sendable(&mut Io::new(&mut self.state), channel, stream);
                self.state.again = true;
                let sealed = self.state.connection.transmit().len().saturating_sub(before);
                if sealed == 0 {
                    let _ = self.state.connection.ready(channel, stream, false);
                }
                Some(sealed.max(1024))
            }
        }
    }

    /// Writes what is sealed, as far as the socket takes it.
    fn write(&mut self) {
        match self.link.write(self.state.connection.transmit()) {
            Ok(0) => {}
            Ok(sent) => {
                self.state.connection.sent(sent);
                // It may be what the rest of the input waited for.
                self.state.again |= self.blocked;
            }
            Err(error) => {
                // The peer may have said why before it went.
                let until = self.state.now.checked_add(LAST_READS).unwrap_or(self.state.now);
                self.broken = Some((error, until));
                self.state.again = true;
            }
        }
    }

    /// Waits until somebody is ready, or the next point of time; not at all when somebody is ready already.
    fn wait(&mut self) -> io::Result<()> {
        let state = &mut self.state;
        let busy = state.again || state.descriptors.any_marked() || !state.unblocked.is_empty();
        let until =
            [state.deadline(), self.broken.as_ref().map(|(_, until)| *until)].into_iter().flatten().min();
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = if busy { Some(Duration::ZERO) } else { left };
        let resting = self.warm && timeout.is_none_or(|timeout| timeout > IDLE_AFTER);
        let timeout = if resting { Some(IDLE_AFTER) } else { timeout };
        state.descriptors.wait(&mut self.events, timeout)?;
        if resting && self.events.is_empty() {
            self.rx.release();
            state.release();
            self.link.calm();
            self.warm = false;
        }
        for event in &self.events {
            if self.link.note(event) {
                continue;
            }
            let Some((key, owner)) = state.descriptors.find(event.token()) else { continue };
            let ready = Readiness::of(event);
            match owner {
                Owner::Channel(channel) => state.ready(channel, key, ready),
                Owner::Watch => state.descriptors.mark(key, ready),
            }
        }
        Ok(())
    }

    /// Sends what is still to be sent, for a bounded time, and takes what has come: a socket that is closed over unread
    /// bytes is reset, and a reset would overtake what was sent last.
    fn last_words(&mut self) {
        let end = Instant::now().checked_add(LAST_WORDS);
        while self.broken.is_none() && !self.state.connection.transmit().is_empty() {
            let left = end.and_then(|end| end.checked_duration_since(Instant::now()));
            let Some(left) = left.filter(|left| !left.is_zero()) else { break };
            if self.link.writable {
                self.write();
                continue;
            }
            if self.state.descriptors.wait(&mut self.events, Some(left)).is_err() {
                break;
            }
            for event in &self.events {
                self.link.note(event);
            }
        }
        self.rx = RecvBuf::new();
        for _ in 0..8 {
            match self.link.read(&mut self.rx) {
                Ok(Got::Bytes(_)) => self.rx = RecvBuf::new(),
                Ok(Got::Nothing | Got::End) | Err(_) => break,
            }
        }
    }
}

/// Moves data and ends of channels whose descriptors the loop has. Says whether that is all there is to an event.
fn moved<S: Side>(state: &mut State<S>, event: &Event<'_, S>) -> bool {
    let Event::Channel(event) = event else { return false };
    match event {
        ChannelEvent::Data { channel, stream, data } => state.deliver(*channel, *stream, data),
        ChannelEvent::Eof { channel } => state.peer_ended(*channel),
        ChannelEvent::Closed { channel } => {
            state.peer_closed(*channel);
            false
        }
        ChannelEvent::Eow { channel } => {
            state.peer_deaf(*channel);
            false
        }
        _ => false,
    }
}
