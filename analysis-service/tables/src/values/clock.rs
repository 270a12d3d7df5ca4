//! Times of day and zones in text, and the scanner that reads them and dates.

/// A time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) secs: i64,
    pub(crate) nanos: i64,
}

/// Reads from the left and never past the end.
pub(super) struct Scan<'a>(pub(super) &'a [u8]);

impl<'a> Scan<'a> {
    pub(super) fn number(&mut self, digits_min: usize, digits_max: usize) -> Option<u32> {
        let mut value = 0;
        let mut count = 0;
        while count < self.0.len() && self.0[count].is_ascii_digit() {
            if count == digits_max {
                return None;
            }
            value = value * 10 + u32::from(self.0[count] - b'0');
            count += 1;
        }
        self.0 = &self.0[count..];
        (count >= digits_min).then_some(value)
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        match self.0.strip_prefix(text.as_bytes()) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    pub(super) fn blanks(&mut self) {
        while self.eat(" ") {}
    }

    pub(super) fn letters(&mut self) -> &'a [u8] {
        let count = self.0.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let (word, rest) = self.0.split_at(count);
        self.0 = rest;
        word
    }

    pub(super) fn done(&self) -> bool {
        self.0.is_empty()
    }
}

/// 8:05, 08:05:06.789, 8时5分6秒, 8:05 PM, 下午8:05.
pub(super) fn clock(scan: &mut Scan) -> Option<Clock> {
    let chinese_half = chinese_half(scan);
    let mut hour = scan.number(1, 2)?;
    let mut second = 0;
    let mut nanos = 0;
    let chinese = scan.eat("时");
    if !chinese && !scan.eat(":") {
        return None;
    }
    let minute = if chinese { scan.number(1, 2)? } else { scan.number(2, 2)? };
    let more = if chinese { scan.eat("分") && !scan.done() } else { scan.eat(":") };
    if more {
        second = if chinese { scan.number(1, 2)? } else { scan.number(2, 2)? };
        nanos = fraction(scan)?;
        if chinese && !scan.eat("秒") {
            return None;
        }
    }
    hour = match chinese_half {
        Some(half) => half.hour(hour)?,
        None => half_day(scan, hour)?,
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(Clock { secs: i64::from(hour * 3_600 + minute * 60 + second), nanos })
}

fn fraction(scan: &mut Scan) -> Option<i64> {
    if !scan.eat(".") {
        return Some(0);
    }
    let before = scan.0.len();
    let value = i64::from(scan.number(1, 9)?);
    let digits = before - scan.0.len();
    Some((digits..9).fold(value, |value, _| value * 10))
}

/// A half of the day, of which a clock of twelve hours tells the time.
#[derive(Clone, Copy)]
enum Half {
    Morning,
    Afternoon,
}

impl Half {
    /// The hour of the whole day; 12 is the first of a half.
    fn hour(self, hour: u32) -> Option<u32> {
        let first = match self {
            Self::Morning => 0,
            Self::Afternoon => 12,
        };
        (1..=12).contains(&hour).then_some(hour % 12 + first)
    }
}

fn chinese_half(scan: &mut Scan) -> Option<Half> {
    let half = if scan.eat("上午") {
        Half::Morning
    } else if scan.eat("下午") {
        Half::Afternoon
    } else {
        return None;
    };
    scan.eat(" ");
    Some(half)
}

fn half_day(scan: &mut Scan, hour: u32) -> Option<u32> {
    let rest = scan.0.strip_prefix(b" ").unwrap_or(scan.0);
    if rest.len() < 2 || !rest[1].eq_ignore_ascii_case(&b'm') {
        return Some(hour);
    }
    let half = match rest[0].to_ascii_lowercase() {
        b'a' => Half::Morning,
        b'p' => Half::Afternoon,
        // The zone may follow at once: GMT.
        _ => return Some(hour),
    };
    scan.0 = &rest[2..];
    half.hour(hour)
}

/// `Some(None)`: no zone; `None`: not a zone.
#[expect(clippy::option_option, reason = "no zone and a bad zone differ")]
pub(super) fn zone(scan: &mut Scan) -> Option<Option<i64>> {
    if scan.done() {
        return Some(None);
    }
    scan.eat(" ");
    if scan.eat("Z") || scan.eat("UTC") || scan.eat("GMT") {
        return Some(Some(0));
    }
    let sign = if scan.eat("+") {
        1
    } else if scan.eat("-") {
        -1
    } else {
        return None;
    };
    let rest = scan.0;
    let hours = Scan(rest.get(..2)?).number(2, 2)?;
    scan.0 = &rest[2..];
    scan.eat(":");
    let minutes = if scan.done() { 0 } else { scan.number(2, 2)? };
    (hours <= 15 && minutes <= 59).then(|| Some(sign * i64::from(hours * 3_600 + minutes * 60)))
}
