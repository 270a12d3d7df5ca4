//! An .xls looked at before its reader believes it: the reader allocates what a sheet claims to span, and follows
//! chains of sectors without end. Formats: [MS-CFB] for the container, [MS-XLS] for the records.

use std::collections::HashMap;

use crate::limits::check;
use crate::{Cancel, Limits, TableError};

const END_OF_CHAIN: u32 = 0xffff_fffe;
const HEADER_BYTES: usize = 512;
const ENTRY_BYTES: usize = 128;
/// Streams shorter than this stand in the small sectors of the root's stream.
const MINI_STREAM_BYTES: usize = 4096;
const MINI_SECTOR_BYTES: usize = 64;
/// Bytes the reader holds for a cell of a sheet's span: its value, its formula, and what it reserves first.
const CELL_BYTES: u64 = 96;

/// Refuses workbooks whose sheets span more cells than memory allows, or whose container is broken.
pub(super) fn check_spans(data: &[u8], limits: &Limits, cancel: &Cancel) -> Result<(), TableError> {
    let stream = workbook_stream(data).ok_or_else(|| broken("its container is broken"))?;
    let mut known: HashMap<usize, u64> = HashMap::new();
    let mut cells = 0u64;
    for record in Records(&stream) {
        // BoundSheet8: where a sheet begins.
        if record.kind != 0x0085 {
            continue;
        }
        cancel.check()?;
        let start = word32(record.data, 0).ok_or_else(|| broken("a sheet has no place"))? as usize;
        let span = match known.get(&start) {
            Some(span) => *span,
            None => {
                let sheet = stream.get(start..).ok_or_else(|| broken("a sheet lies outside of the file"))?;
                let span = span(sheet)?;
                known.insert(start, span);
                span
            }
        };
        cells = cells.saturating_add(span);
        let found = cells.saturating_mul(CELL_BYTES);
        let limit = limits.memory_max_bytes as u64;
        check("bytes of memory for the cells its sheets span", "memory_max_bytes", limit, found)?;
    }
    Ok(())
}

/// Whether the file ends before parts that its container names. It is asked where the file cannot be read: some programs
/// name more than they write.
pub(super) fn is_cut_off(data: &[u8]) -> bool {
    missing_sector(data).unwrap_or(true)
}

/// `None` where the file ends within its header.
fn missing_sector(data: &[u8]) -> Option<bool> {
    /// What is no number of a sector, from here on.
    const NUMBERS_END: u32 = 0xffff_fffa;
    const FREE: u32 = 0xffff_ffff;
    let header = data.get(..HEADER_BYTES)?;
    let sector_bytes = match word16(header, 30)? {
        9 => 512,
        12 => 4096,
        _ => return Some(false),
    };
    let start = |id: u32| (id as usize + 1).saturating_mul(sector_bytes);
    let is_missing = |id: u32| id < NUMBERS_END && start(id) >= data.len();
    let words = |bytes: &[u8]| bytes.chunks_exact(4).filter_map(|word| word32(word, 0)).collect::<Vec<u32>>();
    let tables = words(&header[76..]);
    let named = [word32(header, 48)?, word32(header, 60)?, word32(header, 68)?];
    if named.iter().chain(&tables).any(|id| is_missing(*id)) {
        return Some(true);
    }
    let tables = tables.iter().filter(|id| **id < NUMBERS_END);
    let entries = tables.flat_map(|id| words(data[start(*id)..].get(..sector_bytes).unwrap_or_default()));
    let last_used = entries.enumerate().filter(|(_, next)| *next != FREE).map(|(id, _)| id).last();
    Some(last_used.is_some_and(|id| u32::try_from(id).is_ok_and(is_missing)))
}

fn broken(what: &str) -> TableError {
    super::damaged(what)
}

/// A record of the workbook stream.
struct Record<'a> {
    kind: u16,
    data: &'a [u8],
}

struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let kind = word16(self.0, 0)?;
        let length = usize::from(word16(self.0, 2)?);
        let data = self.0.get(4..4 + length)?;
        self.0 = &self.0[4 + length..];
        Some(Record { kind, data })
    }
}

/// Cells that a sheet spans, by its own account or by its cells, whichever is more.
fn span(sheet: &[u8]) -> Result<u64, TableError> {
    let mut claimed = 0u64;
    // First and last row, first and last column.
    let mut ends: Option<[u32; 4]> = None;
    for record in Records(sheet) {
        let (row, column) = (word16(record.data, 0), word16(record.data, 2));
        match record.kind {
            0x000a => break,
            0x0200 => claimed = claimed.max(dimensions(record.data)?),
            // Formula, RString, LabelSst, MulRk, Number, Label, BoolErr, RK.
            0x0006 | 0x00d6 | 0x00fd | 0x00bd | 0x0203 | 0x0204 | 0x0205 | 0x027e => {
                let (Some(row), Some(column)) = (row, column) else { continue };
                let (row, column) = (u32::from(row), u32::from(column));
                let last = match record.kind {
                    0x00bd => column + u32::try_from(record.data.len() / 6).unwrap_or_default(),
                    _ => column,
                };
                ends = Some(match ends {
                    None => [row, row, column, last],
                    Some([a, b, c, d]) => [a.min(row), b.max(row), c.min(column), d.max(last)],
                });
            }
            _ => {}
        }
    }
    let found = ends.map_or(0, |[a, b, c, d]| u64::from(b - a + 1) * u64::from(d - c + 1));
    Ok(claimed.max(found))
}

fn dimensions(data: &[u8]) -> Result<u64, TableError> {
    let ends = match data.len() {
        10 => [0, 2, 4, 6].map(|at| word16(data, at).map(u32::from)),
        14 | 16 => [word32(data, 0), word32(data, 4), word16(data, 8).map(u32::from), word16(data, 10).map(u32::from)],
        _ => return Ok(0),
    };
    let [Some(first_row), Some(end_row), Some(first_column), Some(end_column)] = ends else { return Ok(0) };
    if end_row == 0 || end_column == 0 {
        return Ok(1);
    }
    if end_row <= first_row {
        return Err(broken("a sheet ends before it begins"));
    }
    let first_column = if first_column > 0xff || end_column < first_column { 0 } else { first_column };
    Ok(u64::from(end_row - first_row) * u64::from(end_column.saturating_sub(first_column).max(1)))
}

fn word16(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

fn word32(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// The stream that the reader will take; `None` when the container is broken or a chain has no end.
fn workbook_stream(data: &[u8]) -> Option<Vec<u8>> {
    let sector_bytes = match word16(data, 30)? {
        9 => 512,
        12 => 4096,
        _ => return None,
    };
    let sector = |id: u32| {
        let start = (id as usize).checked_add(1)?.checked_mul(sector_bytes)?.max(HEADER_BYTES);
        data.get(start..data.len().min(start.checked_add(sector_bytes)?)).filter(|bytes| !bytes.is_empty())
    };
    let words = |bytes: &[u8]| bytes.chunks_exact(4).filter_map(|word| word32(word, 0)).collect::<Vec<u32>>();
    let sectors_max = data.len() / sector_bytes + 1;
    let mut tables = words(data.get(76..HEADER_BYTES)?);
    let mut next = word32(data, 68)?;
    for _ in 0..=sectors_max {
        if next >= 0xffff_fffa {
            break;
        }
        tables.extend(words(sector(next)?));
        next = tables.pop()?;
    }
    if next < 0xffff_fffa {
        return None;
    }
    let mut fat = Vec::new();
    for id in tables.into_iter().filter(|id| *id < 0xffff_fffc).take(sectors_max) {
        fat.extend(words(sector(id)?));
    }
    let chain = |start: u32, length: usize| {
        let mut bytes = Vec::new();
        let mut id = start;
        for _ in 0..=sectors_max {
            if id == END_OF_CHAIN || bytes.len() >= length {
                bytes.truncate(length);
                return Some(bytes);
            }
            bytes.extend_from_slice(sector(id)?);
            id = *fat.get(id as usize)?;
        }
        None
    };
    let directory = chain(word32(data, 48)?, usize::MAX)?;
    let entries: Vec<&[u8]> = directory.chunks_exact(ENTRY_BYTES).collect();
    let named = |name: &str| {
        let name: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        entries.iter().find(|entry| entry[..name.len()].eq_ignore_ascii_case(&name))
    };
    let place = |entry: &[u8]| Some((word32(entry, 116)?, word32(entry, 120)? as usize));
    // The reader follows these chains whichever stream it takes.
    let (root, root_length) = place(entries.first()?)?;
    let has_small = word32(data, 64)? > 0;
    let small = if has_small { chain(root, root_length)? } else { Vec::new() };
    let small_fat = if has_small { words(&chain(word32(data, 60)?, data.len())?) } else { Vec::new() };
    let (start, length) = place(named("Workbook").or_else(|| named("Book"))?)?;
    if length >= MINI_STREAM_BYTES {
        return chain(start, length);
    }
    let mut bytes = Vec::new();
    let mut id = start;
    for _ in 0..=MINI_STREAM_BYTES / MINI_SECTOR_BYTES {
        if id == END_OF_CHAIN || bytes.len() >= length {
            return Some(bytes);
        }
        let at = id as usize * MINI_SECTOR_BYTES;
        bytes.extend_from_slice(small.get(at..small.len().min(at + MINI_SECTOR_BYTES))?);
        id = *small_fat.get(id as usize)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_that_claims_the_world_is_refused() {
        let record = |kind: u16, data: &[u8]| {
            [&kind.to_le_bytes()[..], &u16::try_from(data.len()).unwrap().to_le_bytes(), data].concat()
        };
        let numbers = [record(0x0203, &[0; 14]), record(0x0203, &[0xff; 14]), record(0x000a, &[])].concat();
        assert_eq!(span(&numbers).unwrap(), 65_536 * 65_536);
        let claim = [&0u32.to_le_bytes()[..], &u32::MAX.to_le_bytes(), &[0, 0, 0xff, 0xff, 0, 0]].concat();
        assert_eq!(span(&record(0x0200, &claim)).unwrap(), u64::from(u32::MAX) * 65_535);
        let backwards = [&9u32.to_le_bytes()[..], &2u32.to_le_bytes(), &[0, 0, 9, 0, 0, 0]].concat();
        assert!(span(&record(0x0200, &backwards)).is_err());
    }

    #[test]
    fn an_ordinary_workbook_passes_and_a_circle_of_sectors_does_not() {
        let book = include_bytes!("../../tests/files/sales.xls");
        check_spans(book, &Limits::default(), &Cancel::default()).unwrap();
        let tight = Limits { memory_max_bytes: 1_000, ..Limits::default() };
        let error = check_spans(book, &tight, &Cancel::default()).unwrap_err();
        assert_eq!(error.reason(), Some("FILE_TOO_LARGE"));
        // Every sector is followed by itself.
        let mut circle = book.to_vec();
        let fat = (word32(book, 76).unwrap() as usize + 1) * 512;
        (0..128u32).for_each(|id| circle[fat + id as usize * 4..][..4].copy_from_slice(&id.to_le_bytes()));
        assert!(check_spans(&circle, &Limits::default(), &Cancel::default()).is_err());
    }
}
