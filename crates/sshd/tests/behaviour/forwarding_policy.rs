//! What may be forwarded, as the configuration and the key say, seen by stock `ssh`.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;

use crate::harness::{Outcome, Server, Setup, Talk, free_port, world};

/// A listener that greets everybody, until the test's process ends.
fn greeter() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(|peer| drop(peer.unwrap().write_all(b"hello\n"))));
    port
}

/// The same at a path.
fn local_greeter(path: &Path) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for peer in listener.incoming() {
            // Anybody's request, so that the answer cannot come before the forward is there.
            let mut peer = peer.unwrap();
            let _ = peer.read(&mut [0; 1]).and_then(|_| peer.write_all(b"hello\n"));
        }
    });
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(path, everybody).unwrap();
}

fn with(config: &str, options: &str) -> Server {
    let line = format!("{options} {}\n", world().public("client"));
    Setup::new().config(config).authorized(&line).start()
}

/// Whether the server connects to where a client wants to.
fn connects(server: &Server, host: &str, port: u16) -> bool {
    let outcome = server.run(&["-oExitOnForwardFailure=yes", &format!("-W{host}:{port}")]);
    told(&outcome, outcome.text() == "hello")
}

/// Whether the server listens where a client wants it to.
fn listens(server: &Server, place: &str) -> bool {
    let outcome =
        server.run(&["-oExitOnForwardFailure=yes", &format!("-R{place}:127.0.0.1:1"), "echo listening"]);
    told(&outcome, outcome.text() == "listening")
}

/// Either it works or the client says that it does not.
#[track_caller]
fn told(outcome: &Outcome, works: bool) -> bool {
    assert!(works == (outcome.code == Some(0)), "{outcome:?}");
    assert!(works || outcome.stderr.contains("forwarding failed"), "{outcome:?}");
    works
}

#[test]
fn directions_are_those_that_configuration_and_key_allow() {
    let port = greeter();
    for (config, options, local, remote) in [
        ("", "", true, true),
        ("AllowTcpForwarding all", "", true, true),
        ("AllowTcpForwarding no", "", false, false),
        ("AllowTcpForwarding local", "", true, false),
        ("AllowTcpForwarding remote", "", false, true),
        ("DisableForwarding yes\nAllowTcpForwarding yes", "port-forwarding", false, false),
        ("AllowStreamLocalForwarding no", "", true, true),
        ("", "no-port-forwarding", false, false),
        ("", "restrict", false, false),
        ("", "restrict,port-forwarding", true, true),
        ("AllowTcpForwarding no", "restrict,port-forwarding", false, false),
        ("Match User nobody-at-all\nAllowTcpForwarding no", "", true, true),
        ("Match all\nAllowTcpForwarding remote", "", false, true),
    ] {
        let server = with(config, options);
        let works = (connects(&server, "127.0.0.1", port), listens(&server, &free_port().to_string()));
        assert_eq!(works, (local, remote), "{config:?} {options:?}");
    }
}

#[test]
fn places_to_connect_to_are_those_in_both_lists() {
    let (port, other) = (greeter(), greeter());
    for (config, options, first, second) in [
        ("PermitOpen any".to_owned(), String::new(), true, true),
        ("PermitOpen none".to_owned(), String::new(), false, false),
        (format!("PermitOpen 127.0.0.1:{port}"), String::new(), true, false),
        (format!("PermitOpen localhost:{port} 127.0.0.1:{other}"), String::new(), false, true),
        ("PermitOpen 127.0.0.1:*".to_owned(), String::new(), true, true),
        (format!("PermitOpen *:{other}"), String::new(), false, true),
        (String::new(), format!("permitopen=\"127.0.0.1:{port}\""), true, false),
        (String::new(), format!("permitopen=\"[::1]:1\",permitopen=\"127.0.0.1:{other}\""), false, true),
        (format!("PermitOpen 127.0.0.1:{port}"), "permitopen=\"*:*\"".to_owned(), true, false),
        (format!("PermitOpen 127.0.0.1:{port}"), format!("permitopen=\"*:{other}\""), false, false),
        ("PermitOpen none".to_owned(), format!("permitopen=\"*:{port}\""), false, false),
    ] {
        let server = with(&config, &options);
        let works = (connects(&server, "127.0.0.1", port), connects(&server, "127.0.0.1", other));
        assert_eq!(works, (first, second), "{config:?} {options:?}");
    }
}

#[test]
fn places_to_listen_at_are_those_in_both_lists() {
    let (port, other) = (free_port(), free_port());
    for (config, options, first, second) in [
        ("PermitListen any".to_owned(), String::new(), true, true),
        ("PermitListen none".to_owned(), String::new(), false, false),
        (format!("PermitListen {port}"), String::new(), true, false),
        (format!("PermitListen localhost:{port}"), String::new(), true, false),
        (format!("PermitListen 192.0.2.1:{port} localhost:{other}"), String::new(), false, true),
        (String::new(), format!("permitlisten=\"{port}\""), true, false),
        (String::new(), format!("permitlisten=\"localhost:{other}\""), false, true),
        (format!("PermitListen {port}"), format!("permitlisten=\"{other}\""), false, false),
        (format!("PermitListen {port} {other}"), format!("permitlisten=\"{other}\""), false, true),
    ] {
        let server = with(&config, &options);
        let works = (listens(&server, &port.to_string()), listens(&server, &other.to_string()));
        assert_eq!(works, (first, second), "{config:?} {options:?}");
    }
}

#[test]
fn unix_sockets_go_where_their_keyword_and_those_of_tcp_let_them() {
    for (config, options, local, remote) in [
        ("", "", true, true),
        ("AllowStreamLocalForwarding no", "", false, false),
        ("AllowStreamLocalForwarding local", "", true, false),
        ("AllowStreamLocalForwarding remote", "", false, true),
        ("AllowTcpForwarding no", "", false, false),
        ("AllowTcpForwarding local", "", true, false),
        ("AllowTcpForwarding remote", "", false, true),
        ("DisableForwarding yes", "", false, false),
        ("PermitOpen 127.0.0.1:1", "", false, true),
        ("PermitOpen none", "", false, true),
        ("PermitOpen *:*", "", true, true),
        ("PermitListen none", "", true, true),
        ("", "permitopen=\"127.0.0.1:1\"", false, true),
        ("", "permitopen=\"*:*\",permitlisten=\"1\"", true, true),
        ("", "no-port-forwarding", false, false),
        ("", "restrict,port-forwarding", true, true),
    ] {
        let server = with(config, options);
        let path = server.path("greeter");
        local_greeter(&path);
        let near = server.path("near");
        let forward = format!("-L{}:{}", near.display(), path.display());
        let mut client = Talk::start(&mut server.ssh(&[&forward, "echo RE''ADY; cat"]));
        client.until("READY");
        let mut said = String::new();
        let mut peer = UnixStream::connect(near).unwrap();
        // A refused one may be gone before we have asked.
        let _ = peer.write_all(b"x").and_then(|()| peer.read_to_string(&mut said));
        assert_eq!(said == "hello\n", local, "{config:?} {options:?}: {said:?}");

        let home = world().account.home.join(format!("nacre-socket-{}", server.port));
        let far = format!("{}", home.display());
        assert_eq!(listens(&server, &far), remote, "{config:?} {options:?}");
        let _ = std::fs::remove_file(home);
    }
}
