//! Any commands of both applications, in any order, with any turns in between: nothing breaks, and everything ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::collections::BTreeMap;

use connection::{ChannelRequest, ChannelType, Grant, LocalId, Misuse as ChannelMisuse, Stream};
use nacre_proto::{
    ChannelQuestion, Client, ClientAuthEvent, ClientQuestion, Event, Misuse, Server, ServerQuestion, Side,
};
use proptest::prelude::*;
use testkit::{App, Driven, Pair, Pattern};
use wire::{NulFree, Text};

const CHANNELS: usize = 4;

/// One thing that an application does.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Asks for a channel, with a window of so many bytes.
    Open(u32),
    /// Sends up to so many bytes on one of its channels.
    Put(usize, bool, usize),
    /// Reads up to so many bytes of what came.
    Read(usize, u32),
    SetWindow(usize, u32),
    StopReading(usize),
    Request(usize, bool),
    ExitStatus(usize),
    Eof(usize),
    Close(usize),
    Rekey,
    /// Answers the oldest question that waits.
    Answer(bool),
    /// Drops its ticket.
    Decline,
}

fn act() -> impl Strategy<Value = Act> {
    let one = 0..CHANNELS;
    prop_oneof![
        3 => (0_u32..5000).prop_map(Act::Open),
        8 => (one.clone(), any::<bool>(), 1_usize..3000).prop_map(|(channel, err, n)| Act::Put(channel, err, n)),
        6 => (one.clone(), 1_u32..4000).prop_map(|(channel, n)| Act::Read(channel, n)),
        1 => (one.clone(), 0_u32..9000).prop_map(|(channel, n)| Act::SetWindow(channel, n)),
        1 => one.clone().prop_map(Act::StopReading),
        2 => (one.clone(), any::<bool>()).prop_map(|(channel, reply)| Act::Request(channel, reply)),
        1 => one.clone().prop_map(Act::ExitStatus),
        2 => one.clone().prop_map(Act::Eof),
        2 => one.prop_map(Act::Close),
        1 => Just(Act::Rekey),
        6 => any::<bool>().prop_map(Act::Answer),
        1 => Just(Act::Decline),
    ]
}

/// What a case does, step by step.
#[derive(Clone, Copy, Debug)]
enum Doing {
    Client(Act),
    Server(Act),
    ClientTurn,
    ServerTurn,
}

fn doing() -> impl Strategy<Value = Doing> {
    prop_oneof![
        3 => act().prop_map(Doing::Client),
        3 => act().prop_map(Doing::Server),
        2 => Just(Doing::ClientTurn),
        2 => Just(Doing::ServerTurn),
    ]
}

/// An application without a will of its own.
#[derive(Default)]
struct Puppet {
    channels: Vec<LocalId>,
    questions: Vec<Kept>,
    /// How far each stream was sent, and received.
    sent: BTreeMap<(LocalId, bool), Pattern>,
    received: BTreeMap<(LocalId, bool), Pattern>,
    unread: BTreeMap<LocalId, u32>,
    /// Channels that the peer has closed, or was refused.
    over: Vec<LocalId>,
    /// At the end everything is answered, read and closed.
    ending: bool,
    replies_wanted: usize,
    replies: usize,
    opens: usize,
    opened: usize,
}

enum Kept {
    Open(nacre_proto::Ticket<nacre_proto::OpenChannel>, LocalId),
    Request(nacre_proto::Ticket<nacre_proto::ReplyToRequest>),
    Global(nacre_proto::Ticket<nacre_proto::ReplyToGlobal>),
}

/// Everything that a correct application may be told, since a channel may end at any time.
fn allowed(result: Result<(), Misuse>) {
    if let Err(misuse) = result {
        let expected = [
            ChannelMisuse::UnknownChannel,
            ChannelMisuse::NotOpen,
            ChannelMisuse::AfterEof,
            ChannelMisuse::AfterClose,
            ChannelMisuse::SecondExit,
        ];
        assert!(expected.map(Misuse::Channel).contains(&misuse), "{misuse:?}");
    }
}

impl Puppet {
    fn channel_question(&mut self, question: ChannelQuestion<'_>) {
        self.questions.push(match question {
            ChannelQuestion::Open { ticket, channel, .. } => Kept::Open(ticket, channel),
            ChannelQuestion::Request { ticket, .. } => Kept::Request(ticket),
            ChannelQuestion::Global { ticket, .. } => Kept::Global(ticket),
        });
    }

    fn channel_event(&mut self, event: &connection::Event<'_>) {
        match event {
            connection::Event::Opened { .. } => self.opened += 1,
            connection::Event::OpenFailed { channel, .. } => {
                self.opened += 1;
                self.over.push(*channel);
            }
            connection::Event::Data { channel, stream, data } => {
                self.received.entry((*channel, *stream == Stream::Stderr)).or_default().check(data);
                *self.unread.entry(*channel).or_default() += data.len() as u32;
            }
            connection::Event::RequestReply { .. } => self.replies += 1,
            connection::Event::Closed { channel } => self.over.push(*channel),
            _ => {}
        }
    }

    fn act<S: Side>(&mut self, connection: &mut Driven<S>, act: Act) {
        let channel = |place: usize| self.channels.get(place % self.channels.len().max(1)).copied();
        match act {
            Act::Open(window) => {
                if self.channels.len() - self.over.len().min(self.channels.len()) >= CHANNELS {
                    return;
                }
                let kind = ChannelType::DirectTcpip {
                    host: Text::new("h").unwrap(),
                    port: 1,
                    originator: Text::new("o").unwrap(),
                    originator_port: 2,
                };
                let session = S::ROLE == wire::Role::Client && window % 2 == 0;
                let kind = if session { ChannelType::Session } else { kind };
                let grant = Grant { window, max_packet: 64 + window / 3 };
                let opened = connection.open(&kind, grant, 0).expect("there is room");
                self.opens += 1;
                self.channels.push(opened);
            }
            Act::Put(place, err, most) => {
                let Some(channel) = channel(place) else { return };
                let stream = if err { Stream::Stderr } else { Stream::Data };
                if let Some(mut slot) = connection.slot(channel, stream, most) {
                    let n = slot.room().len().min(most);
                    let pattern = self.sent.entry((channel, err)).or_default();
                    pattern.fill(&mut slot.room()[..n]);
                    slot.commit(n).unwrap();
                }
            }
            Act::Read(place, most) => {
                let Some(channel) = channel(place) else { return };
                let unread = self.unread.entry(channel).or_default();
                let n = most.min(*unread);
                if n > 0 {
                    *unread -= n;
                    allowed(connection.consumed(channel, n));
                }
            }
            Act::SetWindow(place, bytes) => {
                if let Some(channel) = channel(place) {
                    allowed(connection.set_window(channel, bytes));
                }
            }
            Act::StopReading(place) => {
                if let Some(channel) = channel(place) {
                    allowed(connection.stop_reading(channel));
                }
            }
            Act::Request(place, reply) => {
                let Some(channel) = channel(place) else { return };
                let name = NulFree::new(b"n").unwrap();
                let request = ChannelRequest::Env { name, value: name };
                let made = connection.request(channel, &request, reply, 0);
                self.replies_wanted += usize::from(made.is_ok() && reply);
                allowed(made);
            }
            Act::ExitStatus(place) => {
                if let Some(channel) = channel(place) {
                    allowed(connection.exit_status(channel, 1));
                }
            }
            Act::Eof(place) => {
                if let Some(channel) = channel(place) {
                    allowed(connection.eof(channel));
                }
            }
            Act::Close(place) => {
                if let Some(channel) = channel(place) {
                    allowed(connection.close(channel));
                }
            }
            Act::Rekey => connection.rekey(),
            Act::Answer(yes) => {
                if !self.questions.is_empty() {
                    let question = self.questions.remove(0);
                    self.answer(connection, question, yes);
                }
            }
            Act::Decline => {
                if !self.questions.is_empty() {
                    match self.questions.remove(0) {
                        Kept::Open(ticket, _) => connection.decline(ticket),
                        Kept::Request(ticket) => connection.decline(ticket),
                        Kept::Global(ticket) => connection.decline(ticket),
                    }
                }
            }
        }
    }

    fn answer<S: Side>(&mut self, connection: &mut Driven<S>, question: Kept, yes: bool) {
        match question {
            Kept::Open(ticket, channel) => {
                let grant = Grant { window: 3000, max_packet: 1000 };
                let refusal = connection::OpenRefusal::PROHIBITED;
                connection.answer(ticket, if yes { Ok(grant) } else { Err(refusal) }).unwrap();
                if yes {
                    self.channels.push(channel);
                }
            }
            Kept::Request(ticket) => connection.answer(ticket, yes).unwrap(),
            Kept::Global(ticket) => connection.answer(ticket, None).unwrap(),
        }
    }

    fn end<S: Side>(&mut self, connection: &mut Driven<S>) -> bool {
        if !self.ending {
            return false;
        }
        let mut moved = false;
        for question in std::mem::take(&mut self.questions) {
            self.answer(connection, question, true);
            moved = true;
        }
        for (channel, unread) in &mut self.unread {
            if *unread > 0 {
                allowed(connection.consumed(*channel, std::mem::take(unread)));
                moved = true;
            }
        }
        for channel in &self.channels {
            moved |= connection.close(*channel).is_ok();
        }
        moved
    }
}

impl App<Client> for Puppet {
    fn event(&mut self, _: &mut Driven<Client>, event: &Event<'_, Client>) {
        match event {
            Event::Channel(event) => self.channel_event(event),
            Event::Auth(ClientAuthEvent::LoggedIn(_)) => panic!("logged in before"),
            _ => {}
        }
    }

    fn question(&mut self, connection: &mut Driven<Client>, question: ClientQuestion<'_>) {
        match question {
            ClientQuestion::Channel(question) => self.channel_question(question),
            ClientQuestion::HostKey { ticket, offer } => {
                assert!(offer.rekey);
                connection.answer(ticket, true).unwrap();
            }
            other => panic!("{other:?} after the login"),
        }
    }

    fn turn(&mut self, connection: &mut Driven<Client>) -> bool {
        self.end(connection)
    }
}

/// The server's puppet, with the key that it needs for key exchanges.
struct KeyPuppet(Puppet, keys::PrivateKey);

impl App<Server> for KeyPuppet {
    fn event(&mut self, _: &mut Driven<Server>, event: &Event<'_, Server>) {
        if let Event::Channel(event) = event {
            self.0.channel_event(event);
        }
    }

    fn question(&mut self, connection: &mut Driven<Server>, question: ServerQuestion<'_>) {
        match question {
            ServerQuestion::Channel(question) => self.0.channel_question(question),
            ServerQuestion::Sign { ticket, request } => {
                let signature = self.1.sign(request.algorithm, request.hash.as_bytes()).unwrap();
                connection.answer(ticket, signature).unwrap();
            }
            other => panic!("{other:?} after the login"),
        }
    }

    fn turn(&mut self, connection: &mut Driven<Server>) -> bool {
        self.0.end(connection)
    }
}

/// A pair that is logged in, with puppets.
fn puppets(capacity: usize) -> Pair<Puppet, KeyPuppet> {
    let mut pair = Pair::null(110);
    pair.log_in();
    let key = pair.server.app.host_keys.remove(0);
    let Pair { clock, client, server, .. } = pair;
    let client = client.with_app(Puppet::default());
    let server = server.with_app(KeyPuppet(Puppet::default(), key));
    Pair::of(clock, client, server).capacity(capacity)
}

fn check(pair: &Pair<Puppet, KeyPuppet>) {
    assert_eq!((pair.client.error(), pair.server.error()), (None, None));
    let (client, server) = (&pair.client.app, &pair.server.app.0);
    for (one, other) in [(client, server), (server, client)] {
        let sent: u64 = one.sent.values().map(Pattern::offset).sum();
        let received: u64 = other.received.values().map(Pattern::offset).sum();
        assert!(received <= sent, "{received} bytes came of {sent}");
        assert!(one.opened <= one.opens && one.replies <= one.replies_wanted);
    }
}

fn run(capacity: usize, steps: &[Doing]) -> Pair<Puppet, KeyPuppet> {
    let mut pair = puppets(capacity);
    for doing in steps {
        let now = pair.clock.now();
        match doing {
            Doing::Client(act) => pair.client.app.act(&mut pair.client.connection, *act),
            Doing::Server(act) => pair.server.app.0.act(&mut pair.server.connection, *act),
            Doing::ClientTurn => {
                pair.client.turn(now, &mut pair.to_client, &mut pair.to_server);
            }
            Doing::ServerTurn => {
                pair.server.turn(now, &mut pair.to_server, &mut pair.to_client);
            }
        }
        check(&pair);
    }
    pair
}

fn ends(pair: &mut Pair<Puppet, KeyPuppet>) {
    // First what is on its way, then everything is answered, read and closed.
    pair.settle();
    check(pair);
    pair.client.app.ending = true;
    pair.server.app.0.ending = true;
    pair.settle();
    check(pair);
    for count in [
        pair.client.connection.channels().unwrap().channel_count(),
        pair.server.connection.channels().unwrap().channel_count(),
    ] {
        assert_eq!(count, 0, "channels that do not end");
    }
    assert_eq!(pair.client.app.opened, pair.client.app.opens, "every open has an answer");
    assert_eq!(pair.server.app.0.opened, pair.server.app.0.opens);
    assert!(pair.client.connection.transmit().is_empty() && pair.server.connection.transmit().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_commands_in_any_order_break_nothing_and_everything_ends(
        steps in proptest::collection::vec(doing(), 1..250),
        capacity in prop_oneof![Just(1 << 20), Just(1000_usize), 50_usize..5000],
    ) {
        ends(&mut run(capacity, &steps));
    }

    #[test]
    fn without_an_early_close_every_byte_arrives(
        steps in proptest::collection::vec(
            doing().prop_filter("nothing that throws data away", |doing| {
                !matches!(doing, Doing::Client(act) | Doing::Server(act)
                    if matches!(act, Act::Close(_) | Act::StopReading(_)))
            }),
            1..250,
        ),
        capacity in 50_usize..5000,
    ) {
        let mut pair = run(capacity, &steps);
        pair.settle();
        check(&pair);
        let (client, server) = (&pair.client.app, &pair.server.app.0);
        for (one, other) in [(client, server), (server, client)] {
            let sent: u64 = one.sent.values().map(Pattern::offset).sum();
            let received: u64 = other.received.values().map(Pattern::offset).sum();
            prop_assert_eq!(received, sent);
            prop_assert!(other.unread.values().all(|unread| *unread <= 9000));
        }
        ends(&mut pair);
    }
}

#[test]
fn the_cases_are_not_empty() {
    use Doing::{Client, ClientTurn, Server, ServerTurn};
    let steps = [
        Client(Act::Open(2000)),
        ClientTurn,
        ServerTurn,
        Server(Act::Answer(true)),
        ServerTurn,
        ClientTurn,
        Client(Act::Put(0, false, 700)),
        Server(Act::Put(0, true, 300)),
        Client(Act::Rekey),
        Client(Act::Request(0, true)),
    ];
    let mut pair = run(1 << 20, &steps);
    ends(&mut pair);
    let total = |puppet: &Puppet| puppet.received.values().map(Pattern::offset).sum::<u64>();
    assert_eq!((total(&pair.client.app), total(&pair.server.app.0)), (300, 700));
    assert_eq!((pair.client.app.opened, pair.client.app.replies), (1, 1));
    assert_eq!(pair.client.connection.transport().exchanges(), 2);
}
