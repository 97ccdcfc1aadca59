use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crypto::SeededRng;
use keys::{KeyLine, PrivateKey};

use crate::world::{Server, connect, first_line, free_port, key_file, signal, sshd};

/// A server for somebody whose home this is; what it printed, so many lines.
fn quick(home: Option<&Path>, port: u16, lines: usize) -> (Server, Vec<String>) {
    let mut command: Command = sshd(&["--quick", "-p", &port.to_string()]);
    command.env_remove("HOME").env_remove("XDG_STATE_HOME");
    match home {
        Some(home) => command.env("HOME", home),
        // Nothing can be kept there.
        None => command.env("XDG_STATE_HOME", "/proc/nowhere").env("HOME", "/proc"),
    };
    let mut server = Server::start(command);
    let printed = server.printed(lines);
    (server, printed)
}

#[test]
fn somebody_without_keys_gets_a_password_and_the_command_to_type() {
    let home = tempfile::tempdir().unwrap();
    let port = free_port();
    let (mut server, printed) = quick(Some(home.path()), port, 3);
    let fingerprint = printed[0].split("SHA256:").nth(1).unwrap();
    assert!(fingerprint.len() >= 43, "{fingerprint}");
    let password = printed[1].strip_prefix("Password: ").unwrap();
    assert!(password.len() >= 20, "{password}");
    assert!(
        printed[2].starts_with(&format!("ssh -p {port} ")) && printed[2].ends_with("@127.0.0.1"),
        "{printed:?}"
    );
    assert!(first_line(&connect(port)).starts_with("SSH-2.0-"));
    server.wait_for(&format!("Server listening on 127.0.0.1 port {port}."));
    signal(server.pid(), "INT");
    server.wait_for("Received signal 2; terminating.");
    assert!(server.end().success());
}

#[test]
fn the_host_key_is_kept_for_the_next_run_and_for_nobody_else() {
    let home = tempfile::tempdir().unwrap();
    let first = quick(Some(home.path()), free_port(), 3).1;
    let second = quick(Some(home.path()), free_port(), 3).1;
    assert_eq!(first[0], second[0]);
    assert_ne!(first[1], second[1]);
    let kept = home.path().join(".local/state/nacre/host_ed25519");
    assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_host_key_that_cannot_be_kept_is_shown_all_the_same() {
    let (mut server, printed) = quick(None, free_port(), 3);
    server.wait_for("The host key is for this run only: ");
    assert!(printed[0].contains("SHA256:"), "{printed:?}");
    assert!(printed[2].starts_with("ssh -o HostKeyAlias=nacre-"), "{printed:?}");
    assert_ne!(quick(None, free_port(), 3).1[0], printed[0]);
}

#[test]
fn somebody_with_a_key_pair_or_authorized_keys_gets_no_password() {
    for (public, private) in [("id_ed25519.pub", Some("id_ed25519")), ("authorized_keys", None)] {
        let home = tempfile::tempdir().unwrap();
        let ssh = home.path().join(".ssh");
        fs::create_dir(&ssh).unwrap();
        let key = PrivateKey::generate(&mut SeededRng::new(3)).unwrap().public();
        fs::write(ssh.join(public), KeyLine::new(key, b"").unwrap().to_vec()).unwrap();
        if let Some(private) = private {
            key_file(&ssh.join(private), 3);
        }
        let port = free_port();
        let (_server, printed) = quick(Some(home.path()), port, 2);
        assert!(printed[1].starts_with(&format!("ssh -p {port} ")), "{printed:?}");
    }
}

#[test]
fn the_terminal_s_interrupt_ends_the_server_and_no_connection() {
    let home = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut command = sshd(&["--quick", "-p", &port.to_string()]);
    command.env_remove("XDG_STATE_HOME").env("HOME", home.path()).process_group(0);
    let mut server = Server::start(command);
    server.printed(3);
    let client = connect(port);
    assert!(first_line(&client).starts_with("SSH-2.0-"));
    let group = format!("-{}", server.pid());
    assert!(Command::new("kill").args(["-s", "INT", "--", &group]).status().unwrap().success());
    server.wait_for("Received signal 2; terminating.");
    assert!(server.end().success());
    client.set_nonblocking(true).unwrap();
    let still_there = client.peek(&mut [0]);
    assert_eq!(still_there.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
