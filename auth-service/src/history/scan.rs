//! Looks at the entries of a range one by one, for filters that no key answers. It looks at a bounded number of entries and
//! bytes, reads code only where the rest of an entry does not decide, and so much of it at a time that a reader is soon free
//! for others. Texts are compared on threads for blocking work.

use std::sync::Arc;

use sqlx::SqlitePool;
use uuid::Uuid;

use super::{
    HistoryError,
    entry::Entry,
    search::Search,
    store::{self, CODES_MAX, Range, Scanned, Source},
    turns::Turn,
};
use crate::store::StoreError;

/// Entries that one call looks at.
const SCAN_MAX_ROWS: usize = 4_000;
/// Bytes of code and summaries that one call looks at, give or take one statement's.
const SCAN_MAX_BYTES: usize = 8 << 20;
/// Entries that one statement looks at: so long a reader is not free for others.
const STEP_ROWS: u32 = 250;
/// Bytes of code that one statement reads; a single code may be as long.
const STEP_MAX_BYTES: usize = 1 << 20;

/// A look at entries.
pub(super) struct Scan<'p> {
    reader: &'p SqlitePool,
    source: Source,
    search: Arc<Search>,
    /// With the work on other threads, which goes on where whoever asked has gone.
    turn: Arc<Turn>,
    rows: usize,
    bytes: usize,
}

/// An entry, and whether it is wanted as far as that is known without its code.
struct Sifted {
    entry: Entry,
    wanted: Option<bool>,
    content_id: i64,
    code_bytes: usize,
}

/// What was found so far.
struct Found {
    entries: Vec<Entry>,
    entries_max: usize,
    /// Looked at down to this id.
    below: Uuid,
}

impl Found {
    fn is_full(&self) -> bool {
        self.entries.len() == self.entries_max
    }
}

impl<'p> Scan<'p> {
    pub(super) fn new(reader: &'p SqlitePool, source: Source, search: Search, turn: Turn) -> Self {
        Self { reader, source, search: Arc::new(search), turn: Arc::new(turn), rows: 0, bytes: 0 }
    }

    /// At most as many of the range's entries as its limit says, newest first, and the id below which to look on, `None`
    /// at the end.
    pub(super) async fn page(mut self, range: Range) -> Result<(Vec<Entry>, Option<Uuid>), HistoryError> {
        let mut found = Found { entries: Vec::new(), entries_max: range.limit as usize, below: range.below };
        while !self.is_spent() {
            let step = Range { below: found.below, limit: STEP_ROWS, ..range };
            let rows = store::scan(self.reader, self.source, step, self.search.reads_code()).await?;
            let last = rows.len() < STEP_ROWS as usize;
            let sifted = self.sift(rows).await?;
            if !self.pick(sifted, &mut found).await? {
                break;
            }
            if last {
                return Ok((found.entries, None));
            }
        }
        Ok((found.entries, Some(found.below)))
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

    /// Takes over those that are wanted; says whether it has looked at all of them.
    async fn pick(&mut self, mut sifted: Vec<Sifted>, found: &mut Found) -> Result<bool, HistoryError> {
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
                found.below = entry.id;
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
        let holding: Vec<_> = self
            .apart(move |search| {
                let holding = codes.into_iter().filter(|(_, code)| search.wants_code(code));
                holding.map(|(content_id, _)| content_id).collect()
            })
            .await?;
        for sifted in &mut batch {
            sifted.wanted = sifted.wanted.or_else(|| Some(holding.contains(&sifted.content_id)));
        }
        Ok(batch)
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

/// How many of them to decide together: as many as one statement may read the code of, but one at least.
fn batch_size(sifted: &[Sifted]) -> usize {
    let (mut codes, mut bytes) = (0, 0_usize);
    for (at, sifted) in sifted.iter().enumerate() {
        if sifted.wanted.is_none() {
            (codes, bytes) = (codes + 1, bytes.saturating_add(sifted.code_bytes));
            if codes > CODES_MAX || (codes > 1 && bytes > STEP_MAX_BYTES) {
                return at;
            }
        }
    }
    sifted.len()
}

#[cfg(test)]
mod tests {
    use super::{super::tests::entry, *};

    fn sizes(rows: &[(Option<bool>, usize)]) -> Vec<usize> {
        let sifted = |&(wanted, code_bytes): &(_, usize)| Sifted {
            entry: entry(Uuid::nil(), 0).whole.entry,
            wanted,
            content_id: 0,
            code_bytes,
        };
        let mut rest: Vec<_> = rows.iter().map(sifted).collect();
        let mut sizes = Vec::new();
        while !rest.is_empty() {
            sizes.push(batch_size(&rest));
            rest.drain(..batch_size(&rest));
        }
        sizes
    }

    #[test]
    fn code_is_read_in_batches_of_bounded_bytes() {
        const MIB: usize = 1 << 20;
        assert_eq!(sizes(&[(None, MIB), (None, MIB), (None, 0), (None, 1)]), [1, 2, 1]);
        assert_eq!(sizes(&[(None, 3 * MIB), (None, 3 * MIB)]), [1, 1], "one at least");
        assert_eq!(
            sizes(&[(Some(true), MIB), (None, MIB), (Some(false), MIB), (None, 1)]),
            [3, 1],
            "decided by others"
        );
        assert_eq!(sizes(&[(None, 9); 2 * CODES_MAX + 1]), [CODES_MAX, CODES_MAX, 1]);
        assert_eq!(sizes(&[(Some(false), MIB); 250]), [250]);
    }
}
