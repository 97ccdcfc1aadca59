//! A driver of a connection: one socket, one connection, one application, until it is over.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use proto::{RecvBuf, Side, Step};
use testkit::{App, Driven};

use crate::error::{During, Error};

/// Calls of `process` before the socket and the application have their turn again.
const BUDGET: usize = 64;

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The application had all that it wanted.
    Done,
    /// The connection said why.
    Over(proto::Error),
    /// The socket ended first.
    Gone,
}

/// Drives `connection` until `done` holds, it is over, or `deadline` has passed.
///
/// # Errors
///
/// When the socket fails, or the deadline has passed.
pub(super) fn drive<S: Side, A: App<S>>(
    stream: TcpStream,
    connection: &mut Driven<S>,
    app: &mut A,
    deadline: Duration,
    done: impl Fn(&A) -> bool,
) -> Result<Ended, Error> {
    stream.set_nonblocking(true).during("making a socket non-blocking")?;
    let mut socket = mio::net::TcpStream::from_std(stream);
    let mut poll = Poll::new().during("making a poll")?;
    poll.registry()
        .register(&mut socket, Token(0), Interest::READABLE | Interest::WRITABLE)
        .during("registering a socket")?;
    let mut events = Events::with_capacity(8);
    let mut rx = RecvBuf::new();
    let end = Instant::now() + deadline;
    loop {
        let now = Instant::now();
        if now >= end {
            return Err(Error::wrong(format!(
                "our side was not done after {deadline:?}: {}",
                state(connection)
            )));
        }
        if connection.deadline().is_some_and(|due| due <= now) {
            connection.handle_timeout(now);
        }
        let mut moved = false;
        let mut gone = false;
        for _ in 0..BUDGET {
            let needs_bytes = match connection.process(now, &mut rx) {
                Ok(Step::NeedBytes) => true,
                Ok(Step::Blocked) => break,
                Ok(Step::Progress) => false,
                Ok(Step::Event(event)) => {
                    app.event(connection, &event);
                    false
                }
                Ok(Step::Ask(question)) => {
                    app.question(connection, question);
                    false
                }
                Err(error) => {
                    // What is left to say; the peer may be past listening.
                    let _ = flush(&mut socket, connection);
                    return Ok(Ended::Over(error));
                }
            };
            moved = true;
            if needs_bytes {
                let room = rx.space(64 * 1024);
                match socket.read(room) {
                    Ok(0) => {
                        gone = true;
                        break;
                    }
                    Ok(n) => {
                        connection.fed(&room[..n]);
                        rx.filled(n);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        moved = false;
                        break;
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                        gone = true;
                        break;
                    }
                    Err(error) => return Err(Error::Io("reading from the peer", error)),
                }
            }
        }
        moved |= app.turn(connection);
        if done(app) {
            connection.disconnect(transport::Reason::BY_APPLICATION, "disconnected by user");
            let _ = flush(&mut socket, connection);
            return Ok(Ended::Done);
        }
        match flush(&mut socket, connection) {
            Ok(sent) => moved |= sent,
            Err(_) if gone => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => gone = true,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => gone = true,
            Err(error) => return Err(Error::Io("writing to the peer", error)),
        }
        if gone {
            return Ok(Ended::Gone);
        }
        if !moved {
            let until = connection.deadline().map_or(end, |due| due.min(end));
            // Rounded up: the poll counts milliseconds, and one too few would turn the loop for nothing.
            let wait = until.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            match poll.poll(&mut events, Some(wait)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Io("polling", error)),
            }
        }
    }
}

/// What a connection that stands still waits for.
pub(super) fn state<S: Side>(connection: &Driven<S>) -> String {
    let transport = connection.transport();
    let mut text = format!(
        "error {:?}, gate open {}, {} exchanges, {} bytes to send, next to send {:?}",
        connection.error(),
        transport.gate_open(),
        transport.exchanges(),
        connection.transmit().len(),
        connection.sendable(),
    );
    if let Some(channels) = connection.channels() {
        for channel in channels.channels() {
            let windows = (channels.send_window(channel), channels.receive_window(channel));
            text.push_str(&format!(
                "; {channel:?}: windows {windows:?}, unconsumed {}",
                channels.unconsumed(channel)
            ));
        }
    }
    text
}

/// Writes until the socket is full. Says whether anything went out.
fn flush<S: Side>(socket: &mut mio::net::TcpStream, connection: &mut Driven<S>) -> io::Result<bool> {
    let mut any = false;
    while !connection.transmit().is_empty() {
        match socket.write(connection.transmit()) {
            Ok(n) => {
                connection.sent(n);
                any = true;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(any)
}
