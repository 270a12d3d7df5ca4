//! How kernels leave the list: with the service, for the next one, when they are deleted, and some time after they died.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use fenxi_chassis::clock::micros;
use fenxi_proto::analysis::v1::{Death, DeathCause, KernelState};
use futures_util::future::{join, join_all};
use uuid::Uuid;

use super::{Registry, kept};
use crate::kernels::{
    driver::{Driver, KernelHandle},
    model::KernelError,
    state::death,
};

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

    /// The kernels that are alive of the owners that are meant.
    #[must_use]
    pub fn alive_of(&self, is_meant: impl Fn(Uuid) -> bool) -> Vec<KernelHandle> {
        let entries = self.entries();
        let meant = entries.values().filter(|entry| entry.is_alive() && is_meant(entry.owner_user_id));
        meant.filter_map(|entry| entry.handle.clone()).collect()
    }

    /// Ends these kernels, whose users are shut out, with their executions. They stay in the list, dead, with their files:
    /// whoever is let in again starts them anew.
    pub async fn shut_out(&self, kernels: Vec<KernelHandle>) {
        join_all(kernels.iter().map(|handle| self.end_and_keep(handle))).await;
    }

    async fn end_and_keep(&self, handle: &KernelHandle) {
        // Else it was ended by somebody else, or is left to the next service, which is told of its user, too.
        if !handle.stop(DeathCause::UserDisabled).await || self.is_stopping() {
            return;
        }
        let mut kernel = (*handle.snapshot()).clone();
        if kernel.state != KernelState::Dead {
            // It was between two processes, with nothing to end.
            let time = Some(fenxi_proto::time::timestamp(self.0.parts.clock.now_micros()));
            kernel.death = Some(Death { time, ..death(DeathCause::UserDisabled, "") });
            kernel.state = KernelState::Dead;
            if let Err(error) = self.0.parts.store.save(&kernel).await {
                tracing::error!(kernel_id = %kernel.kernel_id, %error, "a kernel could not be written down");
            }
        }
        tracing::info!(kernel_id = %kernel.kernel_id, owner_user_id = %kernel.owner_user_id, "a disabled user's kernel was ended");
        let mut entries = self.entries();
        let entry = entries.get_mut(&kernel.kernel_id);
        // Its task went with it; a dead kernel has one, too. Of several that ended it, the first sees to that.
        if let Some(entry) = entry.filter(|entry| entry.handle.as_ref().is_some_and(|own| own.is(handle))) {
            entry.handle = Some(Driver::spawn(Arc::clone(&self.0.parts), kernel, None));
        }
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
