//! Starts, restarts, stops and another name: what is asked of a kernel as a whole, and what comes of it.

use std::sync::Arc;

use fenxi_proto::analysis::v1::{DeathCause, StopCause};
use tokio::{sync::oneshot, task::JoinError};
use tokio_util::sync::CancellationToken;

use super::{
    Driver, Starting,
    mailbox::Rename,
    meter::Meter,
    start::{Live, Plan, Ready, StartError},
};
use crate::kernels::{launch::Order, model::KernelError, specs::TableLoader, state::death, store::Taken};

impl Driver {
    pub(super) fn start(&mut self, ready: Option<Ready>) {
        let kernel = &self.kernel;
        let kind = self.parts.kinds.other(&kernel.kernel_spec);
        let (launcher, tables) = match kind {
            Some(kind) => (Ok(Arc::clone(&kind.launcher)), kind.spec.tables.clone()),
            None if kernel.is_built_in() => (Ok(Arc::clone(&self.parts.launcher)), Ok(TableLoader::BuiltIn)),
            None => (Err(kernel.kernel_spec.clone()), Err(String::new())),
        };
        let cancel = CancellationToken::new();
        let (ticket, place) = self.parts.starts.enter();
        let plan = Plan {
            launcher,
            tables,
            ticket: Some(ticket),
            late: self.late.clone(),
            order: Order {
                kernel_id: kernel.kernel_id,
                owner_user_id: Some(kernel.owner_user_id),
                generation: kernel.generation,
                memory_bytes: kernel.limits.memory_bytes,
                file_bytes: kernel.limits.file_max_bytes,
            },
            start_max: self.parts.settings.start_max,
            owner_user_id: kernel.owner_user_id,
            datasets: kernel.datasets.clone(),
            source: self.parts.source.clone(),
            store: self.parts.store.clone(),
            ready,
            cancel: cancel.clone(),
        };
        self.starting = Some(Starting { task: tokio::spawn(plan.run()), cancel, place });
    }

    pub(super) async fn started(&mut self, result: Result<Result<Box<Live>, StartError>, JoinError>) {
        self.starting = None;
        let failed = match result {
            Ok(Ok(live)) if self.leaving => return self.leave_live(*live).await,
            Ok(Err(StartError::Cancelled)) if self.leaving => return self.leave_waiting().await,
            Ok(Ok(live)) => {
                self.meter = Meter::new(self.parts.settings.sample_interval);
                self.kernel.start = live.launched.start;
                self.kernel.isolation = Some(live.launched.isolation.clone());
                self.kernel.network = live.launched.reach();
                self.kernel.limits.cpu_percent = live.launched.cpu_percent();
                self.kernel.limits.enforced = live.launched.enforced;
                self.live = Some(live);
                self.begin_files(self.kernel.generation == 1);
                match self.state.ready() {
                    Ok(()) => self.touch(),
                    // Asked to stop or to restart in the last moment.
                    Err(_) => self.kill(death(self.asked_to_end(), "")),
                }
                return;
            }
            Ok(Err(StartError::Cancelled)) => death(self.asked_to_end(), ""),
            Ok(Err(error)) => death(DeathCause::StartFailed, error.to_string()),
            Err(_) => death(DeathCause::StartFailed, "the start failed for a fault of the service"),
        };
        self.after_death(failed).await;
    }

    pub(super) async fn restart(&mut self) -> Result<(), KernelError> {
        self.check_files()?;
        self.state.restart().map_err(|wrong| KernelError::Dead { what: wrong.to_string() })?;
        self.touch();
        self.cancel_waiting(StopCause::Kernel, None).await;
        match (&self.starting, &self.live) {
            (Some(starting), _) => starting.cancel.cancel(),
            (None, Some(_)) => self.kill(death(DeathCause::Restarted, "")),
            (None, None) => self.start_again().await,
        }
        Ok(())
    }

    /// Written down before it is told; the former request of the same id instead, if there was one.
    pub(super) async fn rename(&mut self, rename: Rename) -> Result<Option<Taken>, KernelError> {
        let Rename { display_name, once } = rename;
        let taken = self.parts.store.rename(self.kernel.kernel_id, display_name.clone(), once).await?;
        if taken.is_none() {
            self.kernel.display_name = display_name;
        }
        Ok(taken)
    }

    pub(super) fn stop(&mut self, cause: DeathCause) {
        if self.stopping.is_empty() {
            // The mailbox was dropped: this end of a made-up channel keeps the task on its way out.
            self.stopping.push(oneshot::channel().0);
        }
        self.state.stop();
        match (&self.starting, &self.live) {
            (Some(starting), _) => {
                self.killed = Some(death(cause, ""));
                starting.cancel.cancel();
            }
            (None, Some(_)) => self.kill(death(cause, "")),
            (None, None) => self.done = true,
        }
    }

    /// Why a process is not wanted that has just been started.
    fn asked_to_end(&self) -> DeathCause {
        match &self.killed {
            Some(death) => death.cause(),
            None => DeathCause::Restarted,
        }
    }
}
