use std::collections::VecDeque;

use crate::Misuse;

/// Replies that we owe, in the order in which they were asked for. An answer that comes before its turn waits in its
/// place.
#[derive(Debug)]
pub(crate) struct Replies<T> {
    slots: VecDeque<Option<T>>,
    /// The serial number of the first slot.
    first: u32,
}

impl<T> Replies<T> {
    pub(crate) fn new() -> Self {
        Self { slots: VecDeque::new(), first: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Adds a slot for a question and returns its serial number.
    pub(crate) fn ask(&mut self) -> u32 {
        let serial = self.first.wrapping_add(u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
        self.slots.push_back(None);
        serial
    }

    /// Adds a slot whose answer is known.
    pub(crate) fn known(&mut self, answer: T) {
        self.slots.push_back(Some(answer));
    }

    /// Fills the slot of a question.
    pub(crate) fn answer(&mut self, serial: u32, answer: T) -> Result<(), Misuse> {
        let place = usize::try_from(serial.wrapping_sub(self.first)).unwrap_or(usize::MAX);
        match self.slots.get_mut(place) {
            Some(slot @ None) => {
                *slot = Some(answer);
                Ok(())
            }
            Some(Some(_)) | None => Err(Misuse::NoSuchQuestion),
        }
    }

    /// Takes the oldest answer, if it is its turn.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let answer = self.slots.pop_front_if(|slot| slot.is_some())??;
        self.first = self.first.wrapping_add(1);
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_out_in_the_order_of_the_questions() {
        let mut replies = Replies::new();
        let (a, b) = (replies.ask(), replies.ask());
        replies.known('k');
        replies.answer(b, 'b').unwrap();
        assert_eq!(replies.pop(), None);
        assert_eq!(replies.len(), 3);
        replies.answer(a, 'a').unwrap();
        assert_eq!(
            [replies.pop(), replies.pop(), replies.pop(), replies.pop()],
            [Some('a'), Some('b'), Some('k'), None]
        );
        assert_eq!(replies.answer(a, 'x'), Err(Misuse::NoSuchQuestion));
    }

    #[test]
    fn serial_numbers_may_wrap() {
        let mut replies = Replies::new();
        replies.first = u32::MAX;
        let (a, b) = (replies.ask(), replies.ask());
        assert_eq!((a, b), (u32::MAX, 0));
        replies.answer(b, 'b').unwrap();
        replies.answer(a, 'a').unwrap();
        assert_eq!((replies.pop(), replies.pop()), (Some('a'), Some('b')));
    }
}
