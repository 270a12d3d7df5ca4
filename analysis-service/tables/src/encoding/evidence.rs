//! What speaks against GB18030, which takes nearly every pair of bytes for a character: text of another encoding becomes
//! characters there that hardly any text has.

use std::collections::HashSet;

use encoding_rs::{EUC_KR, Encoding, GBK, WINDOWS_1252};

/// Text that is GB18030 has more common characters than this many times its rare ones, if any is for private use. Names of
/// people have rare ones too.
const COMMON_RATIO: usize = 3;

/// Characters of two bytes in GB18030.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pairs {
    /// Of the commonest.
    common: usize,
    /// Rarely used, for private use, or none at all.
    rare: usize,
    /// Those for private use among them, which GB 2312 and GBK have no characters for.
    private: usize,
}

/// The encoding of a text that was taken for GB18030 and, without regard to where people write Chinese, for `neutral`: that one
/// where too many characters are rare in GB18030.
pub(super) fn instead_of_gb18030(text: &[u8], neutral: &'static Encoding) -> Option<&'static Encoding> {
    if neutral == EUC_KR && is_hangul(text) {
        return Some(EUC_KR);
    }
    let Pairs { common, rare, private } = pairs(text);
    let ratio = if private > 0 { COMMON_RATIO } else { 1 };
    if neutral == GBK || rare * ratio <= common {
        return None;
    }
    let units = !neutral.is_single_byte() && are_units(text);
    Some(if units { WINDOWS_1252 } else { neutral })
}

fn pairs(text: &[u8]) -> Pairs {
    let mut pairs = Pairs::default();
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| !byte.is_ascii()) {
        rest = &rest[at..];
        let (lead, trail) = (rest[0], rest.get(1).copied().unwrap_or_default());
        let taken = match (lead, trail) {
            (0x81..=0xfe, b'0'..=b'9') => 4,
            (0x81..=0xfe, 0x40..=0x7e | 0x80..=0xfe) => 2,
            _ => 1,
        };
        match (lead, trail) {
            // The first of GB 2312's two levels, and its signs, letters and other characters.
            (0xb0..=0xd7, 0xa1..) => pairs.common += 1,
            (0xa1..=0xa9 | 0xd8..=0xf7, 0xa1..) => {}
            (0xaa..=0xaf | 0xf8..=0xfe, 0xa1..) => (pairs.rare, pairs.private) = (pairs.rare + 1, pairs.private + 1),
            _ => pairs.rare += 1,
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    pairs
}

/// Whether all that is beyond ASCII are Korean syllables in EUC-KR, and enough different ones: about half of the commonest
/// Chinese characters have the same bytes, those whose sounds come first, and hardly any Chinese text has no others.
fn is_hangul(text: &[u8]) -> bool {
    /// Different syllables. In so many Chinese characters there is one with another lead as surely as 999 times of 1000.
    const SYLLABLES_MIN: usize = 10;
    const LEADS: std::ops::RangeInclusive<u8> = 0xb0..=0xc8;
    const SIGNS: std::ops::RangeInclusive<u8> = 0xa1..=0xa3;
    let mut found = HashSet::new();
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| !byte.is_ascii()) {
        match rest[at..] {
            [lead, trail @ 0xa1..=0xff, ..] if LEADS.contains(&lead) => found.insert((lead, trail)),
            [lead, 0xa1..=0xff, ..] if SIGNS.contains(&lead) => false,
            _ => return false,
        };
        rest = &rest[at + 2..];
    }
    found.len() >= SYLLABLES_MIN
}

/// Whether all that is beyond ASCII may be signs of units in a Western European text, `5 µm` or `25 °C`, whose bytes are those
/// of characters elsewhere.
fn are_units(text: &[u8]) -> bool {
    const SIGNS: [u8; 2] = [0xb0, 0xb5];
    let number = |byte: &u8| byte.is_ascii_digit() || *byte == b' ';
    let unit = |at: usize| SIGNS.contains(&text[at]) && at.checked_sub(1).is_some_and(|before| number(&text[before]));
    text.iter().enumerate().filter(|(_, byte)| !byte.is_ascii()).all(|(at, _)| unit(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{BIG5, SHIFT_JIS};

    fn counted(encoding: &'static Encoding, text: &str) -> (usize, usize, usize) {
        let Pairs { common, rare, private } = pairs(&encoding.encode(text).0);
        (common, rare, private)
    }

    #[test]
    fn simplified_chinese_is_common_and_other_text_rare() {
        assert_eq!(counted(GBK, "姓名,城市；25℃,αテスト\n张三,北京\n"), (8, 0, 0));
        assert_eq!(counted(GBK, "喆,镕"), (0, 2, 0));
        assert_eq!(counted(BIG5, "姓名,城市"), (0, 3, 1));
        assert_eq!(counted(WINDOWS_1252, "Müller, café,"), (0, 2, 0));
        assert_eq!(counted(SHIFT_JIS, "名前"), (0, 2, 0));
    }

    #[test]
    fn units_are_signs_behind_numbers() {
        for (text, expected) in [("5 µm, 25°C", true), ("Müller, 5 µm", false), ("µ", false)] {
            assert_eq!(are_units(&WINDOWS_1252.encode(text).0), expected, "{text}");
        }
    }
}
