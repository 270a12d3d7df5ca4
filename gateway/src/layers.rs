//! Every layer that a request goes through, in order, each with its why. This is the one place that calls the rooms one
//! after the other; none of them calls another.

use std::{net::SocketAddr, sync::Arc};

use fenxi_chassis::id::Ids;
use fenxi_proto::error::{ErrorReason, Failure};
use http::{HeaderValue, Request, Response, StatusCode, request::Parts};
use hyper::body::Incoming;
use tonic::Status;

use crate::{
    arriving::Arriving,
    assets::{self, Assets},
    body::Body,
    caller::{Caller, Callers},
    contract::{Backend, Method},
    cookies::Secret,
    guard::{Admitted, Guard, Refused, Wire},
    limits::{Limits, Source, calls::CallPlace},
    local::Local,
    login::Login,
    meters::{self, CallMeter},
    net::{self, Network, Notices},
    proxy::{
        Call, Proxy,
        headers::{self, Client},
    },
    refusal,
    router::{self, Route},
    uploads::Uploads,
};

/// What asks whether the gateway can serve.
const HEALTH_CHECK: &str = "/grpc.health.v1.Health/Check";

/// Every part of the gateway that a request may meet.
pub(crate) struct House {
    pub(crate) guard: Guard,
    pub(crate) limits: Arc<Limits>,
    pub(crate) callers: Arc<Callers>,
    pub(crate) proxy: Proxy,
    pub(crate) uploads: Uploads,
    pub(crate) login: Login,
    pub(crate) local: Local,
    pub(crate) assets: Arc<Assets>,
    pub(crate) ids: Ids,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) notices: Notices,
    /// What browsers are told of https, if anything.
    pub(crate) hsts: Option<HeaderValue>,
}

/// Answers a request.
pub(crate) fn answer(
    house: Arc<House>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> impl Future<Output = Response<Body>> {
    // Parted before it waits for anything, so that there is room for it once and not at each step.
    let (head, body) = request.into_parts();
    let body = Arriving::new(body, head.version, &head.headers, &house.proxy.limits);
    async move {
        // 1. Who is on the line: everything after counts and logs by it. Headers were bounded before they came here.
        let address = net::client_address(peer.ip(), &head.headers, &house.trusted_proxies, &house.notices);
        let client = Client::of(address, &head.headers, || house.ids.next().to_string());
        // 2. Where to: the path alone decides.
        let method = match router::route(head.uri.path()) {
            Route::Rpc(method) => Some(method),
            Route::UnknownRpc => None,
            // The rarer ways are boxed, so that every RPC does not carry the room that they need.
            _ => return Box::pin(elsewhere(&house, client, Request::from_parts(head, body))).await,
        };
        let answer = rpc(&house, &client, method, &head, body).await;
        finished(answer, &house, client, None, &head.method)
    }
}

/// Everything but the RPCs of the contract.
async fn elsewhere(house: &House, client: Client, request: Request<Arriving>) -> Response<Body> {
    let (path, method) = (request.uri().path().to_owned(), request.method().clone());
    let answer = match router::route(&path) {
        Route::Local => local(house, &client, request).await,
        Route::Uploads => house.uploads.answer(house, &client, None, request).await,
        Route::Upload(id) => house.uploads.answer(house, &client, Some(id), request).await,
        Route::Callback(method) => callback(house, &client, method, &request).await,
        Route::Admin => not_here(&path),
        Route::App | Route::Rpc(_) | Route::UnknownRpc => {
            let answer = house.assets.answer(&method, &path, request.headers());
            return finished(answer, house, client, Some(&path), &method);
        }
    };
    finished(answer, house, client, None, &method)
}

/// What looks at the service's health from outside would pass for ever on the app's page, which is there at any path.
fn not_here(path: &str) -> Response<Body> {
    let message = format!("{path} is on the admin port (--admin-listen), not on this one");
    refusal::http(StatusCode::NOT_FOUND, "NOT_FOUND", &message)
}

/// 3. Last, on whatever was answered: what browsers are to hold themselves to, and the id to ask about it.
fn finished(
    mut answer: Response<Body>,
    house: &House,
    client: Client,
    app_path: Option<&str>,
    method: &http::Method,
) -> Response<Body> {
    assets::policy::apply(answer.headers_mut(), app_path, house.hsts.as_ref());
    answer.headers_mut().insert(headers::TRACE_ID.clone(), client.trace_id);
    if method == http::Method::HEAD {
        // hyper leaves the body away over HTTP/1.1 only.
        *answer.body_mut() = Body::default();
    }
    answer
}

async fn rpc(
    house: &House,
    client: &Client,
    method: Option<&'static Method>,
    head: &Parts,
    body: Arriving,
) -> Response<Body> {
    // a. The guard goes first: only what it admits is looked at any further, and only it reads cookies.
    let wire = match Guard::wire(&head.method, head.version, &head.headers) {
        Ok(wire) => wire,
        Err(refused) => return refused_rpc(None, &refused),
    };
    let admitted = match house.guard.admit_rpc(wire, &head.headers) {
        Ok(admitted) => admitted,
        Err(refused) => return refused_rpc(Some(wire), &refused),
    };
    // b. What the contract does not know, or keeps for services, ends here: no backend is bothered with it.
    let Some(method) = method else {
        return refusal::rpc(wire, &Failure::new(ErrorReason::MethodUnknown, "there is no such method").into());
    };
    let meter = CallMeter::start(&method.meter);
    let (status, mut meter) = match admit(house, client, method, &admitted).await {
        // e. The proxy moves the frames.
        Ok((caller, place)) => {
            let call = Call { method, wire, client, admitted: &admitted, caller, meter };
            match Box::pin(house.proxy.forward(call, &house.callers, &head.headers, body)).await {
                Ok(mut answer) => {
                    answer.body_mut().hold(place);
                    return answer;
                }
                Err((failure, meter)) => (Status::from(failure), meter),
            }
        }
        Err(status) => (status, meter),
    };
    meter.end(status.code());
    refusal::rpc(wire, &status)
}

async fn admit(
    house: &House,
    client: &Client,
    method: &'static Method,
    admitted: &Admitted,
) -> Result<(Option<Arc<Caller>>, Option<CallPlace>), Status> {
    if !method.open_to_outside() {
        return Err(Failure::new(ErrorReason::PermissionDenied, "this method is for services alone").into());
    }
    if method.is_public() {
        // c. Who proves nothing is counted by address.
        house.limits.check_address(client.address)?;
        return Ok((None, None));
    }
    let caller = caller(house, client, admitted.credential.as_ref(), method.backend).await?;
    let place = house.limits.enter(caller.user_key)?;
    Ok((Some(caller), Some(place)))
}

/// Who is asking, proved and within their rate.
pub(crate) async fn caller(
    house: &House,
    client: &Client,
    credential: Option<&Secret>,
    backend: Backend,
) -> Result<Arc<Caller>, Status> {
    // c. An unknown credential makes auth-service work, so the address pays for it, and for a call without any.
    let source = Source { limits: &house.limits, address: client.address };
    let Some(credential) = credential else {
        source.check()?;
        return Err(refusal::unauthenticated().into());
    };
    let caller = house.callers.resolve(credential, backend, Some(source)).await?;
    // d. From here on the user is known, and counted by themselves, on whatever devices.
    house.limits.check_user(caller.user_key)?;
    Ok(caller)
}

async fn local(house: &House, client: &Client, request: Request<Arriving>) -> Response<Body> {
    // A probe that is told to come later would have a gateway taken out of service that only others have kept busy.
    let probe = request.uri().path() == HEALTH_CHECK;
    match Guard::wire(request.method(), request.version(), request.headers()) {
        Ok(Wire::Native) if probe => house.local.answer(request).await,
        Ok(Wire::Native) => match house.limits.check_address(client.address) {
            Ok(()) => house.local.answer(request).await,
            Err(failure) => refusal::rpc(Wire::Native, &failure.into()),
        },
        Ok(Wire::Web) => {
            let text = "health and reflection speak native gRPC";
            refusal::rpc(Wire::Web, &Failure::new(ErrorReason::MethodUnknown, text).into())
        }
        Err(refused) => refused_rpc(None, &refused),
    }
}

async fn callback(house: &House, client: &Client, method: &str, request: &Request<Arriving>) -> Response<Body> {
    if let Err(failure) = house.limits.check_address(client.address) {
        // Somebody looks at it: a page in their language, from which they can go on.
        return house.login.failed(&failure.into());
    }
    house.login.callback(client, method, request).await
}

/// A request that the guard did not admit. It says so in HTTP, and, to whoever speaks gRPC, in gRPC too.
fn refused_rpc(wire: Option<Wire>, refused: &Refused) -> Response<Body> {
    meters::refused(refused.word());
    let text = refused.to_string();
    let (status, reason) = match refused {
        Refused::Method => (StatusCode::METHOD_NOT_ALLOWED, ErrorReason::InvalidField),
        Refused::ContentType | Refused::NeedsHttp2 => (StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorReason::InvalidField),
        Refused::MissingHeader(_) | Refused::Origin(_) => (StatusCode::FORBIDDEN, ErrorReason::PermissionDenied),
        Refused::Authorization => (StatusCode::OK, ErrorReason::Unauthenticated),
    };
    let mut answer = match wire {
        Some(wire) => refusal::rpc(wire, &Failure::new(reason, text).into()),
        None => refusal::http(status, fenxi_proto::error::name(reason), &text),
    };
    *answer.status_mut() = status;
    if status == StatusCode::METHOD_NOT_ALLOWED {
        answer.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static("POST"));
    }
    answer
}
#[cfg(test)]
mod tests {
    use super::*;

    /// Larger pieces of memory are looked for at length by the allocator, in every call.
    const PIECE_MAX_BYTES: usize = 1_024;

    fn piece<A, B, C, F>(_: impl Fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    fn long_piece<A, B, C, D, E, F>(_: impl Fn(A, B, C, D, E) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_way_of_a_call_is_made_of_small_pieces() {
        assert!(piece(answer) <= PIECE_MAX_BYTES, "answer: {}", piece(answer));
        assert!(long_piece(Proxy::forward) <= PIECE_MAX_BYTES, "forward: {}", long_piece(Proxy::forward));
    }
}
