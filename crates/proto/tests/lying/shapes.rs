//! Every message of every table, cut at every byte and with a byte too much: what is malformed is said to be, nobody is
//! let in by half a message, and nothing panics.

use std::collections::BTreeSet;

use crypto::SeededRng;
use keys::PrivateKey;
use proto::{Fault, Side};
use testkit::{Against, AgainstClient, AgainstServer, App, Login, Payload};

/// How far a cut is the end of the connection.
#[derive(Clone, Copy)]
enum Fatal {
    /// Every cut, and every byte too much.
    All,
    /// Cuts of the first so many bytes. What follows is for one channel or request, which alone fails.
    Head(usize),
    /// Nothing: its contents are nobody's business.
    Nothing,
}

fn cuts<S: Side, A: App<S>>(name: &str, bring: impl Fn() -> Against<S, A>, payload: &[u8], fatal: Fatal) {
    let longer = [payload, &[0]].concat();
    for cut in (1..payload.len()).map(|cut| &payload[..cut]).chain([&longer[..]]) {
        let mut against = bring();
        let open = against.ours.connection.is_open();
        against.tell(cut);
        let dies = match fatal {
            Fatal::All => true,
            Fatal::Head(head) => cut.len() < head,
            Fatal::Nothing => false,
        };
        if !dies {
            assert_eq!(against.ours.error(), None, "{name}: {} of {} bytes", cut.len(), payload.len());
            assert_eq!(against.ours.connection.is_open(), open, "{name}: {cut:02x?}");
            continue;
        }
        let error = against.ours.error().cloned();
        let error = error.unwrap_or_else(|| panic!("{name}: {} of {} bytes", cut.len(), payload.len()));
        assert_eq!(error.fault(), Fault::Malformed, "{name}: {error}");
        against.refused(&error);
    }
    let mut against = bring();
    against.tell(payload);
    if let Some(error) = against.ours.error() {
        assert_ne!(error.fault(), Fault::Malformed, "{name}: the whole message is a good one");
    }
}

fn key() -> PrivateKey {
    PrivateKey::generate(&mut SeededRng::new(8)).unwrap()
}

fn request(method: &str) -> Payload {
    Payload::number(50).string("alice").string("ssh-connection").string(method)
}

fn service() -> AgainstServer {
    let mut against = AgainstServer::server();
    against.ours.app.keys.push(key().public());
    against.ours.app.rounds = vec![vec![("First".to_owned(), "1".to_owned())]];
    against.serviced()
}

fn asking(login: Login) -> AgainstClient {
    AgainstClient::client_with(vec![login, Login::None], |_| {}).requested()
}

/// The messages of the transport, by name.
fn of_transport(seen: &mut BTreeSet<&'static str>) {
    let mut server = |name, payload: Payload, fatal, bring: &dyn Fn() -> AgainstServer| {
        seen.insert(name);
        cuts(name, bring, payload.as_ref(), fatal);
    };
    let keyed = || AgainstServer::server().keyed();
    let open = || AgainstServer::server().logged_in();
    let proposed = || AgainstServer::server().identified().proposed();
    for bring in [&keyed as &dyn Fn() -> _, &open, &proposed] {
        server("Disconnect", Payload::number(1).u32(11).string("bye").string("en"), Fatal::All, bring);
    }
    server("Ignore", Payload::number(2).string("noise"), Fatal::Nothing, &open);
    server("Unimplemented", Payload::number(3).u32(5), Fatal::All, &open);
    server("Debug", Payload::number(4).byte(1).string("text").string("en"), Fatal::All, &open);
    server("ExtInfo", Payload::number(7).u32(1).string("name").string("value"), Fatal::All, &keyed);
    let identified = || {
        let mut against = AgainstServer::server().identified();
        against.peer.read_kexinit();
        against
    };
    let kexinit = AgainstServer::server().proposal.payload(&mut SeededRng::new(1));
    server("KexInit", Payload::number(20).raw(&kexinit[1..]), Fatal::All, &identified);
    server("KexEcdhInit", Payload::number(30).string([9; 32]), Fatal::All, &proposed);
    server("Ping", Payload::number(192).string("data"), Fatal::All, &open);
    server("Pong", Payload::number(193).string("data"), Fatal::All, &open);
    let before_newkeys = || {
        let mut against = AgainstServer::server().identified().proposed();
        let proposal = against.proposal.clone();
        let ephemeral = against.peer.start_exchange(&proposal);
        against.settle();
        let exchange = against.peer.finish_exchange(&proposal, ephemeral);
        against.peer.read_newkeys(&proposal, &exchange);
        against
    };
    server("NewKeys", Payload::number(21), Fatal::All, &before_newkeys);
    let reply = Payload::number(31).string([1; 51]).string([9; 32]).string([2; 83]);
    let initiated = || {
        let mut against = AgainstClient::client().identified().proposed();
        against.peer.expect(30);
        against
    };
    seen.insert("KexEcdhReply");
    cuts("KexEcdhReply", initiated, reply.as_ref(), Fatal::All);
}

/// The messages of user authentication that a client sends, by name.
fn of_a_client(seen: &mut BTreeSet<&'static str>) {
    let mut server = |name, payload: Payload, bring: &dyn Fn() -> AgainstServer| {
        seen.insert(name);
        cuts(name, bring, payload.as_ref(), Fatal::All);
    };
    let blob = key().public().blob();
    let signature = key().sign(keys::SignatureAlg::by_name("ssh-ed25519").unwrap(), b"x").unwrap();
    let host_key = service().ours.app.host_keys[0].public().blob();
    let offer = |method, signed| request(method).byte(signed).string("ssh-ed25519").string(&blob);
    server("ServiceRequest", Payload::number(5).string("ssh-userauth"), &|| AgainstServer::server().keyed());
    server("NoneRequest", request("none"), &service);
    server("KeyOffer", offer("publickey", 0), &service);
    server("KeyProof", offer("publickey", 1).string(&signature), &service);
    let bound = "publickey-hostbound-v00@openssh.com";
    server("BoundKeyOffer", offer(bound, 0).string(&host_key), &service);
    server("BoundKeyProof", offer(bound, 1).string(&host_key).string(&signature), &service);
    server("PasswordRequest", AgainstServer::right_password(), &service);
    server("PasswordChange", request("password").byte(1).string("open sesame").string("new"), &service);
    server("InteractiveRequest", request("keyboard-interactive").string("").string(""), &service);
    let challenged = || {
        let mut against = service();
        against.tell(request("keyboard-interactive").string("").string(""));
        against.peer.expect(60);
        against
    };
    server("InfoResponse", Payload::number(61).u32(1).string("1"), &challenged);
    // A method that nobody knows can have any fields; only what every request has must be there.
    let unknown = request("unknown").done();
    seen.insert("Request");
    cuts("Request", service, &[&unknown[..], b"fields"].concat(), Fatal::Head(unknown.len()));
}

/// The messages of user authentication that a server sends, by name.
fn of_a_server(seen: &mut BTreeSet<&'static str>) {
    let mut client = |name, payload: Payload, bring: &dyn Fn() -> AgainstClient| {
        seen.insert(name);
        cuts(name, bring, payload.as_ref(), Fatal::All);
    };
    let keyed = || {
        let mut against = AgainstClient::client().keyed();
        against.peer.expect(5);
        against
    };
    client("ServiceAccept", Payload::number(6).string("ssh-userauth"), &keyed);
    let password = || asking(Login::Password("x".to_owned()));
    client("Failure", Payload::number(51).string("password,publickey").byte(0), &password);
    client("Success", Payload::number(52), &password);
    client("Banner", Payload::number(53).string("hello").string("en"), &password);
    client("PasswordChangeRequest", Payload::number(60).string("new one").string("en"), &password);
    let offered = || asking(Login::Key(key(), true));
    client("PkOk", Payload::number(60).string("ssh-ed25519").string(key().public().blob()), &offered);
    let interactive = || asking(Login::Interactive(vec!["x".to_owned()]));
    let prompts = Payload::number(60).string("n").string("i").string("l").u32(1).string("?").byte(0);
    client("InfoRequest", prompts, &interactive);
}

/// The messages of channels, by name.
fn of_channels(seen: &mut BTreeSet<&'static str>) {
    let mut server = |name, payload: Payload, fatal| {
        seen.insert(name);
        cuts(name, || AgainstServer::server().in_session(), payload.as_ref(), fatal);
    };
    let forward = Payload::number(80).string("tcpip-forward").byte(1);
    let head = forward.as_ref().len();
    server("GlobalRequestFrame", forward.string("localhost").u32(22), Fatal::Head(head));
    let open = Payload::number(90).string("direct-tcpip").u32(9).u32(1 << 20).u32(1 << 15);
    let head = open.as_ref().len();
    server("ChannelOpen", open.string("a").u32(22).string("b").u32(1), Fatal::Head(head));
    server("ChannelWindowAdjust", Payload::number(93).u32(0).u32(1), Fatal::All);
    server("ChannelData", Payload::number(94).u32(0).string([0]), Fatal::All);
    server("ChannelExtendedData", Payload::number(95).u32(0).u32(77).string("data"), Fatal::All);
    server("ChannelEof", Payload::number(96).u32(0), Fatal::All);
    server("ChannelClose", Payload::number(97).u32(0), Fatal::All);
    let request = Payload::number(98).u32(0).string("pty-req").byte(1);
    let head = request.as_ref().len();
    let modes = [128, 0, 0, 0, 9, 0];
    let size = request.string("xterm").u32(80).u32(24).u32(0).u32(0);
    server("ChannelRequestFrame", size.string(modes), Fatal::Head(head));

    let mut client = |name, payload: Payload, fatal, bring: &dyn Fn() -> AgainstClient| {
        seen.insert(name);
        cuts(name, bring, payload.as_ref(), fatal);
    };
    let in_session = || AgainstClient::client().in_session();
    client("ChannelSuccess", Payload::number(99).u32(0), Fatal::All, &in_session);
    client("ChannelFailure", Payload::number(100).u32(0), Fatal::All, &in_session);
    let opening = || {
        let mut against = AgainstClient::client().logged_in();
        against.ours.app.run(&mut against.ours.connection, "hold", 100);
        against.settle();
        against.peer.expect(90);
        against
    };
    let confirmation = Payload::number(91).u32(0).u32(7).u32(0).u32(1 << 15);
    let head = confirmation.as_ref().len();
    client("ChannelOpenConfirmation", confirmation, Fatal::Head(head), &opening);
    client(
        "ChannelOpenFailure",
        Payload::number(92).u32(0).u32(1).string("no").string("en"),
        Fatal::All,
        &opening,
    );
    let asked = || {
        let mut against = AgainstClient::client().logged_in();
        against.ours.connection.global(&connection::GlobalRequest::Keepalive, true, 5).unwrap();
        against.settle();
        against.peer.expect(80);
        against
    };
    client("RequestSuccess", Payload::number(81), Fatal::Head(1), &asked);
    client("RequestFailure", Payload::number(82), Fatal::All, &asked);
}

#[test]
fn every_message_of_the_transport_is_exactly_what_it_is() {
    let mut seen = BTreeSet::new();
    of_transport(&mut seen);
    assert_eq!(seen, transport::message::TABLE.iter().map(|row| row.name).collect());
}

#[test]
fn every_message_of_user_authentication_is_exactly_what_it_is() {
    let mut seen = BTreeSet::new();
    of_a_client(&mut seen);
    of_a_server(&mut seen);
    assert_eq!(seen, userauth::message::MESSAGES.iter().map(|row| row.name).collect());
}

#[test]
fn every_message_of_channels_is_exactly_what_it_is() {
    let mut seen = BTreeSet::new();
    of_channels(&mut seen);
    assert_eq!(seen, connection::message::TABLE.iter().map(|row| row.name).collect());
}

/// A string that says it has four gibibytes, in the place of each field of some messages.
#[test]
fn a_string_of_four_gibibytes_is_truncation_and_nothing_grows() {
    let huge = |payload: Payload| payload.u32(u32::MAX).raw(b"short");
    for payload in [
        huge(Payload::number(4).byte(0)),
        huge(Payload::number(90)),
        huge(Payload::number(94).u32(0)),
        huge(Payload::number(95).u32(0).u32(1)),
        huge(Payload::number(98).u32(0)),
        huge(Payload::number(80)),
        huge(Payload::number(192)),
    ] {
        let mut against = AgainstServer::server();
        against.ours.read_size = 4096;
        let mut against = against.in_session();
        against.tell(payload);
        let error = against.ours.error().cloned().unwrap();
        assert_eq!(error.fault(), Fault::Malformed);
        against.refused(&error);
        assert!(against.ours.receive_capacity() <= 8 * 1024);
    }
}
