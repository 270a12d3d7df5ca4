//! What the gateway answers itself in gRPC: its health, and the contract by reflection. Neither shows data of users, so
//! neither needs a credential; native gRPC only.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use fenxi_chassis::{lifecycle::Lifecycle, server::reflection};
use fenxi_proto::{
    access,
    error::{ErrorReason, Failure},
};
use futures_util::{FutureExt as _, future::BoxFuture};
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame};
use tonic::{Status, body::Body as TonicBody, service::Routes};
use tower::ServiceExt as _;

use crate::{BoxError, arriving::Arriving, body::Body, guard::Wire, proxy::deadline, refusal};

/// How long such a call may last: whoever watches longer than this asks again. They are open to everybody, so that without
/// an end they would hold a connection for ever.
const LIFE_MAX: Duration = Duration::from_secs(600);

/// What is reached through here.
const PACKAGES: [&str; 3] = ["fenxi.analysis.v1", "fenxi.auth.v1", "fenxi.history.v1"];

/// The services inside this process.
pub(crate) struct Local {
    routes: Routes,
    lifecycle: Lifecycle,
}

impl Local {
    pub(crate) async fn new(lifecycle: Lifecycle) -> anyhow::Result<Self> {
        let (reporter, health) = tonic_health::server::health_reporter();
        reporter.set_service_status("", tonic_health::ServingStatus::Serving).await;
        let routes = reflection::add(Routes::new(health), &access::services(&PACKAGES))?;
        Ok(Self { routes: routes.prepare(), lifecycle })
    }

    pub(crate) async fn answer(&self, request: Request<Arriving>) -> Response<Body> {
        let asked = match deadline::asked(request.headers()) {
            Ok(asked) => asked,
            Err(malformed) => return refusal::rpc(Wire::Native, &Failure::from(malformed).into()),
        };
        if deadline::passed(deadline::moment(asked)) {
            return refusal::rpc(Wire::Native, &refusal::too_late().into());
        }
        let mut end = over(self.lifecycle.clone(), LIFE_MAX, asked).boxed();
        let answering = pin!(self.routes.clone().oneshot(request.map(TonicBody::new)));
        tokio::select! {
            answered = answering => match answered {
                Ok(answer) => answer.map(|body| Body::Local(Box::new(Said { body: Some(body), end }))),
                Err(never) => match never {},
            },
            failure = &mut end => refusal::rpc(Wire::Native, &failure.into()),
        }
    }
}

/// Why a call has to end, once it has to.
async fn over(lifecycle: Lifecycle, life_max: Duration, asked: Option<Duration>) -> Failure {
    let asked = asked.filter(|asked| *asked <= life_max);
    tokio::select! {
        () = lifecycle.stopping() => refusal::stopping(),
        () = tokio::time::sleep(asked.unwrap_or(life_max)) => {
            if asked.is_some() {
                return refusal::too_late();
            }
            let text = format!("a call lasts at most {} s here; call again", life_max.as_secs());
            Failure::new(ErrorReason::Unavailable, text).retry_after(refusal::RETRY_SOON)
        }
    }
}

/// What one of them says, until its time is over.
pub(crate) struct Said {
    body: Option<TonicBody>,
    end: BoxFuture<'static, Failure>,
}

impl HttpBody for Said {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        if let Poll::Ready(failure) = this.end.as_mut().poll(cx) {
            this.body = None;
            return Poll::Ready(Some(Ok(Frame::trailers(refusal::status_headers(&Status::from(failure))))));
        }
        Pin::new(body).poll_frame(cx).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    /// Says nothing and does not end.
    struct Silent;

    impl HttpBody for Silent {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn whoever_watches_for_ever_is_told_to_ask_again() {
        let end = over(Lifecycle::new(), Duration::ZERO, None).boxed();
        let mut said = Said { body: Some(TonicBody::new(Silent)), end };
        let trailers = said.frame().await.expect("an end").expect("whole").into_trailers().expect("trailers");
        assert_eq!(trailers["grpc-status"], "14");
        assert!(said.is_end_stream() && said.frame().await.is_none());
    }
}
