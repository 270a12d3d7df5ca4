//! Every layer that a request goes through, in order, each with its why. This is the one place that calls the rooms one
//! after the other; none of them calls another.

use std::{net::SocketAddr, sync::Arc};

use fenxi_chassis::id::Ids;
use fenxi_proto::error::{ErrorReason, Failure};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tonic::Status;

use crate::{
    assets::{self, Assets},
    body::Body,
    caller::{Caller, Callers},
    contract::{Backend, Method},
    cookies::Secret,
    guard::{Admitted, Guard, Refused, Wire},
    limits::{Limits, Source},
    local::Local,
    login::Login,
    meters::{self, CallMeter},
    net::{self, Network},
    proxy::{
        Call, Proxy,
        headers::{self, Client},
    },
    refusal,
    router::{self, Route},
    uploads::Uploads,
};

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
    pub(crate) https: bool,
}

/// Answers a request.
pub(crate) async fn answer(house: Arc<House>, peer: SocketAddr, request: Request<Incoming>) -> Response<Body> {
    // 1. Who is on the line: everything after counts and logs by it. Headers were bounded before they came here.
    let address = net::client_address(peer.ip(), request.headers(), &house.trusted_proxies);
    let client = Client::of(address, request.headers(), || house.ids.next().to_string());
    // 2. Where to: the path alone decides.
    let path = request.uri().path().to_owned();
    let route = router::route(&path);
    let (is_app, is_head) = (matches!(route, Route::App), request.method() == http::Method::HEAD);
    let mut answer = match route {
        Route::Rpc(method) => rpc(&house, &client, Some(method), request).await,
        Route::UnknownRpc => rpc(&house, &client, None, request).await,
        // The rarer ways are boxed, so that every RPC does not carry the room that they need.
        Route::Local => Box::pin(local(&house, request)).await,
        Route::Uploads => Box::pin(house.uploads.answer(&house, &client, None, request)).await,
        Route::Upload(id) => Box::pin(house.uploads.answer(&house, &client, Some(id), request)).await,
        Route::Callback(method) => Box::pin(callback(&house, &client, method, &request)).await,
        Route::App => house.assets.answer(request.method(), &path, request.headers()),
    };
    // 3. Last, on whatever was answered: what browsers are to hold themselves to, and the id to ask about it.
    assets::policy::apply(answer.headers_mut(), is_app.then_some(path.as_str()), house.https);
    answer.headers_mut().insert(headers::TRACE_ID.clone(), client.trace_id);
    if is_head {
        // hyper leaves the body away over HTTP/1.1 only.
        *answer.body_mut() = Body::default();
    }
    answer
}

async fn rpc(
    house: &House,
    client: &Client,
    method: Option<&'static Method>,
    request: Request<Incoming>,
) -> Response<Body> {
    // a. The guard goes first: only what it admits is looked at any further, and only it reads cookies.
    let wire = match Guard::wire(request.method(), request.version(), request.headers()) {
        Ok(wire) => wire,
        Err(refused) => return refused_rpc(None, refused),
    };
    let admitted = match house.guard.admit_rpc(wire, request.headers()) {
        Ok(admitted) => admitted,
        Err(refused) => return refused_rpc(Some(wire), refused),
    };
    // b. What the contract does not know, or keeps for services, ends here: no backend is bothered with it.
    let Some(method) = method else {
        return refusal::rpc(wire, &Status::unimplemented("no such method"));
    };
    let meter = CallMeter::start(&method.meter);
    match admit(house, client, method, &admitted).await {
        // e. The proxy moves the frames.
        Ok(caller) => {
            let call = Call { method, wire, client, admitted: &admitted, caller, meter };
            house.proxy.forward(call, &house.callers, request).await
        }
        Err(status) => {
            let mut meter = meter;
            meter.end(status.code());
            refusal::rpc(wire, &status)
        }
    }
}

async fn admit(
    house: &House,
    client: &Client,
    method: &'static Method,
    admitted: &Admitted,
) -> Result<Option<Arc<Caller>>, Status> {
    if !method.open_to_outside() {
        return Err(Failure::new(ErrorReason::PermissionDenied, "this method is for services alone").into());
    }
    if method.is_public() {
        // c. Who proves nothing is counted by address.
        house.limits.check_address(client.address)?;
        return Ok(None);
    }
    caller(house, client, admitted.credential.as_ref(), method.backend).await.map(Some)
}

/// Who is asking, proved and within their rate.
pub(crate) async fn caller(
    house: &House,
    client: &Client,
    credential: Option<&Secret>,
    backend: Backend,
) -> Result<Arc<Caller>, Status> {
    let credential = credential.ok_or_else(refusal::unauthenticated)?;
    // c. An unknown credential makes auth-service work, so the address pays for it.
    let source = Source { limits: &house.limits, address: client.address };
    let caller = house.callers.resolve(credential, backend, Some(source)).await?;
    // d. From here on the user is known, and counted by themselves, on whatever devices.
    house.limits.check_user(caller.user_key)?;
    Ok(caller)
}

async fn local(house: &House, request: Request<Incoming>) -> Response<Body> {
    match Guard::wire(request.method(), request.version(), request.headers()) {
        Ok(Wire::Native) => house.local.answer(request).await,
        Ok(Wire::Web) => refusal::rpc(Wire::Web, &Status::unimplemented("health and reflection speak native gRPC")),
        Err(refused) => refused_rpc(None, refused),
    }
}

async fn callback(house: &House, client: &Client, method: &str, request: &Request<Incoming>) -> Response<Body> {
    if let Err(failure) = house.limits.check_address(client.address) {
        return refusal::http_from(&failure.into());
    }
    house.login.callback(client, method, request).await
}

/// A request that the guard did not admit. It says so in HTTP, and, to whoever speaks gRPC, in gRPC too.
fn refused_rpc(wire: Option<Wire>, refused: Refused) -> Response<Body> {
    meters::refused(refused.word());
    let text = refused.to_string();
    let (status, reason) = match refused {
        Refused::Method => (StatusCode::METHOD_NOT_ALLOWED, ErrorReason::InvalidField),
        Refused::ContentType | Refused::NeedsHttp2 => (StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorReason::InvalidField),
        Refused::MissingHeader(_) | Refused::Origin => (StatusCode::FORBIDDEN, ErrorReason::PermissionDenied),
        Refused::Authorization => (StatusCode::OK, ErrorReason::Unauthenticated),
    };
    let mut answer = match wire {
        Some(wire) => refusal::rpc(wire, &Failure::new(reason, text).into()),
        None => refusal::http(status, fenxi_proto::error::name(reason), &text),
    };
    *answer.status_mut() = status;
    if status == StatusCode::METHOD_NOT_ALLOWED {
        answer.headers_mut().insert(http::header::ALLOW, http::HeaderValue::from_static("POST"));
    }
    answer
}
