//! What a client asks, read from a packet.

use wire::{Decode, Reader, WireError};

use crate::kind::RequestKind;
use crate::{Attributes, Error, OpenFlags};

/// The type of the packet that begins a session.
const INIT: u8 = 1;
/// The type of a packet whose name says what it is.
const EXTENDED: u8 = 200;

/// A packet of a client. What stands behind its last field is not looked at, as OpenSSH's server does not.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Packet<'a> {
    /// The version that the client speaks.
    Init { version: u32 },
    /// A request.
    Request { id: u32, kind: RequestKind, body: Body<'a> },
    /// A type that is no request.
    UnknownType { id: u32, number: u8 },
    /// An extension that is not there.
    UnknownExtension { id: u32, name: &'a [u8] },
}

/// A request (draft-ietf-secsh-filexfer-02 §6; extensions: OpenSSH's PROTOCOL §4, draft-ietf-secsh-filexfer-extensions-00).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Body<'a> {
    /// It may take its time, beside others of its kind.
    Transfer(Transfer<'a>),
    /// It has its turn when everything before it was done.
    Request(Request<'a>),
}

/// What may take its time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Transfer<'a> {
    Read {
        handle: &'a [u8],
        offset: u64,
        length: u32,
    },
    Write {
        handle: &'a [u8],
        offset: u64,
        data: &'a [u8],
    },
    Sync {
        handle: &'a [u8],
    },
    /// A length of 0 means everything.
    Copy {
        from: &'a [u8],
        from_offset: u64,
        length: u64,
        to: &'a [u8],
        to_offset: u64,
    },
}

/// What is done in its turn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Request<'a> {
    Open {
        path: &'a [u8],
        flags: OpenFlags,
        attributes: Attributes,
    },
    Close {
        handle: &'a [u8],
    },
    /// STAT and, not to follow a link, LSTAT.
    Attributes {
        path: &'a [u8],
        follow: bool,
    },
    FileAttributes {
        handle: &'a [u8],
    },
    /// SETSTAT and, not to follow a link, `lsetstat@openssh.com`.
    SetAttributes {
        path: &'a [u8],
        attributes: Attributes,
        follow: bool,
    },
    SetFileAttributes {
        handle: &'a [u8],
        attributes: Attributes,
    },
    OpenDirectory {
        path: &'a [u8],
    },
    ReadDirectory {
        handle: &'a [u8],
    },
    Remove {
        path: &'a [u8],
    },
    MakeDirectory {
        path: &'a [u8],
        attributes: Attributes,
    },
    RemoveDirectory {
        path: &'a [u8],
    },
    RealPath {
        path: &'a [u8],
    },
    /// RENAME and, to replace, `posix-rename@openssh.com`.
    Rename {
        from: &'a [u8],
        to: &'a [u8],
        replace: bool,
    },
    ReadLink {
        path: &'a [u8],
    },
    MakeLink {
        target: &'a [u8],
        link: &'a [u8],
    },
    Space {
        path: &'a [u8],
    },
    FileSpace {
        handle: &'a [u8],
    },
    MakeHardLink {
        from: &'a [u8],
        to: &'a [u8],
    },
    Limits,
    ExpandPath {
        path: &'a [u8],
    },
    HomeDirectory {
        user: &'a [u8],
    },
    /// Numbers, one behind the other.
    Names {
        users: &'a [u8],
        groups: &'a [u8],
    },
}

impl<'a> Packet<'a> {
    /// Reads a packet, without its length. `begun`: the client has said its version.
    pub(crate) fn decode(packet: &'a [u8], begun: bool) -> Result<Self, Error> {
        let malformed = |request| move |why| Error::Malformed { request, why };
        let mut input = Reader::new(packet);
        let number = input.u8().map_err(malformed("empty"))?;
        if number == INIT {
            let version = input.u32().map_err(malformed("init"))?;
            return Ok(Self::Init { version });
        }
        if !begun {
            return Err(Error::BeforeInit(number));
        }
        let id = input.u32().map_err(malformed("numberless"))?;
        let kind = if number == EXTENDED {
            let name = input.string().map_err(malformed("extended"))?;
            match RequestKind::extension(name) {
                Some(kind) => kind,
                None => return Ok(Self::UnknownExtension { id, name }),
            }
        } else {
            match RequestKind::numbered(number) {
                Some(kind) => kind,
                None => return Ok(Self::UnknownType { id, number }),
            }
        };
        let body = Body::decode(kind, &mut input).map_err(malformed(kind.name()))?;
        Ok(Self::Request { id, kind, body })
    }
}

impl<'a> Body<'a> {
    fn decode(kind: RequestKind, input: &mut Reader<'a>) -> Result<Self, WireError> {
        let request = match kind {
            RequestKind::Read => {
                let handle = input.string()?;
                let (offset, length) = (input.u64()?, input.u32()?);
                return Ok(Self::Transfer(Transfer::Read { handle, offset, length }));
            }
            RequestKind::Write => {
                let handle = input.string()?;
                let (offset, data) = (input.u64()?, input.string()?);
                return Ok(Self::Transfer(Transfer::Write { handle, offset, data }));
            }
            RequestKind::Fsync => return Ok(Self::Transfer(Transfer::Sync { handle: input.string()? })),
            RequestKind::CopyData => {
                let from = input.string()?;
                let (from_offset, length) = (input.u64()?, input.u64()?);
                let (to, to_offset) = (input.string()?, input.u64()?);
                return Ok(Self::Transfer(Transfer::Copy { from, from_offset, length, to, to_offset }));
            }
            RequestKind::Open => {
                let path = path(input)?;
                let flags = open_flags(input.u32()?);
                Request::Open { path, flags, attributes: Attributes::decode(input)? }
            }
            RequestKind::Close => Request::Close { handle: input.string()? },
            RequestKind::Lstat => Request::Attributes { path: path(input)?, follow: false },
            RequestKind::Fstat => Request::FileAttributes { handle: input.string()? },
            RequestKind::Setstat | RequestKind::Lsetstat => {
                let path = path(input)?;
                let attributes = Attributes::decode(input)?;
                Request::SetAttributes { path, attributes, follow: kind == RequestKind::Setstat }
            }
            RequestKind::Fsetstat => {
                let handle = input.string()?;
                Request::SetFileAttributes { handle, attributes: Attributes::decode(input)? }
            }
            RequestKind::Opendir => Request::OpenDirectory { path: path(input)? },
            RequestKind::Readdir => Request::ReadDirectory { handle: input.string()? },
            RequestKind::Remove => Request::Remove { path: path(input)? },
            RequestKind::Mkdir => {
                let path = path(input)?;
                Request::MakeDirectory { path, attributes: Attributes::decode(input)? }
            }
            RequestKind::Rmdir => Request::RemoveDirectory { path: path(input)? },
            RequestKind::Realpath => Request::RealPath { path: path(input)? },
            RequestKind::Stat => Request::Attributes { path: path(input)?, follow: true },
            RequestKind::Rename | RequestKind::PosixRename => {
                let (from, to) = (path(input)?, path(input)?);
                Request::Rename { from, to, replace: kind == RequestKind::PosixRename }
            }
            RequestKind::Readlink => Request::ReadLink { path: path(input)? },
            // The draft has the link first; OpenSSH, and so everybody, has the target first.
            RequestKind::Symlink => {
                let (target, link) = (path(input)?, path(input)?);
                Request::MakeLink { target, link }
            }
            RequestKind::Statvfs => Request::Space { path: path(input)? },
            RequestKind::Fstatvfs => Request::FileSpace { handle: input.string()? },
            RequestKind::Hardlink => {
                let (from, to) = (path(input)?, path(input)?);
                Request::MakeHardLink { from, to }
            }
            RequestKind::Limits => Request::Limits,
            RequestKind::ExpandPath => Request::ExpandPath { path: path(input)? },
            RequestKind::HomeDirectory => Request::HomeDirectory { user: path(input)? },
            RequestKind::UsersGroupsById => {
                let (users, groups) = (numbers(input.string()?)?, numbers(input.string()?)?);
                Request::Names { users, groups }
            }
        };
        Ok(Self::Request(request))
    }
}

/// A path, or a name that the system takes for one: it holds no NUL.
fn path<'a>(input: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
    Ok(wire::NulFree::decode(input)?.as_bytes())
}

/// Whole `uint32`s.
fn numbers(bytes: &[u8]) -> Result<&[u8], WireError> {
    match bytes.len() % 4 {
        0 => Ok(bytes),
        left => Err(WireError::Truncated { needed: 4, left }),
    }
}

/// The flags of OPEN (draft-ietf-secsh-filexfer-02 §6.3); others mean nothing.
fn open_flags(bits: u32) -> OpenFlags {
    OpenFlags {
        read: bits & 0x01 != 0,
        write: bits & 0x02 != 0,
        append: bits & 0x04 != 0,
        create: bits & 0x08 != 0,
        truncate: bits & 0x10 != 0,
        exclusive: bits & 0x20 != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbolic_link_is_asked_for_with_its_target_first() {
        let packet = b"\x14\0\0\0\x07\0\0\0\x06target\0\0\0\x04link";
        let decoded = Packet::decode(packet, true).unwrap();
        let Packet::Request { id: 7, body: Body::Request(Request::MakeLink { target, link }), .. } = decoded
        else {
            panic!("{decoded:?}");
        };
        assert_eq!((target, link), (&b"target"[..], &b"link"[..]));
    }

    #[test]
    fn nothing_is_answered_before_the_version() {
        assert_eq!(Packet::decode(b"\x11\0\0\0\x01\0\0\0\x01a", false).unwrap_err(), Error::BeforeInit(17));
        assert!(matches!(Packet::decode(b"\x01\0\0\0\x03", false), Ok(Packet::Init { version: 3 })));
    }

    #[test]
    fn what_is_behind_the_last_field_does_not_matter() {
        assert!(Packet::decode(b"\x11\0\0\0\x01\0\0\0\x01ajunk", true).is_ok());
    }

    #[test]
    fn a_path_with_a_nul_and_a_list_of_broken_numbers_are_malformed() {
        let nul = Packet::decode(b"\x11\0\0\0\x01\0\0\0\x03a\0b", true).unwrap_err();
        assert_eq!(nul, Error::Malformed { request: "stat", why: WireError::Nul });
        let mut names = b"\xc8\0\0\0\x01\0\0\0\x1eusers-groups-by-id@openssh.com".to_vec();
        names.extend_from_slice(b"\0\0\0\x03abc\0\0\0\0");
        let broken = Packet::decode(&names, true).unwrap_err();
        let why = WireError::Truncated { needed: 4, left: 3 };
        assert_eq!(broken, Error::Malformed { request: "users-groups-by-id", why });
    }

    #[test]
    fn every_cut_of_a_request_is_malformed() {
        let whole = b"\x06\0\0\0\x01\0\0\0\x02hh\0\0\0\0\0\0\0\x09\0\0\0\x03abc";
        assert!(Packet::decode(whole, true).is_ok());
        for cut in 0..whole.len() {
            assert!(matches!(Packet::decode(&whole[..cut], true), Err(Error::Malformed { .. })), "{cut}");
        }
    }
}
