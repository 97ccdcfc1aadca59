use std::fs;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;
use wire::{Message, NulFree, Text};

use super::*;
use crate::log::level_number;
use crate::permit::{Directions, GatewayPorts};
use crate::protocol::Link;
use crate::protocol::session::IncomingTcp;
use crate::session::account::tests::account;

/// One that may do everything, names of which are looked up by a script, and those who are told.
struct World {
    _folder: TempDir,
    forwards: Forwards,
    authority: Authority,
    monitor: Link,
    net: Net,
    its_net: Link,
}

impl World {
    fn new(getent: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("getent");
        fs::write(&program, format!("#!/bin/sh\n{getent}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let everything = Directions { local: true, remote: true };
        let mut forwards = Forwards::new(&account());
        forwards.permit = Permit {
            tcp: everything,
            streamlocal: everything,
            gateway_ports: GatewayPorts::ClientSpecified,
            ..Permit::default()
        };
        forwards.lookups = Lookups::by(program);
        let ((authority, monitor), (net, its_net)) = (Link::pair().unwrap(), Link::pair().unwrap());
        let authority = Authority::new(authority, level_number(Level::Info), true);
        Self { _folder: folder, forwards, authority, monitor, net: Net::new(net).unwrap(), its_net }
    }

    fn ask(&mut self, request: &Forward<'_>) -> Result<(), LinkError> {
        self.forwards.handle(request, Instant::now(), &mut self.authority, &mut self.net)
    }

    fn connect(&mut self, channel: u32, host: &str, port: u16) -> Result<(), LinkError> {
        let (host, originator) = (Text::new(host).unwrap(), Text::new("192.0.2.7").unwrap());
        let port = port.into();
        self.ask(&Forward::Connect(Connect { channel, host, port, originator, originator_port: 7 }))
    }

    /// Goes on until something is told to net.
    fn settle(&mut self) -> (Vec<u8>, usize) {
        let mut ready = Vec::new();
        loop {
            self.forwards.attend(&ready, Instant::now(), &mut self.authority, &mut self.net).unwrap();
            let mut watch = Watch::default();
            self.forwards.watch(&mut watch, true);
            watch.read(Key::Monitor, self.its_net.as_fd());
            ready = watch.wait().unwrap();
            if ready.contains(&Key::Monitor) {
                let told = self.its_net.receive(1).unwrap();
                return (told.payload.to_vec(), told.fds.len());
            }
        }
    }

    fn line(&mut self) -> String {
        let told = self.monitor.receive(0).unwrap();
        let line = crate::protocol::monitor::SessionLog::from_payload(told.payload).unwrap();
        String::from_utf8_lossy(line.text.0).into_owned()
    }
}

#[test]
fn a_name_that_is_known_later_is_connected_to_later() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut world = World::new("test \"$2\" = host.example && echo 127.0.0.1 STREAM");
    world.connect(3, "host.example", port).unwrap();
    assert!(world.forwards.is_connecting(3) && !world.forwards.is_connecting(4));
    // The number of a channel that is being connected is nobody else's.
    assert!(matches!(world.connect(3, "127.0.0.1", port), Err(LinkError::Protocol(_))));
    let (told, fds) = world.settle();
    assert_eq!((Connected::from_payload(&told).unwrap().channel, fds), (3, 1));
    assert!(!world.forwards.is_connecting(3));
    world.connect(4, "other.example", port).unwrap();
    let (told, _) = world.settle();
    let refused = Refused::from_payload(&told).unwrap();
    assert_eq!((refused.channel, refused.reason, refused.text.0), (4, 2, &b"Name or service not known"[..]));
    assert_eq!(world.line(), "connect_to other.example: unknown host (Name or service not known)");
}

#[test]
fn what_has_its_answer_does_not_wait_for_a_name() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut world = World::new("exec sleep 1000");
    world.connect(0, "hangs.example", port).unwrap();
    let address = Text::new("hangs.example").unwrap();
    world.ask(&Forward::Listen(Listen { request: 1, address, port: 0 })).unwrap();
    world.connect(2, "127.0.0.1", port).unwrap();
    let (told, fds) = world.settle();
    assert_eq!((Connected::from_payload(&told).unwrap().channel, fds), (2, 1));
    assert_eq!(world.forwards.waiting.len(), 2);
}

#[test]
fn a_name_to_listen_at_is_looked_up_too() {
    let mut world = World::new("test \"$2\" = host.example && echo 127.0.0.3 STREAM");
    for (request, host) in [(1, "host.example"), (2, "other.example")] {
        let address = Text::new(host).unwrap();
        world.ask(&Forward::Listen(Listen { request, address, port: 0 })).unwrap();
    }
    let mut told = [world.settle().0, world.settle().0];
    told.sort();
    let [good, bad] = told.each_ref().map(|told| Listening::from_payload(told).unwrap());
    assert_eq!((good.request, good.good, bad.request, bad.good, bad.port), (1, true, 2, false, 0));
    let port = u16::try_from(good.port).unwrap();
    let client = std::net::TcpStream::connect(("127.0.0.3", port)).unwrap();
    let (told, fds) = world.settle();
    assert_eq!((told.first(), fds), (Some(&IncomingTcp::NUMBER), 1));
    drop(client);
    let line = "channel_setup_fwd_listener_tcpip: getaddrinfo(other.example): Name or service not known";
    assert_eq!(world.line(), line);
    let address = Text::new("host.example").unwrap();
    world.ask(&Forward::Cancel(Cancel { request: 3, address, port: port.into() })).unwrap();
    assert!(Listening::from_payload(&world.settle().0).unwrap().good);
}

#[test]
fn there_is_an_end_to_what_is_waited_for() {
    let mut world = World::new("exec sleep 1000");
    for channel in 0..MAX_CONNECTING {
        world.connect(u32::try_from(channel).unwrap(), "hangs.example", 80).unwrap();
    }
    world.connect(9999, "127.0.0.1", 80).unwrap();
    let (told, _) = world.settle();
    assert_eq!(Refused::from_payload(&told).unwrap().reason, 4);
    let path = NulFree::new(b"/nonexistent").unwrap();
    // What needs no waiting is done all the same.
    world.ask(&Forward::ConnectLocal(ConnectLocal { channel: 10_000, path })).unwrap();
    assert_eq!(Refused::from_payload(&world.settle().0).unwrap().channel, 10_000);
}
