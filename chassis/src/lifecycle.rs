//! From ready to ended: the signal to stop, the tasks that end with it, and what is ready meanwhile.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    signal::unix::{SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Told to everyone who has to end. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    stopping: CancellationToken,
    tasks: TaskTracker,
    parts: Arc<Mutex<BTreeMap<&'static str, bool>>>,
}

impl Lifecycle {
    /// A process that runs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task that the end of the process waits for. It must end soon after [`Lifecycle::stopping`].
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task);
    }

    /// The same, on another runtime of the process.
    pub fn spawn_on<F>(&self, task: F, runtime: &Handle)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn_on(task, runtime);
    }

    /// Ends when the process is to stop.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }

    /// The token behind [`Lifecycle::stopping`], for children of it.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Whether the process is to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Tells everyone to stop.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Waits until every spawned task has ended, at most this long; says whether they had.
    pub async fn ended(&self, at_most: Duration) -> bool {
        self.tasks.close();
        tokio::time::timeout(at_most, self.tasks.wait()).await.is_ok()
    }

    /// Says that a part is ready, or no more.
    pub fn set_ready(&self, part: &'static str, ready: bool) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.insert(part, ready);
    }

    /// Whether every part that spoke is ready and the process does not stop; with the parts that are not.
    #[must_use]
    pub fn readiness(&self) -> (bool, Vec<&'static str>) {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting: Vec<_> = parts.iter().filter(|(_, ready)| !**ready).map(|(part, _)| *part).collect();
        (waiting.is_empty() && !parts.is_empty() && !self.is_stopping(), waiting)
    }

    /// Stops at SIGTERM or SIGINT.
    ///
    /// # Errors
    /// The system does not let signals be watched.
    pub fn stop_at_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let lifecycle = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
                _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
            }
            lifecycle.stop();
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_waits_for_the_tasks() {
        let lifecycle = Lifecycle::new();
        assert!(!lifecycle.readiness().0, "nothing has said that it is ready");
        lifecycle.set_ready("database", false);
        assert_eq!(lifecycle.readiness(), (false, vec!["database"]));
        lifecycle.set_ready("database", true);
        assert!(lifecycle.readiness().0);
        let (done, mut ended) = tokio::sync::oneshot::channel();
        let child = lifecycle.clone();
        lifecycle.spawn(async move {
            child.stopping().await;
            let _ = done.send(());
        });
        lifecycle.stop();
        assert!(lifecycle.ended(Duration::from_secs(10)).await);
        assert!(ended.try_recv().is_ok());
        assert!(!lifecycle.readiness().0);
    }
}
