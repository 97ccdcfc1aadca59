//! A challenge, as it stands in the packet.

use std::fmt;

use wire::{Decode, Human, Reader};

use crate::error::{Error, Misbehaviour};
use crate::limits::PROMPTS_MAX;
use crate::message::InfoRequest;

/// What the server wants the user to be asked (RFC 4256 §3.2).
///
/// All of it is text of the server's choosing: show who asks, and show it escaped, as `Display` does.
#[derive(Clone, Copy)]
pub struct Prompts<'b> {
    name: Human<'b>,
    instruction: Human<'b>,
    count: usize,
    fields: &'b [u8],
}

/// One thing that the user is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prompt<'b> {
    /// What the user reads.
    pub text: Human<'b>,
    /// Whether what they type may be seen.
    pub echo: bool,
}

impl<'b> Decode<'b> for Prompt<'b> {
    fn decode(input: &mut Reader<'b>) -> Result<Self, wire::WireError> {
        Ok(Self { text: Human::decode(input)?, echo: bool::decode(input)? })
    }
}

impl<'b> Prompts<'b> {
    /// Reads the prompts of a challenge to the last byte.
    pub(crate) fn parse(message: &InfoRequest<'b>) -> Result<Self, Error> {
        let count = usize::try_from(message.count).unwrap_or(usize::MAX);
        if count > PROMPTS_MAX {
            return Err(Misbehaviour::TooManyPrompts.into());
        }
        let mut input = Reader::new(message.prompts.0);
        for _ in 0..count {
            Prompt::decode(&mut input)?;
        }
        input.finish()?;
        Ok(Self { name: message.name, instruction: message.instruction, count, fields: message.prompts.0 })
    }

    /// A title, often empty.
    #[must_use]
    pub fn name(&self) -> Human<'b> {
        self.name
    }

    /// A text before the prompts, often empty.
    #[must_use]
    pub fn instruction(&self) -> Human<'b> {
        self.instruction
    }

    /// How many prompts there are: so many responses are wanted. It may be none.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The prompts in their order.
    pub fn iter(&self) -> impl Iterator<Item = Prompt<'b>> + Clone + use<'b> {
        let mut input = Reader::new(self.fields);
        (0..self.count).map_while(move |_| Prompt::decode(&mut input).ok())
    }
}

impl fmt::Debug for Prompts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompts")
            .field("name", &self.name)
            .field("instruction", &self.instruction)
            .field("prompts", &self.iter().collect::<Vec<_>>())
            .finish()
    }
}
