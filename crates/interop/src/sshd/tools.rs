//! What runs over `ssh`: git, rsync, scp, connection sharing; and what `ssh` says when nothing is the matter.

use crate::case::{Case, Job, Report};
use crate::error::Error;
use crate::peers::{ClientKind, Finished, Input, Login, Peers, Release, Server, ServerKind, Settings};

use super::{queries, with_log};
use crate::script;
use std::time::Duration;

/// When a tool is killed.
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs in a fresh folder of the newest release, with `config` naming the server as `peer`. Each fails as a whole when one
/// of its commands does.
const SCRIPTS: &[(&str, &str)] = &[
    ("rsync", include_str!("../../scripts/rsync.sh")),
    ("git", include_str!("../../scripts/git.sh")),
    ("scp -O", include_str!("../../scripts/scp.sh")),
    ("10 sessions", include_str!("../../scripts/sessions.sh")),
    ("master's end", include_str!("../../scripts/master-end.sh")),
];

/// All of it.
pub(super) fn run(peers: &Peers, report: &mut Report, kind: ServerKind) -> Result<(), Error> {
    let server = &kind.start(peers, &settings(kind))?;
    let client = ClientKind::OpenSsh(Release::Forky);
    let name = peers.name_of_client(client);
    let mut jobs = Vec::new();
    for (what, text) in SCRIPTS {
        jobs.push(Job::new(Case::new(&name, server.name(), what), move |_| {
            let mark = server.log_mark();
            with_log(server, mark, script::run(peers, Release::Forky, server, text, DEADLINE))
        }));
    }
    for release in Release::ALL {
        let client = ClientKind::OpenSsh(release);
        jobs.push(Job::new(
            Case::new(&peers.name_of_client(client), server.name(), "says nothing"),
            move |_| says_nothing(peers, client, server),
        ));
        jobs.push(Job::new(
            Case::new(&peers.name_of_client(client), server.name(), "no oddity"),
            move |case| no_oddity(peers, client, server, case),
        ));
    }
    report.run_side_by_side(jobs);
    if kind == ServerKind::Nacre {
        queries::run(peers, report, server.name());
    }
    Ok(())
}

/// A server that lets people in with public keys and nothing else. Ours has no other method yet.
fn settings(kind: ServerKind) -> Settings {
    let mut settings = Settings::default();
    if kind != ServerKind::Nacre {
        settings.extra.push("KbdInteractiveAuthentication no".to_owned());
    }
    settings
}

/// Without being asked to, `ssh` says nothing: it warns, for one, of a key exchange that is not post-quantum.
fn says_nothing(peers: &Peers, client: ClientKind, server: &Server) -> Result<(), Error> {
    let ClientKind::OpenSsh(release) = client else {
        return Err(Error::NotConfigurable("silence of another client"));
    };
    let chroot = peers.chroot(release);
    let scratch = chroot.scratch()?;
    script::write_config(peers, server, &scratch)?;
    let argv = ["/usr/bin/ssh", "-F", &scratch.path("config"), "peer", "echo in"].map(str::to_owned);
    let mark = server.log_mark();
    let finished = chroot.run(Some(&scratch), &argv, Input::default(), DEADLINE)?;
    with_log(server, mark, finished.must_be(0, b"in\n"))?;
    if finished.stderr.is_empty() { Ok(()) } else { Err(Error::wrong(finished.stderr)) }
}

/// What `ssh -v` says of a server with an honest name, besides what it says of the stock `sshd` of its own release.
const OF_OTHERS: &[&str] = &[
    // Versions need not be the same.
    "debug1: Remote protocol version",
    // Nor the algorithms.
    "debug1: kex: ",
    // Which quirks it knows of a server with that name.
    "debug1: compat_banner: ",
    // Older releases put it like this.
    "debug1: kex_input_ext_info: server-sig-algs=<",
    "debug1: kex_ext_info_client_parse: server-sig-algs=<",
    // What releases older than the server do not know.
    "debug1: kex_input_ext_info: ping@openssh.com (unrecognised)",
    "debug1: kex_input_ext_info: agent-forward (unrecognised)",
    "debug1: kex_ext_info_client_parse: agent-forward (unrecognised)",
    // Whether the program is gone before the client's EOF is there: the stock server says it to itself now and then.
    "debug1: client_input_channel_req: channel 0 rtype eow@openssh.com",
];

/// The debug log of `ssh` has no line that it does not write with the stock `sshd` of its own release.
fn no_oddity(peers: &Peers, client: ClientKind, server: &Server, case: &mut Case) -> Result<(), Error> {
    let ClientKind::OpenSsh(release) = client else {
        return Err(Error::NotConfigurable("the debug log of another client"));
    };
    let stock = ServerKind::OpenSsh(release);
    let stock = stock.start(peers, &settings(stock))?;
    let log = |server: &Server| -> Result<Finished, Error> {
        let login = Login {
            port: server.address().port(),
            command: "echo in",
            ..Login::new(peers.user_key(), server.host_key())
        };
        let mark = server.log_mark();
        let finished = client.run(peers, login)?;
        with_log(server, mark, finished.must_be(0, b"in\n"))?;
        Ok(finished)
    };
    let usual: Vec<String> = log(&stock)?.stderr.lines().map(shape).collect();
    let seen = log(server)?.stderr;
    case.agreed_in_log(&seen);
    let odd: Vec<&str> = seen
        .lines()
        .filter(|line| {
            !OF_OTHERS.iter().any(|known| line.starts_with(known)) && !usual.contains(&shape(line))
        })
        .collect();
    if odd.is_empty() { Ok(()) } else { Err(Error::wrong(odd.join("\n"))) }
}

/// A line of a debug log without its numbers, and without the directory where this server looks for keys.
fn shape(line: &str) -> String {
    const REMOTE: &str = "debug1: Remote: ";
    let named = line.strip_prefix(REMOTE).and_then(|rest| rest.split_once("/authorized_keys:"));
    let line = named.map_or_else(|| line.to_owned(), |(_directory, rest)| format!("{REMOTE}{rest}"));
    let mut shape: String = line.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    while shape.contains("00") {
        shape = shape.replace("00", "0");
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::shape;

    #[test]
    fn lines_that_differ_in_numbers_have_one_shape() {
        assert_eq!(shape("Sending 2048 bytes on fd 3"), shape("Sending 16 bytes on fd 17"));
        assert_ne!(shape("Sending 1 byte"), shape("Sending 2 bytes"));
        let remote = |path: &str| shape(&format!("debug1: Remote: {path}:1: key options: pty"));
        assert_eq!(remote("/home/a/.ssh/authorized_keys"), remote("/tmp/b/authorized_keys"));
        assert_ne!(remote("/home/a/.ssh/authorized_keys"), remote("(command)"));
    }
}
