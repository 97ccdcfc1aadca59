/// A queue of slot numbers in which each is at most once, and from the middle of which any can be taken, all in
/// constant time. Its memory grows with the table of channels only, so that no call on the data path allocates.
#[derive(Debug, Default)]
pub(crate) struct List {
    links: Vec<Link>,
    head: Option<u16>,
    tail: Option<u16>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Link {
    listed: bool,
    previous: Option<u16>,
    next: Option<u16>,
}

impl List {
    /// Makes room for slots 0 to `slots` - 1.
    pub(crate) fn reserve(&mut self, slots: usize) {
        if self.links.len() < slots {
            self.links.resize(slots, Link::default());
        }
    }

    pub(crate) fn front(&self) -> Option<usize> {
        self.head.map(usize::from)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    fn link(&mut self, slot: u16) -> Option<&mut Link> {
        self.links.get_mut(usize::from(slot))
    }

    /// Puts a slot at the end, unless it is listed.
    pub(crate) fn push(&mut self, slot: usize) {
        let Ok(slot) = u16::try_from(slot) else { return };
        let tail = self.tail;
        match self.link(slot) {
            Some(link) if !link.listed => *link = Link { listed: true, previous: tail, next: None },
            _ => return,
        }
        match tail.and_then(|tail| self.link(tail)) {
            Some(last) => last.next = Some(slot),
            None => self.head = Some(slot),
        }
        self.tail = Some(slot);
    }

    /// Takes a slot out, wherever it is.
    pub(crate) fn remove(&mut self, slot: usize) {
        let Ok(slot) = u16::try_from(slot) else { return };
        let Some(Link { listed: true, previous, next }) = self.link(slot).map(std::mem::take) else { return };
        match previous.and_then(|previous| self.link(previous)) {
            Some(link) => link.next = next,
            None => self.head = next,
        }
        match next.and_then(|next| self.link(next)) {
            Some(link) => link.previous = previous,
            None => self.tail = previous,
        }
    }

    /// Moves a listed slot to the end.
    pub(crate) fn rotate(&mut self, slot: usize) {
        if self.links.get(slot).is_some_and(|link| link.listed) {
            self.remove(slot);
            self.push(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(list: &mut List) -> Vec<usize> {
        let mut out = Vec::new();
        while let Some(slot) = list.front() {
            list.remove(slot);
            out.push(slot);
        }
        out
    }

    #[test]
    fn slots_come_in_the_order_in_which_they_were_pushed_and_each_once() {
        let mut list = List::default();
        list.reserve(5);
        for slot in [3, 1, 3, 4, 0] {
            list.push(slot);
        }
        // There is no slot 5: nothing was reserved for it.
        list.push(5);
        assert_eq!(drain(&mut list), [3, 1, 4, 0]);
        assert!(list.is_empty());
    }

    #[test]
    fn a_slot_can_be_taken_from_either_end_and_the_middle() {
        for (taken, left) in [(0, [1, 2]), (1, [0, 2]), (2, [0, 1])] {
            let mut list = List::default();
            list.reserve(3);
            (0..3).for_each(|slot| list.push(slot));
            list.remove(taken);
            list.remove(taken);
            assert_eq!(drain(&mut list), left);
        }
    }

    #[test]
    fn rotation_moves_what_is_listed_and_adds_nothing() {
        let mut list = List::default();
        list.reserve(4);
        (0..3).for_each(|slot| list.push(slot));
        list.rotate(0);
        list.rotate(3);
        assert_eq!(drain(&mut list), [1, 2, 0]);
    }
}
