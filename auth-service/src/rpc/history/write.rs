//! What is handed over. All of it is looked at before anything is written; one wrong item refuses the call and is named,
//! so that its sender can take it out and send the others again.

use bytes::BytesMut;
use fenxi_proto::{
    analysis::v1::OutputEvent,
    error::Failure,
    history::v1::{HistoryDataset, HistoryEntry, HistoryRecordItem, RecordHistoryRequest},
    id,
    time::{duration_micros, unix_micros},
};
use prost::Message as _;
use uuid::Uuid;

use crate::history::entry::{
    CODE_MAX_BYTES, DATASETS_MAX, Dataset, Entry, ITEMS_MAX, NAME_MAX_CHARS, NewEntry, OUTPUTS_MAX_BYTES, Outcome,
    PREVIEW_MAX_CHARS, TITLE_MAX_CHARS, WholeEntry,
};

/// The end of the year 9999.
const TIME_MAX_MICROS: i64 = 253_402_300_799_999_999;
const UUID_VERSION_7: usize = 7;

/// The entries of a hand-over.
pub(super) fn new_entries(request: RecordHistoryRequest) -> Result<Vec<NewEntry>, Failure> {
    let count = request.items.len();
    if count > ITEMS_MAX {
        return Err(Failure::invalid("items", format!("are {count}; give at most {ITEMS_MAX} at a time")));
    }
    request.items.into_iter().enumerate().map(|(at, item)| new_entry(&Path(at), item)).collect()
}

/// Names the fields of an item.
struct Path(usize);

impl Path {
    fn wrong(&self, field: &str, what: impl std::fmt::Display) -> Failure {
        Failure::invalid(format!("items[{}].{field}", self.0), what)
    }

    fn id(&self, field: &str, text: &str) -> Result<Uuid, Failure> {
        id::parse("id", text).map_err(|_| self.wrong(field, "is not a UUID in its hyphenated lower-case form"))
    }
}

fn new_entry(path: &Path, item: HistoryRecordItem) -> Result<NewEntry, Failure> {
    let user_id = path.id("user_id", &item.user_id)?;
    let mut message = item.entry.ok_or_else(|| path.wrong("entry", "is missing"))?;
    if message.code.len() > CODE_MAX_BYTES {
        return Err(path.wrong("entry.code", format!("is longer than {CODE_MAX_BYTES} bytes")));
    }
    let code = std::mem::take(&mut message.code);
    let outputs = encoded(&item.outputs);
    if outputs.len() > OUTPUTS_MAX_BYTES {
        let what = format!("take {} bytes; refer to large contents and stay within {OUTPUTS_MAX_BYTES}", outputs.len());
        return Err(path.wrong("outputs", what));
    }
    let entry = entry(path, message)?;
    Ok(NewEntry { user_id, whole: WholeEntry { entry, code, outputs: outputs.freeze() } })
}

fn encoded(outputs: &[OutputEvent]) -> BytesMut {
    let mut encoded = BytesMut::with_capacity(outputs.iter().map(|output| output.encoded_len() + 4).sum());
    for output in outputs {
        // A BytesMut grows: there is always room.
        let _ = output.encode_length_delimited(&mut encoded);
    }
    encoded
}

fn entry(path: &Path, message: HistoryEntry) -> Result<Entry, Failure> {
    let id = path.id("entry.history_entry_id", &message.history_entry_id)?;
    if id.get_version_num() != UUID_VERSION_7 {
        return Err(path.wrong("entry.history_entry_id", "is no UUIDv7, whose time orders the history"));
    }
    let outcome = Outcome::of(message.outcome)
        .ok_or_else(|| path.wrong("entry.outcome", format!("is {}, which says of no end", message.outcome)))?;
    let time = |field: &str, time: &prost_types::Timestamp| {
        let micros = unix_micros(time);
        let told = (0..=TIME_MAX_MICROS).contains(&micros);
        if told { Ok(micros) } else { Err(path.wrong(field, "is before 1970 or after 9999")) }
    };
    let end = message.end_time.as_ref().ok_or_else(|| path.wrong("entry.end_time", "is required"))?;
    let end_time = time("entry.end_time", end)?;
    let start_time = message.start_time.as_ref().map(|start| time("entry.start_time", start)).transpose()?;
    // A clock that was set back must not lose an entry: such a time counts as none.
    let between = start_time.map_or(0, |start| end_time.saturating_sub(start)).max(0);
    let duration_micros = message.execution_duration.as_ref().map_or(between, |said| duration_micros(said).max(0));
    if message.datasets.len() > DATASETS_MAX {
        return Err(path.wrong("entry.datasets", format!("are more than {DATASETS_MAX}")));
    }
    let datasets = message.datasets.into_iter().enumerate().map(|(at, message)| dataset(path, at, message));
    Ok(Entry {
        id,
        execution_id: path.id("entry.execution_id", &message.execution_id)?,
        kernel_id: path.id("entry.kernel_id", &message.kernel_id)?,
        title: cut(message.title, TITLE_MAX_CHARS),
        outcome,
        datasets: datasets.collect::<Result<_, _>>()?,
        start_time,
        end_time,
        duration_micros: duration_micros.min(TIME_MAX_MICROS),
        preview: cut(message.result_preview, PREVIEW_MAX_CHARS),
        delete_time: None,
    })
}

fn dataset(path: &Path, at: usize, message: HistoryDataset) -> Result<Dataset, Failure> {
    Ok(Dataset {
        dataset_id: path.id(&format!("entry.datasets[{at}].dataset_id"), &message.dataset_id)?,
        name: cut(message.name, NAME_MAX_CHARS),
        variable_name: cut(message.variable_name, NAME_MAX_CHARS),
    })
}

/// The text, or its beginning: what is only shown is not a reason to refuse an analysis.
fn cut(mut text: String, max_chars: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(max_chars) {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
