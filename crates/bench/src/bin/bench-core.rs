//! Times the protocol core in memory. `tools/bench core` builds and runs it.
//!
//! ```text
//! bench-core [--json] [--quick] [SUITE…]     the tables; only suites whose name contains one of these words
//! bench-core --workload WHAT:SUITE:COUNT     a fixed, seeded piece of work, for a profiler: `data` (32 KiB packets),
//!                                            `keys` (1 byte packets), `login` (SUITE is then a key exchange or `null`)
//! ```

use nacre_bench::bulk::{Load, Round, round};
use nacre_bench::half::Plan;
use nacre_bench::handshake::{Pair, Randomness, Sides, login};
use nacre_bench::machine;
use nacre_bench::phase::Watch;
use nacre_bench::raw::Raw;
use nacre_bench::report::{self, Cell, Figure, Table};
use nacre_bench::suite::{Suite, kex};
use transport::Algorithms;

/// Both directions, and how many rounds of each size one trial has.
const LOADS: [(Load, usize); 3] = [(Load::LARGE, 12), (Load::MEDIUM, 12), (Load::KEY, 100)];
const TRIALS: usize = 7;
const LOGINS: usize = 40;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = args.iter().position(|arg| arg == "--workload") {
        workload(args.get(at + 1).expect("WHAT:SUITE:COUNT"));
        return;
    }
    let has = |name: &str| args.iter().any(|arg| arg == name);
    let words: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    let trials = if has("--quick") { 3 } else { TRIALS };
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let watch = Watch::new();
    let mut cases: Vec<Case> =
        Suite::all().into_iter().filter(|suite| wanted(&suite.name())).map(Case::new).collect();
    let mut logins: Vec<Logins> =
        ["mlkem768x25519-sha256", "curve25519-sha256", "null"].map(Logins::new).into();
    for _ in 0..trials {
        for case in &mut cases {
            case.trial(watch);
        }
        for logins in &mut logins {
            logins.trial(watch);
        }
    }
    let mut tables: Vec<Table> =
        LOADS.iter().enumerate().map(|(at, (load, _))| data_table(&cases, at, *load)).collect();
    tables.push(login_table(&logins));
    let facts = machine::facts();
    if has("--json") {
        println!("{}", report::json(&facts, &tables));
    } else {
        print!("{}", report::text(&facts, &tables));
        println!(
            "\neach figure: median of {trials} interleaved trials (best); a trial is the median of its rounds"
        );
    }
}

/// The figures of one suite, by size: towards the server, towards the client, and of the cipher alone.
struct Case {
    suite: Suite,
    pair: Pair,
    raw: Raw,
    trials: [[Vec<Round>; 3]; LOADS.len()],
}

impl Case {
    fn new(suite: Suite) -> Self {
        let pair = Pair::logged_in(&suite.algorithms(), Randomness::Seed(1), 1);
        Self { suite, pair, raw: Raw::new(suite), trials: Default::default() }
    }

    fn trial(&mut self, watch: Watch) {
        let Pair { client, server, now } = &mut self.pair;
        for (trials, (load, rounds)) in self.trials.iter_mut().zip(LOADS) {
            let [to_server, to_client, raw] = trials;
            to_server.push(median(rounds, || round(client, server, load, *now, watch)));
            to_client.push(median(rounds, || round(server, client, load, *now, watch)));
            raw.push(median(rounds, || self.raw.round(load, watch)));
        }
    }
}

/// The middle of each part over some rounds.
fn median(rounds: usize, mut run: impl FnMut() -> Round) -> Round {
    let all: Vec<Round> = (0..rounds).map(|_| run()).collect();
    let middle = |part: fn(&Round) -> f64| Figure::of(all.iter().map(part).collect()).median;
    Round {
        seal: middle(|round| round.seal),
        copy: middle(|round| round.copy),
        open: middle(|round| round.open),
    }
}

fn data_table(cases: &[Case], at: usize, load: Load) -> Table {
    let mut rows = Vec::new();
    for case in cases {
        let [_, _, raw] = &case.trials[at];
        for (direction, core) in ["to server", "to client"].into_iter().zip(&case.trials[at]) {
            let per_packet = |trials: &[Round], part: fn(&Round) -> f64| {
                Figure::of(trials.iter().map(part).collect()).map(|ns| ns / load.packets() as f64)
            };
            let rate = |trials: &[Round], part: fn(&Round) -> f64| {
                Cell::Figure(per_packet(trials, part).map(|ns| load.size as f64 / ns), 2)
            };
            let (seal, open) = (|round: &Round| round.seal, |round: &Round| round.open);
            let beyond = |part: fn(&Round) -> f64| {
                per_packet(core, part).with(per_packet(raw, part), |core, raw| core - raw)
            };
            let mut row = vec![Cell::Text(case.suite.name()), Cell::Text(direction.to_owned())];
            if load.size > 1 {
                row.push(rate(core, |round| round.seal + round.copy + round.open));
                row.push(rate(core, |round| round.seal + round.open));
                row.push(rate(raw, |round| round.seal + round.open));
            } else {
                row.push(Cell::Figure(per_packet(core, |round| round.seal + round.open), 0));
            }
            row.extend([
                Cell::Figure(per_packet(core, |round| round.copy), 0),
                Cell::Figure(per_packet(core, seal), 0),
                Cell::Figure(per_packet(core, open), 0),
                Cell::Figure(per_packet(raw, seal), 0),
                Cell::Figure(per_packet(raw, open), 0),
                Cell::Figure(beyond(seal), 0),
                Cell::Figure(beyond(open), 0),
            ]);
            rows.push(row);
        }
    }
    let mut columns = vec!["suite", "direction"];
    let (key, title) = match load.size {
        1 => ("keystroke", "keystrokes: 1 byte of data, each sent alone; nanoseconds".to_owned()),
        1024 => ("packets_1k", "1 KiB packets, 128 of them to a write: GB/s of seal and open on one core, then nanoseconds per packet".to_owned()),
        _ => ("packets_32k", "32 KiB packets, 4 of them to a write: GB/s of seal and open on one core, then nanoseconds per packet".to_owned()),
    };
    if load.size > 1 {
        columns.extend(["core GB/s", "without copy", "cipher GB/s"]);
    } else {
        columns.push("core");
    }
    columns.extend(["copy", "core seal", "core open", "cipher seal", "cipher open", "beyond: seal", "open"]);
    Table { key, title, columns, rows }
}

/// The figures of one key exchange.
struct Logins {
    name: &'static str,
    algorithms: Algorithms,
    trials: Vec<Sides>,
}

fn exchange(name: &str) -> Algorithms {
    if name == "null" { Algorithms::null() } else { kex(name) }
}

impl Logins {
    fn new(name: &'static str) -> Self {
        Self { name, algorithms: exchange(name), trials: Vec::new() }
    }

    fn trial(&mut self, watch: Watch) {
        let plan = Plan::new(&self.algorithms);
        let all: Vec<Sides> = (0..LOGINS).map(|_| login(&plan, Randomness::System, watch)).collect();
        let middle = |part: fn(&Sides) -> f64| Figure::of(all.iter().map(part).collect()).median;
        self.trials
            .push(Sides { client: middle(|sides| sides.client), server: middle(|sides| sides.server) });
    }
}

fn login_table(logins: &[Logins]) -> Table {
    let rows = logins
        .iter()
        .map(|logins| {
            let figure = |part: fn(&Sides) -> f64| Figure::of(logins.trials.iter().map(part).collect());
            let micros = |figure: Figure| Cell::Figure(figure.map(|ns| ns / 1e3), 0);
            let (client, server) = (figure(|sides| sides.client), figure(|sides| sides.server));
            let both = figure(|sides| sides.client + sides.server);
            vec![
                Cell::Text(logins.name.to_owned()),
                Cell::Figure(both.map(|ns| 1e9 / ns), 0),
                Cell::Figure(server.map(|ns| 1e9 / ns), 0),
                micros(both),
                micros(client),
                micros(server),
            ]
        })
        .collect();
    Table {
        key: "logins",
        title: "logins with an ed25519 host key, publickey authentication and one session: per second and core, then microseconds".to_owned(),
        columns: vec!["key exchange", "both sides/s", "server alone/s", "both µs", "client µs", "server µs"],
        rows,
    }
}

fn workload(what: &str) {
    let parts: Vec<&str> = what.split(':').collect();
    let [what, suite, count] = parts[..] else { panic!("WHAT:SUITE:COUNT") };
    let count: usize = count.parse().expect("a count");
    let watch = Watch::stopped();
    if what == "login" {
        let plan = Plan::new(&exchange(suite));
        for seed in 0..count {
            login(&plan, Randomness::Seed(seed as u64), watch);
        }
        return;
    }
    let suite = Suite::all().into_iter().find(|row| row.name() == suite).expect("a suite");
    let load = match what {
        "data" => Load::LARGE,
        "keys" => Load::KEY,
        _ => panic!("data, keys or login"),
    };
    let Pair { mut client, mut server, now } = Pair::logged_in(&suite.algorithms(), Randomness::Seed(1), 1);
    for _ in 0..count.div_ceil(load.packets()) {
        round(&mut client, &mut server, load, now, watch);
    }
}
