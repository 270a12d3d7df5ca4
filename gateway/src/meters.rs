//! What the gateway counts. Labels come from closed lists only (RPCs of the contract, status codes, limits), so that
//! nobody outside can make the metrics grow.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use fenxi_chassis::telemetry::{CounterOf, begin_counters};
use metrics::{Counter, Histogram};
use tonic::Code;

/// gRPC status codes, 0 to 16.
const CODE_COUNT: usize = 17;

/// The counters of one RPC; each is registered when it is first used.
pub(crate) struct MethodMeter {
    path: &'static str,
    calls: [OnceLock<Counter>; CODE_COUNT],
    seconds: OnceLock<Histogram>,
}

impl std::fmt::Debug for MethodMeter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MethodMeter").field("path", &self.path).finish_non_exhaustive()
    }
}

impl MethodMeter {
    pub(crate) fn new(path: &'static str) -> Self {
        Self { path, calls: std::array::from_fn(|_| OnceLock::new()), seconds: OnceLock::new() }
    }

    /// Counts a call that ended.
    pub(crate) fn ended(&self, code: Code, took: Duration) {
        self.count(code, 1);
        self.seconds
            .get_or_init(|| metrics::histogram!("gateway_call_seconds", "method" => self.path))
            .record(took.as_secs_f64());
    }

    fn count(&self, code: Code, calls: u64) {
        let code = code as usize;
        if let Some(counter) = self.calls.get(code) {
            counter
                .get_or_init(
                    || metrics::counter!("gateway_calls_total", "method" => self.path, "code" => code.to_string()),
                )
                .increment(calls);
        }
    }
}

/// Codes that a call's counter has from the beginning: it went well, or a service failed it. Others come with their first
/// call, since all of all methods would be a thousand.
const CODES_AT_FIRST: [Code; 3] = [Code::Ok, Code::Internal, Code::Unavailable];

/// Every counter but the calls'. The words are those of [`refused`].
const COUNTERS: &[CounterOf] = &[("gateway_refused_total", Some(("why", REFUSED_WHY)))];
const REFUSED_WHY: &[&str] = &[
    "address",
    "authorization",
    "connections",
    "content_type",
    "first_bytes",
    "method",
    "missing_header",
    "origin",
    "stalled",
    "user",
    "user_calls",
];

/// Lets what is counted begin at zero, of the calls for these methods.
pub(crate) fn begin<'a>(methods: impl Iterator<Item = &'a MethodMeter>) {
    begin_counters(COUNTERS);
    for method in methods {
        CODES_AT_FIRST.iter().for_each(|code| method.count(*code, 0));
    }
}

/// Counts one call when it ends, however it ends.
#[derive(Debug)]
pub(crate) struct CallMeter {
    meter: Option<&'static MethodMeter>,
    started: Instant,
}

impl CallMeter {
    pub(crate) fn start(meter: &'static MethodMeter) -> Self {
        Self { meter: Some(meter), started: Instant::now() }
    }

    /// The call ended with this status.
    pub(crate) fn end(&mut self, code: Code) {
        if let Some(meter) = self.meter.take() {
            meter.ended(code, self.started.elapsed());
        }
    }
}

impl Drop for CallMeter {
    /// Not ended before: the client went away.
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

/// A request was refused before it became a call. `why` is one of a closed list of words.
pub(crate) fn refused(why: &'static str) {
    metrics::counter!("gateway_refused_total", "why" => why).increment(1);
}

/// A connection was opened or closed.
pub(crate) fn connections(change: f64) {
    metrics::gauge!("gateway_connections").increment(change);
}

/// Whether the feed of revocations is in force (1) or not (0).
pub(crate) fn revocation_feed(up: bool) {
    metrics::gauge!("gateway_revocation_feed_up").set(if up { 1.0 } else { 0.0 });
}
