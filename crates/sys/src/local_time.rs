//! Dates as this machine's people read them.

use std::io;
use std::sync::OnceLock;

use tz::{DateTime, TimeZone};

/// A point of time in the time zone of the machine, or of `TZ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// The year.
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
}

/// The date of these seconds since 1970, in the zone that `TZ` names or else that of `/etc/localtime`; in UTC where there is
/// none. The zone is read once, at the first call: a process that changes its root has it before or not at all.
///
/// # Errors
/// `EOVERFLOW` for a year that no number holds.
pub fn local_time(seconds: i64) -> io::Result<LocalTime> {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    let zone = ZONE.get_or_init(|| zone().unwrap_or_else(|_| TimeZone::utc()));
    let beyond = |_| io::Error::from_raw_os_error(libc::EOVERFLOW);
    let date = DateTime::from_timespec(seconds, 0, zone.as_ref()).map_err(beyond)?;
    Ok(LocalTime {
        year: date.year(),
        month: date.month(),
        day: date.month_day(),
        hour: date.hour(),
        minute: date.minute(),
        second: date.second(),
    })
}

/// The zone of this process (POSIX.1-2017 §8.3): a set and empty `TZ` is UTC.
fn zone() -> Result<TimeZone, tz::Error> {
    match std::env::var("TZ") {
        Ok(name) if name.is_empty() => Ok(TimeZone::utc()),
        Ok(name) => TimeZone::from_posix_tz(&name),
        Err(_) => TimeZone::local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_far_from_midnight_and_new_year_has_the_same_month_everywhere() {
        let noon = local_time(1_750_075_200).unwrap();
        assert_eq!((noon.year, noon.month), (2025, 6));
        assert!((15..=17).contains(&noon.day) && noon.hour < 24 && noon.minute < 60);
    }

    #[test]
    fn a_year_beyond_all_numbers_is_an_error() {
        assert!(local_time(i64::MAX).is_err());
    }
}
