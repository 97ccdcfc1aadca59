//! Names of signals on the wire.

use sys::signal::Signal;

/// The names of RFC 4254 §6.10, which mean the same everywhere.
const NAMES: [&str; 13] =
    ["ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2"];

/// What every other signal is called when it ended a program; OpenSSH's name.
const OTHER: &str = "SIG@openssh.com";

/// The signal that a client may send by that name. OpenSSH knows HUP, INT, KILL, QUIT, TERM, USR1 and USR2 of these.
pub(super) fn named(name: &str) -> Option<Signal> {
    NAMES.contains(&name).then(|| Signal::named(name)).flatten()
}

/// The name of the signal that ended a program.
pub(super) fn name(signal: Signal) -> &'static str {
    signal.name().filter(|name| NAMES.contains(name)).unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_the_rfc_lead_to_signals_and_back() {
        for known in NAMES {
            assert_eq!(name(named(known).unwrap()), known);
        }
    }

    #[test]
    fn what_the_rfc_has_no_name_for_is_neither_sent_nor_told_by_name() {
        for unknown in ["STOP", "CHLD", "SIGINT", "int", "", "INFO@openssh.com"] {
            assert_eq!(named(unknown), None, "{unknown}");
        }
        assert_eq!(name(Signal::BUS), "SIG@openssh.com");
        assert_eq!(name(Signal::new(40).unwrap()), "SIG@openssh.com");
    }
}
