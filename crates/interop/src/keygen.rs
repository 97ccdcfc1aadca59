//! What our `keys` and `keyfiles` make and understand, and what OpenSSH's `ssh-keygen`, `ssh-add` and `ssh-agent` of every release do: both
//! ways, and the same.
//!
//! Inputs are made from a number, the seed, so each run has the same ones but for the keys, which `ssh-keygen` makes anew;
//! `NACRE_KEYGEN_SEED` is another. A case that fails says what
//! differed and which seed it had. Where we differ on purpose, the difference is what is expected, with the reason beside it.

mod agent;
mod certificates;
mod fingerprints;
mod key_files;
mod known_hosts;
mod lab;
mod random;
mod revocation;
mod signatures;
mod signers;

use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::case::{Case, Job, Report};
use crate::error::Error;
use crate::peers::{Peers, Release, ServerKind};
use lab::{Lab, Pool};

/// The seed of a run that is told none.
const SEED: u64 = 1;

/// Names another.
const VARIABLE: &str = "NACRE_KEYGEN_SEED";

/// What a case does.
type Body = fn(&mut Lab<'_>) -> Result<(), Error>;

/// What is compared with each release, and how often with other inputs.
const TOPICS: &[(&str, Body, u64)] = &[
    ("key files", key_files::plain, 1),
    ("key files with passphrases", key_files::encrypted, 1),
    ("key files in PEM", key_files::pem, 1),
    ("public key files", key_files::public, 1),
    ("damaged public keys", key_files::damaged, 2),
    ("fingerprints and pictures", fingerprints::compare, 2),
    ("certificates of theirs", certificates::theirs, 2),
    ("certificates of ours", certificates::ours, 2),
    ("damaged certificates", certificates::damaged, 1),
    ("revocation lists of theirs", revocation::theirs, 3),
    ("revocation lists of ours", revocation::ours, 3),
    ("signatures", signatures::compare, 2),
    ("allowed signers", signers::verdicts, 3),
    ("names of signers", signers::names, 2),
    ("known hosts found", known_hosts::found, 3),
    ("known hosts changed", known_hosts::changed, 2),
    ("agent with keys", agent::keys, 1),
    ("agent with certificates", agent::certificates, 1),
    ("agent with limits", agent::limits, 1),
    ("agent's requests", agent::requests, 1),
];

/// All topics with each release.
///
/// # Errors
///
/// When the keys of the run cannot be made.
pub fn all(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    let seed = match env::var(VARIABLE) {
        Ok(seed) => seed.parse().map_err(|_| Error::wrong(format!("{VARIABLE} is no number: {seed}")))?,
        Err(_) => SEED,
    };
    let compared = AtomicUsize::new(0);
    let pool = Pool::make(peers)?;
    let mut jobs = Vec::new();
    for release in Release::ALL {
        let name = peers.name_of_server(ServerKind::OpenSsh(release));
        for (topic, (what, body, times)) in (0_u64..).zip(TOPICS) {
            for batch in 0..*times {
                let (pool, compared) = (&pool, &compared);
                let what = if *times == 1 { (*what).to_owned() } else { format!("{what}, {}", batch + 1) };
                jobs.push(Job::new(Case::new("our keys", &name, &what), move |_| {
                    let stream = (seed << 16) | (topic << 8) | batch;
                    let mut lab = Lab::open(peers.chroot(release), pool, stream)?;
                    let done = body(&mut lab);
                    compared.fetch_add(lab.compared(), Ordering::Relaxed);
                    done.map_err(|error| Error::wrong(format!("{VARIABLE}={seed}: {error}")))
                }));
            }
        }
    }
    report.run_side_by_side(jobs);
    println!("keygen: {} comparisons, {VARIABLE}={seed}", compared.into_inner());
    Ok(())
}
