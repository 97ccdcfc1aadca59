use std::collections::VecDeque;
use std::time::Instant;

use wire::Role;

use crate::channel::{Channel, Lane, OpenChannel};
use crate::id::{Found, Table};
use crate::limits::{CHANNELS_MAX, PACKET_DEFAULT, WINDOW_DEFAULT, WINDOW_MIN, WINDOWS_GRANTED_MAX};
use crate::list::List;
use crate::reply::Replies;
use crate::{Error, LocalId, Misbehaviour, Misuse};

/// What we give a peer to send into on one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Bytes that may be on their way or delivered and not consumed. Any value is legal; 0 lets nothing come until
    /// [`set_window`](Connection::set_window).
    pub window: u32,
    /// Most data bytes per message.
    pub max_packet: u32,
}

impl Default for Grant {
    fn default() -> Self {
        Self { window: WINDOW_DEFAULT, max_packet: PACKET_DEFAULT }
    }
}

/// What is settled when a connection starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Most channels at a time, asked for and open ones together; never more than
    /// [`CHANNEL_SLOTS_MAX`](crate::limits::CHANNEL_SLOTS_MAX).
    pub channels_max: usize,
    /// Most data bytes that we put into one message, even if the peer takes more.
    pub send_packet_max: u32,
    /// Whether to tell the peer with `eow@openssh.com` that we read no more. Only OpenSSH and we ourselves know it.
    pub send_eow: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { channels_max: CHANNELS_MAX, send_packet_max: PACKET_DEFAULT, send_eow: false }
    }
}

/// How urgent a channel's data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Someone waits for each byte: goes first, as long as it is little.
    Interactive,
    /// Goes in turn with other bulk.
    Bulk,
}

/// The RFC 4254 machine of one side of a connection. See the [crate](crate)'s page.
#[derive(Debug)]
pub struct Connection {
    pub(crate) role: Role,
    /// What ended it.
    pub(crate) failed: Option<Error>,
    pub(crate) config: Config,
    pub(crate) channels: Table<Channel>,
    /// Opens that wait for our answer.
    pub(crate) pending_opens: usize,
    /// Replies that we owe on all channels.
    pub(crate) pending_requests: usize,
    /// Replies that we owe to global requests.
    pub(crate) global_owed: Replies<Option<Vec<u8>>>,
    /// Tags of global requests of ours, oldest first.
    pub(crate) global_outstanding: VecDeque<u64>,
    /// The peer has promised to ask for no more sessions.
    pub(crate) no_more_sessions: bool,
    /// Channels whose state has something to say.
    pub(crate) due: List,
    pub(crate) interactive: List,
    pub(crate) bulk: List,
    /// Bytes of interactive channels since a bulk channel was last served.
    pub(crate) interactive_run: u32,
    /// How many open channels are interactive, and how many bulk.
    pub(crate) used_as: [usize; 2],
    /// Channels whose receive window has grown, or of which something was consumed since the last look.
    pub(crate) tuned: List,
    pub(crate) last_look: Option<Instant>,
    /// Bytes by which receive windows have grown, of all channels together.
    pub(crate) growth: u32,
    /// Bytes beyond the smallest window that were granted when channels were opened, or offered where the peer has yet to answer.
    pub(crate) granted: u64,
}

impl Connection {
    /// A connection without channels.
    #[must_use]
    pub fn new(role: Role, config: Config) -> Self {
        Self {
            role,
            failed: None,
            config,
            channels: Table::new(),
            pending_opens: 0,
            pending_requests: 0,
            global_owed: Replies::new(),
            global_outstanding: VecDeque::new(),
            no_more_sessions: false,
            due: List::default(),
            interactive: List::default(),
            bulk: List::default(),
            interactive_run: 0,
            used_as: [0; 2],
            tuned: List::default(),
            last_look: None,
            growth: 0,
            granted: 0,
        }
    }

    /// How many channels there are, asked for and open ones together.
    #[must_use]
    pub fn channel_count(&self) -> usize {
        self.channels.len()
    }

    /// The channels that there are, asked for and open ones. Takes time in proportion to their largest number so far.
    pub fn channels(&self) -> impl Iterator<Item = LocalId> + '_ {
        self.channels.ids()
    }

    /// Whether `channel` is open: granted, and not both sides have closed it.
    #[must_use]
    pub fn is_open(&self, channel: LocalId) -> bool {
        self.open_channel(channel).is_ok()
    }

    /// Bytes that the peer is ready to read on `channel`; 0 if it is not open.
    #[must_use]
    pub fn send_window(&self, channel: LocalId) -> u32 {
        self.open_channel(channel).map_or(0, |open| open.send.left())
    }

    /// Bytes that the peer may still send on `channel`; 0 if it is not open.
    #[must_use]
    pub fn receive_window(&self, channel: LocalId) -> u32 {
        self.open_channel(channel).map_or(0, |open| open.receive.left())
    }

    /// Bytes that were delivered on `channel` and not yet consumed; 0 if it is not open.
    #[must_use]
    pub fn unconsumed(&self, channel: LocalId) -> u32 {
        self.open_channel(channel).map_or(0, |open| open.receive.held())
    }

    /// How urgent the data of `channel` is held to be.
    #[must_use]
    pub fn priority(&self, channel: LocalId) -> Option<Priority> {
        self.open_channel(channel).ok().map(OpenChannel::priority)
    }

    /// Whether a channel is open that is interactive.
    #[must_use]
    pub fn any_interactive(&self) -> bool {
        let [interactive, _] = self.used_as;
        interactive > 0
    }

    /// Whether a channel is open that is bulk. A session that the peer opened is neither before its program is asked for.
    #[must_use]
    pub fn any_bulk(&self) -> bool {
        let [_, bulk] = self.used_as;
        bulk > 0
    }

    /// The target of `channel`'s receive window: what the peer may send beyond what was consumed; 0 if it is not open.
    #[must_use]
    pub fn window_target(&self, channel: LocalId) -> u32 {
        self.open_channel(channel).map_or(0, |open| open.receive.target())
    }

    /// What to give the peer on one more channel: [`WINDOW_DEFAULT`], or [`WINDOW_MIN`] once
    /// [`WINDOWS_GRANTED_MAX`] bytes more than that were granted to channels that are open. It bounds what programs that do not read can make us
    /// keep, and costs those that do nothing for long: windows grow.
    #[must_use]
    pub fn usual_grant(&self) -> Grant {
        let wanted = u64::from(beyond_smallest(WINDOW_DEFAULT));
        let spare = WINDOWS_GRANTED_MAX.saturating_sub(self.granted) >= wanted;
        Grant { window: if spare { WINDOW_DEFAULT } else { WINDOW_MIN }, ..Grant::default() }
    }

    /// Whether the peer has said that it asks for no more sessions.
    #[must_use]
    pub fn no_more_sessions(&self) -> bool {
        self.no_more_sessions
    }

    /// How many of the peer's opens and requests, global ones included, wait for the application's answer or for
    /// an earlier one's.
    #[must_use]
    pub fn pending_questions(&self) -> usize {
        self.pending_opens.saturating_add(self.pending_requests).saturating_add(self.global_owed.len())
    }

    pub(crate) fn open_channel(&self, channel: LocalId) -> Result<&OpenChannel, Misuse> {
        match self.channels.get(channel) {
            Some(Channel::Open(open)) => Ok(open),
            Some(Channel::AwaitAnswer(_) | Channel::ExpectConfirmation(_)) => Err(Misuse::NotOpen),
            None => Err(Misuse::UnknownChannel),
        }
    }

    pub(crate) fn open_channel_mut(&mut self, channel: LocalId) -> Result<&mut OpenChannel, Misuse> {
        match self.channels.get_mut(channel) {
            Some(Channel::Open(open)) => Ok(open),
            Some(Channel::AwaitAnswer(_) | Channel::ExpectConfirmation(_)) => Err(Misuse::NotOpen),
            None => Err(Misuse::UnknownChannel),
        }
    }

    /// The channel that a message of the peer is for.
    pub(crate) fn addressed(&self, recipient: u32) -> Result<LocalId, Misbehaviour> {
        match self.channels.find(recipient) {
            Found::Live(id) => Ok(id),
            Found::Past | Found::Never => Err(Misbehaviour::UnknownChannel(recipient)),
        }
    }

    /// The open channel that a message of the peer is for.
    pub(crate) fn addressed_open(
        &mut self,
        recipient: u32,
    ) -> Result<(LocalId, &mut OpenChannel), Misbehaviour> {
        let id = self.addressed(recipient)?;
        match self.channels.get_mut(id) {
            Some(Channel::Open(open)) => Ok((id, open)),
            Some(Channel::AwaitAnswer(_) | Channel::ExpectConfirmation(_)) => {
                Err(Misbehaviour::ChannelNotOpen(recipient))
            }
            None => Err(Misbehaviour::UnknownChannel(recipient)),
        }
    }

    /// Adds a channel, and room for it in every list, so that nothing on the data path allocates.
    pub(crate) fn add(&mut self, channel: Channel) -> Option<LocalId> {
        let id = self.channels.insert(self.config.channels_max, channel)?;
        let slots = self.channels.slots();
        self.due.reserve(slots);
        self.interactive.reserve(slots);
        self.bulk.reserve(slots);
        self.tuned.reserve(slots);
        Some(id)
    }

    /// Gives up a channel and its number. It is in no list of what is to be sent: only open channels are, and one that is
    /// over has nothing due and cannot send.
    pub(crate) fn forget(&mut self, channel: LocalId) {
        self.tuned.remove(channel.slot());
        match self.channels.remove(channel) {
            Some(Channel::Open(open)) => {
                self.growth = self.growth.saturating_sub(open.growth);
                count(&mut self.used_as, open.counted, usize::saturating_sub);
                self.granted = self.granted.saturating_sub(u64::from(open.granted));
                self.pending_requests = self.pending_requests.saturating_sub(open.owed.len());
            }
            Some(Channel::AwaitAnswer(_)) => self.pending_opens = self.pending_opens.saturating_sub(1),
            Some(Channel::ExpectConfirmation(expected)) => {
                let granted = beyond_smallest(expected.grant.window);
                self.granted = self.granted.saturating_sub(u64::from(granted));
            }
            None => {}
        }
    }

    /// Puts a channel into the lists in which its state belongs, or gives it up when it is over. To be called after
    /// every change.
    pub(crate) fn settle(&mut self, channel: LocalId) {
        let Some(Channel::Open(open)) = self.channels.get_mut(channel) else { return };
        let slot = channel.slot();
        let over = open.is_over();
        if open.is_due() {
            self.due.push(slot);
        }
        let growth = open.receive.growth();
        if growth != open.growth {
            self.growth = self.growth.saturating_sub(open.growth).saturating_add(growth);
            open.growth = growth;
        }
        let used_as = open.used_as();
        if used_as != open.counted {
            count(&mut self.used_as, open.counted, usize::saturating_sub);
            count(&mut self.used_as, used_as, usize::saturating_add);
            open.counted = used_as;
        }
        let lane = open.wanted_lane();
        if lane != open.lane {
            let before = std::mem::replace(&mut open.lane, lane);
            open.reset_turn();
            match before {
                Lane::Idle => {}
                Lane::Interactive => self.interactive.remove(slot),
                Lane::Bulk => self.bulk.remove(slot),
            }
            match lane {
                Lane::Idle => {}
                Lane::Interactive => self.interactive.push(slot),
                Lane::Bulk => self.bulk.push(slot),
            }
        }
        if over {
            self.forget(channel);
        }
    }
}

/// What of a window counts as granted: all but the least that every channel gets.
pub(crate) fn beyond_smallest(window: u32) -> u32 {
    window.saturating_sub(WINDOW_MIN)
}

/// Counts a channel in, or out.
fn count([interactive, bulk]: &mut [usize; 2], used_as: Option<Priority>, step: fn(usize, usize) -> usize) {
    match used_as {
        Some(Priority::Interactive) => *interactive = step(*interactive, 1),
        Some(Priority::Bulk) => *bulk = step(*bulk, 1),
        None => {}
    }
}
