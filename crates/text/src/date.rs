//! Dates as `expiry-time` of authorized_keys has them (`sshd(8)`): `YYYYMMDD[HHMM[SS]][Z]`, where `UTC` may stand for `Z`.

use core::fmt;

/// A date in the Gregorian calendar and a time of day, in the zone of the machine or in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// 1 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31. One that the month does not have is of the next month, as in OpenSSH: 30 February is 1 or 2 March.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60, of which the last is the next minute's first.
    pub second: u8,
    /// Whether its zone is UTC, and not the machine's.
    pub utc: bool,
}

/// Days of a common year before each month.
const BEFORE_MONTH: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/// Days from 0001-01-01 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_162;

impl Date {
    /// Reads a date.
    ///
    /// # Errors
    /// Anything else, and what is not after 1970-01-01 00:00:00.
    pub fn parse(text: &str) -> Result<Self, NoDate> {
        let without_zone = ["Z", "UTC"].into_iter().find_map(|zone| {
            let (date, end) = text.split_at_checked(text.len().checked_sub(zone.len())?)?;
            end.eq_ignore_ascii_case(zone).then_some(date)
        });
        let digits = without_zone.unwrap_or(text);
        if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NoDate);
        }
        // Two digits each, 0 where there are none.
        let field =
            |from: usize| digits.get(from..).and_then(|rest| rest.get(..2)?.parse().ok()).unwrap_or(0);
        let year = digits.get(..4).and_then(|year| year.parse().ok()).ok_or(NoDate)?;
        let date = Self {
            year,
            month: field(4),
            day: field(6),
            hour: field(8),
            minute: field(10),
            second: field(12),
            utc: without_zone.is_some(),
        };
        let good = (1..=12).contains(&date.month)
            && (1..=31).contains(&date.day)
            && date.hour < 24
            && date.minute < 60
            && date.second <= 60;
        if good && date.seconds() > 0 { Ok(date) } else { Err(NoDate) }
    }

    /// Seconds from 1970-01-01 00:00:00 to it, both in its own zone.
    #[must_use]
    pub fn seconds(&self) -> i64 {
        let year = i64::from(self.year);
        let past = year.saturating_sub(1);
        let leap_days = (past / 4).saturating_sub(past / 100).saturating_add(past / 400);
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let month = usize::from(self.month).saturating_sub(1);
        let days = past
            .saturating_mul(365)
            .saturating_add(leap_days)
            .saturating_sub(DAYS_TO_1970)
            .saturating_add(BEFORE_MONTH.get(month).copied().unwrap_or_default())
            .saturating_add(i64::from(is_leap && self.month > 2))
            .saturating_add(i64::from(self.day))
            .saturating_sub(1);
        let hours = days.saturating_mul(24).saturating_add(self.hour.into());
        let minutes = hours.saturating_mul(60).saturating_add(self.minute.into());
        minutes.saturating_mul(60).saturating_add(self.second.into())
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second, utc } = self;
        let zone = if *utc { "Z" } else { "" };
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{zone}")
    }
}

/// A text is no date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoDate;

impl fmt::Display for NoDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a date as YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with or without Z or UTC")
    }
}

impl core::error::Error for NoDate {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_counted_in_seconds() {
        // Numbers from date(1).
        for (text, seconds, shown) in [
            ("20260101", 1_767_225_600, "2026-01-01T00:00:00"),
            ("20240229Z", 1_709_164_800, "2024-02-29T00:00:00Z"),
            ("20240229UTC", 1_709_164_800, "2024-02-29T00:00:00Z"),
            ("20380119031408uTc", 2_147_483_648, "2038-01-19T03:14:08Z"),
            ("202403010000", 1_709_251_200, "2024-03-01T00:00:00"),
            ("20000301", 951_868_800, "2000-03-01T00:00:00"),
            ("21000301z", 4_107_542_400, "2100-03-01T00:00:00Z"),
            ("203801190314", 2_147_483_640, "2038-01-19T03:14:00"),
            ("20380119031408Z", 2_147_483_648, "2038-01-19T03:14:08Z"),
            ("99991231235959Z", 253_402_300_799, "9999-12-31T23:59:59Z"),
            ("19700101000001", 1, "1970-01-01T00:00:01"),
        ] {
            let date = Date::parse(text).unwrap();
            assert_eq!((date.seconds(), date.to_string().as_str()), (seconds, shown), "{text}");
            assert_eq!(date.utc, shown.ends_with('Z'));
        }
    }

    #[test]
    fn a_day_that_the_month_does_not_have_is_of_the_next() {
        let seconds = |text| Date::parse(text).unwrap().seconds();
        assert_eq!(seconds("20400231"), seconds("20400302"));
        assert_eq!(seconds("20410231"), seconds("20410303"));
        assert_eq!(seconds("20400101125960"), seconds("204001011300"));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "Z",
            "UTC",
            "20260101UTCZ",
            "20260101ZUTC",
            "20260101TC",
            "20260101 UTC",
            "x",
            "2026",
            "202601",
            "2026010",
            "202601011",
            "2026010112",
            "2026010112000",
            "20260101120000Z0",
            "20261301",
            "20260001",
            "20260100",
            "20260132",
            "202601012400",
            "202601010060",
            "20260101000061",
            "2026-01-01",
            "20260101ZZ",
            " 20260101",
            "+0260101",
            "19700101",
            "19691231235959",
            "00000101",
            "always",
            "2026010é",
        ] {
            assert_eq!(Date::parse(text), Err(NoDate), "{text}");
        }
    }
}
