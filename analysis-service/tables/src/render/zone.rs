//! Zones of moments: how far east of UTC their clocks are.

use chrono::{DateTime, Offset as _, TimeZone as _};
use chrono_tz::Tz;

/// Seconds since 1970 for which named zones are known: from the second day of the year 1, before which the kernels' Python
/// has none, to the end of 2099, after which this library has none. A moment beyond is shown in UTC.
const KNOWN_SECS: std::ops::Range<i64> = -62_135_510_400..4_102_444_800;

/// A zone that a column of moments has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Zone {
    /// So many seconds east of UTC, always.
    Fixed(i64),
    Named(Tz),
}

impl Zone {
    /// UTC for a name that nobody knows.
    pub(super) fn of(name: &str) -> Self {
        match name.parse() {
            Ok(zone) => Self::Named(zone),
            Err(_) => Self::Fixed(crate::values::offset_secs(name).unwrap_or(0)),
        }
    }

    /// Seconds east of UTC at a moment.
    pub(super) fn east_secs(self, secs: i64) -> i64 {
        match self {
            Self::Fixed(east_secs) => east_secs,
            Self::Named(zone) => {
                let moment = Some(secs).filter(|secs| KNOWN_SECS.contains(secs));
                let moment = moment.and_then(|secs| DateTime::from_timestamp(secs, 0));
                moment.map_or(0, |moment| {
                    i64::from(zone.offset_from_utc_datetime(&moment.naive_utc()).fix().local_minus_utc())
                })
            }
        }
    }
}

/// `Z`, `+08:00`, and seconds where a zone had them, before there were time zones.
pub(super) fn offset(east_secs: i64) -> String {
    let sign = if east_secs < 0 { '-' } else { '+' };
    let size = east_secs.unsigned_abs();
    let minutes = format!("{sign}{:02}:{:02}", size / 3_600, size / 60 % 60);
    match (size, size % 60) {
        (0, _) => "Z".to_owned(),
        (_, 0) => minutes,
        (_, secs) => format!("{minutes}:{secs:02}"),
    }
}
