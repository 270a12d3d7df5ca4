//! Stories of the history, on a real database.

mod changes;
mod lists;
mod once;
mod searches;
mod sums;
mod uses;

use std::sync::Arc;

use bytes::Bytes;
use fenxi_chassis::{clock::Clock, id, lifecycle::Lifecycle, page::PageTokens, sqlite::Database};
use uuid::Uuid;

use super::{
    History,
    entry::{Dataset, Entries, Entry, Filter, NewEntry, Outcome, WholeEntry},
    store::unpack_all,
};

/// 2026-11-18, some time.
pub(super) const START: i64 = 1_795_000_000_000_000;
pub(super) const SECOND: i64 = 1_000_000;
pub(super) const DAY: i64 = 86_400 * SECOND;

/// A history with its folder.
#[derive(Clone)]
pub(super) struct Room {
    pub(super) history: History,
    pub(super) database: Database,
    pub(super) clock: Clock,
    pub(super) folder: Arc<tempfile::TempDir>,
    lifecycle: Lifecycle,
}

/// A page, read.
pub(super) struct Read {
    pub(super) entries: Vec<Entry>,
    pub(super) total: i64,
}

impl Room {
    pub(super) async fn new() -> Self {
        Self::over(Arc::new(tempfile::tempdir().expect("a folder"))).await
    }

    pub(super) async fn over(folder: Arc<tempfile::TempDir>) -> Self {
        let database = Database::open(&folder.path().join("auth.db"), crate::store::STEPS).await.expect("opened");
        let (clock, lifecycle) = (Clock::manual(START), Lifecycle::new());
        let history = History::start(database.clone(), clock.clone(), PageTokens::new(&[1; 32]), &lifecycle);
        Self { history, database, clock, folder, lifecycle }
    }

    /// Takes one entry; says whether it was new.
    pub(super) async fn record(&self, new: NewEntry) -> bool {
        self.history.record(vec![new]).await.expect("taken") == 1
    }

    pub(super) async fn page(&self, user_id: Uuid, filter: &Filter, size: u32, token: &str) -> (Read, String) {
        let (page, token) = self.history.list(user_id, filter, size, token).await.expect("a page");
        let entries = match page.entries {
            Entries::Packed(entries) => unpack_all(entries).expect("readable"),
            Entries::Picked(entries) => entries,
        };
        (Read { entries, total: page.total }, token)
    }

    /// The ids of the whole list, page by page.
    pub(super) async fn walk(&self, user_id: Uuid, filter: &Filter, size: u32) -> Vec<Uuid> {
        let (mut ids, mut token) = (Vec::new(), String::new());
        loop {
            let (page, next) = self.page(user_id, filter, size, &token).await;
            assert!(page.entries.len() <= size as usize);
            ids.extend(page.entries.iter().map(|entry| entry.id));
            token = next;
            if token.is_empty() {
                return ids;
            }
        }
    }
}

/// An entry that ended so many microseconds after [`START`].
pub(super) fn entry(user_id: Uuid, after: i64) -> NewEntry {
    let end_time = START + after;
    let entry = Entry {
        id: id::at(end_time),
        execution_id: id::at(end_time),
        kernel_id: id::at(START),
        title: "df.head()".into(),
        outcome: Outcome::Ok,
        datasets: Vec::new(),
        start_time: Some(end_time - SECOND),
        end_time,
        duration_micros: SECOND,
        preview: "   a  b".into(),
        delete_time: None,
    };
    NewEntry {
        user_id,
        whole: WholeEntry { entry, code: "df.head()\n".into(), outputs: Bytes::from_static(b"\x02\x08\x01") },
    }
}

pub(super) fn dataset(number: u128, name: &str) -> Dataset {
    Dataset { dataset_id: Uuid::from_u128(number), name: name.into(), variable_name: "df".into() }
}
