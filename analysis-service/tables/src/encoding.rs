//! What encoding a text is in, and how it becomes UTF-8. UTF-8 is believed until a byte says otherwise; then a byte
//! order mark, the pattern of UTF-16, and a guess that leans to Chinese decide. Bytes that do not fit the encoding are
//! an error with their line, never a replacement character.

use std::io::Write;

use encoding_rs::{DecoderResult, Encoding, GB18030, GBK, UTF_8, UTF_16LE};

mod evidence;
mod kinship;
mod wide;

use crate::{Cancel, TableError};
pub(crate) use kinship::may_be_gbk;
use kinship::{Proof, proof};
pub(crate) use wide::is_utf32;

/// Bytes decoded at a time.
const PIECE_BYTES: usize = 1 << 20;
/// Bytes a guess is made from.
const GUESS_BYTES: usize = 4 << 20;
/// Characters that only UTF-8 has before the first wrong byte that make a text broken UTF-8 instead of another encoding.
const UTF8_PROOF_CHARS: usize = 4;
/// So many times as many of them as wrong places do so anywhere in the text.
const UTF8_PROOF_RATIO: usize = 8;

/// An encoding and the byte order mark to skip.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) encoding: &'static Encoding,
    pub(crate) mark_bytes: usize,
    /// Where the text is not UTF-8, so that the encoding was guessed.
    guessed_at: Option<usize>,
}

impl Found {
    pub(crate) fn is_utf8(&self) -> bool {
        self.encoding == UTF_8
    }

    /// Its name in options.
    pub(crate) fn label(&self) -> String {
        label(self.encoding)
    }
}

/// The name of an encoding in options.
pub(crate) fn label(encoding: &'static Encoding) -> String {
    encoding.name().to_ascii_lowercase()
}

/// The encoding a person asked for.
pub(crate) fn by_label(label: &str, data: &[u8]) -> Result<Found, TableError> {
    let encoding = match label.to_ascii_lowercase().as_str() {
        "utf-16" => Encoding::for_bom(data).map_or(UTF_16LE, |(encoding, _)| encoding),
        "utf-8-sig" => UTF_8,
        other => Encoding::for_label(other.as_bytes()).ok_or_else(|| TableError::Option {
            field: "encoding",
            problem: format!("\"{label}\" is no encoding we know; try utf-8, gb18030 or utf-16le"),
        })?,
    };
    let encoding = if encoding == GBK { GB18030 } else { encoding };
    let mark_bytes = Encoding::for_bom(data).filter(|(mark, _)| *mark == encoding).map_or(0, |(_, bytes)| bytes);
    Ok(Found { encoding, mark_bytes, guessed_at: None })
}

/// The encoding of a text by its beginning: a byte order mark, the look of UTF-16, or UTF-8.
pub(crate) fn by_beginning(data: &[u8]) -> Found {
    if let Some((encoding, mark_bytes)) = Encoding::for_bom(data) {
        return Found { encoding, mark_bytes, guessed_at: None };
    }
    Found { encoding: wide::utf16(data).unwrap_or(UTF_8), mark_bytes: 0, guessed_at: None }
}

/// The encoding of a text that is not UTF-8 at byte `wrong_at`.
pub(crate) fn by_guess(data: &[u8], wrong_at: usize) -> Result<Found, TableError> {
    let before = &data[..wrong_at];
    let until = data.len().min(wrong_at + GUESS_BYTES);
    let Proof { chars, .. } = proof(before, UTF8_PROOF_CHARS);
    let after = proof(&data[wrong_at..until], usize::MAX);
    let all = chars + after.chars;
    if chars >= UTF8_PROOF_CHARS || (all >= UTF8_PROOF_CHARS && all >= UTF8_PROOF_RATIO * after.wrong) {
        return Err(wrong_bytes(data, wrong_at, UTF_8));
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    // From a little before the first telling byte on, at the beginning of a line.
    let from = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let sample = &data[from..data.len().min(from + GUESS_BYTES)];
    detector.feed(sample, true);
    let guess = |place| detector.guess(place, chardetng::Utf8Detection::Deny);
    let encoding = match guess(Some(b"cn")) {
        found if found == GBK => evidence::instead_of_gb18030(sample, guess(None)).unwrap_or(GB18030),
        found => found,
    };
    Ok(Found { encoding, mark_bytes: 0, guessed_at: Some(wrong_at) })
}

/// The error for a text that is not in its encoding.
pub(crate) fn wrong_bytes(data: &[u8], at: usize, encoding: &'static Encoding) -> TableError {
    let (line, byte) = place(data, at);
    let name = encoding.name();
    TableError::at_line(
        line,
        format!(
            "the byte 0x{byte:02X} is not valid {name}. Save the file as UTF-8, or say which encoding it has (such as \
             gb18030)"
        ),
    )
}

/// The error for a text that was not UTF-8 at `wrong_at`, and at `at` not in the encoding that was guessed then: nobody named
/// that, and either place may be the broken one.
fn wrong_twice(data: &[u8], at: usize, encoding: &'static Encoding, wrong_at: usize) -> TableError {
    let ((line, byte), (first_line, first_byte)) = (place(data, at), place(data, wrong_at));
    let name = encoding.name();
    TableError::at_line(
        line,
        format!(
            "the byte 0x{byte:02X} is not valid {name}, which the text was taken for because it is not UTF-8 (line \
             {first_line}: the byte 0x{first_byte:02X}). If it is {name}, mend this line; otherwise save the file as UTF-8, or \
             say which encoding it has"
        ),
    )
}

/// The line of a byte, from 1, and the byte.
fn place(data: &[u8], at: usize) -> (u64, u8) {
    let line = memchr::memchr_iter(b'\n', &data[..at.min(data.len())]).count() as u64 + 1;
    (line, data.get(at).copied().unwrap_or_default())
}

/// Writes `data` as UTF-8 to `out`. With `partial`, a character cut off by the end is left out.
pub(crate) fn to_utf8(
    data: &[u8],
    found: Found,
    partial: bool,
    out: &mut dyn Write,
    cancel: &Cancel,
) -> Result<(), TableError> {
    let mut decoder = found.encoding.new_decoder_without_bom_handling();
    let mut pos = found.mark_bytes.min(data.len());
    let mut buffer = vec![0; PIECE_BYTES * 2];
    loop {
        cancel.check()?;
        let end = data.len().min(pos + PIECE_BYTES);
        let last = end == data.len() && !partial;
        let (result, read, written) = decoder.decode_to_utf8_without_replacement(&data[pos..end], &mut buffer, last);
        out.write_all(&buffer[..written])?;
        pos += read;
        match result {
            DecoderResult::InputEmpty if end == data.len() => return Ok(()),
            DecoderResult::InputEmpty | DecoderResult::OutputFull => {}
            DecoderResult::Malformed(bytes, after) => {
                let at = pos.saturating_sub(usize::from(bytes) + usize::from(after));
                return Err(match found.guessed_at {
                    Some(wrong_at) => wrong_twice(data, at, found.encoding, wrong_at),
                    None => wrong_bytes(data, at, found.encoding),
                });
            }
        }
    }
}
