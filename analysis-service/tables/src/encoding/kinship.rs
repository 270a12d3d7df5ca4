//! UTF-8 beside GBK. Hundreds of the commonest Chinese characters are two bytes in GBK that are one character in UTF-8
//! too (女 is Ů), so that only what is no such character tells the two apart.

/// What speaks for UTF-8 in a piece of text, and against it.
pub(super) struct Proof {
    /// Characters beyond ASCII that GBK would hardly have.
    pub(super) chars: usize,
    /// Places that are not UTF-8; one that the end cuts off counts too.
    pub(super) wrong: usize,
}

/// Looks for proof, until `enough` characters are found.
pub(super) fn proof(text: &[u8], enough: usize) -> Proof {
    let mut proof = Proof { chars: 0, wrong: 0 };
    for chunk in text.utf8_chunks() {
        let chars = beyond_ascii(chunk.valid().as_bytes()).filter(|(before, c, after)| !is_shared(*before, *c, *after));
        proof.chars += chars.take(enough - proof.chars).count();
        proof.wrong += usize::from(!chunk.invalid().is_empty());
        if proof.chars >= enough {
            break;
        }
    }
    proof
}

/// Whether a text that is UTF-8 may as well be one in GBK: it has characters beyond ASCII, and each could be a common Chinese
/// one there. Signs such as ° and µ, which are met in texts of any language, do not count.
pub(crate) fn may_be_gbk(text: &[u8]) -> bool {
    let mut any = false;
    for (before, c, after) in beyond_ascii(text) {
        let sign = (c as u32) < FIRST_LETTER;
        if sign || !is_shared(before, c, after) {
            return false;
        }
        any = true;
    }
    any
}

/// À; what is below are signs.
const FIRST_LETTER: u32 = 0xc0;
/// The first after the letters of Western European languages.
const AFTER_WESTERN: u32 = 0x100;

/// Bytes looked at together for one that is not ASCII.
const STEP_BYTES: usize = 4 << 10;

/// The characters beyond ASCII of a text that is UTF-8, each with the bytes around it.
fn beyond_ascii(text: &[u8]) -> impl Iterator<Item = (Option<u8>, char, Option<u8>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += first_beyond_ascii(text.get(at..)?)?;
        let (before, rest) = text.split_at_checked(at)?;
        let c = rest[..rest.len().min(4)].utf8_chunks().next()?.valid().chars().next()?;
        at += c.len_utf8();
        Some((before.last().copied(), c, text.get(at).copied()))
    })
}

fn first_beyond_ascii(text: &[u8]) -> Option<usize> {
    let step = text.chunks(STEP_BYTES).position(|step| !step.is_ascii())? * STEP_BYTES;
    Some(step + text[step..].iter().position(|byte| !byte.is_ascii())?)
}

/// Whether the bytes of a character are those of a common Chinese one in GBK, which the letters of Western European words
/// are not taken for.
fn is_shared(before: Option<u8>, c: char, after: Option<u8>) -> bool {
    /// Leads of the commonest characters, in the order of their sounds.
    const LEADS: std::ops::RangeInclusive<u8> = 0xb0..=0xd7;
    const TRAIL_MIN: u8 = 0xa1;
    let mut bytes = [0; 4];
    let shared = match *c.encode_utf8(&mut bytes).as_bytes() {
        [lead, trail] => LEADS.contains(&lead) && trail >= TRAIL_MIN,
        _ => false,
    };
    let in_word = || [before, after].into_iter().flatten().any(|byte| byte.is_ascii_alphabetic());
    shared && !((c as u32) < AFTER_WESTERN && in_word())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chars(text: &[u8]) -> usize {
        proof(text, usize::MAX).chars
    }

    #[test]
    fn what_gbk_has_too_is_no_proof() {
        let gbk = |text: &str| encoding_rs::GBK.encode(text).0.into_owned();
        for text in ["女,女,女", "一十小学", "院,员"] {
            assert_eq!(chars(&gbk(text)), 0, "{text}");
        }
        assert_eq!(chars("女,女".as_bytes()), 2);
        assert_eq!(chars("Müller, café".as_bytes()), 2);
        assert!(chars("привет, мир".as_bytes()) > 0);
        assert!(proof(&gbk("数据分析，男"), usize::MAX).wrong > 3);
    }

    #[test]
    fn only_texts_whose_every_character_is_shared_may_be_gbk() {
        let read_as_utf8 = |text: &str| {
            let bytes = encoding_rs::GBK.encode(text).0.into_owned();
            assert!(std::str::from_utf8(&bytes).is_ok());
            may_be_gbk(&bytes)
        };
        assert!(read_as_utf8("sex,n\n女,1\n女,2\n"));
        assert!(read_as_utf8(&format!("{}女\n", "n,1\n".repeat(9_000))));
        for text in ["plain", "25 °C, 3 µm", "Müller", "女"] {
            assert!(!may_be_gbk(text.as_bytes()), "{text}");
        }
    }
}
