use std::fmt;

/// Why a connection was ended (RFC 4253 §11.1). A peer may use numbers that have no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reason(pub u32);

impl Reason {
    /// The host is not allowed to connect.
    pub const HOST_NOT_ALLOWED_TO_CONNECT: Self = Self(1);
    /// The peer broke a rule.
    pub const PROTOCOL_ERROR: Self = Self(2);
    /// No keys could be agreed on.
    pub const KEY_EXCHANGE_FAILED: Self = Self(3);
    /// A packet's tag did not verify.
    pub const MAC_ERROR: Self = Self(5);
    /// Compressed data was bad.
    pub const COMPRESSION_ERROR: Self = Self(6);
    /// The service that was asked for does not exist.
    pub const SERVICE_NOT_AVAILABLE: Self = Self(7);
    /// The peer speaks another version of the protocol.
    pub const PROTOCOL_VERSION_NOT_SUPPORTED: Self = Self(8);
    /// The server could not be shown to be the one that was meant.
    pub const HOST_KEY_NOT_VERIFIABLE: Self = Self(9);
    /// The connection is gone.
    pub const CONNECTION_LOST: Self = Self(10);
    /// Somebody wanted it to end.
    pub const BY_APPLICATION: Self = Self(11);
    /// There are too many connections.
    pub const TOO_MANY_CONNECTIONS: Self = Self(12);
    /// The user gave up authenticating.
    pub const AUTH_CANCELLED_BY_USER: Self = Self(13);
    /// No method of authentication is left.
    pub const NO_MORE_AUTH_METHODS_AVAILABLE: Self = Self(14);
    /// The user name is not legal.
    pub const ILLEGAL_USER_NAME: Self = Self(15);
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::HOST_NOT_ALLOWED_TO_CONNECT => "host not allowed to connect",
            Self::PROTOCOL_ERROR => "protocol error",
            Self::KEY_EXCHANGE_FAILED => "key exchange failed",
            Self::MAC_ERROR => "MAC error",
            Self::COMPRESSION_ERROR => "compression error",
            Self::SERVICE_NOT_AVAILABLE => "service not available",
            Self::PROTOCOL_VERSION_NOT_SUPPORTED => "protocol version not supported",
            Self::HOST_KEY_NOT_VERIFIABLE => "host key not verifiable",
            Self::CONNECTION_LOST => "connection lost",
            Self::BY_APPLICATION => "by application",
            Self::TOO_MANY_CONNECTIONS => "too many connections",
            Self::AUTH_CANCELLED_BY_USER => "authentication cancelled by user",
            Self::NO_MORE_AUTH_METHODS_AVAILABLE => "no more authentication methods available",
            Self::ILLEGAL_USER_NAME => "illegal user name",
            Self(number) => return write!(f, "reason {number}"),
        };
        f.write_str(name)
    }
}
