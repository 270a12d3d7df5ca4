//! What becomes of a kernel that does nothing: it gives back memory that it holds and does not use, and in the end it is
//! ended. Both are noticed by a sample that found it idle.

use fenxi_chassis::clock::micros;
use fenxi_proto::analysis::v1::DeathCause;
use tokio::time::Instant;

use super::Driver;
use crate::kernels::state::{State, death};

/// Leaves no trace: it is silent, and not counted.
const RELEASE: &str = "__import__('fenxi_kernel.memory').memory.release()";

impl Driver {
    /// Nothing runs and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle) && self.waiting.is_empty() && self.killed.is_none()
    }

    /// Has an idle kernel give back what its last execution left unused: once, some time after it.
    pub(super) fn release_memory_if_idle(&mut self) {
        // What gives memory back is ours; it means nothing to another program.
        let due = self.is_idle()
            && self.kernel.is_built_in()
            && self.meter.take_release(self.parts.settings.release_after);
        let Some(live) = self.live.as_mut().filter(|_| due) else { return };
        let content = serde_json::json!({
            "code": RELEASE, "silent": true, "store_history": false, "user_expressions": {}, "allow_stdin": false,
            "stop_on_error": false,
        });
        // What it answers belongs to no execution and is passed over. An execution that comes now runs behind it.
        if live.connection.request("release", "execute_request", &content).is_ok() {
            metrics::counter!("kernel_memory_releases_total").increment(1);
        }
    }

    /// The kernel may hold memory from now on that it does not use.
    pub(super) fn note_use(&mut self) {
        self.meter.holds_since = Some(Instant::now());
    }

    pub(super) fn end_if_idle(&mut self) {
        let idle_for = self.parts.clock.now_micros().saturating_sub(self.kernel.last_activity_time);
        if self.is_idle() && idle_for >= micros(self.kernel.limits.idle_max) {
            self.state.stop();
            let secs = self.kernel.limits.idle_max.as_secs();
            self.kill(death(DeathCause::Idle, format!("it did nothing for {secs} s")));
        }
    }
}
