//! Counts what connections take of memory. `tools/bench core` builds and runs it.
//!
//! ```text
//! bench-memory [--json] [--quick]
//! ```

use std::mem::size_of;
use std::process::Command;

use nacre_bench::half::{Driven, Plan};
use nacre_bench::handshake::{Pair, Randomness, Sides};
use nacre_bench::machine;
use nacre_bench::phase::Watch;
use nacre_bench::report::{self, Cell, Table};
use nacre_bench::suite::kex;
use proto::{Client, Connection, RecvBuf, Server};

/// How far a connection is when it is counted.
#[derive(Clone, Copy)]
enum Stage {
    /// Nothing was received yet; our identification waits to be sent.
    New,
    /// The keys are not there yet: the peer's KEXINIT has just come.
    Exchange,
    /// The user is in, and the buffers are as the login left them.
    LoggedIn,
    /// The user is in, with so many open sessions, and what is empty was given back.
    Idle(usize),
}

const STAGES: [(&str, Stage); 6] = [
    ("new", Stage::New),
    ("in the first exchange", Stage::Exchange),
    ("logged in, buffers kept", Stage::LoggedIn),
    ("idle", Stage::Idle(0)),
    ("idle, 1 session", Stage::Idle(1)),
    ("idle, 10 sessions", Stage::Idle(10)),
];

/// A connection and its receive buffer, as a server keeps them.
type Kept<S> = Box<(Connection<S>, RecvBuf)>;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, side, stage, count] = &args[..]
        && flag == "--resident"
    {
        let stage = STAGES[stage.parse::<usize>().expect("a stage")].1;
        let count = count.parse().expect("a count");
        let each = if side == "server" { grown(count, stage, server) } else { grown(count, stage, client) };
        println!("{each}");
        return;
    }
    let has = |name: &str| args.iter().any(|arg| arg == name);
    let count = if has("--quick") { 500 } else { 4000 };
    let mut rows = rows("server", count, server);
    rows.extend(self::rows("client", count, client));
    let table = Table {
        key: "memory",
        title: format!(
            "memory of a connection in bytes: heap asked for (the connection and its receive buffer included), the most \
             of it on the way there (both sides together), allocations, and what a process with {count} of them grows by for each \
             (mlkem768x25519-sha256)"
        ),
        columns: vec!["side", "stage", "heap", "most", "allocations", "resident"],
        rows,
    };
    if has("--json") {
        println!("{}", report::json(&machine::facts(), &[table]));
    } else {
        print!("{}", report::text(&[], &[table]));
    }
}

fn server(pair: Pair) -> Kept<Server> {
    Box::new((pair.server.connection, pair.server.rx))
}

fn client(pair: Pair) -> Kept<Client> {
    Box::new((pair.client.connection, pair.client.rx))
}

/// Brings a pair to a stage and keeps one side of it.
fn make<S: Driven>(plan: &std::sync::Arc<Plan>, stage: Stage, keep: fn(Pair) -> Kept<S>) -> Kept<S> {
    let mut pair = Pair::new(plan, Randomness::Seed(1));
    pair.client.sessions = if let Stage::Idle(sessions) = stage { sessions } else { 0 };
    match stage {
        Stage::New => {}
        Stage::Exchange => {
            // Identifications, then KEXINIT of both.
            for _ in 0..2 {
                pair.turn(Watch::stopped(), &mut Sides::default());
            }
        }
        Stage::LoggedIn | Stage::Idle(_) => pair.settle(Watch::stopped(), &mut Sides::default()),
    }
    let mut kept = keep(pair);
    if let Stage::Idle(_) = stage {
        kept.0.release();
        kept.1.release();
    }
    kept
}

fn plan() -> std::sync::Arc<Plan> {
    Plan::new(&kex("mlkem768x25519-sha256"))
}

fn rows<S: Driven>(side: &str, count: usize, keep: fn(Pair) -> Kept<S>) -> Vec<Vec<Cell>> {
    let plan = plan();
    let mut rows = Vec::new();
    for (at, (name, stage)) in STAGES.into_iter().enumerate() {
        // What is made once and kept, like tables of the cryptography, is not counted.
        drop(make(&plan, stage, keep));
        let mut kept = None;
        let counted = allocation_counter::measure(|| kept = Some(make(&plan, stage, keep)));
        drop(kept);
        rows.push(vec![
            Cell::Text(side.to_owned()),
            Cell::Text(name.to_owned()),
            Cell::Number(counted.bytes_current as f64, 0),
            Cell::Number(counted.bytes_max as f64, 0),
            Cell::Number(counted.count_current as f64, 0),
            Cell::Number(resident(side, at, count), 0),
        ]);
    }
    rows.push(vec![
        Cell::Text(side.to_owned()),
        Cell::Text("the value alone".to_owned()),
        Cell::Number(size_of::<Connection<S>>() as f64, 0),
        Cell::Number(size_of::<Connection<S>>() as f64, 0),
        Cell::Number(0.0, 0),
        Cell::Number(size_of::<Connection<S>>() as f64, 0),
    ]);
    rows
}

/// What a fresh process grows by for each connection.
fn resident(side: &str, stage: usize, count: usize) -> f64 {
    let own = std::env::current_exe().expect("our own path");
    let (stage, count) = (stage.to_string(), count.to_string());
    let output =
        Command::new(own).args(["--resident", side, &stage, &count]).output().expect("our own program");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

fn grown<S: Driven>(count: usize, stage: Stage, keep: fn(Pair) -> Kept<S>) -> f64 {
    let plan = plan();
    let mut kept = Vec::with_capacity(count);
    kept.push(make(&plan, stage, keep));
    let before = machine::resident();
    for _ in 1..count {
        kept.push(make(&plan, stage, keep));
    }
    let grown = machine::resident().saturating_sub(before);
    assert_eq!(kept.len(), count);
    grown as f64 / (count - 1) as f64
}
