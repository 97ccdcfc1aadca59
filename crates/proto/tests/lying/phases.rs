//! Every message number in every phase: nothing of a later phase exists before it has come (CVE-2018-10933,
//! CVE-2025-32433), and nothing of the other side exists at all.

use proto::Error;
use testkit::{AgainstClient, AgainstServer, Payload, Proposal};
use transport::Misbehaviour as Broken;
use userauth::Misbehaviour;

use crate::{auth, transport};

/// A payload with this number that is long enough to be something.
fn any(number: u8) -> Vec<u8> {
    Payload::number(number).raw(&[0; 20]).done()
}

/// Under keys, what the transport itself makes of numbers that are not for the layers above.
fn transports_own(number: u8) -> Option<Broken> {
    match number {
        0 => Some(Broken::NumberZero),
        7 => Some(Broken::ExtInfoMisplaced),
        21 | 30..=49 => Some(Broken::OutsideExchange { number }),
        _ => None,
    }
}

/// Numbers that begin or are something in every phase under keys, and have their cases elsewhere.
const ALWAYS: [u8; 7] = [1, 2, 3, 4, 20, 192, 193];

/// The server answered the packet with UNIMPLEMENTED and its sequence number, and goes on.
fn server_does_not_know(against: &mut AgainstServer, number: u8) {
    let sequence = against.peer.sequence_out - 1;
    assert_eq!(against.heard(), [Payload::number(3).u32(sequence).done()], "{number}");
    against.lives();
}

fn client_does_not_know(against: &mut AgainstClient, number: u8) {
    let sequence = against.peer.sequence_out - 1;
    let heard = against.heard();
    assert_eq!(heard.last(), Some(&Payload::number(3).u32(sequence).done()), "{number}");
    against.lives();
}

#[test]
fn before_kexinit_a_client_can_say_nothing_of_weight() {
    for number in (0..=255).filter(|number| !ALWAYS[..5].contains(number)) {
        let mut against = AgainstServer::server().identified();
        against.tell(any(number));
        against.peer.read_kexinit();
        against.refused(&transport(Broken::UnexpectedInExchange { number }));
        against.nobody_is_in();
    }
    let mut against = AgainstServer::server().identified();
    against.tell(Payload::number(3).u32(9));
    against.peer.read_kexinit();
    against.refused(&transport(Broken::UnimplementedInExchange { sequence: 9 }));
}

#[test]
fn in_the_exchange_only_the_awaited_message_exists() {
    for number in (0..=255).filter(|number| ![1, 30].contains(number)) {
        let mut against = AgainstServer::server().identified().proposed();
        against.tell(any(number));
        against.refused(&transport(Broken::StrictViolation { number }));
    }
    for number in (0..=255).filter(|number| ![1, 2, 3, 4, 30].contains(number)) {
        let against = AgainstServer::server().proposing(Proposal::without_markers);
        let mut against = against.identified().proposed();
        against.tell(any(number));
        against.refused(&transport(Broken::UnexpectedInExchange { number }));
    }
    for number in (0..=255).filter(|number| ![1, 31].contains(number)) {
        let mut against = AgainstClient::client().identified().proposed();
        against.peer.expect(30);
        against.tell(any(number));
        against.refused(&transport(Broken::StrictViolation { number }));
    }
}

/// What user authentication of a server says to what it does not wait for.
fn unexpected_by_server(number: u8) -> Option<Misbehaviour> {
    match number {
        5 | 50 | 61 => Some(Misbehaviour::Unexpected { number }),
        6 | 51 | 52 | 53 | 60 => Some(Misbehaviour::WrongSide { number }),
        _ => None,
    }
}

/// Sends each number to a server before the login and looks at what becomes of it. `awaited` is what it waits for.
fn before_login(bring: impl Fn() -> AgainstServer, awaited: &[u8]) {
    for number in (0..=255).filter(|number| !ALWAYS.contains(number) && !awaited.contains(number)) {
        let mut against = bring();
        // EXT_INFO may be the first packet under keys, and nothing else is tested by that.
        against.tell([2, 0, 0, 0, 0]);
        against.tell(any(number));
        let error = match number {
            80..=127 => Some(Error::OutOfPhase { number }),
            _ => transports_own(number).map(transport).or_else(|| unexpected_by_server(number).map(auth)),
        };
        match error {
            Some(error) => against.refused(&error),
            None => server_does_not_know(&mut against, number),
        }
        against.nobody_is_in();
        assert!(against.ours.app.served.is_empty() && against.ours.app.requests.is_empty());
        let asked = against.ours.log.iter().filter(|line| line.starts_with("Channel")).count();
        assert_eq!(asked, 0, "{number}: a channel was talked of before the login");
    }
}

#[test]
fn before_the_service_request_nothing_of_the_login_or_the_channels_exists() {
    before_login(|| AgainstServer::server().keyed(), &[5]);
}

#[test]
fn before_success_no_channel_message_exists() {
    before_login(|| AgainstServer::server().serviced(), &[5, 50]);
}

#[test]
fn after_a_failure_no_channel_message_exists() {
    let failed = || {
        let mut against = AgainstServer::server().serviced();
        against.tell(Payload::number(50).string("alice").string("ssh-connection").string("none"));
        against.peer.expect(51);
        against
    };
    before_login(failed, &[5, 50]);
}

#[test]
fn a_channel_message_behind_a_login_that_is_undecided_is_before_the_login() {
    let mut against = AgainstServer::server().serviced();
    let wrong = Payload::number(50).string("alice").string("ssh-connection").string("password").byte(0);
    against.peer.send(wrong.string("guess").as_ref());
    against.tell(AgainstServer::open_session(0));
    // The failure waits for its release, and what came behind it waits too.
    against.lives();
    against.pass(std::time::Duration::from_secs(1));
    against.refused(&Error::OutOfPhase { number: 90 });
    against.nobody_is_in();
}

#[test]
fn after_the_login_messages_of_the_login_are_refused_or_ignored() {
    for number in (0..=255).filter(|number| !ALWAYS.contains(number) && !(80..=127).contains(number)) {
        let mut against = AgainstServer::server().logged_in();
        against.tell(any(number));
        let error = transports_own(number).map(transport).or_else(|| unexpected_by_server(number).map(auth));
        match (number, error) {
            // RFC 4252 §5.1: requests that were on their way.
            (50, _) => {
                against.lives();
                assert_eq!(against.heard_numbers(), []);
            }
            (_, Some(error)) => against.refused(&error),
            (_, None) => server_does_not_know(&mut against, number),
        }
    }
}

#[test]
fn numbers_of_channels_that_mean_nothing_are_answered_and_harmless() {
    for number in (83..=89).chain(101..=127) {
        let mut against = AgainstServer::server().logged_in();
        against.tell(any(number));
        server_does_not_know(&mut against, number);
        let mut against = AgainstClient::client().logged_in();
        against.tell(any(number));
        client_does_not_know(&mut against, number);
    }
}

/// What user authentication of a client says to what it does not wait for.
fn unexpected_by_client(number: u8) -> Option<Misbehaviour> {
    match number {
        51 => Some(Misbehaviour::FailureWithoutRequest),
        52 => Some(Misbehaviour::SuccessWithoutRequest),
        6 | 53 | 60 => Some(Misbehaviour::Unexpected { number }),
        5 | 50 | 61 => Some(Misbehaviour::WrongSide { number }),
        _ => None,
    }
}

fn client_gets(bring: impl Fn() -> AgainstClient, awaited: &[u8], logged_in: bool) {
    for number in (0..=255).filter(|number| !ALWAYS.contains(number) && !awaited.contains(number)) {
        let mut against = bring();
        against.tell(any(number));
        let error = match number {
            80..=127 if logged_in => continue,
            80..=127 => Some(Error::OutOfPhase { number }),
            _ => transports_own(number).map(transport).or_else(|| unexpected_by_client(number).map(auth)),
        };
        match error {
            Some(error) => against.refused(&error),
            None => client_does_not_know(&mut against, number),
        }
        assert_eq!(against.ours.app.logged_in, logged_in, "{number}");
    }
}

#[test]
fn a_client_takes_nothing_but_what_it_waits_for_before_the_service() {
    client_gets(|| AgainstClient::client().keyed(), &[6, 7], false);
}

#[test]
fn a_client_takes_nothing_but_verdicts_before_success() {
    client_gets(|| AgainstClient::client().requested(), &[7, 51, 52, 53, 60], false);
}

#[test]
fn a_client_takes_nothing_of_the_login_after_success() {
    client_gets(|| AgainstClient::client().logged_in(), &[], true);
}

#[test]
fn a_ping_is_answered_in_every_phase_under_keys_and_means_nothing() {
    for mut against in [
        AgainstServer::server().keyed(),
        AgainstServer::server().serviced(),
        AgainstServer::server().logged_in(),
    ] {
        against.tell(Payload::number(192).string("echo"));
        assert_eq!(against.heard(), [Payload::number(193).string("echo").done()]);
        against.tell(Payload::number(193).string("never asked"));
        against.lives();
        assert_eq!(against.heard_numbers(), []);
    }
}
