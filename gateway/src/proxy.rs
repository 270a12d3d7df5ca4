//! The proxy: moves the frames of an admitted call to its backend and the answer back. It never decodes a message, and
//! it decides nothing about who may call.

mod answer;
pub(crate) mod deadline;
mod frames;
pub(crate) mod headers;
mod pump;
mod relay;
mod sent;
mod unhurried;
pub(crate) mod upstream;

use std::{pin::pin, sync::Arc, time::Duration};

use fenxi_proto::error::{ErrorReason, Failure};
use futures_util::future::OptionFuture;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status};

pub(crate) use self::relay::Relay;
use self::{
    answer::Answer,
    headers::Client,
    relay::Terms,
    sent::ClientBody,
    upstream::{Away, Lease, Upstream},
};
use crate::{
    arriving::Arriving,
    body::Body,
    caller::{Caller, Callers},
    config::Calls,
    contract::{Backend, Method},
    cookies::Cookies,
    guard::{Admitted, Wire},
    meters::CallMeter,
    refusal,
};

/// The connections to every backend, and the limits of calls.
pub(crate) struct Proxy {
    pub(crate) auth: Arc<Upstream>,
    pub(crate) analysis: Arc<Upstream>,
    pub(crate) limits: Calls,
    pub(crate) usual_deadline: deadline::Usual,
    pub(crate) cookies: Cookies,
    /// The gateway's own proof. It goes with public calls to auth-service, which believes what is said of the client (its
    /// address, for the limits of logins) from the gateway alone.
    pub(crate) own_proof: HeaderValue,
}

/// A call that may go through.
pub(crate) struct Call<'a> {
    pub(crate) method: &'static Method,
    pub(crate) wire: Wire,
    pub(crate) client: &'a Client,
    pub(crate) admitted: &'a Admitted,
    pub(crate) caller: Option<Arc<Caller>>,
    pub(crate) meter: CallMeter,
}

impl Proxy {
    fn upstream(&self, backend: Backend) -> &Arc<Upstream> {
        match backend {
            Backend::Auth => &self.auth,
            Backend::Analysis => &self.analysis,
        }
    }

    /// Sends a call on and gives the answer as far as its headers; the body follows as it comes. What goes wrong is told
    /// with the meter of the call, which has not ended.
    pub(crate) async fn forward(
        &self,
        call: Call<'_>,
        callers: &Arc<Callers>,
        incoming: &HeaderMap,
        body: Arriving,
    ) -> Result<Response<Body>, (Failure, CallMeter)> {
        let Call { method, wire, client, admitted, caller, meter } = call;
        let allowed = match deadline::time_allowed(method, incoming, &self.limits) {
            Ok(allowed) => allowed,
            Err(malformed) => return Err((malformed.into(), meter)),
        };
        let deadline = deadline::moment(allowed);
        let (body, verdict) = ClientBody::new(body, method, &self.limits);
        let mut body = Box::new(body);
        // No backend is bothered before the client has begun to send something that can be right.
        if before(deadline, pin!(body.begin())).await.is_none() {
            return Err((refusal::too_late(), meter));
        }
        if let Some(failure) = verdict.get() {
            return Err((failure.clone(), meter));
        }
        // The client may have taken its time: what was revoked meanwhile acts no more.
        let caller = match OptionFuture::from(caller.map(|caller| callers.still_good(caller, method.backend))).await {
            Some(Err(failure)) => return Err((failure, meter)),
            still_good => still_good.and_then(Result::ok),
        };
        // A stream is watched from its beginning, so that no revocation falls between; each way by its own watch, since
        // either may end before the other.
        let attend = || callers.attend(caller.clone(), method.backend);
        let cut = method.server_streams.then(attend);
        if method.client_streams {
            body.end_when(attend());
        }
        let upstream = self.upstream(method.backend);
        let sent = match before(deadline, pin!(upstream.ready())).await {
            Some(Ok(place)) => {
                let head = self.head(method, client, admitted, caller.as_deref(), allowed, incoming);
                match upstream.start(place, head.map(|()| body)) {
                    Ok(sent) => before(deadline, sent).await,
                    Err(away) => Some(Err(away)),
                }
            }
            Some(Err(away)) => Some(Err(away)),
            None => None,
        };
        let (answer, lease) = match sent {
            Some(Ok(answered)) => answered,
            Some(Err(away)) => return Err((verdict.get().cloned().unwrap_or_else(|| away_failure(&away)), meter)),
            None => return Err((refusal::too_late(), meter)),
        };
        // A body that was given up makes the backend's answer beside the point.
        if let Some(failure) = verdict.get() {
            return Err((failure.clone(), meter));
        }
        if let Some(failure) = not_grpc(&answer, method.backend) {
            return Err((failure, meter));
        }
        let trace_id = client.trace_id.clone();
        let backend = method.backend.name();
        let terms = Terms { wire, backend, status_sent: false, deadline, cut, verdict, meter, trace_id };
        let mut relayed = self.relayed(answer, lease, terms, admitted.browser);
        if method.server_streams && wire == Wire::Web {
            headers::unbuffered(relayed.headers_mut());
        }
        Ok(relayed)
    }

    fn head(
        &self,
        method: &'static Method,
        client: &Client,
        admitted: &Admitted,
        caller: Option<&Caller>,
        allowed: Option<Duration>,
        incoming: &HeaderMap,
    ) -> Request<()> {
        let mut head = Request::new(());
        *head.method_mut() = http::Method::POST;
        // The path is the contract's own text, so it carries no query and no other spelling of itself.
        *head.uri_mut() = method.uri.clone();
        let headers = head.headers_mut();
        *headers = headers::to_backend(method.backend, incoming, client);
        if let Some(caller) = caller {
            headers.insert(header::AUTHORIZATION, caller.authorization.clone());
        } else {
            headers::add_attempt(headers, incoming, admitted.browser, admitted.attempt.as_ref());
            if method.is_public() && method.backend == Backend::Auth {
                headers.insert(header::AUTHORIZATION, self.own_proof.clone());
            }
        }
        if let Some(timeout) = allowed.and_then(|allowed| self.usual_deadline.for_backend(allowed)) {
            headers.insert(deadline::GRPC_TIMEOUT.clone(), timeout);
        }
        head
    }

    fn relayed(&self, answer: Response<Answer>, lease: Lease, mut terms: Terms, browser: bool) -> Response<Body> {
        let (mut parts, body) = answer.into_parts();
        headers::end_hop(&mut parts.headers);
        if browser {
            headers::secrets_to_cookies(&mut parts.headers, self.cookies);
        }
        parts.headers.insert(header::CONTENT_TYPE, refusal::content_type(terms.wire));
        parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if parts.headers.contains_key(&headers::GRPC_STATUS) {
            terms.status_sent = true;
            terms.meter.end(relay::code_of(&parts.headers));
        }
        parts.version = http::Version::default();
        Response::from_parts(parts, Body::Relay(Box::new(Relay::new(body, lease, terms))))
    }
}

/// The outcome of a future, or `None` once the deadline has passed: then not even what could be had at once is begun.
async fn before<F: Future + Unpin>(deadline: Option<Instant>, mut future: F) -> Option<F::Output> {
    match deadline {
        Some(_) if deadline::passed(deadline) => None,
        Some(deadline) => timeout_at(deadline, &mut future).await.ok(),
        None => Some(future.await),
    }
}

/// What the client is told of a backend that is away; the cause was logged where it was seen.
pub(crate) fn away_failure(away: &Away) -> Failure {
    refusal::unavailable(away.backend)
}

/// Something in between answered, and it does not speak gRPC.
fn not_grpc(answer: &Response<Answer>, backend: Backend) -> Option<Failure> {
    let kind = answer.headers().get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if answer.status() == StatusCode::OK && kind.starts_with(b"application/grpc") {
        return None;
    }
    tracing::warn!(backend = backend.name(), status = answer.status().as_u16(), "a backend answered without gRPC");
    Some(refusal::unavailable(backend.name()))
}

/// The failure of a typed call of the gateway's own: what the service said, or that it is away.
pub(crate) fn typed_failure(backend: Backend, status: Status) -> Status {
    let mut cause = std::error::Error::source(&status);
    while let Some(error) = cause {
        if error.is::<Away>() {
            return refusal::unavailable(backend.name()).into();
        }
        cause = error.source();
    }
    match status.code() {
        // The connection broke in the middle: nothing that the service said.
        Code::Unknown | Code::Internal | Code::Cancelled if std::error::Error::source(&status).is_some() => {
            refusal::unavailable(backend.name()).into()
        }
        Code::Unauthenticated => keep_or(status, ErrorReason::Unauthenticated),
        _ => status,
    }
}

/// A status without a reason gets the plain one.
fn keep_or(status: Status, reason: ErrorReason) -> Status {
    if fenxi_proto::error::reason_of(&status).is_some() {
        return status;
    }
    Failure::new(reason, status.message()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn after_a_deadline_nothing_is_begun() {
        let at_once = || std::future::ready(());
        assert_eq!(before(Some(Instant::now()), at_once()).await, None);
        assert_eq!(before(Some(Instant::now() + Duration::from_secs(60)), at_once()).await, Some(()));
        assert_eq!(before(None, at_once()).await, Some(()));
    }
}
