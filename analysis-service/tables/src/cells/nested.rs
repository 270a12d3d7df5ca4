//! Lists and records of JSON as such, where all have one shape.

mod loss;

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use arrow_array::{ArrayRef, RecordBatch, StructArray};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use serde_json::Value;

use super::column::{Cell, Why};
use loss::{Loss, Walk};

/// Bytes of text beyond which a column is not looked into: on its way into an array it takes several times as much.
const TEXT_MAX_BYTES: usize = 64 << 20;
/// Fields of all records of a column, at any depth. Keys that are data, such as the names of users, are no fields.
const FIELDS_MAX: usize = 256;
/// Bytes of the array, in which every row has every field.
const ARRAY_MAX_BYTES: usize = 256 << 20;

/// A column of lists or records.
pub(super) struct Nested {
    pub(super) array: ArrayRef,
    /// Numbers in it have more digits than a float.
    pub(super) rounded: bool,
}

/// The array of `rows` rows, or why there is none: the cells, of `text_bytes` in all, have no one shape or a very large one,
/// or it would lose something of them. `cells` gives them from the first: they are walked several times, one record in
/// memory at a time.
pub(super) fn array<'a, C>(cells: impl Fn() -> C, text_bytes: usize, rows: usize) -> Result<Nested, Why>
where
    C: Iterator<Item = Option<Cell<'a>>>,
{
    if text_bytes > TEXT_MAX_BYTES {
        return Err(Why::ManyShapes);
    }
    let field = shape(cells(), rows).ok_or(Why::ManyShapes)?;
    let mut walk = Walk::default();
    cells().for_each(|cell| walk.take(text(cell.as_ref())));
    let data_type = walk.in_order(field.data_type());
    let field = field.with_data_type(data_type);
    let rounded = match walk.finish() {
        Loss::Nothing { rounded } => rounded,
        Loss::Digits => return Err(Why::LosesDigits),
        Loss::Keys => return Err(Why::DoubledKeys),
    };
    let array = decode(cells(), field, rows).ok_or(Why::ManyShapes)?;
    Ok(Nested { array, rounded })
}

/// The field that holds them all.
fn shape<'a>(cells: impl Iterator<Item = Option<Cell<'a>>>, rows: usize) -> Option<Field> {
    let mut keys = HashSet::new();
    let records = cells.map(|cell| {
        let parsed = serde_json::from_str::<Value>(text(cell.as_ref()));
        let value = parsed.map_err(|error| ArrowError::JsonError(error.to_string()))?;
        see_keys(&value, 0, &mut keys);
        if keys.len() > FIELDS_MAX {
            // What is made of many takes a time that grows with their square.
            return Err(ArrowError::JsonError("the keys are data".to_owned()));
        }
        Ok(serde_json::json!({ "value": value }))
    });
    let schema = arrow_json::reader::infer_json_schema_from_iterator(records).ok()?;
    let field = schema.field_with_name("value").ok()?;
    let data_type = field.data_type();
    let fields = field_count(data_type);
    let is_large =
        fields > FIELDS_MAX || rows.saturating_mul(fields).saturating_mul(size_of::<u64>()) > ARRAY_MAX_BYTES;
    if is_large || !data_type.is_nested() || !storable(data_type) {
        return None;
    }
    Some(field.clone())
}

/// Adds the keys of all records in a value, each as the hash of the keys that lead to it.
fn see_keys(value: &Value, path: u64, keys: &mut HashSet<u64>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| see_keys(item, path, keys)),
        Value::Object(record) => record.iter().for_each(|(key, value)| {
            let mut hasher = DefaultHasher::new();
            (path, key).hash(&mut hasher);
            keys.insert(hasher.finish());
            see_keys(value, hasher.finish(), keys);
        }),
        _ => {}
    }
}

fn decode<'a>(cells: impl Iterator<Item = Option<Cell<'a>>>, field: Field, rows: usize) -> Option<ArrayRef> {
    let schema = Arc::new(Schema::new(vec![field]));
    let builder = arrow_json::ReaderBuilder::new(schema).with_batch_size(rows.max(1));
    let mut decoder = builder.build_decoder().ok()?;
    for cell in cells {
        let record = format!("{{\"value\":{}}}", text(cell.as_ref()));
        if decoder.decode(record.as_bytes()).ok()? != record.len() {
            return None;
        }
    }
    let batch: RecordBatch = decoder.flush().ok()??;
    (batch.num_rows() == rows).then(|| Arc::clone(StructArray::from(batch).column(0)))
}

fn text<'a>(cell: Option<&Cell<'a>>) -> &'a str {
    match cell {
        Some(Cell::Nested(text)) => text,
        _ => "null",
    }
}

fn field_count(data_type: &DataType) -> usize {
    match data_type {
        DataType::List(item) => field_count(item.data_type()),
        DataType::Struct(fields) => fields.iter().map(|field| 1 + field_count(field.data_type())).sum(),
        _ => 1,
    }
}

/// Whether nothing in it is of a type without values.
fn storable(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null => false,
        DataType::List(item) => storable(item.data_type()),
        DataType::Struct(fields) => !fields.is_empty() && fields.iter().all(|field| storable(field.data_type())),
        _ => true,
    }
}
