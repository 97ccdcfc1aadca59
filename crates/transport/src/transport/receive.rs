//! What comes in: lines, packets, and which message may come when.

use wire::{Human, Message, Role};

use super::Transport;
use crate::error::{Closed, Error, Misbehaviour};
use crate::ident::{IdentReader, Line};
use crate::inbound::Opened;
use crate::input::{Event, Input, Payload};
use crate::kex::{Outcome, is_method_number};
use crate::limits::{EXT_INFO_MESSAGES, REPLY_SLACK};
use crate::message::{Debug, Disconnect, ExtInfo, Ignore, KexInit, NewKeys, Ping, Pong, Unimplemented};
use crate::reason::Reason;
use crate::recvbuf::RecvBuf;
use crate::timers::Timer;
use wire::Outbox;

impl Transport {
    pub(super) fn receive<'b>(&mut self, rx: &'b mut RecvBuf) -> Result<Input<'b>, Error> {
        if let Some(reader) = self.ident.take() {
            return self.receive_line(reader, rx);
        }
        if self.kex.question().is_some() {
            return Ok(Input::Blocked);
        }
        self.rekey_if_due();
        self.alive()?;
        let limit = self.packet_length_max();
        let packets_max = self.config.limits.packets_per_key.min(crate::limits::PACKETS_PER_KEY);
        let Some(total) = self.inbound.expect(rx, packets_max, limit)? else { return Ok(Input::NeedBytes) };
        let longest =
            if self.inbound.tells_no_length() { usize::try_from(limit).unwrap_or(usize::MAX) } else { total };
        if !self.has_room_for_replies(longest)? {
            return Ok(Input::Blocked);
        }
        let Some(opened) = self.inbound.open(rx, limit)? else { return Ok(Input::NeedBytes) };
        self.count(&opened)?;
        if self.kex.peer_is_in_exchange() {
            self.receive_in_exchange(opened)
        } else if self.exchanges == 0 {
            self.receive_before_exchange(opened)
        } else {
            self.receive_under_keys(opened)
        }
    }

    fn receive_line<'b>(&mut self, mut reader: IdentReader, rx: &'b mut RecvBuf) -> Result<Input<'b>, Error> {
        let line = reader.next(rx, self.config.role.peer());
        // The reader goes back before anything can fail: a machine without one has left this phase.
        self.ident = Some(reader);
        match line? {
            Line::Incomplete => Ok(Input::NeedBytes),
            Line::Greeting(line) => Ok(Input::Event(Event::Greeting(Human(line)))),
            Line::Ident(ident) => {
                let line = ident.as_bytes().to_vec();
                match self.config.role {
                    Role::Client => self.session.server_ident = line,
                    Role::Server => self.session.client_ident = line,
                }
                self.peer_ident = Some(ident);
                self.ident = None;
                self.begin_exchange()?;
                Ok(Input::Event(Event::Identified))
            }
        }
    }

    /// Whether the answers to a message of `longest` bytes at most, whatever it asks for, have room. If sending makes room, input
    /// waits for that. While the gate is closed sending makes none, and input may not wait either, because the KEXINIT
    /// that opens the gate is in it: then going over the limit is the end.
    fn has_room_for_replies(&self, longest: usize) -> Result<bool, Error> {
        if self.exchanges == 0 || self.kex.peer_is_in_exchange() {
            // Nothing that may come now has an answer but the exchange itself.
            return Ok(true);
        }
        let enough = longest.saturating_add(REPLY_SLACK) <= self.reply_room();
        if self.outbound.gate_open() {
            Ok(enough || self.outbound.buf().len() == 0)
        } else if enough || self.outbound.waiting() == 0 {
            Ok(true)
        } else {
            Err(Misbehaviour::TooManyReplies.into())
        }
    }

    fn count(&mut self, opened: &Opened<'_>) -> Result<(), Error> {
        if self.exchanges == 0 && self.inbound.wrapped() {
            return Err(Misbehaviour::SequenceWrapped.into());
        }
        if !self.authenticated {
            self.packets_before_auth = self.packets_before_auth.saturating_add(1);
            if self.packets_before_auth > self.config.limits.packets_before_auth {
                return Err(Misbehaviour::TooManyPacketsBeforeAuth.into());
            }
            if opened.number == KexInit::NUMBER {
                self.exchanges_before_auth = self.exchanges_before_auth.saturating_add(1);
                if self.exchanges_before_auth > self.config.limits.exchanges_before_auth {
                    return Err(Misbehaviour::TooManyExchangesBeforeAuth.into());
                }
            }
        }
        Ok(())
    }

    /// Between the peer's KEXINIT and its NEWKEYS (RFC 4253 §7.1). Strict KEX allows less in the initial exchange, where
    /// nobody has verified the packets yet (OpenSSH PROTOCOL §1.9). What may come beside a re-key under keys was sealed by
    /// the peer, leaves nothing behind, and ends with the exchange's time: PuTTY sends IGNORE there under CBC.
    fn receive_in_exchange<'b>(&mut self, opened: Opened<'b>) -> Result<Input<'b>, Error> {
        let number = opened.number;
        if self.kex.expects(number) {
            return self.receive_kex(&opened);
        }
        if number == Disconnect::NUMBER {
            return self.receive_disconnect(opened.payload);
        }
        if self.session.strict && self.exchanges == 0 {
            return Err(Misbehaviour::StrictViolation { number }.into());
        }
        match number {
            Ignore::NUMBER => Ok(Input::Progress),
            Debug::NUMBER => receive_debug(opened.payload),
            Unimplemented::NUMBER => self.unimplemented_in_exchange(opened.payload),
            _ => Err(Misbehaviour::UnexpectedInExchange { number }.into()),
        }
    }

    /// Before the peer's first KEXINIT. Whether the exchange is a strict one is not known before it; then what came
    /// first is counted against it.
    fn receive_before_exchange<'b>(&mut self, opened: Opened<'b>) -> Result<Input<'b>, Error> {
        match opened.number {
            KexInit::NUMBER => self.receive_kex(&opened),
            Disconnect::NUMBER => self.receive_disconnect(opened.payload),
            Ignore::NUMBER => Ok(Input::Progress),
            Debug::NUMBER => receive_debug(opened.payload),
            Unimplemented::NUMBER => self.unimplemented_in_exchange(opened.payload),
            number => Err(Misbehaviour::UnexpectedInExchange { number }.into()),
        }
    }

    /// Under keys, where the peer is in no exchange.
    fn receive_under_keys<'b>(&mut self, opened: Opened<'b>) -> Result<Input<'b>, Error> {
        let Opened { payload, number, sequence } = opened;
        match number {
            0 => Err(Misbehaviour::NumberZero.into()),
            Disconnect::NUMBER => self.receive_disconnect(payload),
            Ignore::NUMBER => Ok(Input::Progress),
            Unimplemented::NUMBER => {
                let sequence = Unimplemented::from_payload(payload)?.sequence;
                Ok(Input::Event(Event::Unimplemented { sequence }))
            }
            Debug::NUMBER => receive_debug(payload),
            ExtInfo::NUMBER => self.receive_ext_info(payload),
            KexInit::NUMBER => {
                if self.kex.is_idle() {
                    self.begin_exchange()?;
                }
                self.receive_kex(&opened)
            }
            NewKeys::NUMBER => Err(Misbehaviour::OutsideExchange { number }.into()),
            number if is_method_number(number) => Err(Misbehaviour::OutsideExchange { number }.into()),
            // What is left of the numbers of this layer (RFC 4250 §4.1.2); services belong to the one above.
            8..=19 | 22..=29 => {
                self.unimplemented(sequence);
                Ok(Input::Progress)
            }
            Ping::NUMBER => {
                let data = Ping::from_payload(payload)?.data;
                self.send(&Pong { data });
                Ok(Input::Progress)
            }
            Pong::NUMBER => {
                let data = Pong::from_payload(payload)?.data;
                Ok(Input::Event(Event::Pong { data }))
            }
            5 | 6 | 30..=191 | 194..=255 => Ok(Input::Payload(Payload { bytes: payload, sequence })),
        }
    }

    fn receive_kex<'b>(&mut self, opened: &Opened<'b>) -> Result<Input<'b>, Error> {
        let outcome = self.exchange(|kex, cx| kex.handle(opened.payload, opened.sequence, cx))?;
        Ok(match outcome {
            Outcome::Nothing => Input::Progress,
            Outcome::Agreed(agreed) => Input::Event(Event::Agreed(agreed)),
            Outcome::Ask(ask) => Input::Ask(ask),
            Outcome::KeysChanged { agreed, first } => {
                self.agreed = Some(agreed);
                self.exchanges = self.exchanges.saturating_add(1);
                self.timers.set(Timer::Exchange, None);
                self.schedule_rekey();
                Input::Event(Event::KeysChanged { first })
            }
        })
    }

    /// RFC 8308 §2.4: right after the sender's first NEWKEYS. A server may do it again until it says that
    /// authentication succeeded, because we told it `ext-info-in-auth@openssh.com`.
    fn receive_ext_info<'b>(&mut self, payload: &[u8]) -> Result<Input<'b>, Error> {
        let right_after_new_keys = self.exchanges == 1 && self.inbound.packets() == 1;
        let while_authenticating = self.config.role == Role::Client && !self.authenticated;
        if !self.session.ours.ext_info || !(right_after_new_keys || while_authenticating) {
            return Err(Misbehaviour::ExtInfoMisplaced.into());
        }
        self.ext_infos = self.ext_infos.saturating_add(1);
        if self.ext_infos > EXT_INFO_MESSAGES {
            return Err(Misbehaviour::TooManyExtInfo.into());
        }
        self.extensions.merge(&ExtInfo::from_payload(payload)?)?;
        Ok(Input::Event(Event::Extensions))
    }

    fn receive_disconnect<'b>(&mut self, payload: &'b [u8]) -> Result<Input<'b>, Error> {
        let message = Disconnect::from_payload(payload)?;
        let reason = Reason(message.reason);
        self.stop(Error::Closed(Closed::Peer(reason)));
        Ok(Input::Event(Event::Disconnected { reason, description: message.description }))
    }

    fn unimplemented_in_exchange<'b>(&self, payload: &[u8]) -> Result<Input<'b>, Error> {
        let sequence = Unimplemented::from_payload(payload)?.sequence;
        Err(Misbehaviour::UnimplementedInExchange { sequence }.into())
    }
}

fn receive_debug(payload: &[u8]) -> Result<Input<'_>, Error> {
    let Debug { always_display, message, .. } = Debug::from_payload(payload)?;
    Ok(Input::Event(Event::Debug { always_display, message }))
}
