//! Where an execution waits, now. A fact of the moment: it is told to whoever looks and kept nowhere.

use std::{sync::Arc, time::Duration};

use fenxi_chassis::clock::Clock;
use tokio::sync::watch;
use uuid::Uuid;

use super::{ExecutionState, View, run::Runner};
use crate::kernels::model::{Kernel, QueuePlace};

/// A place in a kernel's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Executions before it, the running one included.
    pub position: u32,
    /// How long it will wait, where that is known.
    pub wait: Option<Duration>,
}

/// Follows the place of one execution.
#[derive(Debug)]
pub struct Places {
    kernel: watch::Receiver<Arc<Kernel>>,
    execution_id: Uuid,
    /// Executions that were before it when it was accepted.
    at_first: u32,
    clock: Clock,
    told: Option<u32>,
}

impl Runner {
    /// The places of an execution, as long as it waits.
    #[must_use]
    pub fn places(&self, view: &View) -> Option<Places> {
        let accepted = &view.accepted;
        if view.state() != ExecutionState::Queued {
            return None;
        }
        let kernel = self.kernels.kernel(accepted.user_id, accepted.kernel_id).ok()?.watch();
        let clock = self.executions.desk.clock.clone();
        let at_first = u32::try_from(accepted.position).unwrap_or_default();
        Some(Places { kernel, execution_id: accepted.execution_id, at_first, clock, told: None })
    }

    /// Where an execution waits, if it does.
    #[must_use]
    pub fn place(&self, view: &View) -> Option<Place> {
        self.places(view)?.now()
    }
}

impl Places {
    /// Where it waits now: where it was put, before the kernel has taken it up; nowhere once it runs.
    pub fn now(&mut self) -> Option<Place> {
        let (place, running) = {
            let kernel = self.kernel.borrow_and_update();
            (kernel.place_of(self.execution_id), kernel.running_execution_id == Some(self.execution_id))
        };
        let Some(place) = place else {
            return Some(Place { position: self.at_first, wait: None }).filter(|_| !running);
        };
        self.told = Some(place.position);
        Some(self.place(place))
    }

    /// Its next place; for ever once it has none any more. It may be dropped while it waits and called again.
    pub async fn next(&mut self) -> Place {
        loop {
            let place = self.kernel.borrow_and_update().place_of(self.execution_id);
            if let Some(place) = place.filter(|place| self.told != Some(place.position)) {
                self.told = Some(place.position);
                return self.place(place);
            }
            if self.kernel.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn place(&self, place: QueuePlace) -> Place {
        let left = |start_time: i64| u64::try_from(start_time - self.clock.now_micros()).ok();
        // What ran longer than it did before makes the time unknown.
        Place { position: place.position, wait: place.start_time.and_then(left).map(Duration::from_micros) }
    }
}
