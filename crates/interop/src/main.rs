//! Runs the cases with real peers and prints their table. `tools/interop` makes the peers and calls this.
//!
//! `interop --record FOLDER` writes the recordings of logins that `crates/proto` replays. `interop [SUITE…] [+WORD…]`: the suites to run, all but the slow ones when none is named; with words, only the cases in whose
//! client, server or description each word is found (`+10.6 +10` for those of OpenSSH 10.6 that move 10 MB). Exits with status 0 only when every case has
//! passed; the last line is then `N passed, 0 failed`.

use std::process::ExitCode;

use nacre_interop::case::Report;
use nacre_interop::error::Error;
use nacre_interop::peers::Peers;
use nacre_interop::{keygen, ours, real, sftp_differential, sshd, stock};

/// A set of cases. An error is one that kept the set from being run to its end.
type Suite = fn(&Peers, &mut Report) -> Result<(), Error>;

/// All suites by name, in the order they run.
const SUITES: &[(&str, Suite)] = &[
    ("ours-servers", ours::servers),
    ("ours-logins", ours::logins),
    ("ours-clients", ours::clients),
    ("ours-refusals", ours::refusals),
    ("matrix-servers", ours::matrix_servers),
    ("matrix-clients", ours::matrix_clients),
    ("matrix-sshd", ours::matrix_sshd),
    ("stock-matrix", stock::matrix),
    ("stock-algorithms", stock::algorithms),
    ("stock-rekey", stock::rekey),
    ("stock-relay", stock::relay),
    ("stock-refusals", stock::refusals),
    ("stock-abilities", stock::abilities),
    ("sshd-stock", sshd::stock),
    ("sshd-clients", sshd::clients),
    ("sshd-tools", sshd::tools),
    ("sftp-differential", sftp_differential::sequences),
    ("keygen", keygen::all),
];

/// The sets that take minutes, and run only when they are named.
const SLOW: &[(&str, Suite)] = &[("sshd-real-stock", real::stock), ("sshd-real", real::ours)];

fn main() -> ExitCode {
    let (words, wanted): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with('+'));
    let all = || SUITES.iter().chain(SLOW);
    let names = || all().map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
    if wanted.first().is_none_or(|first| first != "--record")
        && let Some(unknown) = wanted.iter().find(|wanted| all().all(|(name, _)| name != *wanted))
    {
        eprintln!("interop: no suite is called {unknown} (there are: {})", names());
        return ExitCode::from(2);
    }
    let peers = match Peers::open() {
        Ok(peers) => peers,
        Err(error) => {
            eprintln!("interop: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let [option, folder] = &wanted[..]
        && option == "--record"
    {
        return match ours::record(&peers, folder.as_ref()) {
            Ok(count) => {
                println!("{count} recordings");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("interop: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let mut report = Report::new();
    report.only(words.iter().map(|word| word[1..].to_owned()).collect());
    let mut whole = true;
    let run: Vec<_> = if wanted.is_empty() {
        SUITES.iter().collect()
    } else {
        all().filter(|(name, _)| wanted.iter().any(|wanted| wanted == name)).collect()
    };
    for (name, suite) in run {
        if let Err(error) = suite(&peers, &mut report) {
            println!("suite {name} ended early: {error}");
            whole = false;
        }
    }
    if let Some(matrix) = ours::summary(report.rows()) {
        println!("{matrix}");
    }
    match report.finish() {
        Ok(_) if whole => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
