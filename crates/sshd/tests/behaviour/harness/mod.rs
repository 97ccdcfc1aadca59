//! What the tests are made with: servers that end when a test ends, clients that never hang, and a look at the processes.

mod client;
mod processes;
mod raw;
mod server;
mod world;

pub(crate) use client::{Outcome, Talk, finish};
pub(crate) use processes::{
    Process, children, descendants, descriptors, eventually, kill, parent_of, pids_with, process,
    status_field, within,
};
pub(crate) use raw::{Raw, Said};
pub(crate) use server::{Master, Server, Setup, free_port};
pub(crate) use world::{Account, Scratch, copy_program, world};

/// Whether the test can be run here: with root's rights and, where it says so, with our own server. Says why not.
pub(crate) fn can(needs: &[Need]) -> bool {
    for need in needs {
        let (met, why) = match need {
            Need::Root => (world().root, "needs root"),
            Need::Ours => (!world().other, "is about our own server"),
        };
        if !met {
            println!("left out: this test {why}");
            return false;
        }
    }
    true
}

/// What a test may need.
#[derive(Clone, Copy)]
pub(crate) enum Need {
    /// To be run as root.
    Root,
    /// Our own server, because another one is not like that.
    Ours,
}
