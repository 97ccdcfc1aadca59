//! Measures servers side by side. `tools/bench sshd` builds it and runs it, as root, in namespaces of its own.
//!
//! ```text
//! bench-sshd [--json] [--quick] [--ours FILE] --cgroups DIR --scratch NAME --newer ROOT --older ROOT [PART…]
//! bench-sshd pump source MILLISECONDS | pump sink | pump spin      the commands at the ends of a bulk transfer, and one that
//!                                                                 keeps a core awake
//! ```
//!
//! `--ours` is our sshd; without it only the others are measured. `ROOT` is a folder that `tools/peers` made.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nacre_bench::machine;
use nacre_bench::report;
use nacre_bench::server::Fault;
use nacre_bench::server::contender::{Contender, Keys};
use nacre_bench::server::measure::{Amounts, PARTS, Run};
use nacre_bench::server::pump;
use nacre_bench::server::root::Root;
use nacre_bench::server::stock::Stock;

const NOTE: &str = "\
Medians of interleaved trials; the ratio is the median of the trials' own ratios, with the least and the greatest. CPU is that
of all processes of the server, those that its users run included. MB/s, and logins whose CPU is counted, are those of the
newer OpenSSH's `ssh` and `sftp`, everything else is of one client for all. Where no cipher is named it is AES-128-GCM, and
chacha20-poly1305 with dropbear, which has no GCM, and no `sftp` server but OpenSSH's. Files are in memory at both ends. Cores
are kept from sleeping while echoes are timed. Memory is the proportional share of all processes, of a connection beside others
that are idle too. What is far away is so by a bridge between two networks, with TCP buffers of 256 MiB and without TCP's slow
start; what is counted are the first seconds of a session, its start included. What there are many of, and what is far away, has
fewer trials.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match args.split_first() {
        Some((first, words)) if first == "pump" => pump::main(words),
        _ => Options::parse(args).and_then(|options| bench(&options)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("bench-sshd: {fault}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Options {
    json: bool,
    quick: bool,
    ours: Option<PathBuf>,
    cgroups: PathBuf,
    scratch: String,
    newer: PathBuf,
    older: PathBuf,
    parts: Vec<String>,
}

impl Options {
    fn parse(args: Vec<String>) -> Result<Self, Fault> {
        let mut options = Self::default();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} needs a value"));
            match arg.as_str() {
                "--json" => options.json = true,
                "--quick" => options.quick = true,
                "--ours" => options.ours = Some(value()?.into()),
                "--cgroups" => options.cgroups = value()?.into(),
                "--scratch" => options.scratch = value()?,
                "--newer" => options.newer = value()?.into(),
                "--older" => options.older = value()?.into(),
                part if PARTS.contains(&part) => options.parts.push(arg),
                _ => return Err(format!("{arg} is none of {}", PARTS.join(", ")).into()),
            }
        }
        Ok(options)
    }

    fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }
}

fn bench(options: &Options) -> Result<(), Fault> {
    let newer = Root::new(&options.newer, &options.scratch)?;
    let older = Root::new(&options.older, &options.scratch)?;
    let keys = Keys::make(&newer)?;
    let mut contenders = Vec::new();
    if let Some(ours) = &options.ours {
        contenders.push(Contender::ours(ours, &newer, &keys)?);
    }
    contenders.push(Contender::openssh(&newer, &keys)?);
    contenders.push(Contender::openssh(&older, &keys)?);
    contenders.push(Contender::dropbear(&newer, &keys)?);
    let client = Stock::new(&newer, keys.user())?;
    let amounts = if options.quick { Amounts::QUICK } else { Amounts::FULL };
    let load = read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned();
    let mut run = Run::new(contenders, client, &keys, options.cgroups.clone(), amounts)?;
    run.measure(|part| options.wants(part))?;

    let mut facts = machine::facts();
    facts.push(("tcp", read("/proc/sys/net/ipv4/tcp_congestion_control")));
    facts.push(("load", load));
    facts.push(("trials", amounts.trials.to_string()));
    if options.json {
        let facts = report::json(&facts, &[]);
        println!("{},\"rows\":{}}}", facts.trim_end_matches('}'), run.board.json());
        return Ok(());
    }
    println!("{}\n{}", report::text(&facts, &[]), run.board.markdown());
    println!("{NOTE}");
    Ok(())
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}
