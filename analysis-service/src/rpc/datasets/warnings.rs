//! Warnings as the contract has them: kinds with the figures and names that they speak of, and the same as sentences.

use fenxi_proto::analysis::v1::{TableWarning, TableWarningKind as Kind, WarnedColumn};
use fenxi_tables::{self as tables, CellTrouble, ColumnTrouble, Warning};

use super::messages::number;

/// Each as a sentence.
pub(super) fn texts(warnings: &[Warning]) -> Vec<String> {
    warnings.iter().map(ToString::to_string).collect()
}

/// Each as a message.
pub(super) fn messages(warnings: &[Warning]) -> Vec<TableWarning> {
    warnings.iter().map(message).collect()
}

fn message(warning: &Warning) -> TableWarning {
    let mut message = TableWarning { text: warning.to_string(), ..TableWarning::default() };
    let kind = match warning {
        Warning::Other { .. } => Kind::Other,
        Warning::EncodingGuessed { encoding } => {
            message.encoding.clone_from(encoding);
            Kind::EncodingGuessed
        }
        Warning::EncodingDoubtful { encoding, other } => {
            message.encoding.clone_from(encoding);
            message.other_encoding.clone_from(other);
            Kind::EncodingDoubtful
        }
        Warning::TitleRows { rows, titles } => {
            message.count = number(*rows);
            message.left_out.clone_from(titles);
            Kind::TitleRows
        }
        Warning::EmptyFields { rows } => {
            message.count = number(*rows);
            Kind::EmptyFields
        }
        Warning::TextAfterQuote { fields, line, quote, backslash } => {
            message.count = number(*fields);
            message.line = number(*line);
            message.quote = quote.to_string();
            if *backslash { Kind::BackslashBeforeQuote } else { Kind::TextAfterQuote }
        }
        Warning::BlanksBeforeQuotes {} => Kind::BlanksBeforeQuotes,
        Warning::WrappedRecords { member, left_out, count } => {
            message.count = number(*count);
            message.member.clone_from(member);
            message.left_out.clone_from(left_out);
            Kind::WrappedRecords
        }
        Warning::Columns { trouble, columns } => {
            message.columns = columns.listed.iter().map(column).collect();
            message.more_column_count = i32::try_from(columns.more).unwrap_or(i32::MAX);
            of_columns(*trouble)
        }
        Warning::Cells { trouble, count, first } => {
            message.count = number(*count);
            message.cell.clone_from(first);
            of_cells(*trouble)
        }
        Warning::FarMoments {} => Kind::FarMoments,
        Warning::TooWide {} => Kind::TooWide,
    };
    message.set_kind(kind);
    message
}

fn column(column: &tables::WarnedColumn) -> WarnedColumn {
    let (first, word) = (column.first.as_ref(), column.word.as_ref());
    let value = first.map(|first| &first.text).or(word.map(|word| &word.text));
    WarnedColumn {
        name: column.name.clone(),
        original_name: column.original_name.clone().unwrap_or_default(),
        line: first.map(|first| number(first.line)).unwrap_or_default(),
        value: value.cloned().unwrap_or_default(),
        count: word.map(|word| number(word.count)).unwrap_or_default(),
    }
}

fn of_columns(trouble: ColumnTrouble) -> Kind {
    match trouble {
        ColumnTrouble::NoName => Kind::NoName,
        ColumnTrouble::SameName => Kind::SameName,
        ColumnTrouble::DayFirst => Kind::DayFirst,
        ColumnTrouble::MonthFirst => Kind::MonthFirst,
        ColumnTrouble::DottedDates => Kind::DottedDates,
        ColumnTrouble::MovedToUtc => Kind::MovedToUtc,
        ColumnTrouble::UnknownZone => Kind::UnknownZone,
        ColumnTrouble::Rounded => Kind::Rounded,
        ColumnTrouble::ZerosNotKept => Kind::ZerosNotKept,
        ColumnTrouble::AmbiguousDates => Kind::AmbiguousDates,
        ColumnTrouble::MixedDateOrders => Kind::MixedDateOrders,
        ColumnTrouble::SomeZoned => Kind::SomeZoned,
        ColumnTrouble::HugeIntegers => Kind::HugeIntegers,
        ColumnTrouble::LosesDigits => Kind::LosesDigits,
        ColumnTrouble::Codes => Kind::Codes,
        ColumnTrouble::Padded => Kind::Padded,
        ColumnTrouble::Dressed => Kind::Dressed,
        ColumnTrouble::PlusSigns => Kind::PlusSigns,
        ColumnTrouble::ShortYears => Kind::ShortYears,
        ColumnTrouble::OddYears => Kind::OddYears,
        ColumnTrouble::FewUnlike => Kind::FewUnlike,
        ColumnTrouble::MixedKinds => Kind::MixedKinds,
        ColumnTrouble::ManyShapes => Kind::ManyShapes,
        ColumnTrouble::DoubledKeys => Kind::DoubledKeys,
        ColumnTrouble::MissingWords => Kind::MissingWords,
        ColumnTrouble::OrderLost => Kind::OrderLost,
        ColumnTrouble::Periods => Kind::Periods,
        ColumnTrouble::PeriodNumbers => Kind::PeriodNumbers,
        ColumnTrouble::Intervals => Kind::Intervals,
    }
}

fn of_cells(trouble: CellTrouble) -> Kind {
    match trouble {
        CellTrouble::Error => Kind::CellErrors,
        CellTrouble::Unstored => Kind::UnstoredFormulas,
        CellTrouble::LongNumber => Kind::LongNumbers,
        CellTrouble::Merged => Kind::MergedCells,
    }
}
