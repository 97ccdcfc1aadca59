//! Requests to listen, and to listen no more.

use std::collections::BTreeMap;

use connection::GlobalRequest;
use proto::{ReplyToGlobal, Ticket};

use crate::log::Level;
use crate::protocol::LinkError;
use crate::protocol::session::{Cancel, CancelLocal, Listen, ListenLocal, Listening};

use super::limits::UNANSWERED;
use super::process::{Turn, unexpected};

/// A request that the session process has yet to answer.
struct Asked {
    /// Whoever waits for the answer, if anybody does.
    ticket: Option<Ticket<ReplyToGlobal>>,
    /// Any port would do, so the answer says which one it is.
    any_port: bool,
}

/// The requests that wait, by the numbers that they have on the link.
#[derive(Default)]
pub(super) struct Globals {
    asked: BTreeMap<u32, Asked>,
    next: u32,
}

impl Globals {
    /// Hands a request on. One for which there is no room is refused, as is what is not done here.
    pub(super) fn request(
        &mut self,
        turn: &mut Turn<'_, '_>,
        wish: &GlobalRequest<'_>,
        ticket: Option<Ticket<ReplyToGlobal>>,
    ) -> Result<(), LinkError> {
        let request = self.next;
        let room = self.asked.len() < UNANSWERED;
        let any_port = matches!(wish, GlobalRequest::TcpipForward { port: 0, .. });
        if any_port && ticket.is_none() {
            // Nobody would hear which port it is, nor could end it; OpenSSH says no more of it either.
            turn.log(Level::Debug1, "Server has disabled port forwarding.");
            return Ok(());
        }
        let sent = match *wish {
            GlobalRequest::TcpipForward { address, port } => {
                room && turn.forward(&Listen { request, address, port: u32::from(port) })?
            }
            GlobalRequest::CancelTcpipForward { address, port } => {
                room && turn.forward(&Cancel { request, address, port: u32::from(port) })?
            }
            GlobalRequest::StreamlocalForward { path } => {
                room && turn.forward(&ListenLocal { request, path })?
            }
            GlobalRequest::CancelStreamlocalForward { path } => {
                room && turn.forward(&CancelLocal { request, path })?
            }
            _ => {
                answer(turn, ticket, None);
                return Ok(());
            }
        };
        if sent {
            self.next = request.wrapping_add(1);
            self.asked.insert(request, Asked { ticket, any_port });
        } else {
            let line = format!("refused {}: it is too long, or one of too many at once", wish.name());
            turn.log(Level::Info, line);
            answer(turn, ticket, None);
        }
        Ok(())
    }

    /// What became of a request.
    pub(super) fn listening(&mut self, turn: &mut Turn<'_, '_>, told: Listening) -> Result<(), LinkError> {
        let Listening { request, good, port } = told;
        let asked = self.asked.remove(&request);
        let asked = asked.ok_or_else(|| unexpected("the answer to a request that nobody made"))?;
        let data = match (good, asked.any_port) {
            (false, _) => None,
            (true, false) => Some(Vec::new()),
            (true, true) if (1..=u32::from(u16::MAX)).contains(&port) => Some(port.to_be_bytes().to_vec()),
            (true, true) => return Err(unexpected("a port that is none")),
        };
        answer(turn, asked.ticket, data);
        Ok(())
    }
}

/// Answers a request, if the peer waits for it.
fn answer(turn: &mut Turn<'_, '_>, ticket: Option<Ticket<ReplyToGlobal>>, data: Option<Vec<u8>>) {
    if let Some(ticket) = ticket {
        // Nobody waits for an answer that comes too late.
        let _ = turn.io.connection().answer(ticket, data);
    }
}
