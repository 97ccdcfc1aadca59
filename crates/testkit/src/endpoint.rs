use std::time::Instant;

use proto::{Connection, Error, RecvBuf, Side, Step};

use crate::{App, Driven, Link};

/// One side: a connection, its receive buffer and its application.
pub struct Endpoint<S: Side, A> {
    /// The connection.
    pub connection: Driven<S>,
    /// The application.
    pub app: A,
    /// Every event and question, as `Debug` writes it, in order; data is left out, because how it is cut depends on
    /// how the wire cuts it.
    pub log: Vec<String>,
    pub(crate) rx: RecvBuf,
    /// Bytes that one read takes at most.
    pub read_size: usize,
}

/// Calls of `process` in one turn.
const BUDGET: usize = 64;

impl<S: Side, A: App<S>> Endpoint<S, A> {
    /// One side of a wire.
    pub fn new(connection: Connection<S>, app: A) -> Self {
        Self { connection: connection.into(), app, log: Vec::new(), rx: RecvBuf::new(), read_size: 64 * 1024 }
    }

    /// The same side with another application.
    pub fn with_app<B: App<S>>(self, app: B) -> Endpoint<S, B> {
        let Self { connection, log, rx, read_size, .. } = self;
        Endpoint { connection, app, log, rx, read_size }
    }

    /// Reads, processes, asks the application and writes, once. Says whether anything moved.
    pub fn turn(&mut self, now: Instant, incoming: &mut Link, outgoing: &mut Link) -> bool {
        let mut moved = false;
        if self.connection.deadline().is_some_and(|due| due <= now) {
            self.connection.handle_timeout(now);
            moved = true;
        }
        for _ in 0..BUDGET {
            // A step may hold what borrows the receive buffer, so that is read into only after the match.
            let needs_bytes = match self.connection.process(now, &mut self.rx) {
                Ok(Step::NeedBytes) => true,
                Ok(Step::Blocked) | Err(_) => break,
                Ok(Step::Progress) => false,
                Ok(Step::Event(event)) => {
                    if !matches!(event, proto::Event::Channel(connection::Event::Data { .. })) {
                        self.log.push(format!("{event:?}"));
                    }
                    self.app.event(&mut self.connection, &event);
                    false
                }
                Ok(Step::Ask(question)) => {
                    self.log.push(format!("{question:?}"));
                    self.app.question(&mut self.connection, question);
                    false
                }
            };
            if needs_bytes {
                let room = self.rx.space(self.read_size);
                let most = room.len().min(self.read_size);
                let n = incoming.read(now, &mut room[..most]);
                if n == 0 {
                    break;
                }
                self.connection.fed(&room[..n]);
                self.rx.filled(n);
            }
            moved = true;
        }
        moved |= self.app.turn(&mut self.connection);
        let n = outgoing.write(now, self.connection.transmit());
        self.connection.sent(n);
        moved || n > 0
    }

    /// Why the connection is over, if it is.
    pub fn error(&self) -> Option<&Error> {
        self.connection.error()
    }

    /// Gives back what memory of buffers an idle connection does not need.
    pub fn release(&mut self) {
        self.connection.release();
        self.rx.release();
    }

    /// Bytes that were received and not processed.
    pub fn unprocessed(&self) -> usize {
        self.rx.len()
    }

    /// Bytes of memory that the receive buffer holds.
    pub fn receive_capacity(&self) -> usize {
        self.rx.capacity()
    }
}
