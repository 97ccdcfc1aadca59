//! When keys expire.

use sys::local_time::local_time;
use text::date::Date;

/// Whether the date has passed at `now`, in seconds since 1970.
pub(super) fn has_passed(date: &Date, now: i64) -> bool {
    moment(date, local_offset) < now
}

/// Seconds from 1970 UTC until the clocks of the date's zone show it. `offset` says by how many seconds those of the machine are
/// before UTC at a moment. Of an hour that they show twice either may be meant; one that they leave out is about when they do.
fn moment(date: &Date, offset: impl Fn(i64) -> i64) -> i64 {
    let shown = date.seconds();
    if date.utc {
        return shown;
    }
    // The offset there, as far as it is known without being there; and once more, from within an hour or two.
    let near = shown.saturating_sub(offset(shown));
    shown.saturating_sub(offset(near))
}

/// Offsets are of whole minutes, as they have been everywhere for long.
fn local_offset(moment: i64) -> i64 {
    let minute = moment.saturating_sub(moment.rem_euclid(60));
    let Some(local) = local_time(minute).ok() else { return 0 };
    let Ok(year) = u16::try_from(local.year) else { return 0 };
    let (month, day, hour, minute_shown) = (local.month, local.day, local.hour, local.minute);
    let shown = Date { year, month, day, hour, minute: minute_shown, second: 0, utc: false };
    shown.seconds().saturating_sub(minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn date(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    /// New York in 2026: summer time from 8 March 07:00 UTC to 1 November 06:00 UTC.
    fn new_york(moment: i64) -> i64 {
        let summer = date("202603080700Z").seconds()..date("202611010600Z").seconds();
        if summer.contains(&moment) { -4 * HOUR } else { -5 * HOUR }
    }

    #[test]
    fn a_date_in_utc_is_itself_whatever_the_zone() {
        assert_eq!(moment(&date("20260701120000Z"), new_york), date("20260701120000Z").seconds());
    }

    #[test]
    fn a_date_without_a_zone_is_when_our_clocks_show_it() {
        for (local, utc) in [
            ("202601011200", "202601011700Z"),
            ("202607011200", "202607011600Z"),
            ("202603080159", "202603080659Z"),
            ("202603080300", "202603080700Z"),
            ("202611010059", "202611010459Z"),
            ("202611010200", "202611010700Z"),
        ] {
            assert_eq!(moment(&date(local), new_york), date(utc).seconds(), "{local}");
        }
        let left_out = moment(&date("202603080230"), new_york);
        assert!((date("202603080630Z").seconds()..=date("202603080730Z").seconds()).contains(&left_out));
        let twice = moment(&date("202611010130"), new_york);
        assert!([date("202611010530Z").seconds(), date("202611010630Z").seconds()].contains(&twice));
        let east = |_| 13 * HOUR + 1800;
        assert_eq!(moment(&date("20260101"), east), date("20251231103000Z").seconds());
    }

    #[test]
    fn a_date_has_passed_when_it_is_over_and_not_at_its_second() {
        let end = date("20260101Z");
        assert!(!has_passed(&end, end.seconds()) && has_passed(&end, end.seconds() + 1));
    }

    #[test]
    fn the_machine_s_offset_is_one_that_there_is() {
        for moment in [0, 1_767_225_600, 1_782_864_059] {
            let offset = local_offset(moment);
            assert!((-12 * HOUR..=14 * HOUR).contains(&offset) && offset % 60 == 0, "{offset}");
        }
    }
}
