//! Connections that are forwarded: those that the peer wants made, and those that come in where the session process listens.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::time::Duration;

use connection::{AgentName, ChannelType, LocalId, OpenReason, OpenRefusal, Priority};
use proto::{OpenChannel, Ticket};
use reactor::Attachment;
use wire::Human;

use crate::log::Level;
use crate::protocol::LinkError;
use crate::protocol::session::{
    Connect, ConnectLocal, Connected, IncomingAgent, IncomingLocal, IncomingTcp, IncomingX11, Refused,
};

use super::limits::{OFFERED, REFUSAL, UNANSWERED};
use super::process::{REFUSED, Turn, unexpected};

/// The refusal of what there would be too much of.
const TOO_MANY: OpenRefusal<'static> =
    OpenRefusal { reason: OpenReason::RESOURCE_SHORTAGE, text: Human(b"open failed") };

/// An open that waits for its connection.
struct Connecting {
    channel: LocalId,
    ticket: Ticket<OpenChannel>,
    /// How long the channel may be idle.
    idle: Option<Duration>,
}

/// A connection that waits for its channel.
struct Offered {
    socket: OwnedFd,
    /// How long the channel may be idle.
    idle: Option<Duration>,
}

/// The connections on their way. Once a channel has its descriptor, the loop has both.
#[derive(Default)]
pub(super) struct Forwards {
    /// By the numbers of their channels.
    connecting: BTreeMap<u32, Connecting>,
    offered: BTreeMap<LocalId, Offered>,
}

impl Forwards {
    /// The peer wants a connection made, which is the session process's to do. Types of channels that need none are refused.
    pub(super) fn connect(
        &mut self,
        turn: &mut Turn<'_, '_>,
        channel: LocalId,
        kind: &ChannelType<'_>,
        ticket: Ticket<OpenChannel>,
    ) -> Result<(), LinkError> {
        let number = channel.number();
        let room = self.connecting.len() < UNANSWERED;
        let sent = match *kind {
            ChannelType::DirectTcpip { host, port, originator, originator_port } => {
                let (port, originator_port) = (u32::from(port), u32::from(originator_port));
                let message = Connect { channel: number, host, port, originator, originator_port };
                room && turn.forward(&message)?
            }
            ChannelType::DirectStreamlocal { path } => {
                room && turn.forward(&ConnectLocal { channel: number, path })?
            }
            _ => {
                refuse(turn, ticket, REFUSED);
                return Ok(());
            }
        };
        if sent {
            let idle = turn.timeouts.limit(kind.name());
            self.connecting.insert(number, Connecting { channel, ticket, idle });
        } else {
            let line = format!("refused {}: it is too long, or one of too many at once", kind.name());
            turn.log(Level::Info, line);
            refuse(turn, ticket, TOO_MANY);
        }
        Ok(())
    }

    /// The connection for a channel is there. If nobody waits for it any more, it is closed again.
    pub(super) fn connected(
        &mut self,
        turn: &mut Turn<'_, '_>,
        told: Connected,
        socket: OwnedFd,
    ) -> Result<(), LinkError> {
        let Connecting { channel, ticket, idle } = self.answered(told.channel)?;
        // The answer may come too late for its question. Then it opens nothing, and whatever has the number by now is none of ours.
        let taken = turn.is_open(channel);
        let grant = turn.grant();
        let _ = turn.io.connection().answer(ticket, Ok(grant));
        if taken || !turn.is_open(channel) {
            return Ok(());
        }
        turn.timeouts.opened(turn.io, channel, idle);
        turn.attach(channel, Attachment::socket(socket));
        Ok(())
    }

    /// There is no connection for a channel.
    pub(super) fn refused(&mut self, turn: &mut Turn<'_, '_>, told: &Refused<'_>) -> Result<(), LinkError> {
        let Connecting { ticket, .. } = self.answered(told.channel)?;
        let text = told.text.0;
        let text = Human(text.get(..REFUSAL).unwrap_or(text));
        refuse(turn, ticket, OpenRefusal { reason: OpenReason(told.reason), text });
        Ok(())
    }

    fn answered(&mut self, channel: u32) -> Result<Connecting, LinkError> {
        let asked = self.connecting.remove(&channel);
        asked.ok_or_else(|| unexpected("the answer to an open that nobody made"))
    }

    /// Somebody has connected to a forwarded port.
    pub(super) fn tcp(
        &mut self,
        turn: &mut Turn<'_, '_>,
        told: &IncomingTcp<'_>,
        socket: OwnedFd,
    ) -> Result<(), LinkError> {
        let IncomingTcp { address, originator, .. } = *told;
        let (port, originator_port) = (port(told.port)?, port(told.originator_port)?);
        let kind = ChannelType::ForwardedTcpip { address, port, originator, originator_port };
        self.offer(turn, &kind, kind.name(), socket);
        Ok(())
    }

    /// Somebody has connected to a forwarded Unix socket.
    pub(super) fn local(&mut self, turn: &mut Turn<'_, '_>, told: &IncomingLocal<'_>, socket: OwnedFd) {
        let kind = ChannelType::ForwardedStreamlocal { path: told.path };
        self.offer(turn, &kind, kind.name(), socket);
    }

    /// Somebody has connected to the agent's socket.
    pub(super) fn agent(&mut self, turn: &mut Turn<'_, '_>, told: IncomingAgent, socket: OwnedFd) {
        let name = if told.standard { AgentName::Standard } else { AgentName::OpenSsh };
        self.offer(turn, &ChannelType::AuthAgent(name), "agent-connection", socket);
    }

    /// Somebody has connected to a display.
    pub(super) fn x11(
        &mut self,
        turn: &mut Turn<'_, '_>,
        told: &IncomingX11<'_>,
        socket: OwnedFd,
    ) -> Result<(), LinkError> {
        let (originator, originator_port) = (told.originator, port(told.originator_port)?);
        self.offer(turn, &ChannelType::X11 { originator, originator_port }, "x11-connection", socket);
        Ok(())
    }

    /// Asks the peer for a channel for a connection; one that there is no room for is closed. `label` is what `ChannelTimeout` calls
    /// such channels.
    fn offer(&mut self, turn: &mut Turn<'_, '_>, kind: &ChannelType<'_>, label: &str, socket: OwnedFd) {
        let problem = if self.offered.len() >= OFFERED {
            "the peer has too many to answer".to_owned()
        } else {
            let grant = turn.grant();
            match turn.io.connection().open(kind, grant, 0) {
                Ok(channel) => {
                    // Somebody waits for each answer of an agent or a display, which are small.
                    if matches!(kind, ChannelType::AuthAgent(_) | ChannelType::X11 { .. }) {
                        let _ = turn.io.connection().set_priority(channel, Priority::Interactive);
                    }
                    let idle = turn.timeouts.limit(label);
                    self.offered.insert(channel, Offered { socket, idle });
                    turn.timeouts.opened(turn.io, channel, None);
                    return;
                }
                Err(misuse) => misuse.to_string(),
            }
        };
        turn.log(Level::Debug1, format!("no {} for an incoming connection: {problem}", kind.name()));
    }

    /// The peer has granted a channel.
    pub(super) fn opened(&mut self, turn: &mut Turn<'_, '_>, channel: LocalId) {
        if let Some(Offered { socket, idle }) = self.offered.remove(&channel) {
            turn.timeouts.opened(turn.io, channel, idle);
            turn.attach(channel, Attachment::socket(socket));
        }
    }

    /// The peer has refused a channel.
    pub(super) fn open_failed(
        &mut self,
        turn: &mut Turn<'_, '_>,
        channel: LocalId,
        reason: OpenReason,
        text: Human<'_>,
    ) {
        self.offered.remove(&channel);
        turn.timeouts.closed(turn.io, channel);
        let why = words(reason);
        let line = if text.0.is_empty() { why.to_owned() } else { format!("{why}: {text}") };
        turn.log(Level::Info, format!("channel {channel}: open failed: {line}"));
    }
}

/// Refuses an open. The question may have been answered by time.
fn refuse(turn: &mut Turn<'_, '_>, ticket: Ticket<OpenChannel>, refusal: OpenRefusal<'_>) {
    let _ = turn.io.connection().refuse_open(ticket, refusal);
}

/// A port of a message.
fn port(number: u32) -> Result<u16, LinkError> {
    u16::try_from(number).map_err(|_| unexpected("a port that is none"))
}

/// A reason as OpenSSH's log has it.
fn words(reason: OpenReason) -> &'static str {
    match reason {
        OpenReason::ADMINISTRATIVELY_PROHIBITED => "administratively prohibited",
        OpenReason::CONNECT_FAILED => "connect failed",
        OpenReason::UNKNOWN_CHANNEL_TYPE => "unknown channel type",
        OpenReason::RESOURCE_SHORTAGE => "resource shortage",
        OpenReason(_) => "unknown reason",
    }
}
