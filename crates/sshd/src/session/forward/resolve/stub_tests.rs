#![allow(clippy::arithmetic_side_effects)]

use std::net::TcpListener;
use std::thread;

use super::super::message::{Kind, Question};
use super::*;

/// What a server says of a name and a kind: the flags and the addresses.
type Says = fn(&str, Kind) -> (u16, Vec<Vec<u8>>);

const NO_NAME: u16 = 3;
const FAILED: u16 = 2;
const TRUNCATED: u16 = 0x0200;

/// Reads a question that one of ours made.
fn asked(packet: &[u8]) -> (String, Kind) {
    let (mut at, mut labels) = (12, Vec::new());
    while packet[at] != 0 {
        let end = at + 1 + usize::from(packet[at]);
        labels.push(String::from_utf8(packet[at + 1..end].to_vec()).unwrap());
        at = end;
    }
    (labels.join("."), if packet[at + 2] == 1 { Kind::A } else { Kind::Aaaa })
}

fn answer(packet: &[u8], says: Says) -> Vec<u8> {
    let (name, kind) = asked(packet);
    let (flags, addresses) = says(&name, kind);
    let mut out = packet.to_vec();
    out[2..4].copy_from_slice(&(0x8100 | flags).to_be_bytes());
    out[6..8].copy_from_slice(&(addresses.len() as u16).to_be_bytes());
    for address in addresses {
        out.extend([0xc0, 12, 0, packet[packet.len() - 3], 0, 1, 0, 0, 0, 60, 0, address.len() as u8]);
        out.extend(address);
    }
    out
}

/// A server over UDP, and over TCP with what it says there.
fn server(by_udp: Says, by_tcp: Option<Says>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    if let Some(says) = by_tcp {
        let listener = TcpListener::bind(address).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut length = [0; 2];
                stream.read_exact(&mut length).unwrap();
                let mut packet = vec![0; u16::from_be_bytes(length).into()];
                stream.read_exact(&mut packet).unwrap();
                let answer = answer(&packet, says);
                stream.write_all(&(answer.len() as u16).to_be_bytes()).unwrap();
                // In two pieces, of which the first says nothing yet.
                stream.write_all(&answer[..5]).unwrap();
                stream.write_all(&answer[5..]).unwrap();
            }
        });
    }
    thread::spawn(move || {
        let mut packet = [0; 512];
        loop {
            let (count, client) = socket.recv_from(&mut packet).unwrap();
            let answer = answer(&packet[..count], by_udp);
            // Somebody else is faster, with another number.
            let mut forged = answer.clone();
            forged[0] ^= 0xff;
            socket.send_to(&forged, client).unwrap();
            socket.send_to(&answer, client).unwrap();
        }
    });
    address
}

fn resolve(servers: Vec<SocketAddr>, search: &[&str], name: &str) -> Result<Vec<String>, Unresolved> {
    let configuration = Configuration {
        servers,
        search: search.iter().map(|domain| (*domain).to_owned()).collect(),
        dots: 1,
        timeout: Duration::from_secs(10),
        attempts: 2,
    };
    let mut stub = Stub::new(configuration, name);
    loop {
        if let Some(result) = stub.step(Instant::now()) {
            return Ok(result?.iter().map(|address| address.ip().to_string()).collect());
        }
        let mut watch = Watch::default();
        stub.watch(0, &mut watch);
        watch.wait().unwrap();
    }
}

fn both(_: &str, kind: Kind) -> (u16, Vec<Vec<u8>>) {
    let v6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    (0, if kind == Kind::A { vec![vec![192, 0, 2, 1], vec![192, 0, 2, 2]] } else { vec![v6.into()] })
}

fn only_a(_: &str, kind: Kind) -> (u16, Vec<Vec<u8>>) {
    (0, if kind == Kind::A { vec![vec![192, 0, 2, 1]] } else { vec![] })
}

/// A server that nobody plays: the kernel says so at once.
fn nobody() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn addresses_of_both_families_are_found_and_a_forged_answer_is_passed_over() {
    let found = resolve(vec![server(both, None)], &[], "host.example").unwrap();
    assert_eq!(found, ["2001:db8::1", "192.0.2.1", "192.0.2.2"]);
    assert_eq!(resolve(vec![server(only_a, None)], &[], "host").unwrap(), ["192.0.2.1"]);
}

#[test]
fn the_next_server_is_asked_when_one_is_not_there_or_cannot_say() {
    let fails: Says = |_, _| (FAILED, vec![]);
    let servers = vec![nobody(), server(fails, None), server(only_a, None)];
    assert_eq!(resolve(servers, &[], "host").unwrap(), ["192.0.2.1"]);
    assert_eq!(resolve(vec![nobody(), server(fails, None)], &[], "host"), Err(Unresolved::Later));
}

#[test]
fn the_search_list_is_gone_through() {
    let says: Says = |name, kind| match (name, kind) {
        ("host.b.example", Kind::A) => (0, vec![vec![192, 0, 2, 3]]),
        ("host.b.example", Kind::Aaaa) => (0, vec![]),
        _ => (NO_NAME, vec![]),
    };
    let search = ["a.example", "b.example"];
    assert_eq!(resolve(vec![server(says, None)], &search, "host").unwrap(), ["192.0.2.3"]);
    assert_eq!(resolve(vec![server(says, None)], &search, "host."), Err(Unresolved::Unknown));
    assert_eq!(resolve(vec![server(says, None)], &[], "a..b"), Err(Unresolved::Unknown));
}

#[test]
fn what_does_not_fit_into_a_packet_comes_over_tcp() {
    let cut: Says = |_, _| (TRUNCATED, vec![]);
    let many: Says = |_, kind| (0, if kind == Kind::A { vec![vec![192, 0, 2, 9]; 200] } else { vec![] });
    let found = resolve(vec![server(cut, Some(many))], &[], "host").unwrap();
    assert_eq!(found.len(), 200);
    // Without a server there, nobody can say.
    assert_eq!(resolve(vec![server(cut, None)], &[], "host"), Err(Unresolved::Later));
}

#[test]
fn a_server_that_says_nothing_is_given_up_in_time_and_one_family_does_not_wait_for_the_other() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let configuration = Configuration {
        servers: vec![silent.local_addr().unwrap()],
        search: vec![],
        dots: 1,
        timeout: Duration::from_secs(3),
        attempts: 2,
    };
    let mut stub = Stub::new(configuration, "host");
    let start = Instant::now();
    assert!(stub.step(start).is_none());
    assert!(stub.step(start + Duration::from_secs(4)).is_none());
    assert_eq!(stub.step(start + Duration::from_secs(8)), Some(Err(Unresolved::Later)));
    let mut packet = [0; 512];
    let mut names = Vec::new();
    silent.set_nonblocking(true).unwrap();
    while let Ok(count) = silent.recv(&mut packet) {
        names.push(asked(&packet[..count]));
    }
    assert_eq!(names.len(), 4, "{names:?}");

    let half = UdpSocket::bind("127.0.0.1:0").unwrap();
    let configuration = Configuration {
        servers: vec![half.local_addr().unwrap()],
        search: vec![],
        dots: 1,
        timeout: Duration::from_secs(30),
        attempts: 5,
    };
    let mut stub = Stub::new(configuration, "host");
    assert!(stub.step(start).is_none());
    for _ in 0..2 {
        let (count, client) = half.recv_from(&mut packet).unwrap();
        if asked(&packet[..count]).1 == Kind::A {
            half.send_to(&answer(&packet[..count], only_a), client).unwrap();
        }
    }
    assert!(stub.step(start).is_none());
    let found = stub.step(start + LATE).unwrap().unwrap();
    assert_eq!(found, ["192.0.2.1:0".parse().unwrap()]);
}

#[test]
fn a_tcp_answer_to_another_question_is_none() {
    let question = Question::new(1, Kind::A, "host").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut transport = tcp(&question, listener.local_addr().unwrap()).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut other = answer(&question.encoded(), only_a);
    other[1] ^= 1;
    stream.write_all(&(other.len() as u16).to_be_bytes()).unwrap();
    stream.write_all(&other).unwrap();
    drop(stream);
    let end = loop {
        match transport.step(&question) {
            Ok(None) => thread::yield_now(),
            end => break end,
        }
    };
    assert_eq!(end.unwrap_err().kind(), ErrorKind::InvalidData);
}
