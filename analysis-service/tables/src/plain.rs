//! Columns of Arrow and Parquet files in types that every reader of our columnar files knows: no dictionaries, no
//! views, no run-end encoding, no unions; names unique; nothing left of foreign metadata.

mod pandas;
mod zone;

use std::cell::Cell;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::TableError;
use crate::names::{self, Name};
use crate::warning::{ColumnTrouble, WarnedColumns, Warning};
use pandas::{Kind, Step};

/// How the batches of a file become plain.
pub(crate) struct Plain {
    pub(crate) schema: SchemaRef,
    pub(crate) names: Vec<Name>,
    pub(crate) warnings: Vec<Warning>,
    /// What the columns of periods count.
    steps: Vec<Option<Step>>,
}

/// What is told of kinds that are lost, in the order in which it is told.
const LOST: [ColumnTrouble; 4] =
    [ColumnTrouble::OrderLost, ColumnTrouble::Periods, ColumnTrouble::PeriodNumbers, ColumnTrouble::Intervals];

impl Plain {
    pub(crate) fn of(schema: &Schema) -> Result<Self, TableError> {
        let given: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let (names, mut warnings) = names::unique(&given);
        let mut in_utc = WarnedColumns::default();
        let kinds: Vec<Option<Kind>> = schema.fields().iter().map(|field| Kind::of(field)).collect();
        let step = |kind: &Option<Kind>| if let Some(Kind::Periods(step)) = kind { *step } else { None };
        let steps: Vec<Option<Step>> = kinds.iter().map(step).collect();
        let fields = schema.fields().iter().zip(&names).zip(&steps).map(|((field, name), step)| {
            let unknown = Cell::new(false);
            let plain = match step {
                Some(step) => Some(step.data_type()),
                None => plain_type(field.data_type(), &unknown),
            };
            let plain = plain.ok_or_else(|| not_supported(&name.name, field.data_type()))?;
            if unknown.get() {
                in_utc.add_name(&name.name);
            }
            Ok(Field::new(&name.name, plain, true))
        });
        let fields = fields.collect::<Result<Vec<_>, TableError>>()?;
        warnings.extend(Warning::of_columns(ColumnTrouble::UnknownZone, in_utc));
        for trouble in LOST {
            let lost = kinds.iter().zip(&names).filter(|(kind, _)| kind.is_some_and(|kind| kind.trouble() == trouble));
            warnings.extend(Warning::of_columns(trouble, WarnedColumns::of(lost.map(|(_, name)| name.name.as_str()))));
        }
        Ok(Self { schema: Arc::new(Schema::new(fields)), names, warnings, steps })
    }

    /// The batch in plain types.
    pub(crate) fn batch(&self, batch: &RecordBatch) -> Result<RecordBatch, TableError> {
        let columns =
            batch.columns().iter().zip(self.schema.fields()).zip(&self.steps).map(|((column, field), step)| {
                if let Some(step) = step {
                    return step.first(column).ok_or_else(|| not_supported(field.name(), column.data_type()));
                }
                if column.data_type() == field.data_type() {
                    return Ok(Arc::clone(column));
                }
                arrow_cast::cast(column, field.data_type()).map_err(|_| not_supported(field.name(), column.data_type()))
            });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(|error| TableError::unreadable(format!("a record batch does not fit its schema: {error}")))
    }
}

fn not_supported(name: &str, data_type: &DataType) -> TableError {
    TableError::unreadable(format!(
        "column \"{name}\" has the type {data_type}, which we cannot read. Turn it into text or numbers and upload the \
         file again"
    ))
}

/// The plain type for one; `unknown_zone` is set where a time zone in it has a name that nobody knows.
fn plain_type(data_type: &DataType, unknown_zone: &Cell<bool>) -> Option<DataType> {
    let field = |field: &Arc<Field>| {
        let plain = plain_type(field.data_type(), unknown_zone)?;
        Some(Arc::new(Field::new(field.name(), plain, field.is_nullable())))
    };
    Some(match data_type {
        DataType::Dictionary(_, values) => plain_type(values, unknown_zone)?,
        DataType::RunEndEncoded(_, values) => plain_type(values.data_type(), unknown_zone)?,
        DataType::Utf8View | DataType::Null => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::List(item) | DataType::ListView(item) => DataType::List(field(item)?),
        DataType::LargeList(item) | DataType::LargeListView(item) => DataType::LargeList(field(item)?),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(field(item)?, *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect::<Option<Vec<_>>>()?.into()),
        DataType::Map(entries, sorted) => DataType::Map(field(entries)?, *sorted),
        DataType::Timestamp(unit, Some(zone)) => {
            let known = zone::known(zone);
            unknown_zone.set(unknown_zone.get() || known.is_none());
            // The instants are the same in every zone.
            DataType::Timestamp(*unit, Some(known.as_deref().unwrap_or("UTC").into()))
        }
        DataType::Union(..) => return None,
        other => other.clone(),
    })
}
