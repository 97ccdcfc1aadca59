//! What some peers cannot do though they say that they can, as OpenSSH knows it of them. Only what somebody still meets is
//! here, and nothing that would make an exchange weaker than its limits are.

/// A thing that a peer cannot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quirk {
    /// It fails when it is asked for a group of more than this many bits, in place of giving a smaller one.
    GroupBits(u32),
}

/// What the names of software begin with, and what is wrong with it.
const QUIRKS: &[(&str, Quirk)] = &[
    // Routers and switches under IOS, whose best method is group exchange with SHA-1.
    ("Cisco-1.", Quirk::GroupBits(4096)),
];

/// The largest group that may be wanted of a server with this software, where that is known.
pub(crate) fn group_bits(software: &str) -> Option<u32> {
    let quirks = QUIRKS.iter().filter(|(beginning, _)| software.starts_with(beginning));
    quirks.map(|(_, Quirk::GroupBits(bits))| *bits).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_software_of_that_name_has_its_quirk() {
        assert_eq!(group_bits("Cisco-1.25"), Some(4096));
        for software in ["", "Cisco", "Cisco-2.0", "XCisco-1.25", "OpenSSH_10.0", "cisco-1.25"] {
            assert_eq!(group_bits(software), None, "{software}");
        }
    }

    #[test]
    fn nothing_that_is_asked_for_is_below_the_least() {
        for (_, Quirk::GroupBits(bits)) in QUIRKS {
            assert!(*bits > crypto::limits::MIN_GROUP_BITS);
        }
    }
}
