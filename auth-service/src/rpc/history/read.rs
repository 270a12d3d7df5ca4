//! What is asked for, and what is answered.

use bytes::{Buf as _, Bytes};
use fenxi_proto::{
    analysis::v1::OutputEvent,
    error::Failure,
    history::v1::{DayStatistics, HistoryDataset, HistoryEntry, ListHistoryRequest, Statistics as StatisticsMessage},
    id,
    time::{duration, timestamp, unix_micros},
};
use prost::Message as _;
use time::Date;
use uuid::Uuid;

use crate::{
    history::entry::{Dataset, Entry, Filter, Outcome, WholeEntry},
    statistics::{Day, Statistics},
};

/// Characters of a text to look for.
const QUERY_MAX_CHARS: usize = 200;
/// Outcomes in a filter; more are repetitions.
const OUTCOMES_MAX: usize = 32;
/// The last time that an id can tell: 48 bits of milliseconds.
const ID_TIME_MAX_MICROS: i64 = ((1 << 48) - 1) * 1_000;
/// The Julian day of 1970-01-01.
const UNIX_JULIAN_DAY: i32 = 2_440_588;

/// The filter of a request.
pub(super) fn filter(request: &ListHistoryRequest) -> Result<Filter, Failure> {
    let characters = request.query.chars().count();
    if characters > QUERY_MAX_CHARS {
        return Err(Failure::invalid("query", format!("has {characters} characters; give at most {QUERY_MAX_CHARS}")));
    }
    if request.outcomes.len() > OUTCOMES_MAX {
        return Err(Failure::invalid("outcomes", format!("are too many; give at most {OUTCOMES_MAX}")));
    }
    let outcomes = request.outcomes.iter().map(|number| {
        Outcome::of(*number).ok_or_else(|| Failure::invalid("outcomes", format!("have {number}, which is no outcome")))
    });
    let time = |time: &Option<prost_types::Timestamp>| {
        time.as_ref().map(|time| unix_micros(time).clamp(0, ID_TIME_MAX_MICROS))
    };
    Ok(Filter {
        outcomes: outcomes.collect::<Result<_, _>>()?,
        text: request.query.clone(),
        dataset_id: id::parse_optional("dataset_id", &request.dataset_id)?,
        from_time: time(&request.from_time),
        until_time: time(&request.until_time),
        deleted: request.deleted,
    })
}

/// An entry as lists show it, without its code.
pub(super) fn entry_message(entry: Entry) -> HistoryEntry {
    HistoryEntry {
        history_entry_id: text(entry.id),
        execution_id: text(entry.execution_id),
        kernel_id: text(entry.kernel_id),
        title: entry.title,
        code: String::new(),
        outcome: entry.outcome.number(),
        datasets: entry.datasets.into_iter().map(dataset_message).collect(),
        start_time: entry.start_time.map(timestamp),
        end_time: Some(timestamp(entry.end_time)),
        execution_duration: entry.start_time.map(|_| duration(entry.duration_micros)),
        result_preview: entry.preview,
        delete_time: entry.delete_time.map(timestamp),
    }
}

/// An entry with its code.
pub(super) fn whole_message(whole: WholeEntry) -> HistoryEntry {
    HistoryEntry { code: whole.code, ..entry_message(whole.entry) }
}

fn dataset_message(dataset: Dataset) -> HistoryDataset {
    HistoryDataset { dataset_id: text(dataset.dataset_id), name: dataset.name, variable_name: dataset.variable_name }
}

fn text(id: Uuid) -> String {
    id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).to_owned()
}

/// The outputs as they came.
pub(super) fn outputs(encoded: &Bytes) -> Result<Vec<OutputEvent>, Failure> {
    let mut encoded = encoded.clone();
    let mut outputs = Vec::new();
    while encoded.has_remaining() {
        outputs.push(OutputEvent::decode_length_delimited(&mut encoded).map_err(|error| {
            tracing::error!(%error, "the stored outputs of a history entry cannot be read");
            Failure::internal()
        })?);
    }
    Ok(outputs)
}

/// The sums of a user, for every answer that tells them.
pub(crate) fn statistics_message(statistics: &Statistics) -> StatisticsMessage {
    StatisticsMessage {
        total: statistics.total,
        succeeded: statistics.succeeded,
        failed: statistics.failed(),
        success_rate: statistics.success_rate(),
        datasets: statistics.datasets,
        mean_execution_duration: statistics.mean_duration_micros().map(duration),
        active_days: statistics.active_days,
        last_activity_time: statistics.last_activity_time.map(timestamp),
        days: statistics.days.iter().map(day_message).collect(),
    }
}

fn day_message(day: &Day) -> DayStatistics {
    let date = Date::from_julian_day(UNIX_JULIAN_DAY.saturating_add(day.day)).unwrap_or(Date::MAX);
    let (year, month, number) = date.to_calendar_date();
    let name = format!("{year:04}-{:02}-{number:02}", u8::from(month));
    DayStatistics { day: name, total: day.total, succeeded: day.succeeded, failed: day.failed() }
}

#[cfg(test)]
mod tests {
    use fenxi_proto::error::ErrorReason;

    use super::*;

    #[test]
    fn a_filter_says_what_is_wrong_with_it() {
        let good = ListHistoryRequest { query: "查".repeat(200), outcomes: vec![1, 7, 1], ..Default::default() };
        assert_eq!(filter(&good).expect("good").outcomes, [Outcome::Ok, Outcome::Lost, Outcome::Ok]);
        for bad in [
            ListHistoryRequest { query: "查".repeat(201), ..Default::default() },
            ListHistoryRequest { outcomes: vec![0], ..Default::default() },
            ListHistoryRequest { outcomes: vec![8], ..Default::default() },
            ListHistoryRequest { outcomes: vec![1; 33], ..Default::default() },
            ListHistoryRequest { dataset_id: "x".into(), ..Default::default() },
        ] {
            assert_eq!(filter(&bad).expect_err("refused").reason(), ErrorReason::InvalidField, "{bad:?}");
        }
        let ends = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let request =
            ListHistoryRequest { from_time: ends(i64::MIN), until_time: ends(i64::MAX), ..Default::default() };
        let read = filter(&request).expect("ends of time");
        assert_eq!((read.from_time, read.until_time), (Some(0), Some(ID_TIME_MAX_MICROS)));
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (day, name) in [(0, "1970-01-01"), (20_780, "2026-11-23"), (11_016, "2000-02-29")] {
            assert_eq!(day_message(&Day { day, total: 1, succeeded: 0, ran: 0 }).day, name);
        }
    }
}
