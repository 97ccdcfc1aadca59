//! Our `sftp-server` and OpenSSH's get the same requests and must give the same answers and leave the same tree.
//!
//! Five hundred sequences of requests are made from numbers, so each run has the same ones; half of them are served as root and half as
//! a user who may not do everything. Both servers run in the folder of the newest release, one after the other in a tree that is made
//! anew, so paths, numbers and orders are equal too. Masked is only what the clock and other programs decide: times that are about now,
//! the handles themselves, and how much of a file system is free.
//!
//! Three deliberate differences are left out. OpenSSH's server lets RENAME of what is no regular file replace a symbolic link to nothing;
//! it says that copy-data was done when the one file cannot be read or the other cannot be written; and it shows nothing of a directory
//! that was renamed since it was opened.

mod operation;
mod session;
mod tree;

use std::env;
use std::fs;
use std::path::PathBuf;

use crate::case::{Case, Job, Report};
use crate::error::{During, Error};
use crate::peers::{Chroot, Peers, Release, Scratch};
use operation::Generator;
use session::{Answer, Session};
use tree::Tree;

/// How many sequences there are, and how many of them are a case.
const SEQUENCES: u64 = 500;
const CASE: u64 = 50;

/// Requests of a sequence.
const LENGTH: usize = 60;

/// OpenSSH's, in the folder.
const THEIRS: &str = "/usr/lib/openssh/sftp-server";

/// Names the program of this tree.
const VARIABLE: &str = "NACRE_SFTP_SERVER";

/// Who serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Root,
    User,
}

/// All sequences, in cases of a few.
///
/// # Errors
///
/// When our program is not named or cannot be copied.
pub fn sequences(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    let chroot = peers.chroot(Release::Forky);
    let built = env::var_os(VARIABLE).filter(|path| !path.is_empty()).ok_or(Error::NotNamed(VARIABLE))?;
    let program = chroot.scratch()?;
    fs::copy(PathBuf::from(built), program.outside().join("sftp-server"))
        .during("copying our sftp-server")?;
    let ours = program.path("sftp-server");
    let jobs = (0..SEQUENCES / CASE).map(|number| {
        let who = if number % 2 == 0 { Who::Root } else { Who::User };
        let (first, last) = (number * CASE, (number + 1) * CASE - 1);
        let name = format!("{first}-{last} as {}", if who == Who::Root { "root" } else { "a user" });
        let ours = &ours;
        Job::new(Case::new("requests", "our sftp-server", &name), move |_| {
            let scratch = chroot.scratch()?;
            (first..=last).try_for_each(|seed| compare(chroot, &scratch, ours, who, seed))
        })
    });
    report.run_side_by_side(jobs.collect());
    Ok(())
}

/// Runs one sequence with both servers.
fn compare(chroot: &Chroot, scratch: &Scratch, ours: &str, who: Who, seed: u64) -> Result<(), Error> {
    let theirs = run(chroot, scratch, THEIRS, who, seed)?;
    let ours = run(chroot, scratch, ours, who, seed)?;
    let mut before = String::new();
    for (their, our) in theirs.answers.iter().zip(&ours.answers) {
        if their != our && !our.is_better_than(their) {
            return Err(Error::wrong(format!(
                "sequence {seed}:\n{before}{}\n  theirs: {}\n  ours:   {}",
                their.request,
                their.shown(),
                our.shown()
            )));
        }
        before.push_str(&format!("{}\n  {}\n", their.request, their.shown()));
    }
    if theirs.answers.len() != ours.answers.len() {
        return Err(Error::wrong(format!("sequence {seed}:\n{before}one of them ended here")));
    }
    match theirs.tree.difference(&ours.tree) {
        None => Ok(()),
        Some(difference) => Err(Error::wrong(format!("sequence {seed}:\n{before}{difference}"))),
    }
}

/// What one server said and did.
struct Done {
    answers: Vec<Answer>,
    tree: Tree,
}

fn run(chroot: &Chroot, scratch: &Scratch, program: &str, who: Who, seed: u64) -> Result<Done, Error> {
    let top = scratch.outside().join("top");
    tree::make(&top)?;
    let mut session = Session::start(chroot.root(), &scratch.path("top/tree"), program, who == Who::User)?;
    let mut generator = Generator::new(seed, &scratch.path("top/tree"));
    let mut answers = vec![session.greet()?];
    for _ in 0..LENGTH {
        let operation = generator.next_operation();
        if operation.replaces_dangling_link(&top.join("tree"), &scratch.path("top/tree")) {
            continue;
        }
        answers.push(session.exchange(&operation)?);
    }
    session.end()?;
    Ok(Done { answers, tree: Tree::read(&top)? })
}
