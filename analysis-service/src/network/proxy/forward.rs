//! A request that is sent on, and its answer: what concerns one connection only stays there.

use hyper::{
    Request, Response, StatusCode, Uri, Version,
    body::Incoming,
    client,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::{Limits, exchange::Way, refusal::Refusal, sent::Sent};

/// What concerns one connection only (RFC 9110, section 7.6.1), and what is meant for us.
const HOP_HEADERS: [HeaderName; 8] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// The request as the server there is to get it.
pub(super) fn outgoing(mut request: Request<Incoming>) -> Result<Request<Incoming>, Refusal> {
    let host = request.uri().authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    // `http://host?query` has no path of its own.
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let uri = Uri::try_from(path).map_err(|_| Refusal::bad("the path is not understood"))?;
    let host = HeaderValue::try_from(host).map_err(|_| Refusal::bad("the host is not understood"))?;
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_11;
    strip(request.headers_mut());
    // What the request's own line says, and nothing else (RFC 9112, section 3.2.2).
    request.headers_mut().insert(header::HOST, host);
    Ok(request)
}

/// Sends a request there; gives the head of the answer, and what drives the connection while the rest comes.
pub(super) async fn send(
    request: Request<Incoming>,
    Way { stream, place }: Way,
    limits: &Limits,
) -> Result<(Response<Incoming>, AbortOnDropHandle<()>), Refusal> {
    let failed = || Refusal::new(StatusCode::BAD_GATEWAY, "the server there gave no answer that is understood");
    let handshake = client::conn::http1::Builder::new()
        .max_buf_size(limits.answer_head_bytes)
        .max_headers(limits.headers)
        .handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|_| failed())?;
    let sending = AbortOnDropHandle::new(tokio::spawn(async move {
        let _ = connection.await;
        drop(place);
    }));
    let (head, body) = request.into_parts();
    let (body, sent) = Sent::new(body);
    let late = async {
        // While there is something to send, it is for whoever sends it to go on.
        let _ = sent.await;
        sleep(limits.answer_wait).await;
    };
    let mut answer = tokio::select! {
        answer = sender.send_request(Request::from_parts(head, body)) => answer.map_err(|_| failed())?,
        () = late => {
            return Err(Refusal::new(StatusCode::GATEWAY_TIMEOUT, "the server there did not answer in time"));
        }
    };
    strip(answer.headers_mut());
    *answer.version_mut() = Version::HTTP_11;
    answer.extensions_mut().clear();
    Ok((answer, sending))
}

/// Removes what concerns this connection only, and what its `Connection` names.
fn strip(headers: &mut HeaderMap) {
    let named = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<HeaderName> =
        named.flat_map(|value| value.split(',')).filter_map(|name| name.trim().parse().ok()).collect();
    for name in named.iter().chain(&HOP_HEADERS) {
        headers.remove(name);
    }
}
