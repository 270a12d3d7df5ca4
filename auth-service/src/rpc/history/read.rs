//! What is asked for, and what is answered.

use bytes::{Buf as _, Bytes};
use std::ops::RangeInclusive;

use fenxi_proto::{
    analysis::v1::OutputEvent,
    error::Failure,
    history::v1::{DayStatistics, HistoryDataset, HistoryEntry, ListHistoryRequest, Statistics as StatisticsMessage},
    id,
    time::{duration, timestamp, unix_micros},
};
use prost::Message as _;
use prost_types::Timestamp;
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
/// Seconds since 1970 that a Timestamp may have: the years 1 to 9999.
const TIMESTAMP_SECONDS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// Nanoseconds that a Timestamp may have.
const TIMESTAMP_NANOS: RangeInclusive<i32> = 0..=999_999_999;
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
    let from_time = request.from_time.as_ref().map(|from| time("from_time", from)).transpose()?;
    let until_time = request.until_time.as_ref().map(|until| time("until_time", until)).transpose()?;
    if from_time.zip(until_time).is_some_and(|(from, until)| until < from) {
        return Err(Failure::invalid("until_time", "is before from_time"));
    }
    // Ids tell no time before 1970.
    let of_ids = |time: i64| time.max(0);
    Ok(Filter {
        outcomes: outcomes.collect::<Result<_, _>>()?,
        text: request.query.clone(),
        dataset_id: id::parse_optional("dataset_id", &request.dataset_id)?,
        from_time: from_time.map(of_ids),
        until_time: until_time.map(of_ids),
        deleted: request.deleted,
    })
}

/// A time in microseconds since 1970.
fn time(field: &'static str, time: &Timestamp) -> Result<i64, Failure> {
    let Timestamp { seconds, nanos } = time;
    if !TIMESTAMP_SECONDS.contains(seconds) {
        return Err(Failure::invalid(field, format!("has {seconds} seconds; give a time of the years 1 to 9999")));
    }
    if !TIMESTAMP_NANOS.contains(nanos) {
        return Err(Failure::invalid(field, format!("has {nanos} nanos; give 0 to 999999999")));
    }
    Ok(unix_micros(time))
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
    }

    fn between(from: (i64, i32), until: (i64, i32)) -> ListHistoryRequest {
        let [from_time, until_time] = [from, until].map(|(seconds, nanos)| Some(Timestamp { seconds, nanos }));
        ListHistoryRequest { from_time, until_time, ..Default::default() }
    }

    #[test]
    fn every_time_that_there_is_may_be_asked_for() {
        let read = filter(&between((-62_135_596_800, 0), (253_402_300_799, 999_999_999))).expect("ends of time");
        assert_eq!((read.from_time, read.until_time), (Some(0), Some(253_402_300_799_999_999)));
        let read = filter(&between((7, 5_000), (7, 5_000))).expect("a moment");
        assert_eq!((read.from_time, read.until_time), (Some(7_000_005), Some(7_000_005)));
    }

    #[test]
    fn a_time_that_there_is_not_is_named() {
        let good = (7, 0);
        for (from, until, field) in [
            ((i64::MIN, 0), good, "from_time"),
            ((-62_135_596_801, 0), good, "from_time"),
            ((0, -1), good, "from_time"),
            ((0, 1_000_000_000), good, "from_time"),
            (good, (i64::MAX, 0), "until_time"),
            (good, (253_402_300_800, 0), "until_time"),
            (good, (7, i32::MIN), "until_time"),
            (good, (6, 999_999_999), "until_time"),
            ((-9, 0), (-10, 0), "until_time"),
        ] {
            let failure = filter(&between(from, until)).expect_err("refused");
            assert_eq!(failure.reason(), ErrorReason::InvalidField);
            assert!(failure.to_string().starts_with(&format!("INVALID_FIELD: {field} ")), "{failure}");
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (day, name) in [(0, "1970-01-01"), (20_780, "2026-11-23"), (11_016, "2000-02-29")] {
            assert_eq!(day_message(&Day { day, total: 1, succeeded: 0, ran: 0 }).day, name);
        }
    }
}
