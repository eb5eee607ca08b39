//! Reads the time formats seen in real logs into microseconds since 1970 UTC; knows formats, not sources.

use chrono::{DateTime, Datelike, NaiveDateTime, Timelike};

/// A part of a time that Sigma's modifiers ask for, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimePart {
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// Of the month.
    Day,
    /// ISO week of the year.
    Week,
    /// 1 to 12.
    Month,
    /// The calendar year.
    Year,
}

impl TimePart {
    /// All of them.
    pub const ALL: [TimePart; 6] =
        [TimePart::Minute, TimePart::Hour, TimePart::Day, TimePart::Week, TimePart::Month, TimePart::Year];

    /// Sigma's word.
    pub fn name(self) -> &'static str {
        match self {
            TimePart::Minute => "minute",
            TimePart::Hour => "hour",
            TimePart::Day => "day",
            TimePart::Week => "week",
            TimePart::Month => "month",
            TimePart::Year => "year",
        }
    }

    /// The part of a time in microseconds since 1970 UTC; -1 for times that no calendar holds.
    pub fn of(self, us: i64) -> i64 {
        let Some(time) = DateTime::from_timestamp_micros(us) else { return -1 };
        match self {
            TimePart::Minute => i64::from(time.minute()),
            TimePart::Hour => i64::from(time.hour()),
            TimePart::Day => i64::from(time.day()),
            TimePart::Week => i64::from(time.iso_week().week()),
            TimePart::Month => i64::from(time.month()),
            TimePart::Year => i64::from(time.year()),
        }
    }
}

/// Microseconds of a time text: RFC 3339 of any precision, epoch seconds to nanoseconds, and the forms of access logs and Java locales.
/// Texts without a zone are UTC. None when it is no time.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Some(us) = rfc3339_utc(text.as_bytes()) {
        return Some(us);
    }
    if text.bytes().next()?.is_ascii_digit()
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && !text.contains("..")
    {
        return if text.contains('.') {
            text.parse().ok().and_then(epoch_f64)
        } else {
            text.parse().ok().and_then(epoch_i64)
        };
    }
    slow(text)
}

/// Microseconds of an epoch number whose unit its magnitude tells: seconds up to 1e11, milliseconds up to 1e14, microseconds up to 1e17, else nanoseconds.
pub fn epoch_i64(number: i64) -> Option<i64> {
    match number {
        n if n < 0 => None,
        n if n < 100_000_000_000 => Some(n * 1_000_000),
        n if n < 100_000_000_000_000 => Some(n * 1_000),
        n if n < 100_000_000_000_000_000 => Some(n),
        n => Some(n / 1_000),
    }
}

/// The same for numbers with a fraction.
pub fn epoch_f64(number: f64) -> Option<i64> {
    match number {
        n if !(0.0..1e19).contains(&n) => None,
        n if n < 1e11 => Some((n * 1e6).round() as i64),
        n if n < 1e14 => Some((n * 1e3).round() as i64),
        n if n < 1e17 => Some(n.round() as i64),
        n => Some((n / 1e3).round() as i64),
    }
}

/// The commonest form, `2023-07-10T11:45:00[.fraction]Z`, without the general parser: every CloudTrail record has one.
fn rfc3339_utc(b: &[u8]) -> Option<i64> {
    let fixed = b.len() >= 20
        && b[4] == b'-'
        && b[7] == b'-'
        && b[10] == b'T'
        && b[13] == b':'
        && b[16] == b':'
        && b[b.len() - 1] == b'Z';
    if !fixed {
        return None;
    }
    let (year, month, day) = (number(&b[0..4])?, number(&b[5..7])?, number(&b[8..10])?);
    let (hour, minute, second) = (number(&b[11..13])?, number(&b[14..16])?, number(&b[17..19])?);
    let day_ok = (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month);
    if !day_ok || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction_us = match &b[19..b.len() - 1] {
        [] => 0,
        [b'.', digits @ ..] if !digits.is_empty() && digits.len() <= 9 => {
            let kept = &digits[..digits.len().min(6)];
            number(kept)? * 10i64.pow(6 - kept.len() as u32)
        }
        _ => return None,
    };
    Some(
        ((days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * 60_000_000 + second * 1_000_000 + fraction_us,
    )
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0i64, |n, d| d.is_ascii_digit().then(|| n * 10 + i64::from(d - b'0')))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, by Howard Hinnant's `days_from_civil`
/// (<https://howardhinnant.github.io/date_algorithms.html>).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

const ZONED: &[&str] = &[
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%d/%b/%Y:%H:%M:%S %z",
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%m/%d/%Y %I:%M:%S %p %:z",
];
const ZONELESS: &[&str] = &[
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y%m%dT%H%M%SZ",
    "%b %d, %Y, %I:%M:%S %p",
    "%b %d, %Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y, %I:%M:%S%.f %p",
    "%m/%d/%Y %H:%M:%S",
    "%d/%b/%Y:%H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d - %H:%M:%S",
];

fn slow(text: &str) -> Option<i64> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_micros());
    }
    // Newer Java runtimes put U+202F before AM and PM.
    let text: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let text = text.strip_suffix(" UTC").or(text.strip_suffix(" Z")).unwrap_or(&text);
    let zoned = ZONED.iter().find_map(|f| DateTime::parse_from_str(text, f).ok()).map(|t| t.timestamp_micros());
    zoned.or_else(|| {
        ZONELESS
            .iter()
            .find_map(|f| NaiveDateTime::parse_from_str(text, f).ok())
            .map(|t| t.and_utc().timestamp_micros())
    })
}

/// The day of a time, counted from 1970; none without a time, or outside of the years 1 to 9999, which dates in tables cannot leave.
pub fn day_of(us: i64) -> Option<i32> {
    const DAY_US: i64 = 86_400_000_000;
    const YEARS_1_TO_9999: std::ops::RangeInclusive<i64> = -719_162..=2_932_896;
    Some(us.div_euclid(DAY_US)).filter(|day| YEARS_1_TO_9999.contains(day)).map(|day| day as i32)
}

/// RFC 3339, for machines.
pub fn rfc3339(us: Option<i64>) -> Option<String> {
    us.and_then(chrono::DateTime::from_timestamp_micros).map(|t| t.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_seen_is_read() {
        let noon = 1_783_252_800_000_000; // 2026-07-05T12:00:00Z
        for (text, offset_us) in [
            ("2026-07-05T12:00:00Z", 0),
            ("2026-07-05T12:00:00.25Z", 250_000),
            ("2026-07-05T12:00:00.123456789Z", 123_456),
            ("2026-07-05T14:00:00+02:00", 0),
            ("2026-07-05 12:00:00.5+00:00", 500_000),
            ("2026-07-05 12:00:00", 0),
            ("05/Jul/2026:12:00:00 +0000", 0),
            ("Jul 5, 2026, 12:00:00 PM", 0),
            ("Jul 5, 2026 12:00:00\u{202f}PM", 0),
            ("20260705T120000Z", 0),
            ("7/5/2026 12:00:00 PM", 0),
            ("7/5/2026, 12:00:00.250 PM", 250_000),
            ("1783252800", 0),
            ("1783252800000", 0),
            ("1783252800000000", 0),
            ("1783252800000000000", 0),
            ("1783252800.5", 500_000),
        ] {
            assert_eq!(parse(text), Some(noon + offset_us), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in
            ["", "-", "soon", "2026-13-05T12:00:00Z", "2026-02-30T12:00:00Z", "2026-07-05T24:00:00Z", "1..2", "-5"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_quick_form_agrees_with_chrono(seconds in 0i64..4_000_000_000, micros in 0u32..1_000_000) {
            let time = DateTime::from_timestamp(seconds, micros * 1000).unwrap();
            let text = time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
            proptest::prop_assert_eq!(rfc3339_utc(text.as_bytes()), Some(time.timestamp_micros()));
        }

        #[test]
        fn never_panics(text in "\\PC{0,40}") {
            parse(&text);
        }
    }
}
