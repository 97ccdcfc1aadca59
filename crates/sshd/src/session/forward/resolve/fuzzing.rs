//! What fuzz targets reach of the resolver: everything that it reads.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use super::configuration::Configuration;
use super::limits::{
    MAX_ADDRESSES, MAX_ATTEMPTS, MAX_DOTS, MAX_RECORDS, MAX_SEARCH, MAX_SERVERS, MAX_TIMEOUT,
};
use super::message::{Answer, Kind, Question};
use super::{getent, hosts, is_name, literal};

/// Files, what `getent` says, names, and answers of servers: a number that says which, a line with a name, and the rest.
pub fn resolver(data: &[u8]) {
    let Some((what, data)) = data.split_first() else { return };
    let line = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (name, rest) = data.split_at(line);
    let Ok(name) = std::str::from_utf8(name) else { return };
    let rest = rest.get(1..).unwrap_or_default();
    address(name);
    // No option of a program, and not two arguments.
    assert!(
        !is_name(name)
            || !name.starts_with('-') && !name.contains(char::is_whitespace) && !name.contains('\0')
    );
    match what % 4 {
        0 => file(name, rest),
        1 => each_once(&getent::addresses(&String::from_utf8_lossy(rest))),
        2 => configuration(name, rest),
        _ => answer(name, rest),
    }
}

fn each_once(addresses: &[SocketAddr]) {
    let distinct: HashSet<&SocketAddr> = addresses.iter().collect();
    assert_eq!(distinct.len(), addresses.len());
    assert!(addresses.iter().all(|address| address.port() == 0));
}

/// What is written as an address is that address.
fn address(text: &str) {
    let read = literal::address(text);
    if let Ok(address) = text.parse::<IpAddr>() {
        assert_eq!(read, Some(SocketAddr::new(address, 0)), "{text:?}");
    }
    if let Some(read) = read {
        assert_eq!(
            literal::address(&read.ip().to_string()).map(|again| again.ip()),
            Some(read.ip()),
            "{text:?}"
        );
    }
}

/// `/etc/hosts`: a line means the same alone as among others.
fn file(name: &str, file: &[u8]) {
    let found = hosts::find(file, name);
    each_once(&found);
    assert!(found.len() <= MAX_ADDRESSES);
    let mut expected: Vec<SocketAddr> = Vec::new();
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        let of_line = hosts::find(line, name).into_iter().find(|address| !expected.contains(address));
        expected.extend(of_line);
    }
    expected.truncate(MAX_ADDRESSES);
    assert_eq!(found, expected);
}

fn configuration(name: &str, text: &[u8]) {
    let read = Configuration::parse(&String::from_utf8_lossy(text));
    assert!((1..=MAX_SERVERS).contains(&read.servers.len()) && read.search.len() <= MAX_SEARCH);
    assert!((1..=MAX_ATTEMPTS).contains(&read.attempts) && read.dots <= MAX_DOTS);
    assert!((1..=MAX_TIMEOUT).contains(&read.timeout.as_secs()));
    let candidates = read.candidates(name);
    assert!((1..=MAX_SEARCH.saturating_add(1)).contains(&candidates.len()));
    assert!(candidates.iter().any(|candidate| candidate == name.strip_suffix('.').unwrap_or(name)));
}

/// An answer to the question for `name`: a byte that says of what kind, whether the beginning is made here as it would have to be, and
/// how many records follow.
fn answer(name: &str, rest: &[u8]) {
    let Some((flags, rest)) = rest.split_first() else { return };
    let kind = if flags & 1 == 0 { Kind::A } else { Kind::Aaaa };
    let [question, other] = [7, 8].map(|id| Question::new(id, kind, name));
    let (Some(question), Some(other)) = (question, other) else { return };
    let mut packet = Vec::new();
    if flags & 2 == 0 {
        let asked = question.encoded();
        // An answer without faults, with one question and so many records.
        packet.extend([0, 7, 0x81, 0x80, 0, 1, 0, flags >> 2, 0, 0, 0, 0]);
        packet.extend(asked.get(12..).unwrap_or_default());
    }
    packet.extend(rest);
    let read = question.read(&packet);
    assert!(read.is_none() || other.read(&packet).is_none(), "somebody else's answer");
    if let Some(Answer::Addresses(addresses)) = &read {
        assert!(addresses.len() <= MAX_RECORDS);
        assert!(addresses.iter().all(|address| address.is_ipv4() == (kind == Kind::A)));
    }
    if read.is_some() {
        // What is behind the records says nothing.
        packet.push(0);
        assert_eq!(question.read(&packet), read);
    }
}
