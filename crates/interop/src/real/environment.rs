//! What a command finds around itself: the same as with the stock `sshd` of the same folder, for the same account.

use crate::error::Error;
use crate::peers::{ClientKind, Finished, Login, Peers, Release, Server, ServerKind, Settings};

/// How a command is started, and what it is.
const LOOKS: &[(&str, &[&str], &str)] = &[
    ("env", &["-T"], "env"),
    ("env on a terminal", &["-tt"], "env"),
    ("env with variables", &["-T", "-oSetEnv=NACRE_WORD=word LC_ALL=C.UTF-8 TERM=none"], "env"),
    ("env of a login shell", &["-T"], ""),
    ("rights and limits", &["-T"], "id; umask; ulimit -a; pwd; tty; trap"),
    ("the terminal", &["-tt"], "stty -a; stty size"),
];

/// Every look at a server's session and at a stock one's shows the same lines, but for ports and names that are made anew.
pub(super) fn is_as_with_stock(peers: &Peers, server: &Server) -> Result<(), Error> {
    let stock = ServerKind::OpenSsh(Release::Forky).start(peers, &Settings::default())?;
    for (what, options, command) in LOOKS {
        let [usual, seen] = [&stock, server].map(|server| look(peers, server, options, command));
        let (usual, seen) = (usual?, seen?);
        if usual != seen {
            let only = |these: &[String], others: &[String]| {
                these.iter().filter(|line| !others.contains(line)).cloned().collect::<Vec<_>>().join("\n  ")
            };
            return Err(Error::wrong(format!(
                "{what}: only with stock:\n  {}\nonly here:\n  {}",
                only(&usual, &seen),
                only(&seen, &usual)
            )));
        }
    }
    Ok(())
}

fn look(peers: &Peers, server: &Server, options: &[&str], command: &str) -> Result<Vec<String>, Error> {
    let port = server.address().port();
    let input = if command.is_empty() { b"env\n".to_vec() } else { Vec::new() };
    let login = Login {
        port,
        command,
        input: input.into(),
        extra: options.iter().map(|&word| word.to_owned()).collect(),
        ..Login::new(peers.user_key(), server.host_key())
    };
    let Finished { status, stdout, stderr } = ClientKind::OpenSsh(Release::Forky).run(peers, login)?;
    if status != Some(0) {
        return Err(Error::wrong(format!("status {status:?}\n{stderr}")));
    }
    let mut lines: Vec<String> =
        String::from_utf8_lossy(&stdout).lines().map(|line| same(line, port)).collect();
    lines.sort_unstable();
    Ok(lines)
}

/// A line without what differs from one session to the next: the ports in the variables that have them, the number of the
/// terminal.
fn same(line: &str, port: u16) -> String {
    let line = line.trim_end();
    let Some((name, value)) = line.split_once('=') else { return line.to_owned() };
    let value: Vec<String> = match name {
        "SSH_CLIENT" | "SSH_CONNECTION" => {
            let known = |word: &str| if word == port.to_string() { "PORT" } else { "FROM" }.to_owned();
            let is_port = |word: &str| word.parse::<u16>().is_ok();
            value.split(' ').map(|word| if is_port(word) { known(word) } else { word.to_owned() }).collect()
        }
        "SSH_TTY" => vec![value.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned()],
        _ => vec![value.to_owned()],
    };
    format!("{name}={}", value.join(" "))
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn only_what_is_made_anew_is_left_out() {
        assert_eq!(same("SSH_CLIENT=127.0.0.1 4711 22", 22), same("SSH_CLIENT=127.0.0.1 4712 22\r", 22));
        assert_ne!(same("SSH_CLIENT=127.0.0.1 4711 22", 22), same("SSH_CLIENT=127.0.0.2 4711 22", 22));
        assert_ne!(same("SSH_CLIENT=127.0.0.1 22 4711", 22), same("SSH_CLIENT=127.0.0.1 4711 22", 22));
        assert_eq!(same("SSH_TTY=/dev/pts/3", 22), same("SSH_TTY=/dev/pts/14", 22));
        assert_ne!(same("HOME=/root", 22), same("HOME=/home/nacre", 22));
    }
}
