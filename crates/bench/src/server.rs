//! What servers cost: ours and others, side by side in one run. `tools/bench sshd` runs it, as root, in namespaces of
//! its own: processes, mounts, and a loopback whose congestion control is the same for everybody.
//!
//! Every server is a [`contender::Contender`] in a chroot folder that `tools/peers` made, so all of them have the same
//! kind of account, shell and files. Its CPU time is that of its control group ([`cgroup::Cgroup`]): the listener, all
//! processes of its connections and the commands that users run, dead ones too. Bulk data and logins are stock `ssh`'s
//! ([`stock`]); what takes microseconds is measured by one client for all of them, ours ([`load`]).

pub mod board;
pub mod cgroup;
pub mod contender;
pub mod link;
pub mod load;
pub mod measure;
pub mod pump;
pub mod root;
pub mod service;
pub mod stock;

/// Why a measurement could not be made.
pub type Fault = Box<dyn std::error::Error>;

/// The account that clients log in to, in every folder that `tools/peers` makes.
pub const USER: &str = "nacre";
