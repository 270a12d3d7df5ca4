//! Logs and metrics of the process. Set up once, at start.

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::config::LogFormat;

/// Upper edges of the histograms of durations, in seconds.
const DURATION_BUCKETS_SECS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// How long a single measurement is kept until it is summed up.
const METRICS_KEPT: Duration = Duration::from_secs(5);

/// Sends logs to standard error. Control characters in what is logged are escaped, so that a name cannot forge a line.
///
/// # Errors
/// The filter is not one.
pub fn init_logs(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    check_levels(filter)?;
    let filter = EnvFilter::try_new(filter).map_err(|error| anyhow::anyhow!("--log {filter:?}: {error}"))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(true)
        // It would print what it cannot write to the same place, and panic where that cannot be written either: where logs
        // go to a file and the disk is full, whatever task says something.
        .log_internal_errors(false);
    let set = match format {
        LogFormat::Text => subscriber.with_ansi(false).try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
    set.map_err(|error| anyhow::anyhow!("logs: {error}"))
}

/// A word alone would count as the name of a module, and a mistyped level as that of one which says nothing.
fn check_levels(filter: &str) -> anyhow::Result<()> {
    let mut alone = filter.split(',').map(str::trim).filter(|part| !part.is_empty() && !part.contains(['=', '[']));
    match alone.find(|word| word.parse::<LevelFilter>().is_err()) {
        Some(word) => anyhow::bail!("--log {filter:?}: {word:?} is no level: off, error, warn, info, debug or trace"),
        None => Ok(()),
    }
}

/// Collects metrics; the handle renders them.
///
/// # Errors
/// Metrics are collected already.
pub fn init_metrics() -> anyhow::Result<PrometheusHandle> {
    let builder =
        PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &DURATION_BUCKETS_SECS)?;
    Ok(builder.install_recorder()?)
}

/// A counter, and its one label with every value that it can have, if it has one.
pub type CounterOf = (&'static str, Option<(&'static str, &'static [&'static str])>);

/// Lets these counters begin at zero: one that is only there from its first event on hides that event from whoever asks how
/// often it happens.
pub fn begin_counters(counters: &[CounterOf]) {
    for (name, label) in counters {
        match label {
            None => metrics::counter!(*name).increment(0),
            Some((label, values)) => {
                for value in *values {
                    metrics::counter!(*name, *label => *value).increment(0);
                }
            }
        }
    }
}

/// Sums up, again and again, what was measured: until then every single measurement is kept, whether somebody asks for
/// metrics or not.
pub(crate) async fn keep_metrics(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(METRICS_KEPT).await;
        metrics.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_level_is_refused_and_not_taken_for_a_module() {
        for fine in ["info", "WARN", "off", "info,gateway=debug", "warn, h2=info", "info,[call{user_id=7}]=debug"] {
            check_levels(fine).expect(fine);
        }
        for (wrong, word) in [("warning", "warning"), ("info,gateway", "gateway"), ("verbose,sqlx=off", "verbose")] {
            let error = check_levels(wrong).expect_err(wrong).to_string();
            assert!(error.contains(&format!("{word:?} is no level")), "{error}");
        }
    }
}
