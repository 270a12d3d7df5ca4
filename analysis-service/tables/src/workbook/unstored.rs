//! Formulas of an .xls without a stored value. The format has none for them: programs that write formulas and do not calculate
//! them store an empty text, which a formula may give as well. A sheet of which no formula gave anything was not calculated.

use calamine::{Data, Range};

use super::value::{self, Value};

/// The formulas of a sheet that was not calculated.
#[derive(Default)]
pub(super) struct Unstored(Option<Range<String>>);

impl Unstored {
    /// `formulas` are those of the sheet with these `values`; they are asked for only where a value is an empty text.
    pub(super) fn find<E>(
        values: &Range<Data>,
        formulas: impl FnOnce() -> Result<Range<String>, E>,
    ) -> Result<Self, E> {
        if !values.used_cells().any(|(.., value)| is_empty(value)) {
            return Ok(Self::default());
        }
        let formulas = formulas()?;
        let start = formulas.start().unwrap_or_default();
        let mut places = formulas.used_cells().map(|(row, column, _)| {
            let place = |first: u32, at: usize| first.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
            (place(start.0, row), place(start.1, column))
        });
        let unstored = places.all(|place| values.get_value(place).is_none_or(is_empty));
        Ok(Self(unstored.then_some(formulas)))
    }

    /// The value of a cell.
    pub(super) fn value<'a>(&self, row: u32, column: u32, cell: &'a Data) -> Value<'a> {
        let formula = || self.0.as_ref()?.get_value((row, column)).filter(|formula| !formula.is_empty());
        if is_empty(cell) && formula().is_some() { Value::Unstored } else { value::of_data(cell) }
    }
}

fn is_empty(value: &Data) -> bool {
    match value {
        Data::Empty => true,
        Data::String(text) => text.is_empty(),
        _ => false,
    }
}
