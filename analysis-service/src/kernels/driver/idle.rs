//! What becomes of a kernel that does nothing: it gives back memory that it holds and does not use, it is warned, and in
//! the end it is ended. All is noticed by a sample that found it idle.
//!
//! Work is an execution that runs or waits, one that waits for input, and processor time of the kernel or of a process
//! that it started. Whoever keeps it by hand uses it; whoever only watches does not: a forgotten tab keeps nothing. A
//! process that it started and that sleeps may wait for something or be forgotten: it doubles the time, once.

use fenxi_chassis::clock::micros;
use fenxi_proto::analysis::v1::DeathCause;
use tokio::time::Instant;

use super::Driver;
use crate::kernels::state::{State, death};

/// Leaves no trace: it is silent, and not counted.
const RELEASE: &str = "__import__('fenxi_kernel.memory').memory.release()";
/// How many times longer a kernel may be idle while a process that it started lives.
const FAMILY_FACTOR: u32 = 2;

impl Driver {
    /// Nothing runs and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle) && self.waiting.is_empty() && self.killed.is_none()
    }

    /// Has an idle kernel give back what its last execution left unused: once, some time after it.
    pub(super) fn release_memory_if_idle(&mut self) {
        // What gives memory back is ours; it means nothing to another program.
        let due =
            self.is_idle() && self.kernel.is_built_in() && self.meter.take_release(self.parts.settings.release_after);
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

    /// When it is ended if nothing happens, warned of it or not; unix microseconds.
    fn idle_limit(&self) -> i64 {
        let idle_max = self.kernel.limits.idle_max;
        let factor = if self.meter.has_family() { FAMILY_FACTOR } else { 1 };
        self.kernel.last_activity_time.saturating_add(micros(idle_max.saturating_mul(factor)))
    }

    /// When it will be ended if nothing happens: never before the warning has stood for its time.
    pub(super) fn idle_end(&self) -> i64 {
        let warning = micros(self.kernel.limits.warning());
        let warned = self.kernel.idle_warning_time.map(|warned| warned.saturating_add(warning));
        self.idle_limit().max(warned.unwrap_or(i64::MIN))
    }

    /// Warns a kernel that has been idle for long, and ends one that was warned and stayed so.
    pub(super) fn tend_idleness(&mut self) {
        if !self.is_idle() {
            return;
        }
        let now = self.parts.clock.now_micros();
        let near = now >= self.idle_limit().saturating_sub(micros(self.kernel.limits.warning()));
        match self.kernel.idle_warning_time {
            None if near => {
                self.kernel.idle_warning_time = Some(now);
                metrics::counter!("kernel_idle_warnings_total").increment(1);
            }
            // It has started a process since.
            Some(_) if !near => self.kernel.idle_warning_time = None,
            Some(_) if now >= self.idle_end() => {
                self.state.stop();
                let secs = now.saturating_sub(self.kernel.last_activity_time) / 1_000_000;
                self.kill(death(DeathCause::Idle, format!("it did nothing for {secs} s")));
            }
            _ => {}
        }
    }

    /// A person wants it to live on.
    pub(super) fn keep(&mut self) {
        self.touch();
        self.end_rest();
    }
}
