use wire::{Decode, Encode, Name, Reader, Sink, WireError, put_string};

/// A signal by its name without `SIG` (RFC 4254 §6.10): numbers differ between systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal<'a> {
    /// `ABRT`
    Abrt,
    /// `ALRM`
    Alrm,
    /// `FPE`
    Fpe,
    /// `HUP`
    Hup,
    /// `ILL`
    Ill,
    /// `INT`
    Int,
    /// `KILL`
    Kill,
    /// `PIPE`
    Pipe,
    /// `QUIT`
    Quit,
    /// `SEGV`
    Segv,
    /// `TERM`
    Term,
    /// `USR1`
    Usr1,
    /// `USR2`
    Usr2,
    /// `INFO@openssh.com`: SIGINFO, where a system has it.
    Info,
    /// Any other, such as `WINCH@example.org`.
    Other(Name<'a>),
}

/// Names and signals; both directions are read from this table.
static NAMES: [(&str, Signal<'static>); 14] = [
    ("ABRT", Signal::Abrt),
    ("ALRM", Signal::Alrm),
    ("FPE", Signal::Fpe),
    ("HUP", Signal::Hup),
    ("ILL", Signal::Ill),
    ("INT", Signal::Int),
    ("KILL", Signal::Kill),
    ("PIPE", Signal::Pipe),
    ("QUIT", Signal::Quit),
    ("SEGV", Signal::Segv),
    ("TERM", Signal::Term),
    ("USR1", Signal::Usr1),
    ("USR2", Signal::Usr2),
    ("INFO@openssh.com", Signal::Info),
];

impl<'a> Signal<'a> {
    /// The signal of that name.
    #[must_use]
    pub fn from_name(name: Name<'a>) -> Self {
        NAMES.iter().find(|(known, _)| name == *known).map_or(Self::Other(name), |(_, signal)| *signal)
    }

    /// The signal's name on the wire.
    #[must_use]
    pub fn name(self) -> &'a str {
        if let Self::Other(name) = self {
            return name.as_str();
        }
        NAMES.iter().find(|(_, signal)| *signal == self).map_or("", |(name, _)| name)
    }
}

impl<'a> Decode<'a> for Signal<'a> {
    fn decode(input: &mut Reader<'a>) -> Result<Self, WireError> {
        Name::decode(input).map(Self::from_name)
    }
}

impl Encode for Signal<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        put_string(out, self.name().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_the_rfc_are_known_both_ways() {
        let names = "ABRT ALRM FPE HUP ILL INT KILL PIPE QUIT SEGV TERM USR1 USR2 INFO@openssh.com";
        for name in names.split(' ') {
            let signal = Signal::from_name(Name::new(name).unwrap());
            assert!(!matches!(signal, Signal::Other(_)), "{name}");
            assert_eq!(signal.name(), name);
        }
    }

    #[test]
    fn any_other_name_stays_what_it_is() {
        for name in ["SIGINT", "int", "WINCH@example.org", "INFO"] {
            let name = Name::new(name).unwrap();
            assert_eq!(Signal::from_name(name), Signal::Other(name));
            assert_eq!(Signal::Other(name).name(), name.as_str());
        }
    }
}
