//! Channels (RFC 4254).

use connection::limits::{PEER_PACKET_MIN, PENDING_GLOBALS_MAX, PENDING_OPENS_MAX, PENDING_REQUESTS_MAX};
use connection::{Grant, Misbehaviour};
use proto::{ChannelQuestion, Event, Server, ServerQuestion, Ticket};
use testkit::{Against, AgainstClient, AgainstServer, App, Consume, Driven, Pattern, Payload, ServerApp};

use crate::channel;

/// An application that never answers what it is asked about channels, and keeps the right to.
pub(crate) struct Silent {
    usual: ServerApp,
    opens: Vec<Ticket<proto::OpenChannel>>,
    requests: Vec<Ticket<proto::ReplyToRequest>>,
    globals: Vec<Ticket<proto::ReplyToGlobal>>,
    /// Whether opens are granted all the same.
    grant: bool,
}

impl Silent {
    fn before(grant: bool) -> Against<Server, Self> {
        let silent =
            |usual| Self { usual, opens: Vec::new(), requests: Vec::new(), globals: Vec::new(), grant };
        Against::serving(|_| {}, silent)
    }
}

impl App<Server> for Silent {
    fn event(&mut self, connection: &mut Driven<Server>, event: &Event<'_, Server>) {
        self.usual.event(connection, event);
    }

    fn question(&mut self, connection: &mut Driven<Server>, question: ServerQuestion<'_>) {
        match question {
            ServerQuestion::Channel(ChannelQuestion::Open { ticket, .. }) if !self.grant => {
                self.opens.push(ticket)
            }
            ServerQuestion::Channel(ChannelQuestion::Request { ticket, .. }) => self.requests.push(ticket),
            ServerQuestion::Channel(ChannelQuestion::Global { ticket, .. }) => self.globals.push(ticket),
            other => self.usual.question(connection, other),
        }
    }

    fn turn(&mut self, connection: &mut Driven<Server>) -> bool {
        self.usual.turn(connection)
    }
}

/// A server whose application has granted this much and reads nothing.
fn granted(window: u32, max_packet: u32) -> AgainstServer {
    let mut against = AgainstServer::server();
    against.ours.app.grant = Some(Grant { window, max_packet });
    against.ours.app.consume = Consume::Never;
    against.in_session()
}

fn data(channel: u32, length: usize) -> Payload {
    let mut bytes = vec![0; length];
    Pattern::new().fill(&mut bytes);
    Payload::number(94).u32(channel).string(bytes)
}

fn stderr(channel: u32, length: usize) -> Payload {
    Payload::number(95).u32(channel).u32(1).string(vec![0; length])
}

fn refused(against: &mut AgainstServer, why: Misbehaviour) {
    against.refused(&channel(why));
}

#[test]
fn data_past_the_window_is_refused_on_every_stream() {
    let mut against = granted(100, 60);
    against.tell(data(against.channel, 60));
    against.lives();
    against.tell(stderr(against.channel, 41));
    refused(&mut against, Misbehaviour::WindowExceeded { window: 40, sent: 41 });
    let mut against = granted(0, 60);
    against.tell(data(against.channel, 1));
    refused(&mut against, Misbehaviour::WindowExceeded { window: 0, sent: 1 });
    // Extended data of a type that nobody knows takes from the window too.
    let mut against = granted(100, 200);
    against.tell(Payload::number(95).u32(against.channel).u32(77).string([0; 101]));
    refused(&mut against, Misbehaviour::WindowExceeded { window: 100, sent: 101 });
}

#[test]
fn data_past_the_packet_size_is_refused_whatever_the_window() {
    let mut against = granted(1 << 20, 60);
    against.tell(data(against.channel, 61));
    refused(&mut against, Misbehaviour::PacketTooLarge { max: 60, sent: 61 });
    let mut against = granted(u32::MAX, 60);
    against.tell(stderr(against.channel, 61));
    refused(&mut against, Misbehaviour::PacketTooLarge { max: 60, sent: 61 });
}

#[test]
fn data_after_eof_and_a_second_eof_are_refused() {
    for (payload, why) in [
        (data(0, 1), Misbehaviour::DataAfterEof),
        (stderr(0, 1), Misbehaviour::DataAfterEof),
        (Payload::number(96).u32(0), Misbehaviour::SecondEof),
    ] {
        let mut against = granted(100, 100);
        assert_eq!(against.channel, 0);
        against.tell(Payload::number(96).u32(0));
        against.lives();
        against.tell(payload);
        refused(&mut against, why);
    }
}

#[test]
fn anything_after_close_is_refused_while_ours_is_on_its_way() {
    for payload in [
        data(0, 1),
        stderr(0, 1),
        Payload::number(96).u32(0),
        Payload::number(97).u32(0),
        Payload::number(99).u32(0),
    ] {
        let mut against = AgainstServer::server().in_session();
        // Our CLOSE has to wait for the keys.
        against.ours.connection.rekey();
        against.tell(Payload::number(97).u32(0));
        against.lives();
        against.tell(payload);
        refused(&mut against, Misbehaviour::AfterClose);
    }
}

#[test]
fn messages_for_channels_that_are_gone_or_never_were_are_refused() {
    let messages = |channel: u32| {
        [
            data(channel, 1),
            stderr(channel, 1),
            Payload::number(91).u32(channel).u32(0).u32(0).u32(1000),
            Payload::number(92).u32(channel).u32(1).string("").string(""),
            Payload::number(96).u32(channel),
            Payload::number(97).u32(channel),
            Payload::number(99).u32(channel),
            Payload::number(100).u32(channel),
        ]
    };
    for never in [1, 2, 65_535, 65_536, 1 << 31, u32::MAX] {
        let adjust = Payload::number(93).u32(never).u32(1);
        let request = Payload::number(98).u32(never).string("shell").byte(1);
        for payload in messages(never).into_iter().chain([adjust, request]) {
            let mut against = AgainstServer::server().in_session();
            against.tell(payload);
            refused(&mut against, Misbehaviour::UnknownChannel(never));
        }
    }
    for payload in messages(0) {
        let mut against = AgainstServer::server().in_session();
        against.tell(Payload::number(97).u32(0));
        against.peer.expect(97);
        against.tell(payload);
        refused(&mut against, Misbehaviour::UnknownChannel(0));
    }
}

#[test]
fn a_channel_that_is_not_granted_yet_cannot_be_used() {
    for payload in [
        data(0, 1),
        stderr(0, 1),
        Payload::number(93).u32(0).u32(1),
        Payload::number(96).u32(0),
        Payload::number(97).u32(0),
        Payload::number(98).u32(0).string("shell").byte(1),
        Payload::number(99).u32(0),
    ] {
        let mut against = Silent::before(false).logged_in();
        against.tell(AgainstServer::open_session(7));
        assert_eq!(against.heard_numbers(), []);
        against.tell(payload);
        against.refused(&channel(Misbehaviour::ChannelNotOpen(0)));
        assert!(against.ours.app.usual.requests.is_empty());
    }
}

#[test]
fn a_window_past_four_gibibytes_is_refused_and_one_of_that_size_is_not() {
    let mut against = AgainstServer::server().in_session();
    against.tell(Payload::number(93).u32(0).u32(u32::MAX - (1 << 20)));
    against.lives();
    against.tell(Payload::number(93).u32(0).u32(1));
    refused(&mut against, Misbehaviour::WindowOverflow);
    let mut against = AgainstServer::server().in_session();
    against.tell(Payload::number(93).u32(0).u32(u32::MAX));
    refused(&mut against, Misbehaviour::WindowOverflow);
}

#[test]
fn a_maximum_packet_of_nothing_is_no_channel() {
    for max_packet in [0, 1, PEER_PACKET_MIN - 1] {
        let mut against = AgainstServer::server().logged_in();
        against.tell(Payload::number(90).string("session").u32(7).u32(1 << 20).u32(max_packet));
        assert_eq!(against.peer.expect(92)[..9], Payload::number(92).u32(7).u32(2).done());
        against.lives();
        assert!(against.ours.app.served.is_empty());

        let mut against = AgainstClient::client().logged_in();
        against.ours.app.run(&mut against.ours.connection, "hold", 100);
        against.settle();
        against.peer.expect(90);
        against.tell(Payload::number(91).u32(0).u32(7).u32(1 << 20).u32(max_packet));
        against.refused(&channel(Misbehaviour::PacketTooSmall(max_packet)));
    }
}

#[test]
fn answers_to_opens_that_nobody_made_are_refused() {
    let confirmation = || Payload::number(91).u32(0).u32(7).u32(1 << 20).u32(1 << 15);
    let failure = || Payload::number(92).u32(0).u32(1).string("no").string("");
    for payload in [confirmation(), failure()] {
        // The channel is the client's own; it confirms it to itself.
        let mut against = AgainstServer::server().in_session();
        against.tell(&payload);
        refused(&mut against, Misbehaviour::UnexpectedOpenReply(0));
        let mut against = Silent::before(false).logged_in();
        against.tell(AgainstServer::open_session(7));
        against.tell(&payload);
        against.refused(&channel(Misbehaviour::UnexpectedOpenReply(0)));
        // The second answer to the same open.
        let mut against = AgainstClient::client().in_session();
        against.tell(&payload);
        against.refused(&channel(Misbehaviour::UnexpectedOpenReply(0)));
        // Before anything was opened.
        let mut against = AgainstClient::client().logged_in();
        against.tell(&payload);
        against.refused(&channel(Misbehaviour::UnknownChannel(0)));
    }
}

#[test]
fn replies_that_nobody_asked_for_are_refused() {
    for number in [99, 100] {
        let mut against = AgainstServer::server().in_session();
        against.tell(Payload::number(number).u32(0));
        refused(&mut against, Misbehaviour::UnexpectedReply);
        let mut against = AgainstClient::client().in_session();
        against.tell(Payload::number(99).u32(0));
        against.lives();
        against.tell(Payload::number(number).u32(0));
        against.refused(&channel(Misbehaviour::UnexpectedReply));
    }
    for number in [81, 82] {
        let mut against = AgainstServer::server().logged_in();
        against.tell([number]);
        refused(&mut against, Misbehaviour::UnexpectedGlobalReply);
        let mut against = AgainstClient::client().logged_in();
        against.tell([number]);
        against.refused(&channel(Misbehaviour::UnexpectedGlobalReply));
    }
}

#[test]
fn a_session_after_no_more_sessions_ends_the_connection() {
    let mut against = AgainstServer::server().in_session();
    against.tell(Payload::number(80).string("no-more-sessions@openssh.com").byte(0));
    against.lives();
    against.tell(AgainstServer::open_session(8));
    refused(&mut against, Misbehaviour::SessionAfterNoMoreSessions);
    assert_eq!(against.ours.app.served.len(), 1);
}

#[test]
fn a_server_gets_no_session_on_the_clients_machine() {
    let mut against = AgainstClient::client().logged_in();
    against.tell(AgainstServer::open_session(3));
    assert_eq!(against.peer.expect(92)[..9], Payload::number(92).u32(3).u32(1).done());
    against.lives();
    // The application is not even asked.
    assert!(!against.ours.log.iter().any(|line| line.starts_with("Channel")), "{:?}", against.ours.log);
    assert_eq!(against.ours.connection.channels().unwrap().channel_count(), 0);
}

#[test]
fn channels_that_a_client_never_asked_for_are_refused() {
    let kinds = [
        Payload::number(90).string("x11").u32(3).u32(1000).u32(1000).string("h").u32(1),
        Payload::number(90).string("auth-agent@openssh.com").u32(3).u32(1000).u32(1000),
        Payload::number(90)
            .string("forwarded-tcpip")
            .u32(3)
            .u32(1000)
            .u32(1000)
            .string("a")
            .u32(22)
            .string("b")
            .u32(1),
        Payload::number(90)
            .string("direct-tcpip")
            .u32(3)
            .u32(1000)
            .u32(1000)
            .string("a")
            .u32(22)
            .string("b")
            .u32(1),
        Payload::number(90).string("unknown@example.org").u32(3).u32(1000).u32(1000).raw(b"anything"),
    ];
    for kind in kinds {
        let mut against = AgainstClient::client().logged_in();
        against.tell(kind);
        against.pass(std::time::Duration::from_secs(1));
        assert_eq!(against.peer.expect(92)[..5], Payload::number(92).u32(3).done());
        against.lives();
        assert_eq!(against.ours.connection.channels().unwrap().channel_count(), 0);
    }
}

#[test]
fn a_request_that_is_malformed_fails_and_harms_nothing_else() {
    for request in [
        Payload::number(98).u32(0).string("pty-req").byte(1).string("xterm").u32(80),
        Payload::number(98).u32(0).string("exec").byte(1).string(b"true\0; rm"),
        Payload::number(98).u32(0).string("env").byte(1).string("A\0").string("b"),
        Payload::number(98).u32(0).string("shell").byte(1).byte(0),
        Payload::number(98).u32(0).string("exec").byte(1).u32(u32::MAX),
    ] {
        let mut against = AgainstServer::server().in_session();
        against.tell(request);
        against.peer.expect(100);
        assert!(against.ours.app.requests.is_empty());
        against.tell(Payload::number(98).u32(0).string("exec").byte(1).string("hold"));
        against.peer.expect(99);
    }
}

#[test]
fn a_port_beyond_sixteen_bits_is_refused_and_not_cut() {
    for port in [65_536, 65_536 + 22, u32::MAX] {
        let mut against = AgainstServer::server().logged_in();
        against.tell(Payload::number(80).string("tcpip-forward").byte(1).string("").u32(port));
        against.peer.expect(82);
        against.tell(
            Payload::number(90)
                .string("direct-tcpip")
                .u32(3)
                .u32(1000)
                .u32(1000)
                .string("a")
                .u32(port)
                .string("b")
                .u32(1),
        );
        against.peer.expect(92);
        assert!(against.ours.app.served.is_empty());
        assert!(
            !against
                .ours
                .log
                .iter()
                .any(|line| line.contains("TcpipForward") || line.contains("DirectTcpip"))
        );
    }
}

#[test]
fn requests_without_waiting_for_replies_have_an_end() {
    let request = || Payload::number(98).u32(0).string("env").byte(1).string("A").string("b");
    let mut against = Silent::before(true).in_session();
    for _ in 0..PENDING_REQUESTS_MAX {
        against.tell(request());
    }
    against.lives();
    against.tell(request());
    against.refused(&channel(Misbehaviour::TooManyRequests));
    assert_eq!(against.ours.app.requests.len(), PENDING_REQUESTS_MAX);
}

#[test]
fn global_requests_without_waiting_for_replies_have_an_end() {
    let request = || Payload::number(80).string("tcpip-forward").byte(1).string("").u32(0);
    let mut against = Silent::before(true).logged_in();
    for _ in 0..PENDING_GLOBALS_MAX {
        against.tell(request());
    }
    against.lives();
    against.tell(request());
    against.refused(&channel(Misbehaviour::TooManyGlobalRequests));
    assert_eq!(against.ours.app.globals.len(), PENDING_GLOBALS_MAX);
}

#[test]
fn opens_without_waiting_for_answers_are_refused_beyond_their_limit() {
    let mut against = Silent::before(false).logged_in();
    for n in 0..PENDING_OPENS_MAX as u32 {
        against.tell(AgainstServer::open_session(n));
    }
    assert_eq!(against.heard_numbers(), []);
    against.tell(AgainstServer::open_session(9999));
    assert_eq!(against.peer.expect(92)[..9], Payload::number(92).u32(9999).u32(4).done());
    against.lives();
    assert_eq!(against.ours.app.opens.len(), PENDING_OPENS_MAX);
}

#[test]
fn an_open_that_is_never_answered_is_refused_in_time() {
    let mut against = Silent::before(false).logged_in();
    against.tell(AgainstServer::open_session(7));
    against.pass(proto::limits::ANSWER_WITHIN);
    assert_eq!(against.peer.expect(92)[..9], Payload::number(92).u32(7).u32(1).done());
    against.lives();
}

#[test]
fn channels_over_their_limit_are_refused() {
    let mut against = AgainstServer::server_with(|config| config.channels.channels_max = 3).logged_in();
    for n in 0..3 {
        against.tell(AgainstServer::open_session(n));
        against.peer.expect(91);
    }
    against.tell(AgainstServer::open_session(3));
    assert_eq!(against.peer.expect(92)[..9], Payload::number(92).u32(3).u32(4).done());
    against.lives();
    assert_eq!(against.ours.app.served.len(), 3);
}

#[test]
fn a_peer_with_a_window_of_four_gibibytes_that_never_reads_costs_no_more_than_the_limit() {
    let mut against = AgainstServer::server().logged_in();
    against.tell(Payload::number(90).string("session").u32(7).u32(u32::MAX).u32(u32::MAX));
    against.peer.expect(91);
    against.stop_reading(10_000);
    against.tell(Payload::number(98).u32(0).string("exec").byte(1).string("source 100000000"));
    let waiting = against.ours.connection.transmit().len();
    let most = transport::limits::SEALED_AHEAD + transport::limits::FRAME_PAYLOAD_MAX + 1024;
    assert!(waiting > 100_000 && waiting <= most, "{waiting}");
    assert!(against.ours.app.unsent() > 90_000_000);
    // What it sends is read all the same: nothing else stalls.
    against.tell(AgainstServer::open_session(8));
    against.tell(data(1, 30_000));
    against.lives();
    assert_eq!(against.ours.app.served.values().map(|served| served.received).sum::<u64>(), 30_000);
    assert_eq!(against.ours.unprocessed(), 0);
    let waiting = against.ours.connection.transmit().len();
    assert!(waiting <= most, "{waiting}");
}

#[test]
fn questions_of_channels_that_are_gone_are_forgotten() {
    let mut against = Silent::before(true).logged_in();
    for _ in 0..20 {
        against.tell(AgainstServer::open_session(7));
        let granted = against.peer.expect(91);
        for _ in 0..PENDING_REQUESTS_MAX {
            against.peer.send(
                Payload::number(98)
                    .raw(&granted[5..9])
                    .string("env")
                    .byte(1)
                    .string("A")
                    .string("b")
                    .as_ref(),
            );
        }
        against.settle();
        assert!(against.ours.connection.deadline().is_some(), "an answer is waited for");
        against.tell(Payload::number(97).raw(&granted[5..9]));
        against.peer.expect(97);
        // Otherwise a peer could pile up questions without a bound, each channel anew.
        assert_eq!(against.ours.connection.deadline(), None, "nobody waits any more");
    }
    assert_eq!(against.ours.app.requests.len(), 20 * PENDING_REQUESTS_MAX);
    against.lives();
}
