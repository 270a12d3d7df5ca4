//! What this service counts, from zero on.

use fenxi_chassis::telemetry::CounterOf;

/// Every counter of this service.
pub const COUNTERS: &[CounterOf] = &[
    ("columnar_cache_builds_total", None),
    ("columnar_cache_evictions_total", None),
    ("columnar_cache_hits_total", None),
    ("columnar_cache_misses_total", None),
    ("dataset_parses_total", None),
    ("disabled_users_feed_failures_total", None),
    ("execution_finish_failures_total", None),
    ("execution_spool_failures_total", None),
    ("kernel_fork_server_starts_total", Some(("mode", &["deep", "warm"]))),
    ("kernel_forks_total", Some(("ok", &["true", "false"]))),
    ("kernel_idle_asked_total", None),
    ("kernel_idle_warnings_total", None),
    ("kernel_late_outputs_dropped_total", None),
    ("kernel_memory_releases_total", None),
    ("kernel_messages_refused_total", None),
    ("kernel_pool_hits_total", None),
    ("kernel_pool_misses_total", None),
    ("network_bytes_total", Some(("direction", &["out", "in"]))),
    ("network_connections_total", Some(("outcome", &["allowed", "refused", "revoked"]))),
    ("network_grants_total", Some(("change", &["granted", "taken back", "ended"]))),
    ("outbox_delivered_total", None),
    ("outbox_set_aside_total", None),
    ("table_readers_died_total", None),
    ("upload_received_bytes_total", None),
];
