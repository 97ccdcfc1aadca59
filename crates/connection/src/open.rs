use wire::{Decode, Encode, Human, Name, NulFree, Reader, Rest, Sink, Text, put_string};

use crate::PayloadError;
use crate::payload::port;

/// What a channel is for: its type's name and the data that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelType<'a> {
    /// `session`: a program (RFC 4254 §6.1).
    Session,
    /// `direct-tcpip`: a connection to be made by the receiver (RFC 4254 §7.2).
    DirectTcpip {
        /// Host name or address to connect to.
        host: Text<'a>,
        /// Port to connect to.
        port: u16,
        /// Address from which the connection came to the sender.
        originator: Text<'a>,
        /// Port from which it came.
        originator_port: u16,
    },
    /// `forwarded-tcpip`: a connection that came in on a forwarded port (RFC 4254 §7.2).
    ForwardedTcpip {
        /// The address that was asked to be listened on, as it was written in the request.
        address: Text<'a>,
        /// The port on which the connection came in.
        port: u16,
        /// Address from which the connection came to the sender.
        originator: Text<'a>,
        /// Port from which it came.
        originator_port: u16,
    },
    /// `direct-streamlocal@openssh.com`: a Unix socket to be connected to by the receiver.
    DirectStreamlocal {
        /// Path of the socket.
        path: NulFree<'a>,
    },
    /// `forwarded-streamlocal@openssh.com`: a connection that came in on a forwarded Unix socket.
    ForwardedStreamlocal {
        /// Path of the socket as it was written in the request.
        path: NulFree<'a>,
    },
    /// `auth-agent@openssh.com` or `agent-connect`: a connection to the client's agent.
    AuthAgent(AgentName),
    /// `x11`: a connection to the client's display (RFC 4254 §6.3.2).
    X11 {
        /// Address from which the X client came.
        originator: Text<'a>,
        /// Port from which it came.
        originator_port: u16,
    },
    /// `tun@openssh.com`: a tunnel device.
    Tun {
        /// 1 for packets (layer 3), 2 for frames (layer 2).
        mode: u32,
        /// The device's number at the receiver; 0x7fffffff for any.
        unit: u32,
    },
    /// Any other type.
    Other {
        /// The type's name.
        name: Name<'a>,
        /// Its data.
        data: &'a [u8],
    },
}

/// By which of its two names agent forwarding is spoken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentName {
    /// `auth-agent@openssh.com` and `auth-agent-req@openssh.com`.
    OpenSsh,
    /// `agent-connect` and `agent-req` (RFC 9987).
    Standard,
}

/// Why an open is refused (RFC 4254 §5.1). The number is any, since new ones may be assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenReason(pub u32);

impl OpenReason {
    /// Policy forbids it.
    pub const ADMINISTRATIVELY_PROHIBITED: Self = Self(1);
    /// It was tried and failed.
    pub const CONNECT_FAILED: Self = Self(2);
    /// Nobody here knows such channels.
    pub const UNKNOWN_CHANNEL_TYPE: Self = Self(3);
    /// Too much is open already.
    pub const RESOURCE_SHORTAGE: Self = Self(4);
}

/// The refusal of an open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenRefusal<'a> {
    /// Why, for the peer's program.
    pub reason: OpenReason,
    /// Why, for a person.
    pub text: Human<'a>,
}

impl OpenRefusal<'static> {
    /// What an application says that says nothing: no.
    pub const PROHIBITED: Self =
        Self { reason: OpenReason::ADMINISTRATIVELY_PROHIBITED, text: Human(b"open failed") };
}

impl<'a> ChannelType<'a> {
    /// Reads the data of an open with type `name`.
    ///
    /// # Errors
    /// A [`PayloadError`] when the type is known and the data is not its data.
    pub fn parse(name: Name<'a>, data: &'a [u8]) -> Result<Self, PayloadError> {
        let mut input = Reader::new(data);
        let kind = match name.as_str() {
            "session" => Self::Session,
            "direct-tcpip" => Self::DirectTcpip {
                host: Text::decode(&mut input)?,
                port: port(&mut input)?,
                originator: Text::decode(&mut input)?,
                originator_port: port(&mut input)?,
            },
            "forwarded-tcpip" => Self::ForwardedTcpip {
                address: Text::decode(&mut input)?,
                port: port(&mut input)?,
                originator: Text::decode(&mut input)?,
                originator_port: port(&mut input)?,
            },
            "direct-streamlocal@openssh.com" => {
                let path = NulFree::decode(&mut input)?;
                // Reserved: a string and a uint32.
                input.string()?;
                input.u32()?;
                Self::DirectStreamlocal { path }
            }
            "forwarded-streamlocal@openssh.com" => {
                let path = NulFree::decode(&mut input)?;
                // Reserved: a string.
                input.string()?;
                Self::ForwardedStreamlocal { path }
            }
            "auth-agent@openssh.com" => Self::AuthAgent(AgentName::OpenSsh),
            "agent-connect" => Self::AuthAgent(AgentName::Standard),
            "x11" => Self::X11 { originator: Text::decode(&mut input)?, originator_port: port(&mut input)? },
            "tun@openssh.com" => Self::Tun { mode: input.u32()?, unit: input.u32()? },
            _ => Self::Other { name, data: input.rest() },
        };
        input.finish()?;
        Ok(kind)
    }

    /// The type's name on the wire.
    #[must_use]
    pub fn name(&self) -> &'a str {
        match self {
            Self::Session => "session",
            Self::DirectTcpip { .. } => "direct-tcpip",
            Self::ForwardedTcpip { .. } => "forwarded-tcpip",
            Self::DirectStreamlocal { .. } => "direct-streamlocal@openssh.com",
            Self::ForwardedStreamlocal { .. } => "forwarded-streamlocal@openssh.com",
            Self::AuthAgent(AgentName::OpenSsh) => "auth-agent@openssh.com",
            Self::AuthAgent(AgentName::Standard) => "agent-connect",
            Self::X11 { .. } => "x11",
            Self::Tun { .. } => "tun@openssh.com",
            Self::Other { name, .. } => name.as_str(),
        }
    }

    /// Puts the data that follows the fields which every open has.
    pub(crate) fn encode_data<S: Sink + ?Sized>(&self, out: &mut S) {
        match self {
            Self::Session | Self::AuthAgent(_) => {}
            Self::DirectTcpip { host: address, port, originator, originator_port }
            | Self::ForwardedTcpip { address, port, originator, originator_port } => {
                address.encode(out);
                u32::from(*port).encode(out);
                originator.encode(out);
                u32::from(*originator_port).encode(out);
            }
            Self::DirectStreamlocal { path } => {
                path.encode(out);
                put_string(out, &[]);
                0_u32.encode(out);
            }
            Self::ForwardedStreamlocal { path } => {
                path.encode(out);
                put_string(out, &[]);
            }
            Self::X11 { originator, originator_port } => {
                originator.encode(out);
                u32::from(*originator_port).encode(out);
            }
            Self::Tun { mode, unit } => {
                mode.encode(out);
                unit.encode(out);
            }
            Self::Other { data, .. } => Rest(data).encode(out),
        }
    }
}
