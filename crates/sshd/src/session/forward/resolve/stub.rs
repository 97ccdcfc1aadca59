//! A resolver of our own, for where there is no `getent`: it asks the servers of `/etc/resolv.conf`, and waits for none of them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crypto::{OsRng, Rng};

use super::Unresolved;
use super::configuration::Configuration;
use super::limits::MAX_ANSWER;
use super::message::{Answer, Kind, Question};
use crate::session::watch::{Key, Watch};

/// How long addresses of one family, when they are there, wait for those of the other.
const LATE: Duration = Duration::from_millis(500);

/// Packets that are looked at in one turn: somebody may send any number of them.
const PACKETS_PER_TURN: usize = 16;

/// The lookup of one name.
#[derive(Debug)]
pub(super) struct Stub {
    configuration: Configuration,
    /// Names to try after the one that is asked for now.
    candidates: std::vec::IntoIter<String>,
    searches: Vec<Search>,
    /// A server could not say, so the name may be there all the same.
    unsure: bool,
}

/// One question, and who was asked.
#[derive(Debug)]
struct Search {
    question: Question,
    /// How many times a server was asked.
    asked: usize,
    waits: Option<Waits>,
    answer: Option<Answer>,
}

/// For whom, how, and until when.
#[derive(Debug)]
struct Waits {
    server: SocketAddr,
    by: Transport,
    until: Instant,
}

#[derive(Debug)]
enum Transport {
    Udp(UdpSocket),
    Tcp { stream: TcpStream, unsent: Vec<u8>, received: Vec<u8> },
}

impl Stub {
    pub(super) fn new(configuration: Configuration, name: &str) -> Self {
        let candidates = configuration.candidates(name).into_iter();
        Self { configuration, candidates, searches: Vec::new(), unsure: false }
    }

    /// Waits for answers, and for the time to ask again.
    pub(super) fn watch<'a>(&'a self, number: u64, watch: &mut Watch<'a>) {
        for waits in self.searches.iter().filter_map(|search| search.waits.as_ref()) {
            let key = Key::Lookup(number);
            match &waits.by {
                Transport::Udp(socket) => watch.read(key, socket.as_fd()),
                Transport::Tcp { stream, unsent, .. } if unsent.is_empty() => watch.read(key, stream.as_fd()),
                Transport::Tcp { stream, .. } => watch.write(key, stream.as_fd()),
            }
            watch.until(waits.until);
        }
    }

    /// Goes on as far as it can without waiting; the addresses, those of IPv6 first, when it has come to an end.
    pub(super) fn step(&mut self, now: Instant) -> Option<Result<Vec<SocketAddr>, Unresolved>> {
        loop {
            for search in &mut self.searches {
                search.step(now, &self.configuration);
            }
            let addresses: Vec<SocketAddr> = self.searches.iter().flat_map(Search::addresses).collect();
            if self.searches.iter().any(|search| search.answer.is_none()) {
                if addresses.is_empty() {
                    return None;
                }
                let late = now.checked_add(LATE).unwrap_or(now);
                self.searches.iter_mut().for_each(|search| search.hurry(late));
                return None;
            }
            if !addresses.is_empty() {
                return Some(Ok(addresses));
            }
            self.unsure |= self.searches.iter().any(|search| search.answer == Some(Answer::Failed));
            let Some(name) = self.candidates.next() else {
                return Some(Err(if self.unsure { Unresolved::Later } else { Unresolved::Unknown }));
            };
            self.searches =
                [Kind::Aaaa, Kind::A].into_iter().filter_map(|kind| search(kind, &name)).collect();
        }
    }
}

/// A search for a name, if it can be one and there is randomness for its number.
fn search(kind: Kind, name: &str) -> Option<Search> {
    let mut id = [0; 2];
    OsRng.fill(&mut id).ok()?;
    let question = Question::new(u16::from_ne_bytes(id), kind, name)?;
    Some(Search { question, asked: 0, waits: None, answer: None })
}

impl Search {
    fn addresses(&self) -> Vec<SocketAddr> {
        match &self.answer {
            Some(Answer::Addresses(addresses)) => {
                addresses.iter().map(|address| SocketAddr::new(*address, 0)).collect()
            }
            Some(Answer::NoName | Answer::Truncated | Answer::Failed) | None => Vec::new(),
        }
    }

    /// Waits no longer than until then, and asks nobody else.
    fn hurry(&mut self, late: Instant) {
        self.asked = usize::MAX;
        if let Some(waits) = &mut self.waits {
            waits.until = waits.until.min(late);
        }
    }

    fn step(&mut self, now: Instant, configuration: &Configuration) {
        while self.answer.is_none() {
            let Some(waits) = &mut self.waits else {
                self.ask_next(now, configuration);
                continue;
            };
            match waits.by.step(&self.question) {
                Ok(Some(Answer::Truncated)) if matches!(waits.by, Transport::Udp(_)) => {
                    let server = waits.server;
                    self.waits = tcp(&self.question, server)
                        .ok()
                        .zip(now.checked_add(configuration.timeout))
                        .map(|(by, until)| Waits { server, by, until });
                }
                Ok(Some(Answer::Truncated | Answer::Failed)) | Err(_) => self.waits = None,
                Ok(Some(answer @ (Answer::Addresses(_) | Answer::NoName))) => {
                    self.answer = Some(answer);
                    self.waits = None;
                }
                Ok(None) if now >= waits.until => self.waits = None,
                Ok(None) => return,
            }
        }
    }

    /// Asks the next server, or gives up.
    fn ask_next(&mut self, now: Instant, configuration: &Configuration) {
        let servers = configuration.servers.len();
        let index = self.asked.checked_rem(servers).unwrap_or_default();
        let tries = servers.saturating_mul(configuration.attempts);
        let server = configuration.servers.get(index).filter(|_| self.asked < tries);
        let Some(server) = server.copied() else {
            self.answer = Some(Answer::Failed);
            return;
        };
        self.asked = self.asked.saturating_add(1);
        self.waits = udp(&self.question, server)
            .ok()
            .zip(now.checked_add(configuration.timeout))
            .map(|(by, until)| Waits { server, by, until });
    }
}

/// Sends a question in one packet, from a port that the kernel picks at random, to where it alone hears an answer from.
fn udp(question: &Question, server: SocketAddr) -> io::Result<Transport> {
    let any: SocketAddr = if server.is_ipv6() { ([0_u16; 8], 0).into() } else { ([0; 4], 0).into() };
    let socket = UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    socket.connect(server)?;
    socket.send(&question.encoded())?;
    Ok(Transport::Udp(socket))
}

/// Begins to ask over TCP (RFC 7766 §8): the length comes first.
fn tcp(question: &Question, server: SocketAddr) -> io::Result<Transport> {
    let stream = TcpStream::from(sys::socket::connect(server)?);
    let encoded = question.encoded();
    let length = u16::try_from(encoded.len()).map_err(io::Error::other)?;
    let unsent = [&length.to_be_bytes(), encoded.as_slice()].concat();
    Ok(Transport::Tcp { stream, unsent, received: Vec::new() })
}

impl Transport {
    /// Goes on as far as it can without waiting.
    ///
    /// # Errors
    /// Nothing will come from there.
    fn step(&mut self, question: &Question) -> io::Result<Option<Answer>> {
        match self {
            Self::Udp(socket) => {
                let mut packet = vec![0; MAX_ANSWER];
                for _ in 0..PACKETS_PER_TURN {
                    let count = match socket.recv(&mut packet) {
                        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                        done => done?,
                    };
                    let answer = question.read(packet.get(..count).unwrap_or_default());
                    if answer.is_some() {
                        return Ok(answer);
                    }
                }
                Ok(None)
            }
            Self::Tcp { stream, unsent, received } => {
                while !unsent.is_empty() {
                    match stream.write(unsent) {
                        Err(error) if is_early(&error) => return Ok(None),
                        done => drop(unsent.drain(..done?)),
                    }
                }
                receive(stream, question, received)
            }
        }
    }
}

/// Whether a connection is not there yet, or has nothing to give.
fn is_early(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}

fn receive(
    stream: &mut TcpStream,
    question: &Question,
    received: &mut Vec<u8>,
) -> io::Result<Option<Answer>> {
    loop {
        let whole = received.first_chunk().map(|length: &[u8; 2]| usize::from(u16::from_be_bytes(*length)));
        let wanted = whole.map_or(2, |length| length.saturating_add(2));
        if whole.is_some() && received.len() >= wanted {
            let answer = question.read(received.get(2..).unwrap_or_default());
            return answer.map(Some).ok_or_else(|| ErrorKind::InvalidData.into());
        }
        let mut buffer = vec![0; wanted.saturating_sub(received.len())];
        match stream.read(&mut buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => received.extend(buffer.get(..count).unwrap_or_default()),
            Err(error) if is_early(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
#[path = "stub_tests.rs"]
mod tests;
