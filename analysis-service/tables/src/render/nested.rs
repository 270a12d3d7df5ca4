//! Lists, records and maps as text, as Arrow shows them, and whatever has no form of its own.

use arrow_array::{Array as _, ArrayRef, make_array};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType, Field, FieldRef};

use super::{CELL_MAX_CHARS, Text, cut};

/// The zone in which times are shown whose own is no offset: Arrow's own form knows no names of zones.
const UTC: &str = "+00:00";

pub(super) fn text(array: &ArrayRef) -> Text<'_> {
    if !has_names_of_zones(array.data_type()) {
        return match ArrayFormatter::try_new(array.as_ref(), &options()) {
            Ok(formatter) => Box::new(move |row| told(formatter.value(row).try_to_string())),
            Err(error) => Box::new(move |_| refused(&error)),
        };
    }
    match in_utc(array.to_data()).map(make_array) {
        Ok(shown) => Box::new(move |row| {
            let formatter = ArrayFormatter::try_new(shown.as_ref(), &options());
            told(formatter.and_then(|formatter| formatter.value(row).try_to_string()))
        }),
        Err(error) => Box::new(move |_| refused(&error)),
    }
}

fn options() -> FormatOptions<'static> {
    FormatOptions::default().with_null("null")
}

fn told(text: Result<String, ArrowError>) -> String {
    text.map_or_else(|error| refused(&error), |text| cut(&text, CELL_MAX_CHARS))
}

/// What stands for a value that cannot be shown: nothing would be taken for an empty one.
fn refused(error: &ArrowError) -> String {
    cut(&format!("<{error}>"), CELL_MAX_CHARS)
}

/// Whether there are times in it whose zone is a name.
fn has_names_of_zones(data_type: &DataType) -> bool {
    match data_type {
        DataType::Timestamp(_, Some(zone)) => is_name(zone),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => has_names_of_zones(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_names_of_zones(field.data_type())),
        DataType::Dictionary(_, values) => has_names_of_zones(values),
        _ => false,
    }
}

fn is_name(zone: &str) -> bool {
    !zone.starts_with(['+', '-'])
}

/// The same values, in which times of a named zone are of UTC: they are the same moments.
fn in_utc(data: ArrayData) -> Result<ArrayData, ArrowError> {
    let children: Vec<_> = data.child_data().iter().cloned().map(in_utc).collect::<Result<_, _>>()?;
    let types: Vec<_> = children.iter().map(|child| child.data_type().clone()).collect();
    let data_type = with_children(data.data_type(), &types);
    data.into_builder().data_type(data_type).child_data(children).build()
}

/// A type with these in place of those of its children.
fn with_children(data_type: &DataType, types: &[DataType]) -> DataType {
    let field = |field: &FieldRef, number: usize| -> FieldRef {
        let child = types.get(number).unwrap_or(field.data_type()).clone();
        Field::new(field.name(), child, field.is_nullable()).into()
    };
    match data_type {
        DataType::Timestamp(unit, Some(zone)) if is_name(zone) => DataType::Timestamp(*unit, Some(UTC.into())),
        DataType::List(item) => DataType::List(field(item, 0)),
        DataType::LargeList(item) => DataType::LargeList(field(item, 0)),
        DataType::ListView(item) => DataType::ListView(field(item, 0)),
        DataType::LargeListView(item) => DataType::LargeListView(field(item, 0)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(field(item, 0), *size),
        DataType::Map(entries, sorted) => DataType::Map(field(entries, 0), *sorted),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().enumerate().map(|(number, of)| field(of, number)).collect())
        }
        DataType::Dictionary(keys, values) => {
            let values = types.first().cloned().map_or_else(|| values.clone(), Box::new);
            DataType::Dictionary(keys.clone(), values)
        }
        other => other.clone(),
    }
}
