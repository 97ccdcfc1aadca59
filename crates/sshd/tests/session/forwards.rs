//! Connections past sessions.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use sys::ids::Uid;
use sys::spawn::Ended;
use wire::{Encode, Reader, put_string};

use super::played::{Ask, Fifo, Session, Setup, is_ready};

/// Everything is allowed.
fn forwarding() -> Setup {
    Setup { tcp: [true; 2], streamlocal: [true; 2], ..Setup::default() }
}

/// A message of numbers and strings.
enum Part<'a> {
    Number(u32),
    String(&'a str),
}

use Part::{Number, String as Str};

/// What the session says next of connections.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Connected(u32),
    Refused { channel: u32, reason: u32, text: String },
    Listening { request: u32, good: bool, port: u32 },
    Tcp { address: String, port: u32, originator: String, originator_port: u32 },
    Local { path: String },
}

fn say(session: &Session, number: u8, parts: &[Part<'_>]) {
    let mut out = vec![number];
    for part in parts {
        match part {
            Number(number) => number.encode(&mut out),
            Str(string) => put_string(&mut out, string.as_bytes()),
        }
    }
    session.send(&out);
}

fn told(session: &mut Session) -> (Told, Option<OwnedFd>) {
    let (number, payload, fds) = session.connection();
    let mut input = Reader::new(&payload);
    let string = |input: &mut Reader<'_>| String::from_utf8(input.string().unwrap().to_vec()).unwrap();
    let told = match number {
        23 => Told::Connected(input.u32().unwrap()),
        24 => Told::Refused {
            channel: input.u32().unwrap(),
            reason: input.u32().unwrap(),
            text: string(&mut input),
        },
        25 => Told::Listening {
            request: input.u32().unwrap(),
            good: input.u8().unwrap() == 1,
            port: input.u32().unwrap(),
        },
        26 => Told::Tcp {
            address: string(&mut input),
            port: input.u32().unwrap(),
            originator: string(&mut input),
            originator_port: input.u32().unwrap(),
        },
        27 => Told::Local { path: string(&mut input) },
        other => panic!("message {other}"),
    };
    assert_eq!(input.left(), 0);
    let carries = matches!(told, Told::Connected(_) | Told::Tcp { .. } | Told::Local { .. });
    assert_eq!(fds.len(), usize::from(carries), "{told:?}");
    (told, fds.into_iter().next())
}

fn connect(session: &mut Session, channel: u32, host: &str, port: u16) -> Result<OwnedFd, (u32, String)> {
    say(session, 9, &[Number(channel), Str(host), Number(port.into()), Str("192.0.2.7"), Number(7)]);
    outcome(session, channel)
}

fn connect_local(session: &mut Session, channel: u32, path: &str) -> Result<OwnedFd, (u32, String)> {
    say(session, 10, &[Number(channel), Str(path)]);
    outcome(session, channel)
}

fn outcome(session: &mut Session, number: u32) -> Result<OwnedFd, (u32, String)> {
    match told(session) {
        (Told::Connected(channel), Some(fd)) if channel == number => Ok(fd),
        (Told::Refused { channel, reason, text }, None) if channel == number => Err((reason, text)),
        other => panic!("{other:?}"),
    }
}

/// Listens: the port if any was asked for, else 0.
fn listen(session: &mut Session, address: &str, port: u16) -> Option<u16> {
    say(session, 11, &[Number(5), Str(address), Number(port.into())]);
    listening(session)
}

fn listen_local(session: &mut Session, path: &str) -> bool {
    say(session, 12, &[Number(5), Str(path)]);
    listening(session).is_some()
}

fn cancel(session: &mut Session, address: &str, port: u16) -> bool {
    say(session, 13, &[Number(5), Str(address), Number(port.into())]);
    listening(session).is_some()
}

fn cancel_local(session: &mut Session, path: &str) -> bool {
    say(session, 14, &[Number(5), Str(path)]);
    listening(session).is_some()
}

fn listening(session: &mut Session) -> Option<u16> {
    match told(session) {
        (Told::Listening { request: 5, good, port }, None) => good.then(|| port.try_into().unwrap()),
        other => panic!("{other:?}"),
    }
}

/// The next line of the log that says this.
fn line_with(session: &Session, words: &str) -> String {
    loop {
        let line = session.line().expect("the session has gone");
        if line.contains(words) {
            return line;
        }
    }
}

fn reaches(host: &str, port: u16) -> bool {
    let address = SocketAddr::new(host.parse::<IpAddr>().unwrap(), port);
    TcpStream::connect_timeout(&address, Duration::from_secs(10)).is_ok()
}

/// A port that is free, now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Whether this system has IPv6 at all.
fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

/// Whether what one end writes comes out of the other.
fn is_joined(ours: OwnedFd, mut theirs: impl Read + Write + AsFd) {
    let mut ours = TcpStream::from(ours);
    theirs.write_all(b"there").unwrap();
    assert!(is_ready(&ours, Duration::from_secs(30)));
    let mut buffer = [0; 8];
    assert_eq!(ours.read(&mut buffer).unwrap(), 5);
    // It is to be given to a loop.
    assert_eq!(ours.read(&mut buffer).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    ours.write_all(b"back").unwrap();
    assert_eq!(theirs.read(&mut buffer).unwrap(), 4);
}

#[test]
fn a_connection_is_made_to_addresses_and_names() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut session = forwarding().start();
    for (channel, host) in (0..).zip(["127.0.0.1", "localhost", "127.1", "LOCALHOST"]) {
        let ours = connect(&mut session, channel, host, port).unwrap();
        assert!(TcpStream::from(ours.try_clone().unwrap()).nodelay().unwrap());
        is_joined(ours, listener.accept().unwrap().0);
    }
    let Ok(listener) = TcpListener::bind("[::1]:0") else { return };
    let port = listener.local_addr().unwrap().port();
    is_joined(connect(&mut session, 0, "::1", port).unwrap(), listener.accept().unwrap().0);
}

#[test]
fn a_connection_that_cannot_be_made_is_refused_in_openssh_words() {
    let mut session = forwarding().start();
    let port = free_port();
    let refused = connect(&mut session, 0, "localhost", port).unwrap_err();
    assert_eq!(refused, (2, "Connection refused".into()));
    assert_eq!(session.line().unwrap(), format!("connect_to localhost port {port}: failed."));
    let refused = connect(&mut session, 1, "no host", 80).unwrap_err();
    assert_eq!(refused, (2, "Name or service not known".into()));
    assert_eq!(session.line().unwrap(), "connect_to no host: unknown host (Name or service not known)");
}

#[test]
fn connections_go_only_where_the_permit_lets_them() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let places = vec![(Some("127.0.0.1"), Some(port.into())), (Some("Host.Name"), None)];
    let mut session = Setup { open: vec![places], ..forwarding() }.start();
    connect(&mut session, 0, "127.0.0.1", port).unwrap();
    for (host, port) in [("localhost", port), ("127.1", port), ("127.0.0.1", 1), ("host.name", 1)] {
        let refused = connect(&mut session, 1, host, port).unwrap_err();
        assert_eq!(refused, (1, "open failed".into()));
        let denied = format!("to connect to host {host} port {port}, but the request was denied.");
        assert_eq!(session.line().unwrap(), format!("Received request from 192.0.2.1 port 4711 {denied}"));
    }
    // A list of ports allows no Unix socket.
    assert_eq!(connect_local(&mut session, 2, "/nonexistent").unwrap_err(), (2, "open failed".into()));
    let denied = "Received request to connect to path /nonexistent, but the request was denied.";
    assert_eq!(session.line().unwrap(), denied);

    let mut session = Setup { tcp: [false, true], streamlocal: [false, true], ..Setup::default() }.start();
    assert_eq!(connect(&mut session, 0, "127.0.0.1", port).unwrap_err(), (1, "open failed".into()));
    let line =
        format!("refused local port forward: originator 192.0.2.7 port 7, target 127.0.0.1 port {port}");
    assert_eq!(session.line().unwrap(), line);
    assert_eq!(connect_local(&mut session, 0, "/nonexistent").unwrap_err(), (2, "open failed".into()));
    assert_eq!(session.line().unwrap(), "refused streamlocal port forward: target /nonexistent");
}

#[test]
fn a_connection_that_hangs_delays_nothing_else() {
    let listener = TcpListener::from(sys::socket::listen("127.0.0.1:0".parse().unwrap(), 0).unwrap());
    let address = listener.local_addr().unwrap();
    // One fits; whoever comes then is left waiting by the kernel.
    let _first = TcpStream::connect(address).unwrap();
    let mut session = forwarding().start();
    for channel in 0..20 {
        let parts = [Number(channel), Str("127.0.0.1"), Number(address.port().into()), Str(""), Number(0)];
        say(&session, 9, &parts);
    }
    let (output, _, ended) = session.run(0, "echo alive");
    assert_eq!((output.as_str(), ended), ("alive\n", Ok(0)));
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let parts = [Number(99), Str("127.0.0.1"), Number(port.into()), Str(""), Number(0)];
    say(&session, 9, &parts);
    // One of the others may have slipped in beside the first.
    loop {
        match told(&mut session).0 {
            Told::Connected(99) => break,
            told => assert!(matches!(told, Told::Connected(_)), "{told:?}"),
        }
    }
}

#[test]
fn only_so_many_connections_are_made_at_once() {
    let listener = TcpListener::from(sys::socket::listen("127.0.0.1:0".parse().unwrap(), 0).unwrap());
    let address = listener.local_addr().unwrap();
    let _first = TcpStream::connect(address).unwrap();
    let mut session = forwarding().start();
    // Some are made, some wait, and one is too many.
    for channel in 0..600 {
        let parts = [Number(channel), Str("127.0.0.1"), Number(address.port().into()), Str(""), Number(0)];
        say(&session, 9, &parts);
    }
    loop {
        match told(&mut session).0 {
            Told::Connected(_) => {}
            refused => {
                let Told::Refused { channel, reason: 4, text } = refused else { panic!("{refused:?}") };
                assert!(channel >= 512 && text == "open failed");
                break;
            }
        }
    }
    assert!(session.line().unwrap().ends_with(": 512 connections are being made"));
}

#[test]
fn a_connection_to_a_unix_socket_is_the_users() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let mut session = forwarding().start();
    let ours = connect_local(&mut session, 0, path.to_str().unwrap()).unwrap();
    let (theirs, _) = listener.accept().unwrap();
    assert_eq!(sys::local::peer(&theirs).unwrap(), Uid::effective());
    is_joined(ours, theirs);
    drop(listener);
    for (channel, path, why) in [
        (1, path.to_str().unwrap().to_owned(), "Connection refused"),
        (2, "/nonexistent".into(), "No such file or directory"),
        (3, format!("/{}", "x".repeat(200)), "File name too long"),
        (4, String::new(), "File name too long"),
    ] {
        assert_eq!(connect_local(&mut session, channel, &path).unwrap_err(), (2, "open failed".into()));
        assert_eq!(session.line().unwrap(), format!("connect to {path} port -2 failed: {why}"));
    }
}

#[test]
fn connections_to_a_port_that_was_asked_for_are_told_with_who_made_them() {
    let mut session = forwarding().start();
    let port = listen(&mut session, "localhost", 0).unwrap();
    assert!(port > 0);
    let hosts: &[&str] = if has_ipv6() { &["127.0.0.1", "::1"] } else { &["127.0.0.1"] };
    for host in hosts.iter().copied() {
        let theirs = TcpStream::connect((host, port)).unwrap();
        let (incoming, ours) = told(&mut session);
        let expected = Told::Tcp {
            address: "localhost".into(),
            port: port.into(),
            originator: host.into(),
            originator_port: theirs.local_addr().unwrap().port().into(),
        };
        assert_eq!(incoming, expected);
        is_joined(ours.unwrap(), theirs);
    }
    assert!(!cancel(&mut session, "localhost", port - 1) && !cancel(&mut session, "127.0.0.1", port));
    assert!(!cancel(&mut session, "localhost", 0));
    assert!(cancel(&mut session, "localhost", port));
    assert!(!reaches("127.0.0.1", port) && !reaches("::1", port));
    assert!(!cancel(&mut session, "localhost", port));
    // Now it is free again.
    assert_eq!(listen(&mut session, "localhost", port), Some(0));
    assert!(reaches("127.0.0.1", port));
}

#[test]
fn a_port_that_is_taken_is_refused_and_said_so() {
    let mut session = forwarding().start();
    let port = free_port();
    assert_eq!(listen(&mut session, "localhost", port), Some(0));
    assert_eq!(listen(&mut session, "localhost", port), None);
    let line = format!("bind [127.0.0.1]:{port}: Address already in use");
    assert_eq!(line_with(&session, "bind [127"), line);
    let line = format!("channel_setup_fwd_listener_tcpip: cannot listen to port: {port}");
    assert_eq!(session.line().unwrap(), line);
    if !has_ipv6() {
        return;
    }
    // One family is enough.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    assert_eq!(listen(&mut session, "", port), Some(0));
    assert_eq!(session.line().unwrap(), format!("bind [127.0.0.1]:{port}: Address already in use"));
    assert!(reaches("::1", port));
}

#[test]
fn gateway_ports_decide_who_reaches_a_port() {
    // What the client asks for, and whether these reach it: 127.0.0.1, ::1, and an address that is neither.
    let (no, yes, client) = (0, 1, 2);
    let cases = [
        (no, "localhost", [true, true, false]),
        (no, "", [true, true, false]),
        (no, "*", [true, true, false]),
        (no, "127.0.0.2", [true, true, false]),
        (no, "127.0.0.1", [true, false, false]),
        (no, "::1", [false, true, false]),
        (yes, "localhost", [true, true, true]),
        (yes, "127.0.0.1", [true, true, true]),
        (client, "", [true, true, true]),
        (client, "*", [true, true, true]),
        (client, "0.0.0.0", [true, false, true]),
        (client, "localhost", [true, true, false]),
        (client, "127.0.0.2", [false, false, true]),
        (client, "::1", [false, true, false]),
    ];
    for (gateway_ports, address, mut expected) in cases {
        expected[1] &= has_ipv6();
        if !expected.contains(&true) {
            continue;
        }
        let mut session = Setup { gateway_ports, ..forwarding() }.start();
        let port = listen(&mut session, address, 0).unwrap();
        let reached = ["127.0.0.1", "::1", "127.0.0.2"].map(|host| reaches(host, port));
        assert_eq!(reached, expected, "{gateway_ports} {address}");
        session.hang_up();
    }
    let mut session = Setup { gateway_ports: client, ..forwarding() }.start();
    assert_eq!(listen(&mut session, "no host", 0), None);
    let line = "channel_setup_fwd_listener_tcpip: getaddrinfo(no host): Name or service not known";
    assert_eq!(session.line().unwrap(), line);
    assert_eq!(listen(&mut session, "192.0.2.200", 0), None);
    assert_eq!(session.line().unwrap(), "bind [192.0.2.200]:0: Cannot assign requested address");
}

#[test]
fn ports_are_listened_on_only_where_the_permit_lets_them() {
    let port = free_port();
    let places = vec![(Some("local*"), Some(port.into())), (Some("any"), None)];
    let mut session = Setup { listen: vec![places], ..forwarding() }.start();
    for (address, port) in [("localhost", 0), ("127.0.0.1", port), ("", port)] {
        assert_eq!(listen(&mut session, address, port), None);
        let denied = format!("to remote forward to host {address} port {port}, but the request was denied.");
        assert_eq!(session.line().unwrap(), format!("Received request from 192.0.2.1 port 4711 {denied}"));
    }
    assert_eq!(listen(&mut session, "LocalHost", port), Some(0));
    assert!(listen(&mut session, "any", 0).is_some());
    let mut session = forwarding().start();
    assert!(listen(&mut session, &"x".repeat(1024), 0).is_some());
    assert!(listen(&mut session, &"x".repeat(1025), 0).is_none());
    assert_eq!(session.line().unwrap(), "Forward host name too long.");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    // It holds for ports alone.
    assert!(listen_local(&mut session, path.to_str().unwrap()));
    let mut session = Setup { tcp: [true, false], streamlocal: [true, false], ..Setup::default() }.start();
    assert_eq!(listen(&mut session, "localhost", 0), None);
    assert!(!listen_local(&mut session, &format!("{}2", path.display())));
}

#[test]
fn a_unix_socket_listens_with_its_mask_and_its_file_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
    let [one_path, other_path] = [&one, &other].map(|path| path.to_str().unwrap());
    let mut session = Setup { streamlocal_mask: 0o117, ..forwarding() }.start();
    assert!(listen_local(&mut session, one_path) && listen_local(&mut session, other_path));
    assert_eq!(one.metadata().unwrap().permissions().mode() & 0o777, 0o660);
    let theirs = UnixStream::connect(&one).unwrap();
    let (incoming, ours) = told(&mut session);
    assert_eq!(incoming, Told::Local { path: one_path.into() });
    is_joined(ours.unwrap(), theirs);
    // The program's own files are not masked.
    let made = folder.path().join("made");
    let (_, _, ended) = session.run(0, &format!("umask 0; mkdir {}", made.display()));
    assert_eq!((ended, made.metadata().unwrap().permissions().mode() & 0o777), (Ok(0), 0o777));

    assert!(!listen_local(&mut session, one_path));
    let line = format!("unix_listener: cannot bind to path {one_path}: Address already in use");
    assert_eq!(session.line().unwrap(), line);
    assert!(!cancel_local(&mut session, "/nonexistent"));
    assert!(cancel_local(&mut session, one_path));
    assert!(!one.exists() && other.exists());
    assert_eq!(session.hang_up(), Ended::Exited(0));
    assert!(!other.exists());
}

#[test]
fn a_file_in_the_way_goes_only_where_the_configuration_says_so_and_another_in_its_place_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let text = path.to_str().unwrap();
    let stale = UnixListener::bind(&path).unwrap();
    let mut session = forwarding().start();
    assert!(!listen_local(&mut session, text));
    session.hang_up();
    let mut session = Setup { streamlocal_unlink: true, ..forwarding() }.start();
    assert!(listen_local(&mut session, text));
    let _theirs = UnixStream::connect(&path).unwrap();
    assert_eq!(told(&mut session).0, Told::Local { path: text.into() });
    let moved = folder.path().join("moved");
    std::fs::rename(&path, &moved).unwrap();
    let _another = UnixListener::bind(&path).unwrap();
    session.hang_up();
    assert!(path.exists());
    drop(stale);
    let mut session = forwarding().start();
    for path in ["".to_owned(), "x".repeat(108)] {
        assert!(!listen_local(&mut session, &path));
        let line = line_with(&session, "unix_listener");
        assert_eq!(line, format!("unix_listener: path \"{path}\" too long for Unix domain socket"));
    }
    assert!(!listen_local(&mut session, "/nonexistent/socket"));
    let line = "unix_listener: cannot bind to path /nonexistent/socket: No such file or directory";
    assert_eq!(session.line().unwrap(), line);
}

#[test]
fn listeners_end_with_the_connection() {
    let mut session = forwarding().start();
    let port = listen(&mut session, "localhost", 0).unwrap();
    assert!(reaches("127.0.0.1", port));
    assert_eq!(session.hang_up(), Ended::Exited(0));
    assert!(!reaches("127.0.0.1", port) && !reaches("::1", port));
}

#[test]
fn connections_that_net_does_not_take_hold_up_neither_answers_nor_each_other() {
    let mut session = forwarding().start();
    let port = listen(&mut session, "127.0.0.1", 0).unwrap();
    // More than fit between the processes, while nobody reads there.
    let count = 350;
    let theirs: Vec<TcpStream> =
        (0..count).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    let fifo = Fifo::new("alive");
    session.request(0, Ask::Exec(&format!("echo alive > {}", fifo.path)));
    assert_eq!(fifo.word(), "alive");
    // Those that are accepted and cannot be told are few, whatever waits behind them.
    let open = std::fs::read_dir(format!("/proc/{}/fd", session.child.pid())).unwrap().count();
    assert!(open < 64, "{open} descriptors");
    let mut ports = Vec::new();
    let mut sockets = Vec::new();
    for _ in 0..count {
        let (Told::Tcp { originator_port, .. }, socket) = told(&mut session) else { panic!("no connection") };
        ports.push(originator_port);
        sockets.push(socket);
    }
    let expected: Vec<u32> = theirs.iter().map(|stream| stream.local_addr().unwrap().port().into()).collect();
    assert_eq!(ports, expected);
}

#[test]
fn a_port_of_more_than_16_bits_and_a_channel_twice_are_the_end() {
    for number in [9, 11, 13] {
        let mut session = forwarding().start();
        let mut parts = vec![Number(0), Str("localhost"), Number(65536 + 80)];
        if number == 9 {
            parts.extend([Str("127.0.0.1"), Number(1)]);
        }
        say(&session, number, &parts);
        assert!(session.is_over(), "message {number}");
    }
    let listener = TcpListener::from(sys::socket::listen("127.0.0.1:0".parse().unwrap(), 0).unwrap());
    let address = listener.local_addr().unwrap();
    let _waits: Vec<TcpStream> = (0..1).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut session = forwarding().start();
    for _ in 0..2 {
        say(&session, 9, &[Number(3), Str("127.0.0.1"), Number(address.port().into()), Str(""), Number(0)]);
    }
    // The first may have been connected before the second came.
    while !session.is_over() {}
}
