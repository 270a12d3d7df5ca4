//! Removes what was deleted long enough ago, a bounded number in one transaction, so that nobody waits for it.

use std::time::Duration;

use fenxi_chassis::{
    clock::{Clock, micros},
    lifecycle::Lifecycle,
    sqlite::Writer,
};

use super::{DELETED_KEPT, HistoryError, store};

const INTERVAL: Duration = Duration::from_secs(600);
/// Rows of each kind in one transaction.
const ROWS_MAX: u32 = 200;
/// How long a repeated delete or undelete is still known to be the same call.
const REQUESTS_KEPT: Duration = Duration::from_secs(7 * 86_400);

/// Cleans now and then, until the process stops.
pub(super) async fn keep_clean(writer: Writer, clock: Clock, lifecycle: Lifecycle) {
    loop {
        loop {
            match clean(&writer, clock.now_micros()).await {
                Ok(removed) if removed >= u64::from(ROWS_MAX) && !lifecycle.is_stopping() => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "deleted entries could not be removed; trying again later");
                    break;
                }
            }
        }
        tokio::select! {
            () = lifecycle.stopping() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

/// Removes what is due at this time, at most [`ROWS_MAX`] of each kind; gives the larger of the two numbers.
pub(super) async fn clean(writer: &Writer, now: i64) -> Result<u64, HistoryError> {
    let until = |kept| now.saturating_sub(micros(kept));
    let (deleted_until, requests_until) = (until(DELETED_KEPT), until(REQUESTS_KEPT));
    writer
        .write(move |transaction| {
            Box::pin(async move {
                let entries = store::purge_deleted(transaction, deleted_until, ROWS_MAX.into()).await?;
                let requests = store::purge_requests(transaction, requests_until, ROWS_MAX.into()).await?;
                Ok(entries.max(requests))
            })
        })
        .await
}
