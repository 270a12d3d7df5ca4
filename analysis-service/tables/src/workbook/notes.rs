//! What a person should know of a sheet's cells: each kind of trouble is counted, and its first cell named.

use calamine::Dimensions;

use crate::warning::{CellTrouble, Warning};

/// Cells with one kind of trouble.
#[derive(Default)]
struct Tally {
    count: u64,
    first: String,
}

impl Tally {
    fn add(&mut self, row: u32, column: u32) {
        self.count += 1;
        if self.count == 1 {
            self.first = address(row, column);
        }
    }
}

/// The troubles of a sheet's cells.
#[derive(Default)]
pub(super) struct Notes {
    errors: Tally,
    unstored: Tally,
    long: Tally,
}

impl Notes {
    /// An error such as `#DIV/0!`.
    pub(super) fn error(&mut self, row: u32, column: u32) {
        self.errors.add(row, column);
    }

    /// A formula without a value.
    pub(super) fn unstored(&mut self, row: u32, column: u32) {
        self.unstored.add(row, column);
    }

    /// A whole number of more digits than a workbook keeps.
    pub(super) fn long(&mut self, row: u32, column: u32) {
        self.long.add(row, column);
    }

    pub(super) fn warnings(self) -> impl Iterator<Item = Warning> {
        let Self { errors, unstored, long } = self;
        let told = [(CellTrouble::Error, errors), (CellTrouble::Unstored, unstored), (CellTrouble::LongNumber, long)];
        let told = told.into_iter().filter(|(_, tally)| tally.count > 0);
        told.map(|(trouble, Tally { count, first })| Warning::Cells { trouble, count, first })
    }
}

/// What to say of merged cells among the rows `first` to `last`, if there are any.
pub(super) fn merged(areas: &[Dimensions], (first, last): (u32, u32)) -> Option<Warning> {
    let among = |area: &&Dimensions| area.start != area.end && area.start.0 <= last && area.end.0 >= first;
    let mut among = areas.iter().filter(among);
    let (row, column) = among.next()?.start;
    let count = 1 + among.count() as u64;
    Some(Warning::Cells { trouble: CellTrouble::Merged, count, first: address(row, column) })
}

/// A cell's address as spreadsheets write it, `B7`.
pub(super) fn address(row: u32, column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = u64::from(column) + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or_default()));
        rest /= 26;
    }
    format!("{}{}", letters.iter().rev().collect::<String>(), u64::from(row) + 1)
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn addresses_as_spreadsheets_write_them() {
        assert_eq!(
            [(0, 0), (6, 1), (0, 25), (9, 26), (1_048_575, 16_383)].map(|(r, c)| address(r, c)),
            ["A1", "B7", "Z1", "AA10", "XFD1048576"]
        );
    }
}
