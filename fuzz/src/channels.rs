use connection::{ChannelRequest, ChannelType, Event, Grant, LocalId, OpenRefusal, Signal, Stream};
use proto::{ChannelQuestion, Connection, OpenChannel, ReplyToGlobal, ReplyToRequest, Side, Ticket};

use crate::Choices;

/// Most tickets that are kept for a later answer; an older one is dropped then, which answers it with no.
const KEPT_MAX: usize = 16;

/// Most packets of data that one event leads to.
const PULL_MAX: usize = 8;

/// What an application does with channels: anything, as its choices say.
#[derive(Default)]
pub struct Channels {
    kept: Vec<Kept>,
}

enum Kept {
    Open(Ticket<OpenChannel>),
    Request(Ticket<ReplyToRequest>),
    Global(Ticket<ReplyToGlobal>),
}

impl Channels {
    /// Does something about an event.
    pub fn event<S: Side>(
        &mut self,
        connection: &mut Connection<S>,
        event: &Event<'_>,
        choices: &mut Choices<'_>,
    ) {
        let channel = match event {
            Event::Data { channel, data, .. } => {
                assert!(!data.is_empty(), "data is never empty");
                let held = connection.channels().map_or(0, |channels| channels.unconsumed(*channel));
                assert!(held as usize >= data.len(), "what was delivered counts as held");
                *channel
            }
            Event::Opened { channel, .. }
            | Event::Eof { channel }
            | Event::Closed { channel }
            | Event::WindowAdjusted { channel }
            | Event::Eow { channel }
            | Event::Request { channel, .. }
            | Event::RequestReply { channel, .. } => *channel,
            _ => return,
        };
        act(connection, channel, choices.pick());
    }

    /// Answers a question, or keeps it for later.
    pub fn question<S: Side>(
        &mut self,
        connection: &mut Connection<S>,
        question: ChannelQuestion<'_>,
        choices: &mut Choices<'_>,
    ) {
        let kept = match question {
            ChannelQuestion::Open { ticket, .. } => Kept::Open(ticket),
            ChannelQuestion::Request { ticket, .. } => Kept::Request(ticket),
            ChannelQuestion::Global { ticket, .. } => Kept::Global(ticket),
        };
        let choice = choices.pick();
        if choice & 0x80 != 0 {
            if self.kept.len() >= KEPT_MAX {
                self.kept.remove(0);
            }
            self.kept.push(kept);
        } else {
            answer(connection, kept, choice);
        }
    }

    /// Between two packets of the peer: answers the youngest question that was kept, opens a channel, sends.
    pub fn turn<S: Side>(&mut self, connection: &mut Connection<S>, choices: &mut Choices<'_>) {
        if !connection.is_open() {
            return;
        }
        let choice = choices.pick();
        if choice & 1 != 0
            && let Some(kept) = self.kept.pop()
        {
            answer(connection, kept, choice >> 1);
        }
        if choice & 0x40 != 0 {
            let _ = connection.open(&ChannelType::Session, Grant { window: 4096, max_packet: 256 }, 1);
        }
        if choice & 0x80 != 0 {
            connection.rekey();
        }
        pull(connection);
    }
}

fn answer<S: Side>(connection: &mut Connection<S>, kept: Kept, choice: u8) {
    let yes = choice & 1 != 0;
    // Misuse is impossible here but for an answer whose question is gone, which is none.
    let answered = match kept {
        Kept::Open(ticket) if yes => {
            let window = u32::from(choice) << 6;
            connection.answer(ticket, Ok(Grant { window, max_packet: 1024 }))
        }
        Kept::Open(ticket) => connection.answer(ticket, Err(OpenRefusal::PROHIBITED)),
        Kept::Request(ticket) => connection.answer(ticket, yes),
        Kept::Global(ticket) => connection.answer(ticket, yes.then(|| vec![0; 4])),
    };
    assert!(answered.is_ok(), "{answered:?}");
}

/// One command on a channel. It may be refused: the peer closes channels when it likes.
fn act<S: Side>(connection: &mut Connection<S>, channel: LocalId, choice: u8) {
    let held = connection.channels().map_or(0, |channels| channels.unconsumed(channel));
    let stream = if choice & 0x10 == 0 { Stream::Data } else { Stream::Stderr };
    let _ = match choice & 0x0f {
        0 => connection.consumed(channel, held),
        1 => connection.consumed(channel, held / 2),
        2 | 3 => connection.ready(channel, stream, true),
        4 => connection.eof(channel),
        5 => connection.close(channel),
        6 => connection.exit_status(channel, u32::from(choice)),
        7 => connection.exit_signal(channel, Signal::Term, false, b"gone"),
        8 => connection.stop_reading(channel),
        9 => connection.set_window(channel, u32::from(choice) << 4),
        10 => connection.request(channel, &ChannelRequest::Keepalive, true, 3),
        11 => connection.request(channel, &ChannelRequest::Shell, choice & 0x20 != 0, 4),
        12 => connection.set_priority(channel, connection::Priority::Interactive),
        _ => Ok(()),
    };
    pull(connection);
}

fn pull<S: Side>(connection: &mut Connection<S>) {
    for _ in 0..PULL_MAX {
        let Some((channel, stream)) = connection.sendable() else { return };
        let Some(mut slot) = connection.slot(channel, stream, 512) else { return };
        let room = slot.room();
        assert!(!room.is_empty() && room.len() <= 512, "room for what was asked for");
        room.fill(b'd');
        let n = room.len();
        slot.commit(n).expect("no more than the room");
        let _ = connection.ready(channel, stream, false);
    }
}
