//! What is asked of a kernel that is there: to be interrupted, kept, renamed, started anew or deleted. A request is carried
//! out once, and seen to its end whoever goes; one that was refused is forgotten, so that it can be tried again.

use std::{future::Future, sync::Arc};

use fenxi_proto::analysis::v1::{DeathCause, KernelState};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinError;
use uuid::Uuid;

use super::{Registry, create::name_of};
use crate::kernels::{
    driver::{AskedBefore, KernelHandle},
    model::{Kernel, KernelError},
    store::{Once, StoreError, Taken},
};

/// What becomes of a request that was taken before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    /// It is answered.
    Told,
    /// It is done again: twice is as once, and the service may have ended before it was done.
    Done,
    /// It is answered if the kernel is where it leads, or on the way. Else the service ended before it was done, and it is
    /// done.
    DoneIfUnreached,
}

impl Registry {
    /// Interrupts what runs in a kernel; with `clear_queue`, what waits is cancelled too. A request that was taken before is
    /// about what ran and waited then: the service may have ended before it was carried out.
    ///
    /// # Errors
    /// [`KernelError::NotFound`], [`KernelError::RequestIdReused`], [`KernelError::Stopping`], the database.
    pub async fn interrupt(
        &self,
        owner_user_id: Uuid,
        kernel_id: Uuid,
        request_id: Option<Uuid>,
        clear_queue: bool,
    ) -> Result<Arc<Kernel>, KernelError> {
        let handle = self.kernel(owner_user_id, kernel_id)?;
        let what = if clear_queue { "interrupt and clear" } else { "interrupt" };
        let once = self.request(owner_user_id, kernel_id, request_id, what);
        let once = once.map(|once| Once { execution_id: handle.snapshot().running_execution_id, ..once });
        let asked = handle.clone();
        self.carry_out(kernel_id, once, Again::Done, move |taken: Option<Taken>| async move {
            let before = taken.map(|taken| AskedBefore { execution_id: taken.execution_id, time: taken.create_time });
            asked.interrupt(clear_queue, before).await
        })
        .await?;
        Ok(handle.snapshot())
    }

    /// Counts as use of a kernel.
    ///
    /// # Errors
    /// [`KernelError::NotFound`], [`KernelError::Dead`], [`KernelError::RequestIdReused`], the database.
    pub async fn keep(
        &self,
        owner_user_id: Uuid,
        kernel_id: Uuid,
        request_id: Option<Uuid>,
    ) -> Result<Arc<Kernel>, KernelError> {
        let handle = self.kernel(owner_user_id, kernel_id)?;
        let once = self.request(owner_user_id, kernel_id, request_id, "keep");
        let asked = handle.clone();
        self.carry_out(kernel_id, once, Again::Told, move |_| async move { asked.keep().await }).await?;
        Ok(handle.snapshot())
    }

    /// Gives a kernel another name, dead or alive; an empty one stands for its first table's. The request and the name are
    /// written down together, so that one that was taken before has nothing left to do.
    ///
    /// # Errors
    /// [`KernelError::NotFound`], [`KernelError::RequestIdReused`], [`KernelError::Stopping`], the database.
    pub async fn rename(
        &self,
        owner_user_id: Uuid,
        kernel_id: Uuid,
        request_id: Option<Uuid>,
        display_name: String,
    ) -> Result<Arc<Kernel>, KernelError> {
        let handle = self.kernel(owner_user_id, kernel_id)?;
        let display_name = name_of(display_name, &handle.datasets());
        let once = self.request(owner_user_id, kernel_id, request_id, &format!("rename {display_name}"));
        let fingerprint = once.as_ref().map(|once| once.fingerprint.clone());
        let before = handle.rename(display_name, once).await?;
        if before.is_some_and(|taken| Some(taken.fingerprint) != fingerprint) {
            return Err(KernelError::RequestIdReused);
        }
        Ok(handle.snapshot())
    }

    /// Starts a new process in place of a kernel's former, dead or alive.
    ///
    /// # Errors
    /// [`KernelError::NotFound`], the limits where it was dead and that of files, [`KernelError::RequestIdReused`], the
    /// database.
    pub async fn restart(
        &self,
        owner_user_id: Uuid,
        kernel_id: Uuid,
        request_id: Option<Uuid>,
    ) -> Result<Arc<Kernel>, KernelError> {
        let handle = self.kernel(owner_user_id, kernel_id)?;
        self.check_running()?;
        let next = handle.snapshot().generation.saturating_add(1);
        let once = self.request(owner_user_id, kernel_id, request_id, "restart");
        let once = once.map(|once| Once { generation: Some(next), ..once });
        let (registry, asked) = (self.clone(), handle.clone());
        let act = move |_| async move { registry.start_anew(owner_user_id, kernel_id, &asked).await };
        self.carry_out(kernel_id, once, Again::DoneIfUnreached, act).await?;
        Ok(handle.snapshot())
    }

    async fn start_anew(&self, owner_user_id: Uuid, kernel_id: Uuid, handle: &KernelHandle) -> Result<(), KernelError> {
        {
            let mut entries = self.entries();
            if entries.get(&kernel_id).is_some_and(super::Entry::is_alive) {
                self.check_disk(&entries, owner_user_id)?;
            } else {
                self.check_limits(&entries, owner_user_id)?;
            }
            entries.get_mut(&kernel_id).ok_or(KernelError::NotFound)?.coming = true;
        }
        let restarted = handle.restart().await;
        if let Some(entry) = self.entries().get_mut(&kernel_id) {
            entry.coming = false;
        }
        restarted
    }

    /// Ends a kernel and forgets it.
    ///
    /// # Errors
    /// [`KernelError::NotFound`], [`KernelError::RequestIdReused`], [`KernelError::Stopping`], the database.
    pub async fn delete(
        &self,
        owner_user_id: Uuid,
        kernel_id: Uuid,
        request_id: Option<Uuid>,
    ) -> Result<(), KernelError> {
        let found = self.kernel(owner_user_id, kernel_id);
        if found.is_err() {
            // Perhaps it was this very request that removed it.
            let asked = request_id.ok_or(KernelError::NotFound)?;
            let taken = self.0.parts.store.taken(owner_user_id, asked).await?;
            let again = taken.is_some_and(|taken| taken.fingerprint == fingerprint("delete", kernel_id));
            return if again { Ok(()) } else { Err(KernelError::NotFound) };
        }
        let once = self.request(owner_user_id, kernel_id, request_id, "delete");
        let registry = self.clone();
        let act = move |_| async move { registry.remove(kernel_id, DeathCause::Deleted).await };
        self.carry_out(kernel_id, once, Again::Done, act).await
    }

    fn request(&self, owner_user_id: Uuid, kernel_id: Uuid, request_id: Option<Uuid>, what: &str) -> Option<Once> {
        let now = self.0.parts.clock.now_micros();
        request_id.map(|request_id| Once {
            owner_user_id,
            request_id,
            fingerprint: fingerprint(what, kernel_id),
            now,
            generation: None,
            execution_id: None,
        })
    }

    /// Does what a request asks for unless it was taken before; one without an id is always done. `act` is given how it was
    /// taken before.
    async fn carry_out<F>(
        &self,
        kernel_id: Uuid,
        once: Option<Once>,
        again: Again,
        act: impl FnOnce(Option<Taken>) -> F + Send + 'static,
    ) -> Result<(), KernelError>
    where
        F: Future<Output = Result<(), KernelError>> + Send + 'static,
    {
        let registry = self.clone();
        let seen = tokio::spawn(async move {
            let Some(once) = once else { return act(None).await };
            // Else it could be told that what has not begun yet was not done.
            let _turn = registry.0.turns.take((once.owner_user_id, once.request_id)).await;
            let store = &registry.0.parts.store;
            let before = store.take(kernel_id, once.clone()).await?;
            match &before {
                None => {}
                Some(taken) if taken.fingerprint != once.fingerprint => return Err(KernelError::RequestIdReused),
                Some(_) if again == Again::Told => return Ok(()),
                Some(taken) if again == Again::DoneIfUnreached && registry.is_reached(taken) => return Ok(()),
                Some(_) => {}
            }
            // What may be done already is not forgotten: it would be taken for new.
            let forgets = before.is_none() || again != Again::Done;
            let done = act(before).await;
            if done.is_err()
                && forgets
                && let Err(error) = store.give_back(&once).await
            {
                tracing::error!(%kernel_id, %error, "a request that was refused stays taken");
            }
            done
        });
        seen.await.map_err(cut_off)?
    }
}

impl Registry {
    /// Whether a kernel is where this request leads, or on the way.
    fn is_reached(&self, taken: &Taken) -> bool {
        // Noted by a service of an earlier version, it is not known.
        let Some(generation) = taken.generation else { return true };
        let kernel = self.entries().get(&taken.kernel_id).map(super::Entry::snapshot);
        kernel.is_none_or(|kernel| kernel.generation >= generation || kernel.state == KernelState::Restarting)
    }
}

/// The task of a request did not come to its end.
pub(super) fn cut_off(error: JoinError) -> KernelError {
    StoreError::from(sqlx::Error::Io(std::io::Error::other(error))).into()
}

fn fingerprint(what: &str, kernel_id: Uuid) -> Vec<u8> {
    Sha256::new().chain_update(what).chain_update(kernel_id).finalize().to_vec()
}
