//! Time zones by names that every reader of our columnar files knows: those of the tz database, and offsets as `+08:00`.

/// Zones of the tz database, one a line.
const KNOWN: &str = include_str!("zones.txt");

/// The zone as all write it; `None` for one that is in no tz database, such as `CST` or `UTC+8`.
pub(super) fn known(zone: &str) -> Option<String> {
    if zone == "Z" || zone == "z" {
        return Some("UTC".to_owned());
    }
    offset(zone).or_else(|| KNOWN.lines().find(|known| known.eq_ignore_ascii_case(zone)).map(str::to_owned))
}

/// `+08:00` for that, `+0800` and `+08`.
fn offset(zone: &str) -> Option<String> {
    let digits = zone.strip_prefix(['+', '-'])?;
    let (hours, minutes) = match digits.len() {
        2 => (digits, "00"),
        4 => digits.split_at_checked(2)?,
        5 => digits.split_once(':')?,
        _ => return None,
    };
    let below = |digits: &str, end: u8| {
        digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse().is_ok_and(|n: u8| n < end)
    };
    (below(hours, 24) && below(minutes, 60)).then(|| format!("{}{hours}:{minutes}", &zone[..1]))
}
