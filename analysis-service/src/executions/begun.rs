//! Which requests may have begun an execution that has left the memory: a Bloom filter over the rows of the database, so
//! that a new request, as nearly all are, does not ask it. It may take a new request for an old one, which costs that
//! question; never an old one for a new one. What the rows of earlier processes say is learnt page by page behind the
//! calls, and until then every request asks.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use fastbloom::AtomicBloomFilter;
use fenxi_chassis::lifecycle::Lifecycle;
use uuid::Uuid;

use super::{
    Executions,
    limits::{BEGUN_BITS, BEGUN_EXPECTED, LEARN_PAUSE, LEARN_ROWS},
    store::{Store, StoreError},
};

/// A user's request.
pub(super) type Request = (Uuid, Uuid);

/// The filter. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Begun(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    requests: AtomicBloomFilter,
    /// Every row is in it.
    complete: AtomicBool,
}

impl Begun {
    pub(super) fn new() -> Self {
        let requests = AtomicBloomFilter::with_num_bits(BEGUN_BITS).expected_items(BEGUN_EXPECTED);
        Self(Arc::new(Inner { requests, complete: AtomicBool::new(false) }))
    }

    /// A request is about to begin an execution: says whether it may have begun one before.
    pub(super) fn begin(&self, request: Request) -> bool {
        let seen = self.0.requests.insert(&request);
        seen || !self.0.complete.load(Ordering::Acquire)
    }

    /// Takes in the requests of every row. What is accepted meanwhile takes itself in.
    async fn learn(&self, store: &Store, page_rows: i64) -> Result<(), StoreError> {
        let mut last = (Uuid::nil(), Uuid::nil());
        loop {
            let requests = store.requests_after(last, page_rows).await?;
            let Some(newest) = requests.last() else { break };
            last = *newest;
            for request in &requests {
                self.0.requests.insert(request);
            }
            tokio::time::sleep(LEARN_PAUSE).await;
        }
        self.0.complete.store(true, Ordering::Release);
        Ok(())
    }
}

impl Executions {
    /// Learns which requests began an execution in earlier processes.
    pub(super) async fn learn_requests(self, lifecycle: Lifecycle) {
        let token = lifecycle.token();
        if let Some(Err(error)) = token.run_until_cancelled(self.begun.learn(&self.store, LEARN_ROWS)).await {
            tracing::warn!(%error, "the requests of former executions cannot be read; each new one asks the database");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::executions::{
        Acceptance, NewExecution,
        test_events::finished,
        test_house::{House, request, settings},
    };

    async fn learnt(house: &House) {
        house.executions.begun.learn(&house.executions.store, 2).await.expect("learnt");
    }

    async fn known(house: &House, new: NewExecution) -> bool {
        matches!(house.executions.accept(new, Vec::new(), 0).await.expect("accepted"), Acceptance::Known(_))
    }

    #[tokio::test]
    async fn a_new_request_asks_nobody_and_an_old_one_is_known_by_every_process() {
        let house = House::new().await;
        let old: Vec<_> = (0..3).map(|number| request(&format!("{number}"))).collect();
        for new in &old {
            let Ok(Acceptance::New(view, log)) = house.executions.accept(new.clone(), Vec::new(), 0).await else {
                panic!("not accepted")
            };
            log.finish(finished()).await;
            house.until_saved(&view).await;
        }
        // This process knows them without having learnt, and another before it has and after.
        assert!(known(&house, old[0].clone()).await);
        house.executions.drain().await;
        let next = House::over(Arc::clone(&house.folder), &settings()).await;
        assert!(known(&next, old[1].clone()).await, "not known before the rows are");
        learnt(&next).await;
        assert!(known(&next, old[2].clone()).await, "not known once the rows are");
        // Without readers nobody can be asked.
        next.database.reader.close().await;
        let new = request("4");
        assert!(!known(&next, new.clone()).await);
        // It runs still; its second call finds it in memory.
        assert!(known(&next, new).await);
        next.executions.accept(old[0].clone(), Vec::new(), 0).await.expect_err("an old request did not ask");
    }
}
