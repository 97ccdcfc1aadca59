//! TCP sockets on loopback. Where the system has no IPv6, the cases about it say so and end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stderr, reason = "a test that cannot be made here says so")]

use std::io::{self, ErrorKind};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nacre_sys::fd::is_cloexec;
use nacre_sys::poll::{Entry, wait};
use nacre_sys::socket::{
    accept, acknowledge, connect as begin, interface, listen, local_name, peer_name, round_trip,
    service_class, set_keepalive, set_nodelay, set_notsent_lowat, set_service_class, shutdown_read,
    shutdown_write, take_error,
};

fn any_port(address: &str) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), 0)
}

fn has_ipv6() -> bool {
    let has = TcpListener::bind(any_port("::1")).is_ok();
    if !has {
        eprintln!("no IPv6 here: not tested");
    }
    has
}

/// Both ends of a connection through the listener.
fn connect(listener: OwnedFd, to: SocketAddr) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(to).unwrap();
    assert_eq!(wait(&mut [Entry::new(listener.as_fd(), true, false)], None).unwrap(), 1);
    let (server, _) = TcpListener::from(listener).accept().unwrap();
    (client, server)
}

#[test]
fn a_listener_is_closed_by_exec_does_not_block_and_accepts() {
    let listener = listen(any_port("127.0.0.1"), 8).unwrap();
    assert!(is_cloexec(&listener).unwrap());
    let address = local_name(&listener).unwrap();
    assert_eq!(peer_name(&listener), None);
    let listener = TcpListener::from(listener);
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let (client, server) = connect(listener.into(), address);
    assert_eq!(peer_name(&client), Some(address));
    assert_eq!(local_name(&server), Some(address));
    assert_eq!(peer_name(&server), Some(client.local_addr().unwrap()));
}

#[test]
fn an_address_in_use_is_refused_and_a_left_one_is_taken_at_once() {
    let listener = listen(any_port("127.0.0.1"), 8).unwrap();
    let address = local_name(&listener).unwrap();
    assert_eq!(listen(address, 8).unwrap_err().kind(), ErrorKind::AddrInUse);
    // The server ends the connection first, so its address lingers in the kernel.
    let (mut client, server) = connect(listener, address);
    drop(server);
    assert_eq!(io::Read::read(&mut client, &mut [0]).unwrap(), 0);
    drop(client);
    assert_eq!(local_name(listen(address, 8).unwrap()), Some(address));
}

#[test]
fn both_families_can_listen_on_one_port() {
    if has_ipv6() {
        let four = listen(any_port("0.0.0.0"), 8).unwrap();
        let port = local_name(&four).unwrap().port();
        let six = listen(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port), 8).unwrap();
        assert_eq!(local_name(&six).unwrap().to_string(), format!("[::]:{port}"));
        let (client, server) = connect(six, SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port));
        assert_eq!(peer_name(&server), Some(client.local_addr().unwrap()));
        assert!(peer_name(&server).unwrap().is_ipv6());
    }
}

#[test]
fn an_ipv4_peer_of_an_ipv6_socket_has_its_ipv4_address() {
    // std leaves the system's default: one that takes both.
    let takes_both =
        std::fs::read_to_string("/proc/sys/net/ipv6/bindv6only").is_ok_and(|only| only.trim() == "0");
    if has_ipv6() && takes_both {
        let listener = TcpListener::bind(any_port("::")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (client, server) = connect(listener.into(), SocketAddr::new([127, 0, 0, 1].into(), port));
        assert!(server.peer_addr().unwrap().is_ipv6());
        assert_eq!(peer_name(&server), Some(client.local_addr().unwrap()));
        assert_eq!(local_name(&server), Some(client.peer_addr().unwrap()));
    }
}

#[test]
fn what_is_no_tcp_socket_has_no_name() {
    let udp = UdpSocket::bind(any_port("127.0.0.1")).unwrap();
    udp.connect(udp.local_addr().unwrap()).unwrap();
    let (unix, _other) = UnixStream::pair().unwrap();
    let (pipe, _writer) = io::pipe().unwrap();
    for fd in [udp.as_fd(), unix.as_fd(), pipe.as_fd()] {
        assert_eq!((peer_name(fd), local_name(fd)), (None, None));
    }
}

#[test]
fn options_are_set_and_cleared() {
    let listener = listen(any_port("127.0.0.1"), 8).unwrap();
    let address = local_name(&listener).unwrap();
    let (client, _server) = connect(listener, address);
    for on in [true, false] {
        set_nodelay(&client, on).unwrap();
        assert_eq!(client.nodelay().unwrap(), on);
        set_keepalive(&client, on).unwrap();
    }
    acknowledge(&client).unwrap();
    for bytes in [16 * 1024, u32::MAX] {
        set_notsent_lowat(&client, bytes).unwrap();
    }
    let (pipe, _writer) = io::pipe().unwrap();
    let refusals = [
        set_nodelay(&pipe, true),
        set_keepalive(&pipe, true),
        set_notsent_lowat(&pipe, 1),
        acknowledge(&pipe),
    ];
    for refused in refusals {
        assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::ENOTSOCK));
    }
}

#[test]
fn a_socket_with_much_unsent_is_not_writable_until_it_is_less() {
    let listener = listen(any_port("127.0.0.1"), 8).unwrap();
    let address = local_name(&listener).unwrap();
    let (mut client, mut server) = connect(listener, address);
    set_notsent_lowat(&client, 16 * 1024).unwrap();
    client.set_nonblocking(true).unwrap();
    let mut sent = 0;
    while wait(&mut [Entry::new(client.as_fd(), false, true)], Some(std::time::Duration::ZERO)).unwrap() == 1
    {
        match io::Write::write(&mut client, &[7; 8 * 1024]) {
            Ok(count) => sent += count,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    // It would take more, but says it is enough.
    sent += io::Write::write(&mut client, &[7; 1024]).unwrap();
    let mut received = vec![0; sent];
    io::Read::read_exact(&mut server, &mut received).unwrap();
    assert_eq!(wait(&mut [Entry::new(client.as_fd(), false, true)], None).unwrap(), 1);
}

#[test]
fn each_direction_of_a_connection_is_ended_by_itself() {
    let listener = listen(any_port("127.0.0.1"), 8).unwrap();
    let address = local_name(&listener).unwrap();
    let (mut client, mut server) = connect(listener, address);
    io::Write::write_all(&mut server, b"all").unwrap();
    shutdown_write(&server).unwrap();
    let mut came = Vec::new();
    io::Read::read_to_end(&mut client, &mut came).unwrap();
    assert_eq!(came, b"all");
    io::Write::write_all(&mut client, b"back").unwrap();
    io::Read::read_exact(&mut server, &mut [0; 4]).unwrap();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    shutdown_read(&theirs).unwrap();
    assert_eq!(io::Write::write(&mut ours, b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    let pipe = io::pipe().unwrap();
    assert!(shutdown_write(&pipe.0).is_err() && shutdown_read(&pipe.0).is_err());
}

#[test]
fn a_tcp_connection_knows_how_long_its_way_is_and_others_do_not() {
    let listener = listen(any_port("127.0.0.1"), 8).unwrap();
    let address = local_name(&listener).unwrap();
    let (client, server) = connect(listener, address);
    // Measured when it was made.
    for end in [client, server] {
        let way = round_trip(&end).unwrap().unwrap();
        assert!(way.as_secs() < 1, "{way:?}");
    }
    assert!(round_trip(UnixStream::pair().unwrap().0).is_err());
    assert!(round_trip(io::pipe().unwrap().0).is_err());
}

#[test]
fn a_service_class_is_set_for_either_family() {
    let four = connect_to("127.0.0.1");
    set_service_class(&four, 0xb8).unwrap();
    assert_eq!(service_class(&four).unwrap(), 0xb8);
    set_service_class(&four, 0).unwrap();
    assert_eq!(service_class(&four).unwrap(), 0);
    if has_ipv6() {
        let six = connect_to("::1");
        set_service_class(&six, 0x20).unwrap();
        assert_eq!(service_class(&six).unwrap(), 0x20);
    }
    assert!(set_service_class(UnixStream::pair().unwrap().0, 0x20).is_err());
    assert!(service_class(io::pipe().unwrap().0).is_err());
}

fn connect_to(address: &str) -> TcpStream {
    let listener = listen(any_port(address), 8).unwrap();
    let address = local_name(&listener).unwrap();
    connect(listener, address).0
}

#[test]
fn a_connection_is_begun_without_waiting_and_tells_how_it_went() {
    let families = if has_ipv6() { vec!["127.0.0.1", "::1"] } else { vec!["127.0.0.1"] };
    for family in families {
        let listener = listen(any_port(family), 8).unwrap();
        assert_eq!(accept(&listener).unwrap_err().kind(), ErrorKind::WouldBlock);
        let address = local_name(&listener).unwrap();
        let client = begin(address).unwrap();
        assert_eq!(wait(&mut [Entry::new(client.as_fd(), false, true)], None).unwrap(), 1);
        take_error(&client).unwrap();
        assert_eq!(peer_name(&client), Some(address));
        let server = accept(&listener).unwrap();
        assert!(is_cloexec(&client).unwrap() && is_cloexec(&server).unwrap());
        let mut ends = [client, server].map(TcpStream::from);
        for end in &mut ends {
            assert_eq!(io::Read::read(end, &mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        }
        drop(listener);
        let refused = begin(address).and_then(|client| {
            assert_eq!(wait(&mut [Entry::new(client.as_fd(), false, true)], None).unwrap(), 1);
            take_error(&client)
        });
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
}

#[test]
fn interfaces_have_numbers() {
    assert_eq!(interface("lo"), Some(1));
    assert_eq!((interface("no such one"), interface(""), interface("l\0o")), (None, None, None));
}
