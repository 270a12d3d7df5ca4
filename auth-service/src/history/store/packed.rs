//! An entry as the `summary` column holds it: as it stands among the `entries` of the contract's ListHistoryResponse, so
//! that summaries one behind the other are the greater part of the answer, and a page costs no translation. The field
//! numbers are the contract's, which never change; a test of `rpc::history` holds the two together.

use bytes::{Buf as _, Bytes};
use prost::{Message as _, encoding::decode_varint};
use prost_types::{Duration, Timestamp};
use uuid::Uuid;

use super::super::entry::{Dataset, Entry, Outcome};
use crate::store::StoreError;

/// The key of field 1 with a length: of `entries` in the answer, and of `history_entry_id` in an entry.
const FIELD_1: u8 = 0x0a;
/// Characters of an id.
const ID_CHARS: usize = 36;
const MICROS_PER_SEC: i64 = 1_000_000;
const NANOS_PER_MICRO: i64 = 1_000;

#[derive(Clone, PartialEq, prost::Message)]
struct Packed {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    execution_id: String,
    #[prost(string, tag = "3")]
    kernel_id: String,
    #[prost(string, tag = "4")]
    title: String,
    #[prost(int32, tag = "6")]
    outcome: i32,
    #[prost(message, repeated, tag = "7")]
    datasets: Vec<PackedDataset>,
    #[prost(message, optional, tag = "8")]
    start_time: Option<Timestamp>,
    #[prost(message, optional, tag = "9")]
    end_time: Option<Timestamp>,
    /// Unset if it never ran.
    #[prost(message, optional, tag = "10")]
    duration: Option<Duration>,
    #[prost(string, tag = "11")]
    preview: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PackedDataset {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    variable_name: String,
}

/// The entry as it is stored.
pub(super) fn pack(entry: &Entry) -> Vec<u8> {
    let packed = Packed {
        id: entry.id.to_string(),
        execution_id: entry.execution_id.to_string(),
        kernel_id: entry.kernel_id.to_string(),
        title: entry.title.clone(),
        outcome: entry.outcome.number(),
        datasets: entry.datasets.iter().map(pack_dataset).collect(),
        start_time: entry.start_time.map(timestamp),
        end_time: Some(timestamp(entry.end_time)),
        duration: entry.start_time.map(|_| {
            let Timestamp { seconds, nanos } = timestamp(entry.duration_micros);
            Duration { seconds, nanos }
        }),
        preview: entry.preview.clone(),
    };
    let mut bytes = vec![FIELD_1];
    bytes.extend_from_slice(&packed.encode_length_delimited_to_vec());
    bytes
}

fn pack_dataset(dataset: &Dataset) -> PackedDataset {
    let id = dataset.dataset_id.to_string();
    PackedDataset { id, name: dataset.name.clone(), variable_name: dataset.variable_name.clone() }
}

fn timestamp(micros: i64) -> Timestamp {
    let nanos = micros.rem_euclid(MICROS_PER_SEC) * NANOS_PER_MICRO;
    Timestamp { seconds: micros.div_euclid(MICROS_PER_SEC), nanos: i32::try_from(nanos).unwrap_or(0) }
}

fn micros(seconds: i64, nanos: i32) -> i64 {
    seconds.saturating_mul(MICROS_PER_SEC).saturating_add(i64::from(nanos) / NANOS_PER_MICRO)
}

/// The first entries of a page, at most so many, and the id of the last of these if there are more.
pub(super) fn first(page: Bytes, limit: usize) -> Result<(Bytes, Option<Uuid>), StoreError> {
    let (mut rest, mut last) = (page.clone(), None);
    for _ in 0..limit {
        if !rest.has_remaining() {
            return Ok((page, None));
        }
        last = Some(next(&mut rest)?);
    }
    if !rest.has_remaining() {
        return Ok((page, None));
    }
    let end = page.len() - rest.len();
    let id = last.map(|entry| id_of(&entry)).transpose()?;
    Ok((page.slice(..end), id))
}

/// Takes the next entry off a page.
fn next(page: &mut Bytes) -> Result<Bytes, StoreError> {
    if page.try_get_u8().map_err(|_| CORRUPT)? != FIELD_1 {
        return Err(CORRUPT);
    }
    let length = decode_varint(page).ok().and_then(|length| usize::try_from(length).ok()).ok_or(CORRUPT)?;
    if length > page.len() { Err(CORRUPT) } else { Ok(page.split_to(length)) }
}

/// Its first field.
fn id_of(entry: &Bytes) -> Result<Uuid, StoreError> {
    let id = entry.get(2..2 + ID_CHARS).ok_or(CORRUPT)?;
    Uuid::try_parse_ascii(id).map_err(|_| CORRUPT)
}

/// The entries of a page.
#[cfg(test)]
pub(crate) fn unpack_all(mut page: Bytes) -> Result<Vec<Entry>, StoreError> {
    let mut entries = Vec::new();
    while page.has_remaining() {
        entries.push(unpacked(next(&mut page)?, None)?);
    }
    Ok(entries)
}

/// One entry.
pub(super) fn unpack(summary: Vec<u8>, delete_time: Option<i64>) -> Result<Entry, StoreError> {
    unpacked(next(&mut Bytes::from(summary))?, delete_time)
}

const CORRUPT: StoreError = StoreError::Corrupt("summary of a history entry");

fn unpacked(entry: Bytes, delete_time: Option<i64>) -> Result<Entry, StoreError> {
    let packed = Packed::decode(entry).map_err(|_| CORRUPT)?;
    let id = |text: &str| Uuid::try_parse(text).map_err(|_| CORRUPT);
    let end = packed.end_time.ok_or(CORRUPT)?;
    Ok(Entry {
        id: id(&packed.id)?,
        execution_id: id(&packed.execution_id)?,
        kernel_id: id(&packed.kernel_id)?,
        title: packed.title,
        outcome: Outcome::of(packed.outcome).ok_or(CORRUPT)?,
        datasets: packed.datasets.into_iter().map(unpacked_dataset).collect::<Result<_, _>>()?,
        start_time: packed.start_time.map(|start| micros(start.seconds, start.nanos)),
        end_time: micros(end.seconds, end.nanos),
        duration_micros: packed.duration.map_or(0, |duration| micros(duration.seconds, duration.nanos)),
        preview: packed.preview,
        delete_time,
    })
}

fn unpacked_dataset(dataset: PackedDataset) -> Result<Dataset, StoreError> {
    let dataset_id = Uuid::try_parse(&dataset.id).map_err(|_| CORRUPT)?;
    Ok(Dataset { dataset_id, name: dataset.name, variable_name: dataset.variable_name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u128) -> Entry {
        Entry {
            id: Uuid::from_u128(number),
            execution_id: Uuid::from_u128(number + 1),
            kernel_id: Uuid::from_u128(number + 2),
            title: "df.head() # 表头".into(),
            outcome: Outcome::TimedOut,
            datasets: vec![Dataset {
                dataset_id: Uuid::from_u128(9),
                name: "cars.csv".into(),
                variable_name: "df".into(),
            }],
            start_time: Some(1_795_000_000_000_000),
            end_time: 1_795_000_000_250_001,
            duration_micros: 250_001,
            preview: "\u{0}\n".into(),
            delete_time: None,
        }
    }

    #[test]
    fn a_page_of_entries_comes_back_as_it_was() {
        let never_ran = Entry { start_time: None, duration_micros: 0, datasets: Vec::new(), ..entry(2) };
        let entries = [entry(1), never_ran, entry(3)];
        let page: Bytes = entries.iter().flat_map(pack).collect::<Vec<u8>>().into();
        assert_eq!(unpack_all(page.clone()).expect("readable"), entries);
        for limit in 0..5 {
            let (kept, last) = first(page.clone(), limit).expect("readable");
            assert_eq!(unpack_all(kept).expect("readable"), entries[..limit.min(3)]);
            let expected = (1..3).contains(&limit).then(|| entries[limit - 1].id);
            assert_eq!(last, expected, "{limit}");
        }
        assert_eq!(unpack(pack(&entries[0]), Some(7)).expect("readable").delete_time, Some(7));
    }

    #[test]
    fn bytes_that_are_no_page_are_an_error_and_no_panic() {
        let good = pack(&entry(1));
        for end in 1..good.len() {
            assert!(unpack(good[..end].to_vec(), None).is_err(), "cut at {end}");
        }
        assert!(unpack_all(Bytes::from_static(&[0])).is_err(), "no entry");
    }
}
