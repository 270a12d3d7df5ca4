//! Whole numbers that a float does not tell apart, with all digits that a sheet has of them. Excel keeps 15 digits of a
//! number and writes no more that mean anything. What exports from a database by Go's excelize, say, has each whole number
//! as it is; and calamine reads every number as a float.

use std::io::{BufReader, Cursor};

use bytes::Bytes;
use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};
use zip::{ZipArchive, read::ZipFile};

use super::value;
use crate::{Cancel, Limits, TableError};

/// Digits of such numbers, as far as a whole number of ours goes.
pub(super) const DIGITS: std::ops::RangeInclusive<usize> = 16..=19;
/// The part of the memory of a job that those of a sheet may take; those beyond are read as floats, and warned of.
const MEMORY_PART: usize = 8;
/// Cells between two looks at the cancel flag.
const CANCEL_CELLS: usize = 16_384;
/// Where a workbook's list of sheets is, and where it says which part each of them is.
const BOOK: &str = "xl/workbook.xml";
const RELATIONSHIPS: &str = "xl/_rels/workbook.xml.rels";

/// One of them, and its row and column from 0.
type Found = ((u32, u32), i64);
type Part<'a> = Reader<BufReader<ZipFile<'a, Cursor<Bytes>>>>;

/// Those of a sheet, in its order.
#[derive(Default)]
pub(super) struct ExactNumbers(std::vec::IntoIter<Found>);

impl ExactNumbers {
    /// Reads a sheet for them. None if its numbers can be those of floats: then their last digits mean nothing. What cannot
    /// be read has none either: whoever reads the cells says what is wrong with it.
    pub(super) fn of_sheet(data: &Bytes, sheet: &str, limits: &Limits, cancel: &Cancel) -> Result<Self, TableError> {
        let Ok(mut archive) = ZipArchive::new(Cursor::new(data.clone())) else { return Ok(Self::default()) };
        let Some(path) = path_of(&mut archive, sheet) else { return Ok(Self::default()) };
        let Some(part) = open(&mut archive, &path) else { return Ok(Self::default()) };
        let found = numbers(part, limits, cancel)?;
        let shown = found.iter().any(|(_, number)| !value::is_float(*number));
        Ok(if shown { Self(found.into_iter()) } else { Self::default() })
    }

    /// The number of this cell, if it is the next.
    pub(super) fn at(&mut self, row: u32, column: u32) -> Option<i64> {
        let is_next = self.0.as_slice().first().is_some_and(|(place, _)| *place == (row, column));
        is_next.then(|| self.0.next()).flatten().map(|(_, number)| number)
    }
}

/// Whether a piece of XML has a value of as many digits.
pub(super) fn speaks_of_some(text: &[u8]) -> bool {
    memchr::memmem::find_iter(text, b"</v>").any(|end| {
        let digits = text[..end].iter().rev().take_while(|b| b.is_ascii_digit()).count();
        DIGITS.contains(&digits)
    })
}

fn open<'a>(archive: &'a mut ZipArchive<Cursor<Bytes>>, path: &str) -> Option<Part<'a>> {
    let mut reader = Reader::from_reader(BufReader::new(archive.by_name(path).ok()?));
    reader.config_mut().check_end_names = false;
    Some(reader)
}

/// The part of the archive that is the sheet of this name.
fn path_of(archive: &mut ZipArchive<Cursor<Bytes>>, sheet: &str) -> Option<String> {
    let id = find(open(archive, BOOK)?, "sheet", ("name", sheet), "id")?;
    let target = find(open(archive, RELATIONSHIPS)?, "Relationship", ("Id", &id), "Target")?;
    Some(target.strip_prefix('/').map_or_else(|| format!("xl/{target}"), str::to_owned))
}

/// The attribute `wanted` of the first element of this name that has the attribute `known`.
fn find(mut part: Part<'_>, element: &str, (key, known): (&str, &str), wanted: &str) -> Option<String> {
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match part.read_event_into(&mut buffer).ok()? {
            Event::Start(start) | Event::Empty(start)
                if start.local_name().as_ref() == element && attribute(&start, key).as_deref() == Some(known) =>
            {
                return attribute(&start, wanted);
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

fn attribute(start: &BytesStart<'_>, key: &str) -> Option<String> {
    let mut attributes = start.attributes();
    let found = attributes.with_checks(false).flatten().find(|each| each.key.local_name().as_ref() == key);
    Some(found?.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned())
}

/// The long whole numbers of a sheet's cells; as far as it can be read.
fn numbers(mut part: Part<'_>, limits: &Limits, cancel: &Cancel) -> Result<Vec<Found>, TableError> {
    let kept_max = limits.memory_max_bytes / MEMORY_PART / size_of::<Found>();
    let (mut found, mut buffer, mut cells) = (Vec::new(), Vec::new(), 0usize);
    let (mut place, mut inside) = (None, false);
    while found.len() < kept_max {
        buffer.clear();
        match part.read_event_into(&mut buffer) {
            Ok(Event::Start(start)) => match start.local_name().as_ref() {
                "c" => {
                    cells += 1;
                    if cells.is_multiple_of(CANCEL_CELLS) {
                        cancel.check()?;
                    }
                    let is_number = attribute(&start, "t").is_none_or(|kind| kind == "n");
                    place = is_number.then(|| attribute(&start, "r")).flatten().and_then(|address| place_of(&address));
                }
                "v" => inside = true,
                _ => {}
            },
            Ok(Event::Text(text)) if inside => {
                let number = place.zip(long_number(text.as_ref()));
                found.extend(number);
            }
            Ok(Event::End(_)) => inside = false,
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    Ok(found)
}

fn long_number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_whole = DIGITS.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    is_whole.then(|| text.parse().ok()).flatten()
}

/// Row and column, from 0, of a cell's address such as `B7`.
fn place_of(address: &str) -> Option<(u32, u32)> {
    let (letters, digits) = address.split_at(address.find(|c: char| c.is_ascii_digit())?);
    let mut column = 0u32;
    for letter in letters.bytes() {
        let place = letter.is_ascii_alphabetic().then(|| u32::from(letter.to_ascii_uppercase() - b'A'))?;
        column = column.checked_mul(26)?.checked_add(place + 1)?;
    }
    Some((digits.parse::<u32>().ok()?.checked_sub(1)?, column.checked_sub(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_places() {
        let places = ["A1", "B7", "Z1", "AA10", "XFD1048576"].map(place_of);
        assert_eq!(places, [(0, 0), (6, 1), (0, 25), (9, 26), (1_048_575, 16_383)].map(Some));
        for none in ["", "7", "B", "B0", "é1", "B-1", "ZZZZZZZZZZ1", "B99999999999"] {
            assert_eq!(place_of(none), None, "{none}");
        }
    }

    #[test]
    fn long_numbers_are_whole_and_fit() {
        assert_eq!(long_number("110101199003071234"), Some(110_101_199_003_071_234));
        assert_eq!(long_number("-9223372036854775808"), Some(i64::MIN));
        for none in ["123456789012345", "9223372036854775808", "1.10101199003071E+17", "+110101199003071234", ""] {
            assert_eq!(long_number(none), None, "{none}");
        }
        assert!(speaks_of_some(b"<c><v>1</v></c><c><v>110101199003071234</v>"));
        assert!(!speaks_of_some(
            b"<c><v>123456789012345</v></c><c><v>1.10101199003071E+17</v><t>110101199003071234</t>"
        ));
    }
}
