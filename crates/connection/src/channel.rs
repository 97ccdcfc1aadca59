//! A channel: waiting to be granted by us, waiting to be granted by the peer, or open with two independent halves.

use std::collections::VecDeque;

use crate::exit::Exit;
use crate::limits::INTERACTIVE_BURST;
use crate::reply::Replies;
use crate::window::{ReceiveWindow, SendWindow};
use crate::{Grant, Misbehaviour, Misuse, Priority, RemoteId, Stream};

/// The stages of a channel's life.
#[derive(Debug)]
pub(crate) enum Channel {
    /// The peer asked; the application has yet to answer.
    AwaitAnswer(AwaitAnswer),
    /// We asked; the peer has yet to answer.
    ExpectConfirmation(ExpectConfirmation),
    /// Both agreed.
    Open(Box<OpenChannel>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct AwaitAnswer {
    pub(crate) remote: RemoteId,
    pub(crate) send: SendWindow,
    pub(crate) session: bool,
}

impl AwaitAnswer {
    /// The channel when the application grants it.
    pub(crate) fn granted(self, grant: Grant) -> OpenChannel {
        let waits_for_close = self.session;
        let mut open = OpenChannel::new(self.remote, self.send, grant, waits_for_close);
        open.in_use = !self.session;
        open
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ExpectConfirmation {
    pub(crate) tag: u64,
    pub(crate) grant: Grant,
    /// Whether the application has closed it meanwhile.
    pub(crate) abandoned: bool,
    pub(crate) priority: Option<Priority>,
}

impl ExpectConfirmation {
    /// The channel when the peer grants it.
    pub(crate) fn confirmed(self, remote: RemoteId, send: SendWindow) -> OpenChannel {
        let mut open = OpenChannel::new(remote, send, self.grant, false);
        open.chosen = self.priority;
        if self.abandoned {
            open.sending = open.sending.close();
        }
        open
    }
}

/// The half that we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    /// Data may go.
    Open,
    /// The application has no more data; EOF is to be sent.
    EofDue,
    /// EOF was sent.
    Eof,
    /// The application is done; CLOSE is to be sent, after EOF if that was asked for before.
    CloseDue { eof_first: bool },
    /// CLOSE was sent.
    Closed,
}

impl Sending {
    pub(crate) fn eof(self) -> Result<Self, Misuse> {
        match self {
            Self::Open => Ok(Self::EofDue),
            Self::EofDue | Self::Eof => Err(Misuse::AfterEof),
            Self::CloseDue { .. } | Self::Closed => Err(Misuse::AfterClose),
        }
    }

    pub(crate) fn close(self) -> Self {
        match self {
            Self::Open | Self::Eof => Self::CloseDue { eof_first: false },
            Self::EofDue => Self::CloseDue { eof_first: true },
            Self::CloseDue { eof_first } => Self::CloseDue { eof_first },
            Self::Closed => Self::Closed,
        }
    }

    /// Whether CLOSE was asked for or sent.
    pub(crate) fn is_closing(self) -> bool {
        match self {
            Self::Open | Self::EofDue | Self::Eof => false,
            Self::CloseDue { .. } | Self::Closed => true,
        }
    }
}

/// The half that the peer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiving {
    /// Data may come.
    Open,
    /// EOF has come.
    Eof,
    /// CLOSE has come.
    Closed,
}

impl Receiving {
    /// Checks that data may come.
    pub(crate) fn data(self) -> Result<(), Misbehaviour> {
        match self {
            Self::Open => Ok(()),
            Self::Eof => Err(Misbehaviour::DataAfterEof),
            Self::Closed => Err(Misbehaviour::AfterClose),
        }
    }

    /// Checks that a reply may come.
    pub(crate) fn reply(self) -> Result<(), Misbehaviour> {
        match self {
            Self::Open | Self::Eof => Ok(()),
            Self::Closed => Err(Misbehaviour::AfterClose),
        }
    }

    pub(crate) fn eof(self) -> Result<Self, Misbehaviour> {
        match self {
            Self::Open => Ok(Self::Eof),
            Self::Eof => Err(Misbehaviour::SecondEof),
            Self::Closed => Err(Misbehaviour::AfterClose),
        }
    }

    pub(crate) fn close(self) -> Result<Self, Misbehaviour> {
        match self {
            Self::Open | Self::Eof => Ok(Self::Closed),
            Self::Closed => Err(Misbehaviour::AfterClose),
        }
    }
}

/// What of a channel's state has to be said next.
#[derive(Debug)]
pub(crate) enum Due {
    Adjust(u32),
    Eow,
    Eof,
    Exit(Exit),
    Close,
}

/// Which of the scheduler's lists a channel is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Nothing to send, or no window.
    Idle,
    Interactive,
    Bulk,
}

/// A request of ours that the peer has yet to answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outstanding {
    pub(crate) tag: u64,
    /// Whether it asks for a terminal, which makes the channel interactive once granted.
    pub(crate) pty: bool,
}

#[derive(Debug)]
pub(crate) struct OpenChannel {
    pub(crate) remote: RemoteId,
    pub(crate) send: SendWindow,
    pub(crate) receive: ReceiveWindow,
    /// What the connection has counted of how much that window has grown.
    pub(crate) growth: u32,
    /// What it has counted of what was granted.
    pub(crate) granted: u32,
    pub(crate) sending: Sending,
    pub(crate) receiving: Receiving,
    /// Whether our CLOSE waits for the application even when the peer's has come.
    pub(crate) waits_for_close: bool,
    exit: ExitState,
    /// Whether the application has stopped reading.
    pub(crate) deaf: bool,
    eow_due: bool,
    /// Replies that we owe.
    pub(crate) owed: Replies<bool>,
    /// The serial number of a `pty-req` among them.
    pub(crate) pty_asked: Option<u32>,
    /// Replies that we wait for.
    pub(crate) outstanding: VecDeque<Outstanding>,
    ready_data: bool,
    ready_stderr: bool,
    last: Stream,
    /// What the application chose.
    pub(crate) chosen: Option<Priority>,
    /// What the channel's use suggests.
    pub(crate) terminal: bool,
    pub(crate) lane: Lane,
    /// Whether it is known what it is used for: a session is for nothing yet before its program is asked for.
    pub(crate) in_use: bool,
    /// As what the connection has counted it.
    pub(crate) counted: Option<Priority>,
    /// Bytes that were sent since the channel last ran dry.
    burst: u32,
    /// Bytes that were sent in this turn.
    turn: u32,
}

#[derive(Debug)]
enum ExitState {
    None,
    Due(Exit),
    Given,
}

impl OpenChannel {
    fn new(remote: RemoteId, send: SendWindow, grant: Grant, waits_for_close: bool) -> Self {
        Self {
            remote,
            send,
            receive: ReceiveWindow::new(grant.window, grant.max_packet),
            growth: 0,
            granted: 0,
            sending: Sending::Open,
            receiving: Receiving::Open,
            waits_for_close,
            exit: ExitState::None,
            deaf: false,
            eow_due: false,
            owed: Replies::new(),
            pty_asked: None,
            outstanding: VecDeque::new(),
            ready_data: false,
            ready_stderr: false,
            last: Stream::Stderr,
            chosen: None,
            terminal: false,
            lane: Lane::Idle,
            in_use: true,
            counted: None,
            burst: 0,
            turn: 0,
        }
    }

    /// Whether both CLOSEs have passed.
    pub(crate) fn is_over(&self) -> bool {
        self.sending == Sending::Closed && self.receiving == Receiving::Closed
    }

    /// Keeps how the program ended, to be sent.
    pub(crate) fn set_exit(&mut self, exit: Exit) -> Result<(), Misuse> {
        if self.sending.is_closing() {
            return Err(Misuse::AfterClose);
        }
        match self.exit {
            ExitState::None => {
                self.exit = ExitState::Due(exit);
                Ok(())
            }
            ExitState::Due(_) | ExitState::Given => Err(Misuse::SecondExit),
        }
    }

    /// Stops reading; `tell` says whether the peer is to be told.
    pub(crate) fn stop_reading(&mut self, tell: bool) {
        if !self.deaf {
            self.deaf = true;
            self.eow_due = tell;
            self.receive.consume_all();
        }
    }

    /// Whether something of the state is to be said.
    pub(crate) fn is_due(&self) -> bool {
        self.adjust_due().is_some()
            || self.eow_is_due()
            || self.eof_is_due()
            || (matches!(self.exit, ExitState::Due(_)) && self.sending != Sending::Closed)
            || matches!(self.sending, Sending::CloseDue { .. })
    }

    /// Takes what is to be said next: credit, `eow`, EOF, how it ended, CLOSE.
    pub(crate) fn take_due(&mut self) -> Option<Due> {
        if self.sending == Sending::Closed {
            return None;
        }
        if let Some(bytes) = self.adjust_due() {
            self.receive.give(bytes);
            return Some(Due::Adjust(bytes));
        }
        if self.eow_is_due() {
            self.eow_due = false;
            return Some(Due::Eow);
        }
        if self.eof_is_due() {
            self.sending = match self.sending {
                Sending::CloseDue { .. } => Sending::CloseDue { eof_first: false },
                Sending::Open | Sending::EofDue | Sending::Eof | Sending::Closed => Sending::Eof,
            };
            return Some(Due::Eof);
        }
        match std::mem::replace(&mut self.exit, ExitState::Given) {
            ExitState::Due(exit) => return Some(Due::Exit(exit)),
            unchanged => self.exit = unchanged,
        }
        match self.sending {
            Sending::CloseDue { .. } => {
                self.sending = Sending::Closed;
                Some(Due::Close)
            }
            Sending::Open | Sending::EofDue | Sending::Eof | Sending::Closed => None,
        }
    }

    fn adjust_due(&self) -> Option<u32> {
        // Whoever has said EOF or is told CLOSE needs no window.
        if self.receiving == Receiving::Open && !self.sending.is_closing() {
            self.receive.due()
        } else {
            None
        }
    }

    fn eow_is_due(&self) -> bool {
        self.eow_due && self.receiving == Receiving::Open && !self.sending.is_closing()
    }

    /// EOF is said even to a peer that has closed: it may log what it was told.
    fn eof_is_due(&self) -> bool {
        matches!(self.sending, Sending::EofDue | Sending::CloseDue { eof_first: true })
    }

    /// Marks that the application has, or no longer has, data to send.
    pub(crate) fn set_ready(&mut self, stream: Stream, ready: bool) {
        match stream {
            Stream::Data => self.ready_data = ready,
            Stream::Stderr => self.ready_stderr = ready,
        }
        if !self.ready_data && !self.ready_stderr {
            self.burst = 0;
        }
    }

    /// Whether our data may still go: a peer that has sent CLOSE would throw it away.
    pub(crate) fn may_send(&self) -> bool {
        self.sending == Sending::Open && self.receiving != Receiving::Closed
    }

    /// Bytes that the next message may carry.
    pub(crate) fn budget(&self) -> u32 {
        if self.may_send() { self.send.budget() } else { 0 }
    }

    /// The stream whose turn it is.
    pub(crate) fn next_stream(&self) -> Option<Stream> {
        match (self.ready_data, self.ready_stderr) {
            (false, false) => None,
            (true, false) => Some(Stream::Data),
            (false, true) => Some(Stream::Stderr),
            (true, true) => Some(match self.last {
                Stream::Data => Stream::Stderr,
                Stream::Stderr => Stream::Data,
            }),
        }
    }

    /// The list in which the channel belongs now.
    pub(crate) fn wanted_lane(&self) -> Lane {
        if self.budget() == 0 || self.next_stream().is_none() {
            Lane::Idle
        } else if self.priority() == Priority::Interactive && self.burst < INTERACTIVE_BURST {
            Lane::Interactive
        } else {
            Lane::Bulk
        }
    }

    pub(crate) fn priority(&self) -> Priority {
        self.chosen.unwrap_or(if self.terminal { Priority::Interactive } else { Priority::Bulk })
    }

    /// What it is used for, if that is known.
    pub(crate) fn used_as(&self) -> Option<Priority> {
        match self.priority() {
            Priority::Interactive => Some(Priority::Interactive),
            Priority::Bulk => self.in_use.then_some(Priority::Bulk),
        }
    }

    /// Takes note of sent data; says whether the channel's turn is over.
    pub(crate) fn sent(&mut self, stream: Stream, bytes: u32, turn: u32) -> bool {
        self.last = stream;
        self.burst = self.burst.saturating_add(bytes);
        self.turn = self.turn.saturating_add(bytes);
        let over = self.turn >= turn;
        if over {
            self.turn = 0;
        }
        over
    }

    /// Starts a new turn.
    pub(crate) fn reset_turn(&mut self) {
        self.turn = 0;
    }
}
