//! Texts of two and four bytes a character that no mark tells. Where nearly all is ASCII, every other byte is zero; Chinese
//! alone has zeros only in its line ends and separators, and is known by what it would be as text.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

/// Bytes looked at.
const SAMPLE_BYTES: usize = 4096;
/// One character in so many may be one that tables hardly have.
const ODD_SHARE: usize = 50;

/// The byte order of a text that looks like UTF-16.
pub(super) fn utf16(data: &[u8]) -> Option<&'static Encoding> {
    let sample = &data[..data.len().min(SAMPLE_BYTES)];
    // No line end and no separator: of no other encoding is a zero a part.
    memchr::memchr(0, sample)?;
    let zeros = |from: usize| sample.iter().skip(from).step_by(2).filter(|b| **b == 0).count();
    let half = sample.len() / 2;
    let (even, odd) = (zeros(0), zeros(1));
    if half >= 2 && odd * 10 >= half * 3 && even * 20 <= half {
        return Some(UTF_16LE);
    }
    if half >= 2 && even * 10 >= half * 3 && odd * 20 <= half {
        return Some(UTF_16BE);
    }
    let units = |order: fn([u8; 2]) -> u16| sample.chunks_exact(2).map(move |pair| order([pair[0], pair[1]]));
    match (is_text(units(u16::from_le_bytes)), is_text(units(u16::from_be_bytes))) {
        (true, false) => Some(UTF_16LE),
        (false, true) => Some(UTF_16BE),
        _ => None,
    }
}

/// Whether units of UTF-16 are a text as tables have it, with a line end or a separator.
fn is_text(units: impl Iterator<Item = u16>) -> bool {
    let (mut all, mut odd, mut breaks, mut open) = (0, 0, 0, false);
    for unit in units {
        all += 1;
        // The second half of a character has to follow the first.
        if open != (0xdc00..=0xdfff).contains(&unit) {
            return false;
        }
        open = (0xd800..=0xdbff).contains(&unit);
        match unit {
            0x0009 | 0x000a | 0x000d | 0x002c | 0x003b | 0x007c => breaks += 1,
            // Latin, Greek and Cyrillic; signs; kana and ideographs; Hangul; halves of others; full-width forms.
            0x0020..=0x007e | 0x00a0..=0x04ff | 0x2010..=0x26ff | 0x3000..=0x33ff | 0x4e00..=0x9fff => {}
            0xac00..=0xd7a3 | 0xd800..=0xdfff | 0xf900..=0xfaff | 0xff00..=0xffef => {}
            // No text has other control characters.
            0..=0x1f | 0x7f..=0x9f => return false,
            _ => odd += 1,
        }
    }
    breaks > 0 && odd * ODD_SHARE <= all
}

/// Whether the beginning of a text is UTF-32, with a mark or without.
pub(crate) fn is_utf32(data: &[u8]) -> bool {
    if data.starts_with(b"\xff\xfe\0\0") || data.starts_with(b"\0\0\xfe\xff") {
        return true;
    }
    let sample = &data[..data.len().min(SAMPLE_BYTES)];
    let is_all = |order: fn([u8; 4]) -> u32| {
        let units = sample.chunks_exact(4).map(|unit| order([unit[0], unit[1], unit[2], unit[3]]));
        let is_char = |unit: u32| unit >= 0x09 && char::from_u32(unit).is_some();
        sample.len() >= 8 && units.clone().all(is_char) && units.clone().any(|unit| unit == 0x0a || unit == 0x2c)
    };
    is_all(u32::from_le_bytes) || is_all(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn chinese_without_a_letter_is_known_by_what_it_would_be() {
        for text in [
            "姓名，城市,职业\n张三丰,上海市,程序员\n李四光,北京市,地质学家\n",
            "一\n一\n三\n",
            "a,b\n1,2\n",
            "가나다,라\n",
        ] {
            assert_eq!(utf16(&bytes(text, u16::to_le_bytes)), Some(UTF_16LE), "{text}");
            assert_eq!(utf16(&bytes(text, u16::to_be_bytes)), Some(UTF_16BE), "{text}");
        }
        let mut numbers: Vec<u8> =
            (0..2_000u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        assert_eq!(utf16(&numbers), None);
        numbers[..4].copy_from_slice(b"ab,\n");
        for other in [&numbers[..], "姓名,城市\n".as_bytes(), b"a,b\n1,2\n", b"", b"\0", b"\0\0\0\0\0\0"] {
            assert_eq!(utf16(other), None);
        }
    }

    #[test]
    fn four_bytes_a_character_are_told_from_two() {
        let wide =
            |order: fn(u32) -> [u8; 4]| "姓名,b\n1,2\n".chars().flat_map(|c| order(u32::from(c))).collect::<Vec<u8>>();
        assert!(is_utf32(&wide(u32::to_le_bytes)) && is_utf32(&wide(u32::to_be_bytes)));
        assert!(!is_utf32(&bytes("姓名,b\n1,2\n", u16::to_le_bytes)) && !is_utf32("姓名,b\n1,2\n".as_bytes()));
    }
}
