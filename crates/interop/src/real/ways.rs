//! The table of the ways.

use super::Setup;
use crate::peers::Release;

/// A way in which clients break, or a part of it.
pub(super) struct Way {
    /// Its number of the fifteen, and what is done.
    pub(super) name: &'static str,
    /// What the server is told.
    pub(super) setup: Setup,
    /// After how many seconds it is given up; several times what it takes with a stock server.
    pub(super) seconds: u64,
    /// How it is gone.
    pub(super) body: Body,
}

/// How a way is gone.
pub(super) enum Body {
    /// By a script, with the programs of these releases.
    Script(&'static str, &'static [Release]),
    /// By the case of the same name in paramiko's program.
    Paramiko,
    /// By the case of the same name in asyncssh's program.
    Asyncssh,
    /// By the comparison of environments.
    Environment,
}

impl Body {
    /// The releases whose programs go it; those that are not of a release go it once.
    pub(super) fn releases(&self) -> &'static [Release] {
        match self {
            Self::Script(_, releases) => releases,
            Self::Paramiko | Self::Asyncssh | Self::Environment => NEWEST,
        }
    }
}

const NEWEST: &[Release] = &[Release::Forky];

/// Where the age of a client matters.
const OLD_AND_NEW: &[Release] = &[Release::Bookworm, Release::Forky];

/// A way whose script has its name.
macro_rules! script {
    ($name:literal, $setup:ident, $seconds:literal, $releases:ident) => {
        Way {
            name: $name,
            setup: Setup::$setup,
            seconds: $seconds,
            body: Body::Script(include_str!(concat!("../../scripts/real/", $name, ".sh")), $releases),
        }
    };
}

const fn by(body: Body, name: &'static str, seconds: u64) -> Way {
    Way { name, setup: Setup::Plain, seconds, body }
}

/// All of them.
pub(super) const WAYS: &[Way] = &[
    script!("01-burst-exit", Plain, 120, OLD_AND_NEW),
    script!("01-burst-putty", Plain, 120, OLD_AND_NEW),
    script!("01-mosh", Plain, 60, NEWEST),
    by(Body::Paramiko, "02-paramiko-get-1GiB", 300),
    by(Body::Paramiko, "03-window-2GiB", 120),
    by(Body::Paramiko, "03-window-4GiB-1", 120),
    by(Body::Asyncssh, "03-window-2GiB", 120),
    by(Body::Asyncssh, "03-window-4GiB-1", 120),
    script!("04-putty-paste", Plain, 60, OLD_AND_NEW),
    script!("05-alive", Asking, 60, OLD_AND_NEW),
    script!("06-rekey-sftp", Rekeying, 240, OLD_AND_NEW),
    by(Body::Paramiko, "06-rekey-paramiko", 120),
    by(Body::Asyncssh, "06-rekey-asyncssh", 120),
    script!("07-rsa", Plain, 60, OLD_AND_NEW),
    by(Body::Paramiko, "07-rsa-paramiko", 60),
    script!("08-max-sessions", Plain, 60, OLD_AND_NEW),
    script!("08-no-sessions", NoSessions, 60, NEWEST),
    script!("08-ansible", Plain, 300, NEWEST),
    script!("09-vscode", Plain, 120, NEWEST),
    script!("09-vscode-sockets", Plain, 60, NEWEST),
    script!("09-vscode-unlink", Unlinking, 60, NEWEST),
    script!("10-podman", Plain, 60, NEWEST),
    by(Body::Asyncssh, "10-streamlocal-asyncssh", 60),
    script!("11-scp", Plain, 120, OLD_AND_NEW),
    script!("11-sftp", Plain, 60, OLD_AND_NEW),
    script!("11-putty", Plain, 60, OLD_AND_NEW),
    script!("11-lftp", Plain, 60, NEWEST),
    by(Body::Asyncssh, "11-scp-asyncssh", 60),
    script!("11-noisy-shell", Bash, 60, OLD_AND_NEW),
    script!("12-sshfs", Plain, 120, NEWEST),
    script!("13-tar-sync", Plain, 60, NEWEST),
    script!("13-rsync", Plain, 180, NEWEST),
    script!("13-git", Plain, 300, NEWEST),
    by(Body::Environment, "14-environment", 60),
    script!("14-agent", Plain, 60, NEWEST),
    script!("15-remote-port", Plain, 60, NEWEST),
    script!("15-lost-link", Asking, 60, NEWEST),
    script!("15-jump", Plain, 60, OLD_AND_NEW),
    script!("15-burst", Plain, 60, NEWEST),
];
