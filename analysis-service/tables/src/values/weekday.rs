//! Dates that name the day of the week, as mails and C's `asctime` have them. The name has to be that of the date: where it
//! is another, one of both is wrong.

use super::clock::{Scan, clock, zone};
use super::temporal::{self, Civil};

/// Of Sunday first.
const NAMES: [&[u8]; 7] = [b"sunday", b"monday", b"tuesday", b"wednesday", b"thursday", b"friday", b"saturday"];
/// 1970-01-01 was a Thursday.
const FIRST_DAY: i32 = 4;

/// Takes the name of a day of the week from the beginning: its number, from 0 for Sunday. Takes nothing where there is none.
pub(super) fn take(scan: &mut Scan) -> Option<i32> {
    let mut ahead = Scan(scan.0);
    let word = ahead.letters();
    let same = |name: &&[u8]| word.eq_ignore_ascii_case(name) || word.eq_ignore_ascii_case(&name[..3]);
    let at = NAMES.iter().position(same)?;
    if !(ahead.eat(", ") || ahead.eat(" ")) {
        return None;
    }
    ahead.blanks();
    scan.0 = ahead.0;
    i32::try_from(at).ok()
}

/// Whether a day, counted from 1970-01-01, is one of these.
pub(super) fn is(weekday: i32, days: i32) -> bool {
    (days + FIRST_DAY).rem_euclid(7) == weekday
}

/// `Nov 27 22:28:42 2026`, what follows the day of the week in `asctime`, or `Nov 27 22:28:42 +0000 2026`; nothing is taken
/// where it is anything else.
pub(super) fn year_last(scan: &mut Scan) -> Option<Civil> {
    let mut ahead = Scan(scan.0);
    let month = temporal::month_by_name(ahead.letters())?;
    ahead.eat(" ").then_some(())?;
    ahead.blanks();
    let day = ahead.number(1, 2)?;
    ahead.eat(" ").then_some(())?;
    let time = clock(&mut ahead)?;
    ahead.eat(" ").then_some(())?;
    let mut offset_secs = None;
    if matches!(ahead.0.first()?, b'+' | b'-') {
        let end = ahead.0.iter().position(|byte| *byte == b' ')?;
        let mut offset = Scan(&ahead.0[..end]);
        offset_secs = zone(&mut offset)?.filter(|_| offset.done());
        offset_secs?;
        ahead.0 = &ahead.0[end + 1..];
    }
    let year = ahead.number(4, 4)?;
    scan.0 = ahead.0;
    let mut civil = temporal::plain(year, month, day);
    (civil.time, civil.offset_secs) = (Some(time), offset_secs);
    Some(civil)
}
