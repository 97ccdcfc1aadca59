use wire::{Encode, Message, Sink};

/// Any payload, true or not, as something that can be put into an outbox.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a>(pub &'a [u8]);

impl Encode for Raw<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        out.put(self.0);
    }
}

impl Message for Raw<'_> {
    /// Not used: the payload holds its own number.
    const NUMBER: u8 = 0;
    const NAME: &'static str = "Raw";
}
