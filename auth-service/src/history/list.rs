//! Lists: from a filter and a token to a page and the next token. A call looks at a bounded number of entries; what a
//! filter is still to look at, the next call goes on with.

use uuid::Uuid;

use fenxi_chassis::id;

use super::{
    History, HistoryError,
    entry::{Entries, Filter, Page},
    ranges::Ranges,
    scan::Scan,
    search::Search,
    store::{PackedPage, Range, Source},
};

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
        let turn = self.0.turns.turn(range.user_id).await?;
        let PackedPage { total, .. } = self.0.pages.page(Range { limit: 0, ..range }).await?;
        let source = if filter.deleted { Source::Deleted(self.deleted_after()) } else { Source::All };
        let reader = &self.0.database.reader;
        let ranges = match filter.dataset_id {
            Some(dataset_id) if !filter.deleted => Ranges::of_dataset(reader, dataset_id, range),
            _ => Ranges::all(range),
        };
        let scan = Scan::new(reader, source, Search::new(filter), turn);
        let (entries, next) = scan.page(ranges, range.limit as usize).await?;
        Ok(Page { entries: Entries::Picked(entries), next, total })
    }
}
