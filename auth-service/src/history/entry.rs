//! What an entry is, without the wire and without the database.

use bytes::Bytes;
use uuid::Uuid;

/// Entries in one hand-over.
pub(crate) const ITEMS_MAX: usize = 256;
/// Bytes of one entry's code.
pub(crate) const CODE_MAX_BYTES: usize = 1 << 20;
/// Bytes of one entry's encoded outputs: 256 KiB of contents and what stands around them.
pub(crate) const OUTPUTS_MAX_BYTES: usize = 512 << 10;
/// Datasets of one entry.
pub(crate) const DATASETS_MAX: usize = 100;
/// Characters of a title.
pub(crate) const TITLE_MAX_CHARS: usize = 120;
/// Characters of a preview of the result.
pub(crate) const PREVIEW_MAX_CHARS: usize = 200;
/// Characters of a dataset's or a variable's name.
pub(crate) const NAME_MAX_CHARS: usize = 255;

/// How an analysis ended. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    Ok = 1,
    Error = 2,
    Interrupted = 3,
    TimedOut = 4,
    Cancelled = 5,
    Killed = 6,
    Lost = 7,
}

impl Outcome {
    pub(crate) const ALL: [Self; 7] =
        [Self::Ok, Self::Error, Self::Interrupted, Self::TimedOut, Self::Cancelled, Self::Killed, Self::Lost];

    /// The outcome with this number.
    pub(crate) fn of(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.number() == number)
    }

    /// Its number.
    pub(crate) fn number(self) -> i32 {
        self as i32
    }
}

/// A table as the analysis knew it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dataset {
    pub(crate) dataset_id: Uuid,
    pub(crate) name: String,
    pub(crate) variable_name: String,
}

/// An entry as lists show it. Times are unix microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: Uuid,
    pub(crate) execution_id: Uuid,
    pub(crate) kernel_id: Uuid,
    pub(crate) title: String,
    pub(crate) outcome: Outcome,
    pub(crate) datasets: Vec<Dataset>,
    /// `None` if it never ran.
    pub(crate) start_time: Option<i64>,
    pub(crate) end_time: i64,
    /// From start to end; 0 if it never ran.
    pub(crate) duration_micros: i64,
    pub(crate) preview: String,
    /// Set if it is deleted.
    pub(crate) delete_time: Option<i64>,
}

impl Entry {
    /// Its datasets, each once even where several variables held it.
    pub(crate) fn dataset_ids(&self) -> Vec<Uuid> {
        let mut ids: Vec<_> = self.datasets.iter().map(|dataset| dataset.dataset_id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// An entry with its code and its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WholeEntry {
    pub(crate) entry: Entry,
    pub(crate) code: String,
    /// What the execution said, encoded as it came.
    pub(crate) outputs: Bytes,
}

/// An entry on its way in.
#[derive(Clone, Debug)]
pub(crate) struct NewEntry {
    pub(crate) user_id: Uuid,
    pub(crate) whole: WholeEntry,
}

/// Which entries a list is to show; all that is set has to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Words that are all in the code, the dataset names or the preview; empty for all.
    pub(crate) text: String,
    /// Empty for all.
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) dataset_id: Option<Uuid>,
    /// Ended in or after this millisecond.
    pub(crate) from_time: Option<i64>,
    /// Ended before this millisecond.
    pub(crate) until_time: Option<i64>,
    /// Deleted entries instead of the others.
    pub(crate) deleted: bool,
}

impl Filter {
    /// Whether entries are picked one by one, rather than by a range of ids alone.
    pub(crate) fn picks(&self) -> bool {
        !self.text.is_empty() || !self.outcomes.is_empty() || self.dataset_id.is_some() || self.deleted
    }

    /// Its one text, to bind a page token to it.
    pub(crate) fn fingerprint(&self, user_id: Uuid) -> Vec<u8> {
        let mut bytes = b"ListHistory\0".to_vec();
        bytes.extend_from_slice(user_id.as_bytes());
        bytes.extend_from_slice(&(self.text.len() as u64).to_be_bytes());
        bytes.extend_from_slice(self.text.as_bytes());
        let mut outcomes: Vec<_> = self.outcomes.iter().map(|outcome| outcome.number()).collect();
        outcomes.sort_unstable();
        outcomes.dedup();
        bytes.push(u8::try_from(outcomes.len()).unwrap_or(u8::MAX));
        bytes.extend(outcomes.iter().flat_map(|number| number.to_be_bytes()));
        bytes.extend_from_slice(self.dataset_id.unwrap_or_default().as_bytes());
        for time in [self.from_time, self.until_time] {
            bytes.push(u8::from(time.is_some()));
            bytes.extend_from_slice(&time.unwrap_or_default().to_be_bytes());
        }
        bytes.push(u8::from(self.deleted));
        bytes
    }
}

/// The entries of a page, newest first.
#[derive(Clone, Debug)]
pub(crate) enum Entries {
    /// As they are stored, one behind the other: the `entries` of the contract's ListHistoryResponse, encoded.
    Packed(Bytes),
    /// Those that were picked.
    Picked(Vec<Entry>),
}

/// A page of a list.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) entries: Entries,
    /// Go on below this id; `None` at the end.
    pub(crate) next: Option<Uuid>,
    /// The user's entries in all.
    pub(crate) total: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_has_a_fingerprint_of_its_own() {
        let user = Uuid::from_u128(1);
        let filters = [
            Filter::default(),
            Filter { text: "a".into(), ..Filter::default() },
            Filter { outcomes: vec![Outcome::Ok], ..Filter::default() },
            Filter { outcomes: vec![Outcome::Ok, Outcome::Lost], ..Filter::default() },
            Filter { dataset_id: Some(Uuid::from_u128(2)), ..Filter::default() },
            Filter { from_time: Some(0), ..Filter::default() },
            Filter { until_time: Some(0), ..Filter::default() },
            Filter { deleted: true, ..Filter::default() },
        ];
        for (at, one) in filters.iter().enumerate() {
            assert_ne!(one.fingerprint(user), one.fingerprint(Uuid::from_u128(3)));
            for other in &filters[..at] {
                assert_ne!(one.fingerprint(user), other.fingerprint(user), "{one:?} {other:?}");
            }
        }
        let turned = Filter { outcomes: vec![Outcome::Lost, Outcome::Ok], ..Filter::default() };
        assert_eq!(filters[3].fingerprint(user), turned.fingerprint(user), "the order of outcomes says nothing");
    }
}
