use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::*;
use crate::log::level_number;
use crate::protocol::Link;

fn quiet() -> Authority {
    Authority::new(Link::pair().unwrap().0, level_number(Level::Quiet), true)
}

/// Goes on with the one connection there is until it has come to its end, and tells it with how long that took.
fn settle(connections: &mut Connections, authority: &mut Authority) -> (io::Result<OwnedFd>, Duration) {
    let start = Instant::now();
    let mut ready = Vec::new();
    loop {
        if let Some(connected) = connections.step(&ready, Instant::now(), authority).pop() {
            assert_eq!((connected.channel, connections.len()), (7, 0));
            return (connected.result, start.elapsed());
        }
        let mut watch = Watch::default();
        connections.watch(&mut watch);
        ready = watch.wait().unwrap();
    }
}

/// A port that is listened on at each of these addresses.
fn listeners<const N: usize>(hosts: [&str; N], backlog: i32) -> (u16, [TcpListener; N]) {
    loop {
        let any = socket::listen("0.0.0.0:0".parse().unwrap(), 1).unwrap();
        let port = socket::local_name(&any).unwrap().port();
        drop(any);
        let made = hosts.map(|host| socket::listen(SocketAddr::new(host.parse().unwrap(), port), backlog));
        if made.iter().all(Result::is_ok) {
            return (port, made.map(|socket| TcpListener::from(socket.unwrap())));
        }
    }
}

fn addresses<const N: usize>(hosts: [&str; N]) -> Vec<SocketAddr> {
    hosts.map(|host| SocketAddr::new(host.parse().unwrap(), 0)).into()
}

#[test]
fn the_families_take_turns_in_the_order_of_the_addresses() {
    let mixed = interleaved(addresses(["::1", "::2", "::3", "1.0.0.1", "1.0.0.2"]), 80);
    let mixed: Vec<String> = mixed.iter().map(ToString::to_string).collect();
    assert_eq!(mixed, ["[::1]:80", "1.0.0.1:80", "[::2]:80", "1.0.0.2:80", "[::3]:80"]);
    let mixed = interleaved(addresses(["1.0.0.1", "::1"]), 80);
    assert_eq!(mixed, ["1.0.0.1:80", "[::1]:80"].map(|address| address.parse::<SocketAddr>().unwrap()));
    assert!(interleaved(vec![], 1).is_empty());
}

#[test]
fn an_address_that_refuses_is_followed_by_the_next_without_delay() {
    let (port, [listener]) = listeners(["127.0.0.2"], 8);
    let mut connections = Connections::default();
    connections.begin(7, "host".into(), port, addresses(["127.0.0.1", "127.0.0.3", "127.0.0.2"]));
    let (connected, _) = settle(&mut connections, &mut quiet());
    let (_, client) = listener.accept().unwrap();
    assert_eq!(socket::local_name(connected.unwrap()), Some(client));
}

#[test]
fn an_address_that_says_nothing_is_passed_by_after_a_moment_and_let_go() {
    let (port, [silent, listener]) = listeners(["127.0.0.1", "127.0.0.2"], 0);
    // One fits; whoever comes then is left waiting by the kernel.
    let _first = TcpStream::connect(silent.local_addr().unwrap()).unwrap();
    let mut connections = Connections::default();
    connections.begin(7, "host".into(), port, addresses(["127.0.0.1", "127.0.0.2"]));
    let (connected, time) = settle(&mut connections, &mut quiet());
    let (_, client) = listener.accept().unwrap();
    assert_eq!(socket::local_name(connected.unwrap()), Some(client));
    assert!(time >= ATTEMPT_DELAY, "{time:?}");
}

#[test]
fn when_all_fail_the_last_error_is_told() {
    let (port, []) = listeners([], 0);
    let mut connections = Connections::default();
    connections.begin(7, "host".into(), port, addresses(["127.0.0.1", "127.0.0.2"]));
    let (refused, _) = settle(&mut connections, &mut quiet());
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    connections.begin(7, "host".into(), port, Vec::new());
    let (refused, _) = settle(&mut connections, &mut quiet());
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
}

#[test]
fn while_there_are_many_no_connection_gets_a_second_attempt() {
    let (port, [silent]) = listeners(["127.0.0.1"], 0);
    let _first = TcpStream::connect(silent.local_addr().unwrap()).unwrap();
    let mut connections = Connections::default();
    connections.begin(7, "host".into(), port, addresses(["127.0.0.1"; 3]));
    let (mut authority, now) = (quiet(), Instant::now());
    let connecting = connections.all.get_mut(&7).unwrap();
    let mut open = MAX_ATTEMPTS;
    // The first is everybody's.
    for (time, count) in [(now, 1), (now + ATTEMPT_DELAY, 1)] {
        connecting.begin_next(&mut 0, time, &mut open, &mut authority);
        assert_eq!(connecting.attempts.len(), count);
    }
    open = 1;
    connecting.begin_next(&mut 1, now + ATTEMPT_DELAY, &mut open, &mut authority);
    assert_eq!(connecting.attempts.len(), 2);
}
