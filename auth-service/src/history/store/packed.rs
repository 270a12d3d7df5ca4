//! An entry as the `summary` column holds it: a message behind its length, so that entries one behind the other are a
//! page. Field numbers are for ever; a new field gets a new one.

use bytes::{Buf as _, Bytes};
use prost::Message as _;
use uuid::Uuid;

use super::super::entry::{Dataset, Entry, Outcome};
use crate::store::StoreError;

const ID_BYTES: usize = 16;

#[derive(Clone, PartialEq, prost::Message)]
struct Packed {
    /// Entry, execution and kernel: three ids of 16 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    ids: Bytes,
    #[prost(int32, tag = "2")]
    outcome: i32,
    #[prost(int64, tag = "3")]
    end_time: i64,
    /// How long before its end it began; unset if it never ran.
    #[prost(int64, optional, tag = "4")]
    start_before_end: Option<i64>,
    #[prost(int64, tag = "5")]
    duration_micros: i64,
    #[prost(string, tag = "6")]
    title: String,
    #[prost(string, tag = "7")]
    preview: String,
    #[prost(message, repeated, tag = "8")]
    datasets: Vec<PackedDataset>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PackedDataset {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    variable_name: String,
}

/// The entry as it is stored.
pub(super) fn pack(entry: &Entry) -> Vec<u8> {
    let ids = [entry.id, entry.execution_id, entry.kernel_id];
    let packed = Packed {
        ids: ids.iter().flat_map(|id| *id.as_bytes()).collect::<Vec<u8>>().into(),
        outcome: entry.outcome.number(),
        end_time: entry.end_time,
        start_before_end: entry.start_time.map(|start| entry.end_time.saturating_sub(start)),
        duration_micros: entry.duration_micros,
        title: entry.title.clone(),
        preview: entry.preview.clone(),
        datasets: entry.datasets.iter().map(pack_dataset).collect(),
    };
    packed.encode_length_delimited_to_vec()
}

fn pack_dataset(dataset: &Dataset) -> PackedDataset {
    PackedDataset {
        id: Bytes::copy_from_slice(dataset.dataset_id.as_bytes()),
        name: dataset.name.clone(),
        variable_name: dataset.variable_name.clone(),
    }
}

/// The entries of a page that stand one behind the other; `count` is how many there may be.
pub(super) fn unpack_all(mut page: Bytes, count: usize) -> Result<Vec<Entry>, StoreError> {
    let mut entries = Vec::with_capacity(count);
    while page.has_remaining() {
        let packed = Packed::decode_length_delimited(&mut page).map_err(|_| CORRUPT)?;
        entries.push(unpacked(packed, None)?);
    }
    Ok(entries)
}

/// One entry.
pub(super) fn unpack(summary: Vec<u8>, delete_time: Option<i64>) -> Result<Entry, StoreError> {
    let packed = Packed::decode_length_delimited(Bytes::from(summary)).map_err(|_| CORRUPT)?;
    unpacked(packed, delete_time)
}

const CORRUPT: StoreError = StoreError::Corrupt("summary of a history entry");

fn unpacked(packed: Packed, delete_time: Option<i64>) -> Result<Entry, StoreError> {
    let (ids, []) = packed.ids.as_chunks::<ID_BYTES>() else { return Err(CORRUPT) };
    let [id, execution_id, kernel_id] = ids else { return Err(CORRUPT) };
    Ok(Entry {
        id: Uuid::from_bytes(*id),
        execution_id: Uuid::from_bytes(*execution_id),
        kernel_id: Uuid::from_bytes(*kernel_id),
        title: packed.title,
        outcome: Outcome::of(packed.outcome).ok_or(CORRUPT)?,
        datasets: packed.datasets.into_iter().map(unpacked_dataset).collect::<Result<_, _>>()?,
        start_time: packed.start_before_end.map(|before| packed.end_time.saturating_sub(before)),
        end_time: packed.end_time,
        duration_micros: packed.duration_micros,
        preview: packed.preview,
        delete_time,
    })
}

fn unpacked_dataset(dataset: PackedDataset) -> Result<Dataset, StoreError> {
    let dataset_id = Uuid::from_slice(&dataset.id).map_err(|_| CORRUPT)?;
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
        let entries = [entry(1), Entry { start_time: None, datasets: Vec::new(), ..entry(2) }, entry(3)];
        let page: Vec<u8> = entries.iter().flat_map(pack).collect();
        assert_eq!(unpack_all(page.into(), 3).expect("readable"), entries);
        assert_eq!(unpack(pack(&entries[0]), Some(7)).expect("readable").delete_time, Some(7));
    }

    #[test]
    fn bytes_that_are_no_page_are_an_error_and_no_panic() {
        let good = pack(&entry(1));
        for end in 1..good.len() {
            assert!(unpack(good[..end].to_vec(), None).is_err(), "cut at {end}");
        }
        assert!(unpack_all(Bytes::from_static(&[0]), 1).is_err(), "no ids");
    }
}
