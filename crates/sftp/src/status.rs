/// How a request ended, other than with what it asked for (draft-ietf-secsh-filexfer-02 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Status {
    /// It was done.
    Ok = 0,
    /// There is nothing more to read.
    Eof = 1,
    /// There is no such file.
    NoSuchFile = 2,
    /// The user may not do that.
    PermissionDenied = 3,
    /// It failed for any other reason.
    Failure = 4,
    /// The request makes no sense.
    BadMessage = 5,
    /// There is no connection to the server; no server says so.
    NoConnection = 6,
    /// The connection to the server was lost; no server says so.
    ConnectionLost = 7,
    /// The server does not do that.
    OpUnsupported = 8,
}

impl Status {
    /// Its number on the wire.
    #[must_use]
    pub fn code(self) -> u32 {
        self as u32
    }

    /// What a person is told.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Ok => "Success",
            Self::Eof => "End of file",
            Self::NoSuchFile => "No such file",
            Self::PermissionDenied => "Permission denied",
            Self::Failure => "Failure",
            Self::BadMessage => "Bad message",
            Self::NoConnection => "No connection",
            Self::ConnectionLost => "Connection lost",
            Self::OpUnsupported => "Operation unsupported",
        }
    }
}
