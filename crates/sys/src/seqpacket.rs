//! Message sockets between two processes of one connection: what is sent arrives whole or not at all, with descriptors beside it.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use crate::call::{check, retry};
use crate::limits::{MAX_DESCRIPTORS, MAX_MESSAGE};
use crate::socket;

/// One end of a `SOCK_SEQPACKET` pair.
#[derive(Debug)]
pub struct SeqPacket {
    fd: OwnedFd,
}

/// A message that arrived.
#[derive(Debug)]
pub struct Received {
    /// How many bytes of the buffer it fills, never 0.
    pub len: usize,
    /// The descriptors that came with it, in order; an exec closes them.
    pub fds: Vec<OwnedFd>,
}

/// Why a message could not be taken. The other side does not keep to the protocol, and should be given up, but for `Io`.
#[derive(Debug)]
pub enum ReceiveError {
    /// The socket failed; `WouldBlock` when nothing is there.
    Io(io::Error),
    /// The message is longer than the buffer; it is gone.
    TooLong,
    /// More descriptors came than were asked for, or they did not fit below the limit of open files; all are closed.
    Descriptors,
}

impl std::fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::TooLong => f.write_str("message longer than its limit"),
            Self::Descriptors => f.write_str("unexpected or lost descriptors"),
        }
    }
}

impl std::error::Error for ReceiveError {}

/// Room for a control message of as many descriptors as may come, aligned as its header must be.
#[repr(C, align(8))]
struct Control([MaybeUninit<u8>; CONTROL]);

const FDS_SIZE: u32 = (MAX_DESCRIPTORS * size_of::<RawFd>()) as u32;
// SAFETY: computes a size, touches no memory.
const CONTROL: usize = unsafe { libc::CMSG_SPACE(FDS_SIZE) } as usize;

impl SeqPacket {
    /// Two connected ends that an exec closes.
    ///
    /// # Errors
    /// What `socketpair` says.
    pub fn pair() -> io::Result<(Self, Self)> {
        let mut fds = [-1; 2];
        let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
        // SAFETY: `fds` has room for the two numbers.
        check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()) })?;
        // SAFETY: the kernel just made both, and nobody else knows them.
        let [one, other] = fds.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        Ok((Self { fd: one }, Self { fd: other }))
    }

    /// Sends one message and copies of `fds`. The sender's own copies stay open: drop them.
    ///
    /// # Errors
    /// `InvalidInput` for an empty or too long message or too many descriptors; `WouldBlock` when the other side does not read and
    /// this end is non-blocking; `QuotaExceeded` when the user has as many descriptors on their way in messages as may be open, until
    /// somebody takes some; `BrokenPipe` when it has gone (no SIGPIPE).
    pub fn send(&self, message: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        if message.is_empty() || message.len() > MAX_MESSAGE || fds.len() > MAX_DESCRIPTORS {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        let mut part = libc::iovec { iov_base: message.as_ptr().cast_mut().cast(), iov_len: message.len() };
        let mut control = Control([MaybeUninit::zeroed(); CONTROL]);
        let mut header = empty_header(&mut part);
        if !fds.is_empty() {
            let size = size_of_val(fds) as u32; // BorrowedFd is a RawFd in memory.
            header.msg_control = control.0.as_mut_ptr().cast();
            // SAFETY: computes a size, touches no memory.
            header.msg_controllen = unsafe { libc::CMSG_SPACE(size) } as _;
            // SAFETY: `msg_control` and its length are those of `control`.
            let first = unsafe { libc::CMSG_FIRSTHDR(&raw const header) };
            // SAFETY: it is null or the start of `control`, which is aligned, zeroed, and at least one header long.
            let Some(first) = (unsafe { first.as_mut() }) else {
                return Err(io::Error::from(io::ErrorKind::InvalidInput));
            };
            first.cmsg_level = libc::SOL_SOCKET;
            first.cmsg_type = libc::SCM_RIGHTS;
            // SAFETY: computes a size, touches no memory.
            first.cmsg_len = unsafe { libc::CMSG_LEN(size) } as _;
            // SAFETY: `first` is the header at the start of `control`; its data follows it.
            let data = unsafe { libc::CMSG_DATA(first) }.cast::<RawFd>();
            for (index, fd) in fds.iter().enumerate() {
                // SAFETY: `index` is below MAX_DESCRIPTORS, for which `control` has room.
                let place = unsafe { data.add(index) };
                // SAFETY: the place lies in `control`; its alignment is not assumed.
                unsafe { place.write_unaligned(fd.as_raw_fd()) };
            }
        }
        // SAFETY: `header` points to `part`, hence `message`, and to `control`, which all live until after the call.
        match retry(|| unsafe { libc::sendmsg(self.fd.as_raw_fd(), &raw const header, libc::MSG_NOSIGNAL) }) {
            Err(error) if error.raw_os_error() == Some(libc::ETOOMANYREFS) => {
                Err(io::ErrorKind::QuotaExceeded.into())
            }
            done => done.map(|_| ()),
        }
    }

    /// How long the next message is, which stays where it is. `None` when the other side has closed.
    ///
    /// # Errors
    /// The socket failed; `WouldBlock` when nothing is there and this end is non-blocking.
    pub fn waiting(&self) -> io::Result<Option<usize>> {
        let flags = libc::MSG_PEEK | libc::MSG_TRUNC;
        // SAFETY: no byte is written: the buffer is said to have none.
        let len = retry(|| unsafe { libc::recv(self.fd.as_raw_fd(), std::ptr::null_mut(), 0, flags) })?;
        Ok(usize::try_from(len).ok().filter(|len| *len > 0))
    }

    /// Takes one message, with at most `max_fds` descriptors (at most [`MAX_DESCRIPTORS`]). `None` when the other side has closed.
    ///
    /// # Errors
    /// See [`ReceiveError`]. No descriptor that came is open after an error.
    pub fn receive(&self, buffer: &mut [u8], max_fds: usize) -> Result<Option<Received>, ReceiveError> {
        let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        let mut control = Control([MaybeUninit::zeroed(); CONTROL]);
        let mut header = empty_header(&mut part);
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = CONTROL as _;
        // SAFETY: `header` points to `part`, hence `buffer`, and to `control`, which are writable and live until after the call.
        let received =
            retry(|| unsafe { libc::recvmsg(self.fd.as_raw_fd(), &raw mut header, libc::MSG_CMSG_CLOEXEC) });
        let len = received.map_err(ReceiveError::Io)?;
        let fds = take_descriptors(&header); // Owned from here on: every way out closes them.
        if header.msg_flags & libc::MSG_CTRUNC != 0 || fds.len() > max_fds {
            return Err(ReceiveError::Descriptors);
        }
        if header.msg_flags & libc::MSG_TRUNC != 0 {
            return Err(ReceiveError::TooLong);
        }
        match usize::try_from(len) {
            Ok(len) if len > 0 => Ok(Some(Received { len, fds })),
            _ if fds.is_empty() => Ok(None),
            _ => Err(ReceiveError::Descriptors),
        }
    }
}

fn empty_header(part: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: all zero is a valid msghdr: null pointers, lengths of 0. (It has padding on musl, hence no literal.)
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = part;
    header.msg_iovlen = 1;
    header
}

/// Makes every descriptor in the control messages that `recvmsg` wrote an owned one.
#[allow(clippy::unnecessary_cast, reason = "the C libraries differ in the type of cmsg_len")]
fn take_descriptors(header: &libc::msghdr) -> Vec<OwnedFd> {
    let mut fds = Vec::new();
    // SAFETY: the kernel wrote `msg_controllen` valid bytes at `msg_control`.
    let mut at = unsafe { libc::CMSG_FIRSTHDR(header) };
    // SAFETY: `at` is null or a control message header within those bytes.
    while let Some(message) = unsafe { at.as_ref() } {
        if message.cmsg_level == libc::SOL_SOCKET && message.cmsg_type == libc::SCM_RIGHTS {
            // SAFETY: computes a size, touches no memory.
            let offset = unsafe { libc::CMSG_LEN(0) } as usize;
            let count = (message.cmsg_len as usize).saturating_sub(offset) / size_of::<RawFd>();
            // SAFETY: the data of a header lies behind it.
            let data = unsafe { libc::CMSG_DATA(at) }.cast::<RawFd>();
            for index in 0..count {
                // SAFETY: `index` is below the count that the header's length gives.
                let place = unsafe { data.add(index) };
                // SAFETY: the place lies in the bytes the kernel wrote; its alignment is not assumed.
                let number = unsafe { place.read_unaligned() };
                // SAFETY: the kernel just opened this number for this process, and nobody else knows it.
                fds.push(unsafe { OwnedFd::from_raw_fd(number) });
            }
        }
        // SAFETY: `at` is a header of this list.
        at = unsafe { libc::CMSG_NXTHDR(header, at) };
    }
    fds
}

impl TryFrom<OwnedFd> for SeqPacket {
    type Error = io::Error;

    /// An end that was inherited.
    ///
    /// # Errors
    /// `InvalidInput` when it is no Unix socket of this kind.
    fn try_from(fd: OwnedFd) -> io::Result<Self> {
        let is = |option, wanted| Ok::<bool, io::Error>(socket::option(fd.as_fd(), option)? == wanted);
        if is(libc::SO_DOMAIN, libc::AF_UNIX)? && is(libc::SO_TYPE, libc::SOCK_SEQPACKET)? {
            Ok(Self { fd })
        } else {
            Err(io::Error::from(io::ErrorKind::InvalidInput))
        }
    }
}

impl AsFd for SeqPacket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl From<SeqPacket> for OwnedFd {
    fn from(socket: SeqPacket) -> Self {
        socket.fd
    }
}
