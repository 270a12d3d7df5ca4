//! Lists: from a filter and a token to a page and the next token. A call looks at a bounded number of entries; what a
//! filter is still to look at, the next call goes on with.

use uuid::Uuid;

use fenxi_chassis::id;

use super::{
    History, HistoryError,
    entry::{Entries, Filter, Page},
    search::Search,
    store::{self, PackedPage, Range, Scanned, Source},
};

/// Entries that one call looks at.
const SCAN_MAX_ROWS: usize = 4_000;
/// Bytes of code that one call looks at, give or take one statement's.
const SCAN_MAX_BYTES: usize = 8 << 20;
/// Entries that one statement looks at: so long a reader is not free for others.
const SCAN_STEP_ROWS: u32 = 250;
/// The same where it reads code, which may be long.
const SCAN_STEP_ROWS_WITH_CODE: u32 = 50;

impl History {
    /// A page of the user's list, and the token of the next one, empty at the end.
    pub(crate) async fn list(
        &self,
        user_id: Uuid,
        filter: &Filter,
        page_size: u32,
        token: &str,
    ) -> Result<(Page, String), HistoryError> {
        let fingerprint = filter.fingerprint(user_id);
        let mut range = Range {
            user_id,
            from: filter.from_time.map_or(Uuid::nil(), id::floor),
            below: filter.until_time.map_or(Uuid::max(), id::floor),
            limit: page_size,
        };
        if let Some(cursor) = self.0.tokens.open(&fingerprint, token).map_err(HistoryError::PageToken)? {
            range.below = Uuid::from_slice(&cursor).unwrap_or_default();
        }
        let page = if filter.picks() { self.picked(filter, range).await? } else { self.plain(range).await? };
        let token = page.next.map(|next| self.0.tokens.seal(&fingerprint, next.as_bytes())).unwrap_or_default();
        Ok((page, token))
    }

    async fn plain(&self, range: Range) -> Result<Page, HistoryError> {
        let PackedPage { entries, next, total } = self.0.pages.page(range).await?;
        Ok(Page { entries: Entries::Packed(entries), next, total })
    }

    async fn picked(&self, filter: &Filter, range: Range) -> Result<Page, HistoryError> {
        let PackedPage { total, .. } = self.0.pages.page(Range { limit: 0, ..range }).await?;
        let search = Search::new(filter);
        let source = match filter.dataset_id {
            _ if filter.deleted => Source::Deleted(self.deleted_after()),
            Some(dataset_id) => Source::Dataset(dataset_id),
            None => Source::All,
        };
        let step = if search.reads_code() { SCAN_STEP_ROWS_WITH_CODE } else { SCAN_STEP_ROWS };
        let mut entries = Vec::new();
        let mut next = Some(range.below);
        let (mut rows, mut bytes, mut below) = (0, 0, range.below);
        while rows < SCAN_MAX_ROWS && bytes < SCAN_MAX_BYTES {
            let step_range = Range { below, limit: step, ..range };
            let scanned = store::scan(&self.0.database.reader, source, step_range, search.reads_code()).await?;
            let last = scanned.len() < step as usize;
            for Scanned { entry, code } in scanned {
                if entries.len() == range.limit as usize {
                    return Ok(Page { entries: Entries::Picked(entries), next: Some(below), total });
                }
                (rows, bytes, below) = (rows + 1, bytes + code.len(), entry.id);
                if search.wants(&entry, &code) {
                    entries.push(entry);
                }
            }
            next = (!last).then_some(below);
            if last {
                break;
            }
        }
        Ok(Page { entries: Entries::Picked(entries), next, total })
    }
}
