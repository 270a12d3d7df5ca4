//! The ZIP archive around an .xlsx, looked at before anything believes it: what it holds, and how much comes out of it
//! in truth, not by its own account. 511 KB have become 521 MiB.

use std::io::{Cursor, Read};

use bytes::Bytes;
use zip::ZipArchive;

use super::exact;
use crate::limits::{check, too_large};
use crate::{Cancel, Limits, TableError};

/// Parts of a workbook.
const PARTS_MAX: usize = 10_000;
/// Bytes at the beginning of a part in which a document type would stand.
const HEAD_BYTES: u64 = 4 << 10;
/// Bytes that the reader holds for a shared string, its text left out.
const STRING_BYTES: u64 = size_of::<String>() as u64;
/// Bytes of a part that are looked at twice.
const OVERLAP_BYTES: usize = 256;

/// Refuses what expands out of proportion.
pub(crate) fn check_ratio(expanded: u64, packed: u64, limits: &Limits) -> Result<(), TableError> {
    if expanded <= limits.expanded_free_bytes {
        return Ok(());
    }
    let allowed = packed.saturating_mul(limits.expansion_max_ratio).max(limits.expanded_free_bytes);
    check("bytes of the file once unpacked", "expansion_max_ratio", allowed, expanded)
}

/// What a workbook's sheets have that only another reading of them tells in full.
#[derive(Clone, Copy, Default)]
pub(crate) struct Hints {
    /// Merged cells.
    pub(crate) has_merged: bool,
    /// Whole numbers that a float does not tell apart.
    pub(crate) has_long: bool,
}

/// Opens the archive and unpacks every part that a workbook's reader would, into nothing, counting.
pub(crate) fn check_archive(data: &Bytes, limits: &Limits, cancel: &Cancel) -> Result<Hints, TableError> {
    let mut archive = ZipArchive::new(Cursor::new(data.clone())).map_err(|_| {
        TableError::unreadable(
            "the workbook is cut off or damaged: its table of contents is missing. Save it again and upload it anew",
        )
    })?;
    check("parts of the workbook", "parts", PARTS_MAX as u64, archive.len() as u64)?;
    let names: Vec<String> = archive.file_names().map(str::to_ascii_lowercase).collect();
    recognise(&names)?;
    let (mut expanded, mut hints) = (0u64, Hints::default());
    for at in 0..archive.len() {
        cancel.check()?;
        let part = archive.by_index(at).map_err(|error| damaged(&error.to_string()))?;
        let name = part.name().to_ascii_lowercase();
        if !(name.ends_with(".xml") || name.ends_with(".rels")) {
            continue;
        }
        let declared = part.size();
        check_total(expanded.saturating_add(declared), data, limits)?;
        let found = measure(part, limits, &name, &mut hints)?;
        expanded = expanded.saturating_add(found);
        check_total(expanded, data, limits)?;
    }
    Ok(hints)
}

fn check_total(expanded: u64, data: &Bytes, limits: &Limits) -> Result<(), TableError> {
    check("bytes of the workbook once unpacked", "expanded_max_bytes", limits.expanded_max_bytes, expanded)?;
    check_ratio(expanded, data.len() as u64, limits)
}

/// Bytes of a part, with what it hints at; an error when it is broken, too large or of a kind that no workbook has.
fn measure(part: impl Read, limits: &Limits, name: &str, hints: &mut Hints) -> Result<u64, TableError> {
    let limit = limits.expanded_max_bytes;
    let mut part = part.take(limit.saturating_add(1));
    let mut buffer = vec![0; OVERLAP_BYTES + (64 << 10)];
    // The end of what was read before stands before what is read next, so that nothing hides between two reads.
    let mut kept = 0;
    let (mut found, mut claimed, mut strings) = (0u64, 0u64, 0u64);
    loop {
        let read = part.read(&mut buffer[kept..]).map_err(|error| damaged(&error.to_string()))?;
        if read == 0 {
            break;
        }
        let text = &buffer[..kept + read];
        if found < HEAD_BYTES && memchr::memmem::find(text, b"<!DOCTYPE").is_some() {
            return Err(TableError::unreadable(format!(
                "the part {name} of the workbook defines a document type, which no spreadsheet writes; it is not read"
            )));
        }
        hints.has_merged = hints.has_merged || memchr::memmem::find(text, b"mergeCell ").is_some();
        hints.has_long = hints.has_long || exact::speaks_of_some(text);
        claimed = claimed.max(claimed_strings(text));
        strings += shared_strings(text, kept);
        check_strings(strings, limits)?;
        found += read as u64;
        if found > limit {
            return Err(too_large("bytes of the workbook once unpacked", "expanded_max_bytes", limit, found));
        }
        let end = kept + read;
        kept = end.min(OVERLAP_BYTES);
        buffer.copy_within(end - kept..end, 0);
    }
    // The reader makes room for as many strings as are claimed.
    if claimed > found {
        return Err(damaged("it claims more strings than it has bytes"));
    }
    check_strings(claimed, limits)?;
    Ok(found)
}

/// Refuses more shared strings than memory allows: an empty one is a few bytes in the file and many more to the reader.
fn check_strings(count: u64, limits: &Limits) -> Result<(), TableError> {
    let found = count.saturating_mul(STRING_BYTES);
    check("bytes of memory for shared strings", "memory_max_bytes", limits.memory_max_bytes as u64, found)
}

/// Beginnings of `si` elements, and ends of those with a prefix, in a piece of XML; those within its first `seen` bytes
/// were counted.
fn shared_strings(text: &[u8], seen: usize) -> u64 {
    let begins = |at: &usize| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        let after = text.get(at + 2);
        at + 2 >= seen && matches!(before, Some(b'<' | b':')) && after.is_some_and(|b| b" />\t\r\n".contains(b))
    };
    memchr::memmem::find_iter(text, b"si").filter(begins).count() as u64
}

/// The greatest `uniqueCount="..."` in a piece of XML.
fn claimed_strings(text: &[u8]) -> u64 {
    let values = memchr::memmem::find_iter(text, b"uniqueCount").map(|at| {
        let rest = text[at..].iter().skip(b"uniqueCount".len()).skip_while(|b| b" =\"'\t\r\n+".contains(b));
        let digits = rest.take_while(|b| b.is_ascii_digit());
        digits.fold(0u64, |value, digit| value.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
    });
    values.max().unwrap_or_default()
}

fn damaged(what: &str) -> TableError {
    TableError::unreadable(format!("the workbook is damaged ({what}). Save it again and upload it anew"))
}

/// What kind of archive it is, for those that are no workbook.
fn recognise(names: &[String]) -> Result<(), TableError> {
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    let under = |folder: &str| names.iter().any(|name| name.starts_with(folder));
    if names.iter().any(|name| name.ends_with("workbook.xml")) {
        return Ok(());
    }
    let what = if has("xl/workbook.bin") {
        "a binary workbook (.xlsb); save it as .xlsx"
    } else if has("content.xml") && has("mimetype") {
        "an OpenDocument file; save it as .xlsx or CSV"
    } else if under("word/") {
        "a Word document; copy its table into a spreadsheet and save it as .xlsx"
    } else if under("ppt/") {
        "a presentation; copy its table into a spreadsheet and save it as .xlsx"
    } else {
        "a ZIP archive without a workbook; unpack it and upload the table inside"
    };
    Err(TableError::Format(format!("the file is {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_strings_are_counted_once_wherever_a_read_ends() {
        let text = b"<sst><si><t>si</t></si><si/><x:si a=\"1\"/><size/><si\n/></sst>";
        assert_eq!(shared_strings(text, 0), 4);
        for end in 0..=text.len() {
            assert_eq!(shared_strings(&text[..end], 0) + shared_strings(text, end), 4, "{end}");
        }
    }
}
