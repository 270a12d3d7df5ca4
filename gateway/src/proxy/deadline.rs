//! How long a call may take: what its client asks for (`grpc-timeout`), held within what the gateway allows.

use std::time::Duration;

use fenxi_proto::error::Failure;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use crate::{config::Calls, config::secs, contract::Method};

/// How much later than here the deadline is at the backend. Here the caller is told; there it is a backstop only.
const BACKEND_GRACE: Duration = Duration::from_secs(1);
/// Most digits that gRPC allows.
const DIGITS_MAX: usize = 8;

/// The header that carries it.
pub(crate) static GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// `grpc-timeout` is no number of at most eight digits with its unit, or stands there twice.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl From<Malformed> for Failure {
    fn from(_: Malformed) -> Self {
        Self::invalid(GRPC_TIMEOUT.as_str(), "is not at most 8 digits and a unit of H, M, S, m, u, n")
    }
}

/// The time that a client asks for; `None`: it does not say.
pub(crate) fn asked(headers: &HeaderMap) -> Result<Option<Duration>, Malformed> {
    let mut values = headers.get_all(&GRPC_TIMEOUT).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Malformed);
    }
    value.to_str().map_err(|_| Malformed).and_then(parse).map(Some)
}

/// The time until the deadline of a call; `None`: it has none.
pub(crate) fn time_allowed(
    method: &Method,
    headers: &HeaderMap,
    limits: &Calls,
) -> Result<Option<Duration>, Malformed> {
    let asked = asked(headers)?;
    if method.server_streams || method.client_streams {
        return Ok(asked.map(|asked| asked.min(secs(limits.stream_deadline_max_secs))));
    }
    let most = secs(limits.unary_max_secs);
    Ok(Some(asked.map_or(most, |asked| asked.min(most))))
}

/// The moment that lies this far ahead.
pub(crate) fn moment(allowed: Option<Duration>) -> Option<Instant> {
    allowed.map(|allowed| Instant::now() + allowed)
}

/// Whether a deadline is over.
pub(crate) fn passed(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}

/// The deadline of a unary call that asks for none, written once.
pub(crate) struct Usual {
    allowed: Duration,
    told: Option<HeaderValue>,
}

impl Usual {
    pub(crate) fn new(limits: &Calls) -> Self {
        let allowed = secs(limits.unary_max_secs);
        Self { allowed, told: for_backend(allowed) }
    }

    /// The `grpc-timeout` that the backend is told.
    pub(crate) fn for_backend(&self, allowed: Duration) -> Option<HeaderValue> {
        if allowed == self.allowed { self.told.clone() } else { for_backend(allowed) }
    }
}

fn for_backend(allowed: Duration) -> Option<HeaderValue> {
    let millis = (allowed + BACKEND_GRACE).as_millis().min(99_999_999);
    HeaderValue::try_from(format!("{millis}m")).ok()
}

fn parse(text: &str) -> Result<Duration, Malformed> {
    let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(Malformed)?;
    if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Malformed);
    }
    let number: u64 = digits.parse().map_err(|_| Malformed)?;
    match unit {
        "H" => Ok(Duration::from_secs(number * 3_600)),
        "M" => Ok(Duration::from_secs(number * 60)),
        "S" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_millis(number)),
        "u" => Ok(Duration::from_micros(number)),
        "n" => Ok(Duration::from_nanos(number)),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_of_grpc_is_read_and_nothing_else() {
        assert_eq!(parse("2H"), Ok(Duration::from_secs(7_200)));
        assert_eq!(parse("99999999H"), Ok(Duration::from_secs(359_999_996_400)));
        assert_eq!(parse("1m"), Ok(Duration::from_millis(1)));
        assert_eq!(parse("0n"), Ok(Duration::ZERO));
        for bad in ["", "S", "123456789S", "-1S", "1.5S", "1s", "1 S", "é", "１S"] {
            assert_eq!(parse(bad), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn the_backend_is_told_a_little_more() {
        assert_eq!(for_backend(Duration::from_millis(1_500)).expect("a value"), "2500m");
        assert_eq!(for_backend(Duration::from_secs(10_000_000)).expect("a value"), "99999999m");
    }
}
