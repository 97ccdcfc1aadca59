//! Dates as this machine's people read them.

use std::io;
use std::mem::MaybeUninit;

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

/// The date of these seconds since 1970. Without `/etc/localtime` it is UTC's.
///
/// # Errors
/// What `localtime_r` says: `EOVERFLOW` for a year that no number holds.
pub fn local_time(seconds: i64) -> io::Result<LocalTime> {
    let mut raw = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both are live; `raw` is writable. Nothing here changes `TZ`, which it reads.
    if unsafe { libc::localtime_r(&raw const seconds, raw.as_mut_ptr()) }.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: numbers and a pointer that is not looked at: whatever was not filled is zero.
    let raw = unsafe { raw.assume_init() };
    let small = |number: i32| u8::try_from(number).unwrap_or(0);
    Ok(LocalTime {
        year: raw.tm_year.saturating_add(1900),
        month: small(raw.tm_mon.saturating_add(1)),
        day: small(raw.tm_mday),
        hour: small(raw.tm_hour),
        minute: small(raw.tm_min),
        second: small(raw.tm_sec),
    })
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
