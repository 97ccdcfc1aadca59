use wire::{Decode, Encode, Name, NulFree, Reader, Rest, Sink, Text};

use crate::PayloadError;
use crate::payload::port;

/// A request that concerns no channel (RFC 4254 §4): its name and the data that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GlobalRequest<'a> {
    /// `tcpip-forward`: listen (RFC 4254 §7.1). Granted with the port as a `uint32` when port 0 was asked for.
    TcpipForward {
        /// The address to listen on; empty for all.
        address: Text<'a>,
        /// The port to listen on; 0 for any.
        port: u16,
    },
    /// `cancel-tcpip-forward`: listen no more (RFC 4254 §7.1).
    CancelTcpipForward {
        /// The address as it was asked for.
        address: Text<'a>,
        /// The port that is listened on.
        port: u16,
    },
    /// `streamlocal-forward@openssh.com`: listen on a Unix socket.
    StreamlocalForward {
        /// Path of the socket.
        path: NulFree<'a>,
    },
    /// `cancel-streamlocal-forward@openssh.com`.
    CancelStreamlocalForward {
        /// Path of the socket.
        path: NulFree<'a>,
    },
    /// `no-more-sessions@openssh.com`: the sender will ask for no more sessions.
    NoMoreSessions,
    /// `keepalive@openssh.com`: any answer will do.
    Keepalive,
    /// `hostkeys-00@openssh.com`: the server's host keys, each a string.
    HostKeys {
        /// The strings.
        keys: &'a [u8],
    },
    /// `hostkeys-prove-00@openssh.com`: asks for a signature by each of these keys.
    HostKeysProve {
        /// The keys, each a string.
        keys: &'a [u8],
    },
    /// Any other request.
    Other {
        /// The request's name.
        name: Name<'a>,
        /// Its data.
        data: &'a [u8],
    },
}

impl<'a> GlobalRequest<'a> {
    /// Reads the data of a request with this `name`.
    ///
    /// # Errors
    /// A [`PayloadError`] when the request is known and the data is not its data.
    pub fn parse(name: Name<'a>, data: &'a [u8]) -> Result<Self, PayloadError> {
        let mut input = Reader::new(data);
        let request = match name.as_str() {
            "tcpip-forward" => {
                Self::TcpipForward { address: Text::decode(&mut input)?, port: port(&mut input)? }
            }
            "cancel-tcpip-forward" => {
                Self::CancelTcpipForward { address: Text::decode(&mut input)?, port: port(&mut input)? }
            }
            "streamlocal-forward@openssh.com" => {
                Self::StreamlocalForward { path: NulFree::decode(&mut input)? }
            }
            "cancel-streamlocal-forward@openssh.com" => {
                Self::CancelStreamlocalForward { path: NulFree::decode(&mut input)? }
            }
            "no-more-sessions@openssh.com" => Self::NoMoreSessions,
            // A liveness probe is no place to be strict: whatever it carries, it is answered.
            "keepalive@openssh.com" => {
                input.rest();
                Self::Keepalive
            }
            "hostkeys-00@openssh.com" => Self::HostKeys { keys: input.rest() },
            "hostkeys-prove-00@openssh.com" => Self::HostKeysProve { keys: input.rest() },
            _ => Self::Other { name, data: input.rest() },
        };
        input.finish()?;
        Ok(request)
    }

    /// The request's name on the wire.
    #[must_use]
    pub fn name(&self) -> &'a str {
        match self {
            Self::TcpipForward { .. } => "tcpip-forward",
            Self::CancelTcpipForward { .. } => "cancel-tcpip-forward",
            Self::StreamlocalForward { .. } => "streamlocal-forward@openssh.com",
            Self::CancelStreamlocalForward { .. } => "cancel-streamlocal-forward@openssh.com",
            Self::NoMoreSessions => "no-more-sessions@openssh.com",
            Self::Keepalive => "keepalive@openssh.com",
            Self::HostKeys { .. } => "hostkeys-00@openssh.com",
            Self::HostKeysProve { .. } => "hostkeys-prove-00@openssh.com",
            Self::Other { name, .. } => name.as_str(),
        }
    }

    /// Puts the data that follows the fields which every request has.
    pub(crate) fn encode_data<S: Sink + ?Sized>(&self, out: &mut S) {
        match self {
            Self::TcpipForward { address, port } | Self::CancelTcpipForward { address, port } => {
                address.encode(out);
                u32::from(*port).encode(out);
            }
            Self::StreamlocalForward { path } | Self::CancelStreamlocalForward { path } => path.encode(out),
            Self::NoMoreSessions | Self::Keepalive => {}
            Self::HostKeys { keys: data } | Self::HostKeysProve { keys: data } | Self::Other { data, .. } => {
                Rest(data).encode(out);
            }
        }
    }
}
