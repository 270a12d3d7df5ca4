//! From ready to ended: the signal to stop, the time that the end may take, the tasks that end with it, and what is ready
//! meanwhile.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    runtime::Handle,
    signal::unix::{SignalKind, signal},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a stop may take from its beginning: every step of it has what is left, and no step more than its own limit.
/// Whoever stops a service kills it after 40 s (`deploy/local/run.py`; docs/architecture.md tells others to).
pub const STOP_MAX: Duration = Duration::from_secs(30);
/// What a step has in any case, so that the last of them are at least begun: a database is asked to close behind whatever
/// hangs. No service has more than five such steps after its time is up.
const STEP_MIN: Duration = Duration::from_secs(1);

/// Told to everyone who has to end. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    stopping: CancellationToken,
    /// When the stop began.
    began: Arc<OnceLock<Instant>>,
    tasks: TaskTracker,
    parts: Arc<Mutex<BTreeMap<&'static str, bool>>>,
    degraded: Arc<Mutex<BTreeMap<&'static str, String>>>,
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

    /// Tells everyone to stop. The time of the stop runs from the first call.
    pub fn stop(&self) {
        self.began.get_or_init(Instant::now);
        self.stopping.cancel();
    }

    /// How long a step of the stop may take whose own limit is this.
    #[must_use]
    pub fn share(&self, at_most: Duration) -> Duration {
        share(at_most, self.began.get().map_or(Duration::ZERO, Instant::elapsed))
    }

    /// Does a step of the stop within its [`Lifecycle::share`]. One that does not end in it is named in the log and
    /// dropped.
    pub async fn step<T>(&self, step: &'static str, at_most: Duration, work: impl Future<Output = T>) -> Option<T> {
        let wait = self.share(at_most);
        let done = timeout(wait, work).await.ok();
        if done.is_none() {
            not_ended(step, wait);
        }
        done
    }

    /// Waits until every spawned task has ended, as a step of the stop; says whether they had.
    pub async fn ended(&self) -> bool {
        self.tasks.close();
        self.step("tasks", STOP_MAX, self.tasks.wait()).await.is_some()
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

    /// Says what a part cannot do while the process is ready for all else, and why; or that it can.
    pub fn set_degraded(&self, part: &'static str, why: Option<&str>) {
        let mut degraded = self.degraded.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => degraded.insert(part, why.to_owned()),
            None => degraded.remove(part),
        };
    }

    /// The parts that cannot do all of their work, each with the reason, for whoever runs the service.
    #[must_use]
    pub fn degraded(&self) -> BTreeMap<&'static str, String> {
        self.degraded.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
impl Lifecycle {
    /// One that stops, whose time for that is up.
    pub(crate) fn out_of_time() -> Self {
        let this = Self::new();
        this.began.get_or_init(|| Instant::now() - 2 * STOP_MAX);
        this.stop();
        this
    }
}

/// What a step has whose own limit is this, so long after the beginning of the stop.
fn share(at_most: Duration, after: Duration) -> Duration {
    at_most.min(STOP_MAX.saturating_sub(after).max(STEP_MIN))
}

/// Tells of a step of the stop that had this long.
pub(crate) fn not_ended(step: &'static str, wait: Duration) {
    tracing::warn!(step, wait_ms = wait.as_millis(), "a step of the stop did not end in its time");
}

#[cfg(test)]
mod tests {
    use std::future::pending;

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
        assert!(lifecycle.ended().await);
        assert!(ended.try_recv().is_ok());
        assert!(!lifecycle.readiness().0);
    }

    #[test]
    fn the_steps_of_a_stop_share_its_time_and_the_last_are_begun() {
        let share = |at_most, after| share(Duration::from_secs(at_most), Duration::from_secs(after)).as_secs();
        assert_eq!(share(15, 0), 15, "its own limit");
        assert_eq!(share(15, 20), 10, "what is left");
        // Each hangs for all that it has: the time of the stop, and the least for each of those behind it.
        let ends = [20, 20, 20, 5, 5, 20].into_iter().scan(0, |after, at_most| {
            *after += share(at_most, *after);
            Some(*after)
        });
        assert_eq!(ends.collect::<Vec<_>>(), [20, 30, 31, 32, 33, 34]);
    }

    #[tokio::test]
    async fn a_stop_has_its_time_from_its_beginning_and_once() {
        let lifecycle = Lifecycle::new();
        assert_eq!(lifecycle.share(STOP_MAX), STOP_MAX, "nothing is to end yet");
        lifecycle.stop();
        let began = *lifecycle.began.get().expect("it stops");
        lifecycle.stop();
        assert_eq!(*lifecycle.began.get().expect("it stops"), began);
        assert_eq!(Lifecycle::out_of_time().share(STOP_MAX), STEP_MIN);
    }

    #[tokio::test]
    async fn a_step_that_hangs_is_left_and_one_after_all_the_time_is_done_still() {
        let lifecycle = Lifecycle::out_of_time();
        assert_eq!(lifecycle.step::<()>("hangs", Duration::from_millis(10), pending()).await, None);
        let closed = async {
            tokio::task::yield_now().await;
            "closed"
        };
        assert_eq!(lifecycle.step("database", STOP_MAX, closed).await, Some("closed"));
        lifecycle.spawn(pending());
        assert!(!lifecycle.ended().await, "a task goes on");
    }
}
