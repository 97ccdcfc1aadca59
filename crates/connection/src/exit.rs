use crate::limits::EXIT_MESSAGE_MAX;
use crate::{ChannelRequest, Signal};
use wire::{Human, Name};

/// How a program ended, kept until there is room to say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Status(u32),
    Signal(Box<Signalled>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signalled {
    name: String,
    core_dumped: bool,
    message: Vec<u8>,
}

impl Exit {
    /// Keeps an end by signal. The message is cut at [`EXIT_MESSAGE_MAX`]. Allocates.
    pub(crate) fn by_signal(signal: Signal<'_>, core_dumped: bool, message: &[u8]) -> Self {
        let message = message.get(..EXIT_MESSAGE_MAX).unwrap_or(message).to_vec();
        Self::Signal(Box::new(Signalled { name: signal.name().to_owned(), core_dumped, message }))
    }

    /// The request that says it.
    pub(crate) fn request(&self) -> ChannelRequest<'_> {
        match self {
            Self::Status(status) => ChannelRequest::ExitStatus { status: *status },
            Self::Signal(end) => ChannelRequest::ExitSignal {
                // The name came from a `Signal`, so it is one.
                signal: Name::new(&end.name).map_or(Signal::Term, Signal::from_name),
                core_dumped: end.core_dumped,
                message: Human(&end.message),
            },
        }
    }
}
