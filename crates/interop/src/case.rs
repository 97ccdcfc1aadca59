//! A case, its outcome, and the table they are printed in.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;

/// One thing that is tried with one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The client's name and version.
    pub client: String,
    /// The server's name and version.
    pub server: String,
    /// What is done, in a word or two.
    pub what: String,
    /// The key exchange, empty while it is not known.
    pub kex: String,
    /// The cipher, empty while it is not known.
    pub cipher: String,
    /// The MAC; empty while it is not known, and for ciphers that need none.
    pub mac: String,
}

impl Case {
    /// A case whose algorithms are not known yet.
    #[must_use]
    pub fn new(client: &str, server: &str, what: &str) -> Self {
        Self {
            client: client.into(),
            server: server.into(),
            what: what.into(),
            kex: String::new(),
            cipher: String::new(),
            mac: String::new(),
        }
    }

    /// Notes the algorithms that the two sides agreed on.
    pub fn agreed(&mut self, kex: &str, cipher: &str, mac: &str) {
        self.kex = kex.into();
        self.cipher = cipher.into();
        self.mac = mac.into();
    }

    /// Notes the algorithms that an OpenSSH client or server wrote to its debug log, if it wrote them: the first key
    /// exchange of the log.
    pub fn agreed_in_log(&mut self, log: &str) {
        let after = |mark: &str| {
            log.lines().find_map(|line| line.split_once(mark)).map(|(_, rest)| rest.trim().to_owned())
        };
        if let Some(kex) = after("kex: algorithm: ") {
            self.kex = kex;
        }
        if let Some(rest) = after("kex: server->client cipher: ") {
            let mut words = rest.split_whitespace();
            self.cipher = words.next().unwrap_or_default().to_owned();
            let mac = words.nth(1).unwrap_or_default();
            self.mac = if mac == "<implicit>" { String::new() } else { mac.to_owned() };
        }
    }
}

/// How many cases run side by side where a suite lets them.
const WORKERS: usize = 2;

/// What a case does.
type Body<'a> = Box<dyn FnOnce(&mut Case) -> Result<(), Error> + Send + 'a>;

/// A case with what it does, to be run beside others.
pub struct Job<'a> {
    case: Case,
    body: Body<'a>,
}

impl<'a> Job<'a> {
    /// What `body` does is this case.
    pub fn new(case: Case, body: impl FnOnce(&mut Case) -> Result<(), Error> + Send + 'a) -> Self {
        Self { case, body: Box::new(body) }
    }
}

/// How a case ended.
#[derive(Debug)]
pub enum Outcome {
    /// It did what it should, in this time.
    Passed(Duration),
    /// It did not, and why.
    Failed(String),
}

/// The cases that have run. Each is printed when it ends.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<(Case, Outcome)>,
    only: Vec<String>,
}

/// How many cases passed and failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Cases that passed.
    pub passed: usize,
    /// Cases that failed.
    pub failed: usize,
}

impl Report {
    /// An empty report; prints the head of the table.
    #[must_use]
    pub fn new() -> Self {
        println!("{}", line(["client", "server", "case", "kex", "cipher", "mac", "result"]));
        Self::default()
    }

    /// Leaves out, from now on, every case of whose client, server and words not all of `words` are a part.
    pub fn only(&mut self, words: Vec<String>) {
        self.only = words;
    }

    fn wants(&self, case: &Case) -> bool {
        let texts = [&case.client, &case.server, &case.what];
        self.only.iter().all(|word| texts.iter().any(|text| text.contains(word.as_str())))
    }

    /// Runs one case and prints its row. The case may note what was agreed. A panic is a failure like an error.
    pub fn run(&mut self, case: Case, body: impl FnOnce(&mut Case) -> Result<(), Error>) {
        self.run_where_common(case, |case| body(case).map(|()| true));
    }

    /// Runs one case like [`run`](Self::run), unless it finds that the two sides have no algorithm in common: a case that
    /// says `false` is not one.
    pub fn run_where_common(&mut self, mut case: Case, body: impl FnOnce(&mut Case) -> Result<bool, Error>) {
        if !self.wants(&case) {
            return;
        }
        if let Some(outcome) = outcome_of(&mut case, body) {
            self.note(case, outcome);
        }
    }

    /// Runs these cases, a few at a time, in this order; a panic is a failure like an error. Returns when all have ended.
    pub fn run_side_by_side(&mut self, jobs: Vec<Job<'_>>) {
        let queue = Mutex::new(jobs.into_iter().filter(|job| self.wants(&job.case)).collect::<VecDeque<_>>());
        let report = Mutex::new(self);
        let next = || locked(&queue).pop_front();
        thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    while let Some(Job { mut case, body }) = next() {
                        if let Some(outcome) = outcome_of(&mut case, |case| body(case).map(|()| true)) {
                            locked(&report).note(case, outcome);
                        }
                    }
                });
            }
        });
    }

    /// Adds a case that ended, and prints its row.
    pub fn note(&mut self, case: Case, outcome: Outcome) {
        println!("{}", row(&case, &outcome));
        self.rows.push((case, outcome));
    }

    /// All cases so far and how they ended, in the order they ran.
    #[must_use]
    pub fn rows(&self) -> &[(Case, Outcome)] {
        &self.rows
    }

    /// Prints why each failed case failed, and the count.
    ///
    /// # Errors
    ///
    /// When a case failed, or when there was no case at all: a run that tried nothing proves nothing.
    pub fn finish(self) -> Result<Tally, Tally> {
        let mut failed = 0;
        for (case, outcome) in &self.rows {
            if let Outcome::Failed(why) = outcome {
                failed += 1;
                println!("\nFAILED {}\n{}", row(case, outcome), why.trim_end());
            }
        }
        let tally = Tally { passed: self.rows.len() - failed, failed };
        println!("\n{tally}");
        if failed == 0 && tally.passed > 0 { Ok(tally) } else { Err(tally) }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a case; `None` when it says that it is not one.
fn outcome_of(case: &mut Case, body: impl FnOnce(&mut Case) -> Result<bool, Error>) -> Option<Outcome> {
    let started = Instant::now();
    match catch_unwind(AssertUnwindSafe(|| body(case))) {
        Ok(Ok(true)) => Some(Outcome::Passed(started.elapsed())),
        Ok(Ok(false)) => None,
        Ok(Err(error)) => Some(Outcome::Failed(error.to_string())),
        Err(panic) => Some(Outcome::Failed(format!("panicked: {}", panic_text(panic.as_ref())))),
    }
}

fn row(case: &Case, outcome: &Outcome) -> String {
    let result = match outcome {
        Outcome::Passed(took) => format!("ok {} ms", took.as_millis()),
        Outcome::Failed(_) => "FAILED".to_owned(),
    };
    line([&case.client, &case.server, &case.what, &case.kex, &case.cipher, &case.mac, &result])
}

fn line(columns: [&str; 7]) -> String {
    let [client, server, what, kex, cipher, mac, result] =
        columns.map(|text| if text.is_empty() { "-" } else { text });
    format!("{client:<17} | {server:<17} | {what:<34} | {kex:<36} | {cipher:<29} | {mac:<29} | {result}")
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("with a value that is no text")
}

#[cfg(test)]
mod tests {
    use super::{Case, Job, Report, Tally};
    use crate::error::Error;

    fn case() -> Case {
        Case::new("ours", "theirs", "login")
    }

    #[test]
    fn errors_and_panics_are_failures_and_are_counted() {
        let mut report = Report::new();
        report.run(case(), |_| Ok(()));
        report.run(case(), |_| Err(Error::wrong("no echo")));
        report.run(case(), |_| panic!("at the peer"));
        assert_eq!(report.finish(), Err(Tally { passed: 1, failed: 2 }));
    }

    #[test]
    fn cases_side_by_side_all_run_and_are_counted() {
        let mut report = Report::new();
        let ran = std::sync::atomic::AtomicUsize::new(0);
        let mut jobs = vec![Job::new(case(), |_| panic!("at the peer"))];
        for number in 0..9 {
            let ran = &ran;
            jobs.push(Job::new(case(), move |_| {
                ran.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if number == 4 { Err(Error::wrong("no echo")) } else { Ok(()) }
            }));
        }
        report.run_side_by_side(jobs);
        assert_eq!(ran.into_inner(), 9);
        assert_eq!(report.finish(), Err(Tally { passed: 8, failed: 2 }));
    }

    #[test]
    fn a_report_without_a_case_is_a_failure() {
        assert_eq!(Report::new().finish(), Err(Tally { passed: 0, failed: 0 }));
    }

    #[test]
    fn algorithms_are_read_from_an_openssh_log() {
        let mut case = case();
        case.agreed_in_log(
            "debug1: kex: algorithm: curve25519-sha256\r\n\
             debug1: kex: server->client cipher: aes128-ctr MAC: hmac-sha2-256 compression: none\r\n\
             debug1: kex: algorithm: later\r\n",
        );
        assert_eq!(
            (case.kex.as_str(), case.cipher.as_str(), case.mac.as_str()),
            ("curve25519-sha256", "aes128-ctr", "hmac-sha2-256")
        );
        case.agreed_in_log(
            "kex: server->client cipher: aes128-gcm@openssh.com MAC: <implicit> compression: none",
        );
        assert_eq!((case.cipher.as_str(), case.mac.as_str()), ("aes128-gcm@openssh.com", ""));
    }
}
