//! Lists, records and maps as text, in which each value looks as it does alone; and whatever has no form of its own, as
//! Arrow shows it.

use arrow_array::cast::AsArray;
use arrow_array::{Array as _, ArrayRef, OffsetSizeTrait};
use arrow_buffer::ArrowNativeType;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType};

use super::{CELL_MAX_CHARS, Text, cut, is_missing, renderer};

/// What stands for a value that is missing, where others stand beside it.
const MISSING: &str = "null";

pub(super) fn text(array: &ArrayRef) -> Text<'_> {
    match array.data_type() {
        DataType::List(_) => lists::<i32>(array),
        DataType::LargeList(_) => lists::<i64>(array),
        DataType::FixedSizeList(_, size) => {
            let lists = array.as_fixed_size_list();
            let (item, size) = (part(lists.values()), usize::try_from(*size).unwrap_or(0));
            Box::new(move |row| joined('[', (row * size..(row + 1) * size).map(&item), ']'))
        }
        DataType::Struct(fields) => {
            let columns: Vec<_> = array.as_struct().columns().iter().map(part).collect();
            let fields = fields.iter().zip(columns).collect::<Vec<_>>();
            Box::new(move |row| {
                joined('{', fields.iter().map(|(field, value)| format!("{}: {}", field.name(), value(row))), '}')
            })
        }
        DataType::Map(..) => {
            // Keys may be there twice.
            let maps = array.as_map();
            let (key, value) = (part(maps.keys()), part(maps.values()));
            Box::new(move |row| {
                let places = places(maps.value_offsets(), row);
                joined('[', places.map(|at| format!("({}, {})", key(at), value(at))), ']')
            })
        }
        _ => as_arrow_shows(array),
    }
}

fn lists<O: OffsetSizeTrait>(array: &ArrayRef) -> Text<'_> {
    let lists = array.as_list::<O>();
    let item = part(lists.values());
    Box::new(move |row| joined('[', places(lists.value_offsets(), row).map(&item), ']'))
}

/// Where the items of a row are.
fn places<O: ArrowNativeType>(offsets: &[O], row: usize) -> std::ops::Range<usize> {
    offsets[row].as_usize()..offsets[row + 1].as_usize()
}

/// The values of what is within others.
fn part(array: &ArrayRef) -> Text<'_> {
    let text = renderer(array);
    Box::new(move |at| if is_missing(array, at) { MISSING.to_owned() } else { text(at) })
}

/// No further than a cell goes.
fn joined(begin: char, parts: impl Iterator<Item = String>, end: char) -> String {
    let mut text = String::from(begin);
    for (number, part) in parts.enumerate() {
        if number > 0 {
            text.push_str(", ");
        }
        text.push_str(&part);
        // Characters are not counted each time: none has more bytes.
        if text.len() > 4 * CELL_MAX_CHARS {
            break;
        }
    }
    text.push(end);
    cut(&text, CELL_MAX_CHARS)
}

fn as_arrow_shows(array: &ArrayRef) -> Text<'_> {
    let refused = |error: &ArrowError| cut(&format!("<{error}>"), CELL_MAX_CHARS);
    match ArrayFormatter::try_new(array.as_ref(), &FormatOptions::default().with_null(MISSING)) {
        Ok(formatter) => Box::new(move |row| match formatter.value(row).try_to_string() {
            Ok(text) => cut(&text, CELL_MAX_CHARS),
            // Nothing would be taken for an empty one.
            Err(error) => refused(&error),
        }),
        Err(error) => Box::new(move |_| refused(&error)),
    }
}
