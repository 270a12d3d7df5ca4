//! Looks at the entries of ranges one by one, for filters that no key answers. It looks at a bounded number of entries and
//! bytes, reads code only where the rest of an entry does not decide, and so much of it at a time that a reader is soon free
//! for others. Texts are compared on threads for blocking work.

mod batch;

use std::sync::Arc;

use fenxi_chassis::sqlite::Pool;
use uuid::Uuid;

use self::batch::{Sifted, batch_size};
use super::{
    HistoryError,
    entry::Entry,
    ranges::Ranges,
    search::Search,
    store::{self, Range, Scanned, Source},
    turns::Turn,
};
use crate::store::StoreError;

/// Entries that one call looks at.
const SCAN_MAX_ROWS: usize = 4_000;
/// Ranges that one call looks through, each with a statement of its own at least.
const SCAN_MAX_RANGES: usize = 128;
/// Bytes of code and summaries that one call looks at, give or take one statement's.
const SCAN_MAX_BYTES: usize = 8 << 20;
/// Entries that one statement looks at: so long a reader is not free for others.
const STEP_ROWS: u32 = 250;

/// A look at entries.
pub(super) struct Scan<'p> {
    reader: &'p Pool,
    source: Source,
    search: Arc<Search>,
    /// With the work on other threads, which goes on where whoever asked has gone.
    turn: Arc<Turn>,
    rows: usize,
    bytes: usize,
    /// Those that it came to the end of.
    ranges: usize,
}

/// What was found so far.
struct Found {
    entries: Vec<Entry>,
    entries_max: usize,
}

impl Found {
    fn is_full(&self) -> bool {
        self.entries.len() == self.entries_max
    }
}

impl<'p> Scan<'p> {
    pub(super) fn new(reader: &'p Pool, source: Source, search: Search, turn: Turn) -> Self {
        Self { reader, source, search: Arc::new(search), turn: Arc::new(turn), rows: 0, bytes: 0, ranges: 0 }
    }

    /// At most so many of the ranges' entries, newest first, and the id below which to look on, `None` at the end.
    pub(super) async fn page(
        mut self,
        mut ranges: Ranges<'_>,
        entries_max: usize,
    ) -> Result<(Vec<Entry>, Option<Uuid>), HistoryError> {
        let mut found = Found { entries: Vec::new(), entries_max };
        while let Some(range) = ranges.next().await? {
            if let Some(below) = self.look_through(range, &mut found).await? {
                return Ok((found.entries, Some(below)));
            }
        }
        Ok((found.entries, None))
    }

    /// Gives the id below which to look on; `None` at the end of the range.
    async fn look_through(&mut self, mut range: Range, found: &mut Found) -> Result<Option<Uuid>, HistoryError> {
        while !self.is_spent() && self.ranges < SCAN_MAX_RANGES {
            let step = Range { limit: STEP_ROWS, ..range };
            let rows = store::scan(self.reader, self.source, step, self.search.reads_code()).await?;
            let last = rows.len() < STEP_ROWS as usize;
            let sifted = self.sift(rows).await?;
            if !self.pick(sifted, found, &mut range.below).await? {
                break;
            }
            if last {
                self.ranges += 1;
                return Ok(None);
            }
        }
        Ok(Some(range.below))
    }

    fn is_spent(&self) -> bool {
        self.rows >= SCAN_MAX_ROWS || self.bytes >= SCAN_MAX_BYTES
    }

    /// Judges the rows by what they hold themselves.
    async fn sift(&mut self, rows: Vec<Scanned>) -> Result<Vec<Sifted>, HistoryError> {
        self.bytes += rows.iter().map(Scanned::bytes).sum::<usize>();
        let sifted: Result<Vec<_>, StoreError> = self
            .apart(move |search| {
                let sift = |row: Scanned| {
                    let (content_id, code_bytes) = (row.content_id, row.code_bytes);
                    let entry = row.entry()?;
                    Ok(Sifted { wanted: search.wants(&entry), entry, content_id, code_bytes })
                };
                rows.into_iter().map(sift).collect()
            })
            .await?;
        Ok(sifted?)
    }

    /// Takes over those that are wanted; says whether it has looked at all of them, and down to which id.
    async fn pick(
        &mut self,
        mut sifted: Vec<Sifted>,
        found: &mut Found,
        below: &mut Uuid,
    ) -> Result<bool, HistoryError> {
        while !sifted.is_empty() {
            if found.is_full() || self.is_spent() {
                return Ok(false);
            }
            let batch: Vec<_> = sifted.drain(..batch_size(&sifted)).collect();
            for Sifted { entry, wanted, .. } in self.decided(batch).await? {
                if found.is_full() {
                    return Ok(false);
                }
                self.rows += 1;
                *below = entry.id;
                if wanted == Some(true) {
                    found.entries.push(entry);
                }
            }
        }
        Ok(true)
    }

    /// Looks into the code of those that are not decided yet.
    async fn decided(&mut self, mut batch: Vec<Sifted>) -> Result<Vec<Sifted>, HistoryError> {
        let undecided = batch.iter().filter(|sifted| sifted.wanted.is_none()).map(|sifted| sifted.content_id);
        let undecided: Vec<_> = undecided.collect();
        if undecided.is_empty() {
            return Ok(batch);
        }
        let codes = store::codes(self.reader, &undecided).await?;
        self.bytes += codes.iter().map(|(_, code)| code.len()).sum::<usize>();
        self.apart(move |search| {
            for Sifted { entry, wanted, content_id, .. } in &mut batch {
                let code = || codes.iter().find(|(id, _)| id == content_id);
                *wanted = wanted.or_else(|| Some(code().is_some_and(|(_, code)| search.wants_code(entry, code))));
            }
            batch
        })
        .await
    }

    /// Runs on a thread for blocking work; the turn ends with the work and not with whoever waits for it.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Search) -> T + Send + 'static,
    ) -> Result<T, HistoryError> {
        let (search, turn) = (Arc::clone(&self.search), Arc::clone(&self.turn));
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&search)
        });
        done.await.map_err(|_| HistoryError::Stopping)
    }
}
