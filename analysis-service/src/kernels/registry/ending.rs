//! How kernels leave the list: with the service, for the next one, when they are deleted, and some time after they died.

use std::{sync::atomic::Ordering, time::Duration};

use fenxi_chassis::clock::micros;
use fenxi_proto::analysis::v1::{DeathCause, KernelState};
use futures_util::future::{join, join_all};
use uuid::Uuid;

use super::{Registry, kept};
use crate::kernels::{driver::KernelHandle, model::KernelError};

/// How long a request is known to have been taken.
const REQUESTS_KEPT: Duration = Duration::from_secs(48 * 3600);

impl Registry {
    /// Ends every kernel with its executions, and takes no new ones.
    pub async fn shut_down(&self) {
        let handles = self.close();
        let stopped = join_all(handles.iter().map(|handle| handle.stop(DeathCause::Shutdown)));
        join(stopped, self.0.pool.close()).await;
    }

    /// Leaves every kernel with its executions to the next service, and takes no new ones.
    pub async fn leave(&self) {
        let handles = self.close();
        let left = join_all(handles.iter().map(KernelHandle::leave));
        // Nobody's kernels are not left to anyone.
        join(left, self.0.pool.close()).await;
    }

    fn close(&self) -> Vec<KernelHandle> {
        self.0.parts.stopping.store(true, Ordering::SeqCst);
        self.entries().values().filter_map(|entry| entry.handle.clone()).collect()
    }

    /// Removes what is kept no longer.
    pub(crate) async fn tend(&self) {
        let now = self.0.parts.clock.now_micros();
        let old = {
            let entries = self.entries();
            let dead = entries.iter().filter(|(_, entry)| !entry.is_alive()).map(|(id, entry)| kept::Dead {
                kernel_id: *id,
                owner_user_id: entry.owner_user_id,
                died: entry
                    .snapshot()
                    .death
                    .as_ref()
                    .and_then(|death| death.time)
                    .map(|time| fenxi_proto::time::unix_micros(&time)),
            });
            kept::outdated(dead, now)
        };
        for kernel_id in old {
            if let Err(error) = self.remove(kernel_id, DeathCause::Deleted).await {
                tracing::error!(%kernel_id, %error, "a kernel could not be removed");
            }
        }
        if let Err(error) = self.0.parts.store.forget_requests(now - micros(REQUESTS_KEPT)).await {
            tracing::error!(%error, "old requests could not be removed");
        }
        metrics::gauge!("kernels_live").set(f64::from(u32::try_from(self.live()).unwrap_or(u32::MAX)));
        // Kernels that died made room.
        self.0.pool.look();
    }

    /// Ends a kernel and forgets it.
    ///
    /// # Errors
    /// [`KernelError::Stopping`] of one that is left to the next service, the database.
    pub(super) async fn remove(&self, kernel_id: Uuid, cause: DeathCause) -> Result<(), KernelError> {
        let handle = self.entries().get(&kernel_id).and_then(|entry| entry.handle.clone());
        if let Some(handle) = handle
            && !handle.stop(cause).await
            && handle.snapshot().state != KernelState::Dead
        {
            return self.check_running();
        }
        self.entries().remove(&kernel_id);
        self.0.parts.launcher.forget(kernel_id).await;
        Ok(self.0.parts.store.remove(kernel_id).await?)
    }
}
