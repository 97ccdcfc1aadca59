use crate::{Level, RequestKind};

/// What whoever starts a server decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Requests that change anything are refused.
    pub read_only: bool,
    /// Requests that are refused.
    pub denied: Vec<RequestKind>,
    /// With a list, every request that is not in it is refused.
    pub allowed: Option<Vec<RequestKind>>,
    /// How much the log is told.
    pub log: Level,
}

impl Default for Settings {
    /// Everything is allowed, and the log hears of errors only.
    fn default() -> Self {
        Self { read_only: false, denied: Vec::new(), allowed: None, log: Level::Error }
    }
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    ReadOnly,
    Denied,
    NotAllowed,
}

impl Settings {
    /// Whether such a request is refused whatever else it says, and why.
    pub(crate) fn refusal(&self, kind: RequestKind) -> Option<Refusal> {
        if self.read_only && kind.writes() {
            Some(Refusal::ReadOnly)
        } else if self.denied.contains(&kind) {
            Some(Refusal::Denied)
        } else if self.allowed.as_ref().is_some_and(|allowed| !allowed.contains(&kind)) {
            Some(Refusal::NotAllowed)
        } else {
            None
        }
    }
}

impl Refusal {
    /// What the log is told of a request with this name.
    pub(crate) fn text(self, name: &str) -> String {
        match self {
            Self::ReadOnly => format!("Refusing {name} request in read-only mode"),
            Self::Denied => format!("Refusing denylisted {name} request"),
            Self::NotAllowed => format!("Refusing non-allowlisted {name} request"),
        }
    }
}
