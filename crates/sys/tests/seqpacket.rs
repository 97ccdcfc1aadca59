//! Message sockets with descriptors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nacre_sys::fd::is_cloexec;
use nacre_sys::limits::{MAX_DESCRIPTORS, MAX_MESSAGE};
use nacre_sys::seqpacket::{ReceiveError, SeqPacket};

/// How often this process has the pipe's file open.
fn copies_of(pipe: &io::PipeReader) -> usize {
    let wanted =
        std::fs::read_link(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(pipe))).unwrap();
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    entries
        .filter(|entry| std::fs::read_link(entry.as_ref().unwrap().path()).is_ok_and(|link| link == wanted))
        .count()
}

#[test]
fn messages_keep_their_bounds_and_order() {
    let (one, other) = SeqPacket::pair().unwrap();
    one.send(b"first", &[]).unwrap();
    one.send(b"2", &[]).unwrap();
    let mut buffer = [0; 16];
    assert_eq!(other.receive(&mut buffer, 0).unwrap().unwrap().len, 5);
    assert_eq!(&buffer[..5], b"first");
    assert_eq!(other.receive(&mut buffer, 0).unwrap().unwrap().len, 1);
    drop(one);
    assert!(other.receive(&mut buffer, 0).unwrap().is_none());
    assert_eq!(other.send(b"x", &[]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn descriptors_arrive_usable_in_order_and_close_on_exec() {
    let (one, other) = SeqPacket::pair().unwrap();
    let (reader, writer) = io::pipe().unwrap();
    one.send(b"both", &[reader.as_fd(), writer.as_fd()]).unwrap();
    drop((reader, writer));
    let received = other.receive(&mut [0; 8], 2).unwrap().unwrap();
    assert!(received.fds.iter().all(|fd| is_cloexec(fd).unwrap()));
    let [reader, writer]: [OwnedFd; 2] = received.fds.try_into().unwrap();
    io::PipeWriter::from(writer).write_all(b"through").unwrap();
    let mut text = String::new();
    io::PipeReader::from(reader).read_to_string(&mut text).unwrap();
    assert_eq!(text, "through");
}

#[test]
fn descriptors_that_are_not_wanted_are_refused_and_closed() {
    let (one, other) = SeqPacket::pair().unwrap();
    let (reader, _writer) = io::pipe().unwrap();
    let before = copies_of(&reader);
    one.send(b"surprise", &[reader.as_fd(); 3]).unwrap();
    assert!(matches!(other.receive(&mut [0; 8], 2), Err(ReceiveError::Descriptors)));
    one.send(b"too long", &[reader.as_fd()]).unwrap();
    assert!(matches!(other.receive(&mut [0; 4], 2), Err(ReceiveError::TooLong)));
    assert_eq!(copies_of(&reader), before);
    one.send(b"and on", &[]).unwrap();
    assert_eq!(other.receive(&mut [0; 8], 0).unwrap().unwrap().len, 6);
}

#[test]
fn what_is_beyond_the_limits_is_not_sent() {
    let (one, other) = SeqPacket::pair().unwrap();
    let (reader, _writer) = io::pipe().unwrap();
    let many: Vec<BorrowedFd<'_>> = vec![reader.as_fd(); MAX_DESCRIPTORS + 1];
    let long = vec![7; MAX_MESSAGE + 1];
    for sent in [one.send(b"", &[]), one.send(&long, &[]), one.send(b"x", &many)] {
        assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
    one.send(&long[1..], &many[1..]).unwrap();
    let mut buffer = vec![0; MAX_MESSAGE];
    let received = other.receive(&mut buffer, MAX_DESCRIPTORS).unwrap().unwrap();
    assert_eq!((received.len, received.fds.len()), (MAX_MESSAGE, MAX_DESCRIPTORS));
}

#[test]
fn a_non_blocking_end_says_that_nothing_is_there() {
    let (one, other) = SeqPacket::pair().unwrap();
    nacre_sys::fd::set_nonblocking(&one, true).unwrap();
    let nothing = one.receive(&mut [0; 8], 0);
    assert!(matches!(nothing, Err(ReceiveError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock));
    drop(other);
}

#[test]
fn only_a_message_socket_is_taken_over() {
    let (stream, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    assert!(SeqPacket::try_from(OwnedFd::from(stream)).is_err());
    assert!(SeqPacket::try_from(OwnedFd::from(io::pipe().unwrap().0)).is_err());
    let (one, other) = SeqPacket::pair().unwrap();
    let one = SeqPacket::try_from(OwnedFd::from(one)).unwrap();
    one.send(b"again", &[]).unwrap();
    assert_eq!(other.receive(&mut [0; 8], 0).unwrap().unwrap().len, 5);
}

#[test]
fn the_length_of_the_next_message_is_known_before_it_is_taken() {
    let (one, other) = SeqPacket::pair().unwrap();
    let long = vec![7; MAX_MESSAGE];
    one.send(&long, &[]).unwrap();
    one.send(b"short", &[]).unwrap();
    assert_eq!(other.waiting().unwrap(), Some(long.len()));
    assert_eq!(other.waiting().unwrap(), Some(long.len()), "looking takes nothing");
    let mut buffer = vec![0; long.len()];
    assert_eq!(other.receive(&mut buffer, 0).unwrap().unwrap().len, long.len());
    assert_eq!(other.waiting().unwrap(), Some(5));
    other.receive(&mut buffer, 0).unwrap().unwrap();
    nacre_sys::fd::set_nonblocking(&other, true).unwrap();
    assert_eq!(other.waiting().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(one);
    assert_eq!(other.waiting().unwrap(), None);
}
