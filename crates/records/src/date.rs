//! Days, as `2026-11-25`.

/// The day in UTC of a time in seconds since the Unix epoch; `None` outside the years 1970 to 9999.
#[must_use]
pub fn day_of(unix_s: f64) -> Option<String> {
    const LAST_DAY: f64 = 2_932_896.0; // 9999-12-31
    let day = (unix_s / 86_400.0).floor();
    (0.0..=LAST_DAY).contains(&day).then(|| {
        let (year, month, day) = civil(day as u64);
        format!("{year:04}-{month:02}-{day:02}")
    })
}

/// Year, month and day, by H. Hinnant, "chrono-compatible low-level date algorithms": years begin in March,
/// so that the leap day is their last.
fn civil(days_since_1970: u64) -> (u64, u64, u64) {
    let days = days_since_1970 + 719_468; // since 0000-03-01
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (400 * era + year_of_era + carry, month, day)
}

/// Days from 1970-01-01 to a day; `None` for a text that is none, or one before.
#[must_use]
pub fn day_number(text: &str) -> Option<u64> {
    if !is_day(text) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    // The inverse of `civil`, of the same source.
    let year = if month > 2 { year } else { year.checked_sub(1)? };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

/// Whether a text is a day that there is.
#[must_use]
pub fn is_day(text: &str) -> bool {
    let number = |range: std::ops::Range<usize>| text.get(range).and_then(|part| part.parse::<u64>().ok());
    let shaped = text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| {
            if i == 4 || i == 7 {
                b == b'-'
            } else {
                b.is_ascii_digit()
            }
        });
    let (Some(year), Some(month), Some(day)) = (number(0..4), number(5..7), number(8..10)) else {
        return false;
    };
    shaped && (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day)
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checked with `date -u -d @N +%F`.
    #[test]
    fn known_days() {
        for (unix_s, day) in [
            (0.0, "1970-01-01"),
            (951_782_400.0, "2000-02-29"),
            (951_868_800.0, "2000-03-01"),
            (1_790_000_000.25, "2026-09-21"),
            (4_107_542_399.0, "2100-02-28"),
            (4_107_542_400.0, "2100-03-01"),
            (253_402_300_799.0, "9999-12-31"),
        ] {
            assert_eq!(day_of(unix_s).as_deref(), Some(day));
            assert!(is_day(day), "{day}");
            assert_eq!(day_number(day), Some((unix_s / 86_400.0) as u64));
        }
        for none in [-1.0, f64::NAN, f64::INFINITY, 253_402_300_800.0] {
            assert_eq!(day_of(none), None);
        }
    }

    #[test]
    fn what_is_no_day() {
        for text in [
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-1-1",
            "2026-00-10",
            "2026-04-31",
            "+026-01-01",
            "2026/01/01",
        ] {
            assert!(!is_day(text), "{text}");
        }
    }
}
