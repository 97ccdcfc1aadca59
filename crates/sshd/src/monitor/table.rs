//! What may come from whom, when, and how often: the rows of [`MONITOR`] applied to one connection.

use crate::protocol::monitor::{From, MONITOR, Rule, When};

use super::violation::Violation;

/// On which side of the login a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Login,
    LoggedIn,
}

/// How often each message has come.
pub(super) struct Table {
    counts: Vec<u32>,
}

impl Table {
    pub(super) fn new() -> Self {
        Self { counts: vec![0; MONITOR.len()] }
    }

    /// Lets a message in, which is counted.
    pub(super) fn admit(&mut self, from: From, phase: Phase, number: u8) -> Result<&'static Rule, Violation> {
        let rows = MONITOR.iter().zip(&mut self.counts);
        let (row, count) =
            rows.into_iter().find(|(row, _)| row.number == number).ok_or(Violation::Unknown(number))?;
        let rule = &row.phase;
        let in_time = match rule.when {
            When::Always => true,
            When::Login => phase == Phase::Login,
            When::LoggedIn => phase == Phase::LoggedIn,
        };
        if rule.from != from {
            return Err(Violation::NotTheirs(row.name));
        }
        if !in_time {
            return Err(Violation::WrongPhase(row.name));
        }
        *count = count.saturating_add(1);
        if rule.most != u32::MAX && *count > rule.most {
            return Err(Violation::TooOften(row.name));
        }
        Ok(rule)
    }
}

#[cfg(test)]
mod tests {
    use wire::Message;

    use super::*;
    use crate::protocol::monitor::{
        KeyProof, Log, Password, PtyOpen, SessionLog, Sign, Start, User, Verdict,
    };

    const PHASES: [Phase; 2] = [Phase::Login, Phase::LoggedIn];

    #[test]
    fn numbers_that_stand_nowhere_are_never_let_in() {
        for number in (0..=u8::MAX).filter(|number| !MONITOR.iter().any(|row| row.number == *number)) {
            for from in [From::Net, From::Session] {
                for phase in PHASES {
                    assert_eq!(Table::new().admit(from, phase, number), Err(Violation::Unknown(number)));
                }
            }
        }
    }

    #[test]
    fn nobody_may_say_what_only_others_say() {
        for row in MONITOR {
            for from in [From::Net, From::Session].into_iter().filter(|from| *from != row.phase.from) {
                for phase in PHASES {
                    let said = Table::new().admit(from, phase, row.number);
                    assert_eq!(said, Err(Violation::NotTheirs(row.name)));
                }
            }
        }
        // What the monitor says comes from nobody else, itself included.
        for number in [Start::NUMBER, Verdict::NUMBER] {
            assert!(Table::new().admit(From::Net, Phase::Login, number).is_err());
        }
    }

    #[test]
    fn each_side_of_the_login_has_its_own_messages() {
        let legal = |from, number| PHASES.map(|phase| Table::new().admit(from, phase, number).is_ok());
        assert_eq!(legal(From::Net, User::NUMBER), [true, false]);
        assert_eq!(legal(From::Net, KeyProof::NUMBER), [true, false]);
        assert_eq!(legal(From::Net, Password::NUMBER), [true, false]);
        assert_eq!(legal(From::Net, Sign::NUMBER), [true, true]);
        assert_eq!(legal(From::Net, Log::NUMBER), [true, true]);
        assert_eq!(legal(From::Session, PtyOpen::NUMBER), [false, true]);
        assert_eq!(legal(From::Session, SessionLog::NUMBER), [false, true]);
    }

    #[test]
    fn a_message_comes_as_often_as_its_row_says_and_not_once_more() {
        for row in MONITOR.iter().filter(|row| row.phase.most != u32::MAX) {
            let phase = if row.phase.when == When::LoggedIn { Phase::LoggedIn } else { Phase::Login };
            let mut table = Table::new();
            for _ in 0..row.phase.most {
                assert_eq!(table.admit(row.phase.from, phase, row.number), Ok(&row.phase));
            }
            for _ in 0..2 {
                let said = table.admit(row.phase.from, phase, row.number);
                assert_eq!(said, Err(Violation::TooOften(row.name)));
            }
        }
    }

    #[test]
    fn only_proofs_and_passwords_decide_about_the_login() {
        let decide: Vec<_> = MONITOR.iter().filter(|row| row.phase.decides).map(|row| row.name).collect();
        assert_eq!(decide, ["KeyProof", "Password"]);
    }
}
