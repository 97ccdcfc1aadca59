use wire::{Decode, Encode, Human, Name, NulFree, Reader, Rest, Sensitive, Sink};

use crate::{AgentName, PayloadError, Signal, TerminalModes};

/// A request on a channel: its name and the data that belongs to it (RFC 4254 §5.4, §6).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ChannelRequest<'a> {
    /// `pty-req` (RFC 4254 §6.2).
    PtyReq {
        /// The value for `TERM`.
        term: NulFree<'a>,
        /// The terminal's size.
        size: TerminalSize,
        /// The terminal's modes.
        modes: TerminalModes<'a>,
    },
    /// `env` (RFC 4254 §6.4).
    Env {
        /// The variable's name.
        name: NulFree<'a>,
        /// Its value.
        value: NulFree<'a>,
    },
    /// `shell` (RFC 4254 §6.5).
    Shell,
    /// `exec` (RFC 4254 §6.5).
    Exec {
        /// The command line, for the user's shell.
        command: NulFree<'a>,
    },
    /// `subsystem` (RFC 4254 §6.5).
    Subsystem {
        /// The subsystem's name.
        name: NulFree<'a>,
    },
    /// `window-change` (RFC 4254 §6.7).
    WindowChange {
        /// The terminal's new size.
        size: TerminalSize,
    },
    /// `signal` (RFC 4254 §6.9).
    Signal {
        /// The signal to be sent to the program.
        signal: Signal<'a>,
    },
    /// `break` (RFC 4335).
    Break {
        /// How long, in milliseconds; 0 for the device's default.
        milliseconds: u32,
    },
    /// `xon-xoff` (RFC 4254 §6.8).
    XonXoff {
        /// Whether the client may do flow control of its own.
        client_can_do: bool,
    },
    /// `auth-agent-req@openssh.com` or `agent-req` (RFC 9987).
    AuthAgentReq(AgentName),
    /// `x11-req` (RFC 4254 §6.3.1).
    X11Req {
        /// Whether only one connection is to be forwarded.
        single: bool,
        /// The authentication protocol's name.
        protocol: NulFree<'a>,
        /// The cookie, in hexadecimal.
        cookie: Sensitive<'a>,
        /// The screen's number.
        screen: u32,
    },
    /// `exit-status` (RFC 4254 §6.10).
    ExitStatus {
        /// The program's status.
        status: u32,
    },
    /// `exit-signal` (RFC 4254 §6.10).
    ExitSignal {
        /// The signal that ended the program.
        signal: Signal<'a>,
        /// Whether it left a core file.
        core_dumped: bool,
        /// What to tell a person.
        message: Human<'a>,
    },
    /// `eow@openssh.com`: the sender reads no more data.
    Eow,
    /// `keepalive@openssh.com`: any answer will do.
    Keepalive,
    /// Any other request.
    Other {
        /// The request's name.
        name: Name<'a>,
        /// Its data.
        data: &'a [u8],
    },
}

/// The size of a terminal (RFC 4254 §6.2). Zero means "not known"; characters go before pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TerminalSize {
    /// Width in characters.
    pub columns: u32,
    /// Height in rows of characters.
    pub rows: u32,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl Decode<'_> for TerminalSize {
    fn decode(input: &mut Reader<'_>) -> Result<Self, wire::WireError> {
        Ok(Self { columns: input.u32()?, rows: input.u32()?, width: input.u32()?, height: input.u32()? })
    }
}

impl Encode for TerminalSize {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        for value in [self.columns, self.rows, self.width, self.height] {
            value.encode(out);
        }
    }
}

impl<'a> ChannelRequest<'a> {
    /// Reads the data of a request with this `name`.
    ///
    /// # Errors
    /// A [`PayloadError`] when the request is known and the data is not its data.
    pub fn parse(name: Name<'a>, data: &'a [u8]) -> Result<Self, PayloadError> {
        let mut input = Reader::new(data);
        let request = match name.as_str() {
            "pty-req" => Self::PtyReq {
                term: NulFree::decode(&mut input)?,
                size: TerminalSize::decode(&mut input)?,
                modes: TerminalModes::parse(input.string()?)?,
            },
            "env" => Self::Env { name: NulFree::decode(&mut input)?, value: NulFree::decode(&mut input)? },
            "shell" => Self::Shell,
            "exec" => Self::Exec { command: NulFree::decode(&mut input)? },
            "subsystem" => Self::Subsystem { name: NulFree::decode(&mut input)? },
            "window-change" => Self::WindowChange { size: TerminalSize::decode(&mut input)? },
            "signal" => Self::Signal { signal: Signal::decode(&mut input)? },
            "break" => Self::Break { milliseconds: input.u32()? },
            "xon-xoff" => Self::XonXoff { client_can_do: bool::decode(&mut input)? },
            "auth-agent-req@openssh.com" => Self::AuthAgentReq(AgentName::OpenSsh),
            "agent-req" => Self::AuthAgentReq(AgentName::Standard),
            "x11-req" => Self::X11Req {
                single: bool::decode(&mut input)?,
                protocol: NulFree::decode(&mut input)?,
                cookie: Sensitive(NulFree::decode(&mut input)?.as_bytes()),
                screen: input.u32()?,
            },
            "exit-status" => Self::ExitStatus { status: input.u32()? },
            "exit-signal" => {
                let signal = Signal::decode(&mut input)?;
                let core_dumped = bool::decode(&mut input)?;
                let message = Human::decode(&mut input)?;
                // The language tag, which nobody uses.
                input.string()?;
                Self::ExitSignal { signal, core_dumped, message }
            }
            "eow@openssh.com" => Self::Eow,
            "keepalive@openssh.com" => {
                input.rest();
                Self::Keepalive
            }
            _ => Self::Other { name, data: input.rest() },
        };
        input.finish()?;
        Ok(request)
    }

    /// The request's name on the wire.
    #[must_use]
    pub fn name(&self) -> &'a str {
        match self {
            Self::PtyReq { .. } => "pty-req",
            Self::Env { .. } => "env",
            Self::Shell => "shell",
            Self::Exec { .. } => "exec",
            Self::Subsystem { .. } => "subsystem",
            Self::WindowChange { .. } => "window-change",
            Self::Signal { .. } => "signal",
            Self::Break { .. } => "break",
            Self::XonXoff { .. } => "xon-xoff",
            Self::AuthAgentReq(AgentName::OpenSsh) => "auth-agent-req@openssh.com",
            Self::AuthAgentReq(AgentName::Standard) => "agent-req",
            Self::X11Req { .. } => "x11-req",
            Self::ExitStatus { .. } => "exit-status",
            Self::ExitSignal { .. } => "exit-signal",
            Self::Eow => "eow@openssh.com",
            Self::Keepalive => "keepalive@openssh.com",
            Self::Other { name, .. } => name.as_str(),
        }
    }

    /// Puts the data that follows the fields which every request has.
    pub(crate) fn encode_data<S: Sink + ?Sized>(&self, out: &mut S) {
        match self {
            Self::PtyReq { term, size, modes } => {
                term.encode(out);
                size.encode(out);
                modes.encode(out);
            }
            Self::Env { name, value } => {
                name.encode(out);
                value.encode(out);
            }
            Self::Exec { command: text } | Self::Subsystem { name: text } => text.encode(out),
            Self::WindowChange { size } => size.encode(out),
            Self::Signal { signal } => signal.encode(out),
            Self::Break { milliseconds: value } | Self::ExitStatus { status: value } => value.encode(out),
            Self::XonXoff { client_can_do } => client_can_do.encode(out),
            Self::X11Req { single, protocol, cookie, screen } => {
                single.encode(out);
                protocol.encode(out);
                cookie.encode(out);
                screen.encode(out);
            }
            Self::ExitSignal { signal, core_dumped, message } => {
                signal.encode(out);
                core_dumped.encode(out);
                message.encode(out);
                wire::put_string(out, &[]);
            }
            Self::Shell | Self::AuthAgentReq(_) | Self::Eow | Self::Keepalive => {}
            Self::Other { data, .. } => Rest(data).encode(out),
        }
    }
}
