//! Questions that wait for an answer: who may give it, and until when.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Weak};
use std::time::Instant;

/// The right to answer one question, once. It is moved into [`Connection::answer`](crate::Connection::answer);
/// dropping it, or waiting past the question's deadline, answers "no".
#[must_use = "a dropped ticket answers \"no\""]
pub struct Ticket<Q> {
    serial: u64,
    // What the table of open questions knows this very ticket by, and watches to be gone.
    alive: Arc<()>,
    question: PhantomData<fn() -> Q>,
}

impl<Q> Ticket<Q> {
    /// The question's number: a connection counts its questions from 0. For logs and recordings.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.serial
    }
}

impl<Q> fmt::Debug for Ticket<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({})", self.serial)
    }
}

/// The questions that are open. `W` says which question of which layer it is.
#[derive(Debug)]
pub struct Tickets<W> {
    open: Vec<Open<W>>,
    next: u64,
}

#[derive(Debug)]
struct Open<W> {
    serial: u64,
    alive: Weak<()>,
    deadline: Option<Instant>,
    what: W,
}

impl<W: Copy> Tickets<W> {
    pub(crate) fn new() -> Self {
        Self { open: Vec::new(), next: 0 }
    }

    /// Makes the ticket for a question. How many are open is bounded by the limits of the layers that ask.
    pub(crate) fn issue<Q>(&mut self, what: W, deadline: Option<Instant>) -> Ticket<Q> {
        let serial = self.next;
        self.next = self.next.wrapping_add(1);
        let alive = Arc::new(());
        self.open.push(Open { serial, alive: Arc::downgrade(&alive), deadline, what });
        Ticket { serial, alive, question: PhantomData }
    }

    /// What this ticket answers; nothing when the question is no longer open, or is one of another connection.
    pub(crate) fn redeem<Q>(&mut self, ticket: &Ticket<Q>) -> Option<W> {
        let this = Arc::as_ptr(&ticket.alive);
        let at = self.open.iter().position(|open| std::ptr::eq(open.alive.as_ptr(), this))?;
        Some(self.open.swap_remove(at).what)
    }

    /// Takes out a question that nobody can answer any more, or whose deadline has passed.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<W> {
        let gone = |open: &Open<W>| {
            open.alive.strong_count() == 0 || open.deadline.is_some_and(|deadline| deadline <= now)
        };
        let at = self.open.iter().position(gone)?;
        Some(self.open.swap_remove(at).what)
    }

    /// The serial number of the next question.
    pub(crate) fn next_serial(&self) -> u64 {
        self.next
    }

    /// Gives the questions from serial number `first` on until `by`, where they have a deadline.
    pub(crate) fn postpone(&mut self, first: u64, by: Instant) {
        for open in self.open.iter_mut().filter(|open| open.serial >= first) {
            open.deadline = open.deadline.map(|_| by);
        }
    }

    /// Takes out every question for which `closed` holds: its asker no longer waits.
    pub(crate) fn withdraw(&mut self, mut closed: impl FnMut(W) -> bool) {
        self.open.retain(|open| !closed(open.what));
    }

    /// Whether a ticket was dropped and its "no" is not yet given.
    pub(crate) fn any_dropped(&self) -> bool {
        self.open.iter().any(|open| open.alive.strong_count() == 0)
    }

    /// The earliest deadline of an open question.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.open.iter().filter_map(|open| open.deadline).min()
    }

    /// How many questions are open.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Question;

    #[test]
    fn a_ticket_is_redeemed_once() {
        let mut tickets = Tickets::new();
        let ticket: Ticket<Question> = tickets.issue('a', None);
        assert_eq!(tickets.redeem(&ticket), Some('a'));
        assert_eq!(tickets.redeem(&ticket), None);
    }

    #[test]
    fn a_dropped_ticket_expires_at_once_and_a_kept_one_at_its_deadline() {
        let start = Instant::now();
        let later = start + Duration::from_secs(5);
        let mut tickets = Tickets::new();
        let kept: Ticket<Question> = tickets.issue('k', Some(later));
        let dropped: Ticket<Question> = tickets.issue('d', None);
        assert!(!tickets.any_dropped());
        drop(dropped);
        assert!(tickets.any_dropped());
        assert_eq!(tickets.deadline(), Some(later));
        assert_eq!(tickets.expire(start), Some('d'));
        assert_eq!(tickets.expire(start), None);
        assert_eq!(tickets.expire(later), Some('k'));
        assert_eq!(tickets.redeem(&kept), None);
        assert_eq!(tickets.len(), 0);
    }

    #[test]
    fn a_withdrawn_question_takes_no_answer() {
        let mut tickets = Tickets::new();
        let ticket: Ticket<Question> = tickets.issue(7, None);
        tickets.withdraw(|what| what == 7);
        assert_eq!(tickets.redeem(&ticket), None);
    }
}
