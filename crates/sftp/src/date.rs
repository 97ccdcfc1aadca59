/// A moment as a person sees it, in the time zone of whoever tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// As 1970.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60.
    pub second: u8,
    /// It was within the last half year, so that a list shows its hour and not its year.
    pub recent: bool,
}

/// Seconds of half a year, as `ls` has it.
const HALF_A_YEAR: i64 = 365 * 24 * 60 * 60 / 2;

impl Date {
    /// The date in UTC of a number of seconds since 1970; `now` likewise, if that is known.
    #[must_use]
    pub fn utc(seconds: u32, now: Option<i64>) -> Self {
        let seconds_ago = now.map(|now| now.saturating_sub(i64::from(seconds)));
        let recent = seconds_ago.is_some_and(|ago| (0..HALF_A_YEAR).contains(&ago));
        let part = |from: u32, of: u32| u8::try_from(from.checked_rem(of).unwrap_or(0)).unwrap_or(0);
        let (year, month, day) = civil(seconds / 86_400);
        Self {
            year,
            month,
            day,
            hour: part(seconds / 3600, 24),
            minute: part(seconds / 60, 60),
            second: part(seconds, 60),
            recent,
        }
    }

    /// The month's English name in three letters.
    #[must_use]
    pub(crate) fn month_name(&self) -> &'static str {
        const NAMES: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        NAMES.get(usize::from(self.month).wrapping_sub(1)).copied().unwrap_or("???")
    }
}

/// Year, month and day of the Gregorian calendar, of a number of days since 1970.
fn civil(mut days: u32) -> (i32, u8, u8) {
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        match days.checked_sub(length) {
            Some(left) => (days, year) = (left, i32::saturating_add(year, 1)),
            None => break,
        }
    }
    let mut month = 1_u8;
    loop {
        let length = match month {
            2 if is_leap(year) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        match days.checked_sub(length) {
            Some(left) => (days, month) = (left, month.saturating_add(1)),
            None => break,
        }
    }
    (year, month, u8::try_from(days).unwrap_or(0).saturating_add(1))
}

fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(seconds: u32) -> String {
        let Date { year, month, day, hour, minute, second, .. } = Date::utc(seconds, None);
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(shown(0), "1970-01-01 00:00:00");
        assert_eq!(shown(951_782_399), "2000-02-28 23:59:59");
        assert_eq!(shown(951_868_799), "2000-02-29 23:59:59");
        assert_eq!(shown(951_868_800), "2000-03-01 00:00:00");
        assert_eq!(shown(4_107_542_399), "2100-02-28 23:59:59");
        assert_eq!(shown(4_107_542_400), "2100-03-01 00:00:00");
        assert_eq!(shown(u32::MAX), "2106-02-07 06:28:15");
    }

    #[test]
    fn half_a_year_is_recent_and_the_future_is_not() {
        let now = 1_000_000_000;
        let recent = |seconds| Date::utc(seconds, Some(now)).recent;
        assert!(recent(1_000_000_000) && recent(1_000_000_000 - 15_767_999));
        assert!(!recent(1_000_000_001) && !recent(1_000_000_000 - 15_768_000));
        assert!(!Date::utc(999_999_999, None).recent);
    }
}
