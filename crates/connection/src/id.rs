//! Channel numbers: ours, the peer's, and the table that finds a channel by ours.

use std::collections::VecDeque;
use std::fmt;

/// A channel by the number that we gave it, which is what the peer's messages are addressed to.
///
/// Numbers rest before they come back: the low 16 bits find a slot, slots are reused in the order in which they
/// were freed, and each use of a slot takes the next of 32768 high parts. A number that an application or a peer
/// remembers for too long is therefore unknown, and not another channel. Numbers stay below 2^31, since some
/// peers keep them signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalId(u32);

impl LocalId {
    /// The number as it stands on the wire.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    fn new(generation: u16, slot: u16) -> Self {
        Self((u32::from(generation) << SLOT_BITS) | u32::from(slot))
    }

    /// Where the channel is in lists and tables.
    pub(crate) fn slot(self) -> usize {
        usize::from(slot_of(self.0))
    }

    fn generation(self) -> u16 {
        generation_of(self.0)
    }
}

impl fmt::Display for LocalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A channel by the number that the peer gave it, which is what our messages are addressed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RemoteId(pub(crate) u32);

impl RemoteId {
    /// The number as it stands on the wire.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for RemoteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

const SLOT_BITS: u32 = 16;
const GENERATION_MASK: u16 = 0x7fff;

fn slot_of(number: u32) -> u16 {
    let [_, _, high, low] = number.to_be_bytes();
    u16::from_be_bytes([high, low])
}

fn generation_of(number: u32) -> u16 {
    let [high, low, _, _] = number.to_be_bytes();
    u16::from_be_bytes([high, low])
}

/// What a number on the wire names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// This channel.
    Live(LocalId),
    /// A channel that was, and is no more.
    Past,
    /// Nothing that ever was.
    Never,
}

/// Values by [`LocalId`], found without search. Never shrinks; its size is bounded by the `max` given to
/// [`insert`](Self::insert).
#[derive(Debug)]
pub(crate) struct Table<T> {
    slots: Vec<Slot<T>>,
    free: VecDeque<u16>,
    len: usize,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u16,
    value: Option<T>,
}

impl<T> Table<T> {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new(), free: VecDeque::new(), len: 0 }
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Slots that lists by slot must have room for.
    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Puts `value` under a number that is new, unless there are `max` values already.
    pub(crate) fn insert(&mut self, max: usize, value: T) -> Option<LocalId> {
        if self.len >= max {
            return None;
        }
        let index = match self.free.pop_front() {
            Some(index) => index,
            None => {
                let index = u16::try_from(self.slots.len()).ok()?;
                self.slots.push(Slot { generation: 0, value: None });
                // Room for every slot, so that giving one up does not allocate.
                self.free.reserve(self.slots.len());
                index
            }
        };
        let slot = self.slots.get_mut(usize::from(index))?;
        slot.value = Some(value);
        self.len = self.len.saturating_add(1);
        Some(LocalId::new(slot.generation, index))
    }

    pub(crate) fn get(&self, id: LocalId) -> Option<&T> {
        let slot = self.slots.get(id.slot())?;
        if slot.generation == id.generation() { slot.value.as_ref() } else { None }
    }

    pub(crate) fn get_mut(&mut self, id: LocalId) -> Option<&mut T> {
        let slot = self.slots.get_mut(id.slot())?;
        if slot.generation == id.generation() { slot.value.as_mut() } else { None }
    }

    /// The number of the value in a slot.
    pub(crate) fn id_of(&self, index: usize) -> Option<LocalId> {
        let slot = self.slots.get(index)?;
        slot.value.as_ref()?;
        Some(LocalId::new(slot.generation, u16::try_from(index).ok()?))
    }

    pub(crate) fn remove(&mut self, id: LocalId) -> Option<T> {
        let slot = self.slots.get_mut(id.slot())?;
        if slot.generation != id.generation() {
            return None;
        }
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1) & GENERATION_MASK;
        self.free.push_back(slot_of(id.number()));
        self.len = self.len.saturating_sub(1);
        Some(value)
    }

    /// What a number on the wire names.
    pub(crate) fn find(&self, number: u32) -> Found {
        let id = LocalId(number);
        match self.slots.get(id.slot()) {
            None => Found::Never,
            Some(slot) if slot.generation == id.generation() && slot.value.is_some() => Found::Live(id),
            // Generations start over after a long time; an older one is then taken for "never", which is stricter.
            Some(slot) if id.generation() < slot.generation => Found::Past,
            Some(_) => Found::Never,
        }
    }

    /// The numbers of all values.
    pub(crate) fn ids(&self) -> impl Iterator<Item = LocalId> + '_ {
        (0..self.slots.len()).filter_map(|index| self.id_of(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_comes_back_under_another_number_and_the_old_one_finds_nothing() {
        let mut table = Table::new();
        let first = table.insert(9, 'a').unwrap();
        assert_eq!(table.find(first.number()), Found::Live(first));
        assert_eq!(table.remove(first), Some('a'));
        assert_eq!(table.find(first.number()), Found::Past);
        let second = table.insert(9, 'b').unwrap();
        assert_eq!((second.slot(), second.number()), (0, 1 << 16));
        assert_eq!(table.get(first), None);
        assert_eq!(table.get_mut(first), None);
        assert_eq!(table.remove(first), None);
        assert_eq!(table.get(second), Some(&'b'));
        assert_eq!(table.find(2 << 16), Found::Never);
        assert_eq!(table.find(1), Found::Never);
    }

    #[test]
    fn numbers_stay_below_two_to_the_31_and_start_over() {
        let mut table = Table::new();
        for turn in 0..0x8000_u32 {
            let id = table.insert(1, ()).unwrap();
            assert_eq!(id.number(), turn << 16);
            table.remove(id);
        }
        assert_eq!(table.insert(1, ()).unwrap().number(), 0);
    }

    #[test]
    fn slots_are_reused_in_the_order_in_which_they_were_freed() {
        let mut table = Table::new();
        let ids: Vec<LocalId> = (0..3).map(|_| table.insert(3, ()).unwrap()).collect();
        assert_eq!(table.insert(3, ()), None);
        for place in [1, 2, 0] {
            table.remove(ids[place]).unwrap();
        }
        let again: Vec<usize> = (0..3).map(|_| table.insert(3, ()).unwrap().slot()).collect();
        assert_eq!(again, [1, 2, 0]);
        assert_eq!((table.slots(), table.len()), (3, 3));
    }
}
