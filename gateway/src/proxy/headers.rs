//! Which headers go through, both ways. Towards a backend only what is named here goes, and what the gateway itself
//! says of the client; so nothing that is believed inside can be said from outside.

use std::net::IpAddr;

use fenxi_proto::{
    METADATA_CLIENT_ADDRESS, METADATA_CLIENT_AGENT, METADATA_LOGIN_ATTEMPT, METADATA_LOGIN_ATTEMPT_MAX_AGE,
    METADATA_LOGIN_SESSION, METADATA_LOGIN_SESSION_MAX_AGE, METADATA_TRACE_ID,
};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    contract::Backend,
    cookies::{Cookies, Secret, Which},
};

/// Longest user-agent that is passed on, in bytes.
const AGENT_MAX_BYTES: usize = 200;
/// Longest request id that is taken from outside, in bytes.
const TRACE_ID_MAX_BYTES: usize = 64;

/// Longest header that passes as it came, in bytes: together they stay far below what a backend takes.
const PASSED_MAX_BYTES: usize = 1024;

/// Headers of a call that says nothing unusual. The map grows for more; room for them in every call is a piece of memory
/// for which the allocator looks long.
const USUAL_HEADERS: usize = 6;

/// The names that every call needs, made once.
pub(crate) static TRACE_ID: HeaderName = HeaderName::from_static(METADATA_TRACE_ID);
pub(crate) static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
static CLIENT_ADDRESS: HeaderName = HeaderName::from_static(METADATA_CLIENT_ADDRESS);
static CLIENT_AGENT: HeaderName = HeaderName::from_static(METADATA_CLIENT_AGENT);
static LOGIN_ATTEMPT: HeaderName = HeaderName::from_static(METADATA_LOGIN_ATTEMPT);

/// What passes towards a backend as it came, beside `content-type`.
static PASSED: [HeaderName; 4] = [
    HeaderName::from_static("grpc-encoding"),
    HeaderName::from_static("grpc-accept-encoding"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];
/// What nginx, and others after it, ask of an answer that is to go on as it comes. Native gRPC they never keep back.
static ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// What ends at each hop (RFC 9110, section 7.6.1), and what the gateway says anew.
static ENDS_HERE: [HeaderName; 8] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::TRAILER,
    header::UPGRADE,
    header::TE,
    header::CONTENT_LENGTH,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// What the gateway knows of the client of a request.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Where it is.
    pub(crate) address: IpAddr,
    /// What it calls itself, as it came.
    agent: Option<HeaderValue>,
    /// The id of this request through every service.
    pub(crate) trace_id: HeaderValue,
}

impl Client {
    /// From the request's headers; `new_id` makes an id where the client sent none that can be taken.
    pub(crate) fn of(address: IpAddr, headers: &HeaderMap, new_id: impl FnOnce() -> String) -> Self {
        let agent = headers.get(header::USER_AGENT).cloned();
        let taken = headers.get(&TRACE_ID).filter(|id| is_trace_id(id.as_bytes())).cloned();
        let mut trace_id =
            taken.or_else(|| HeaderValue::try_from(new_id()).ok()).unwrap_or_else(|| HeaderValue::from_static("none"));
        // It is no secret, but never the same twice: so marked it stays out of the tables of HPACK (RFC 7541, 7.1.3),
        // where it would push out what is the same in every call and be compared with all its forerunners.
        trace_id.set_sensitive(true);
        Self { address, agent, trace_id }
    }

    /// Says of the client what a backend believes from the gateway. Where it is and what it calls itself is told to
    /// auth-service alone, which counts logins and shows their owners by it.
    pub(crate) fn tell(&self, backend: Backend, headers: &mut HeaderMap) {
        headers.insert(TRACE_ID.clone(), self.trace_id.clone());
        if backend != Backend::Auth {
            return;
        }
        if let Ok(address) = HeaderValue::try_from(self.address.to_string()) {
            headers.insert(CLIENT_ADDRESS.clone(), address);
        }
        if let Some(agent) = self.agent.as_ref().and_then(clean_agent) {
            headers.insert(CLIENT_AGENT.clone(), agent);
        }
    }
}

fn clean_agent(agent: &HeaderValue) -> Option<HeaderValue> {
    let text = agent.to_str().ok()?;
    HeaderValue::from_str(text.get(..AGENT_MAX_BYTES).unwrap_or(text)).ok()
}

fn is_trace_id(id: &[u8]) -> bool {
    (1..=TRACE_ID_MAX_BYTES).contains(&id.len())
        && id.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// The headers of a call towards a backend, without credential and deadline.
pub(crate) fn to_backend(backend: Backend, incoming: &HeaderMap, client: &Client) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(USUAL_HEADERS);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    for name in &PASSED {
        if let Some(value) = incoming.get(name).filter(|value| value.len() <= PASSED_MAX_BYTES) {
            headers.insert(name.clone(), value.clone());
        }
    }
    client.tell(backend, &mut headers);
    headers
}

/// The secret of a LoginAttempt towards auth-service: a browser's from its cookie, a program's as it sent it.
pub(crate) fn add_attempt(headers: &mut HeaderMap, incoming: &HeaderMap, browser: bool, cookie: Option<&Secret>) {
    let value = if browser {
        cookie.and_then(|secret| HeaderValue::from_str(secret.expose()).ok())
    } else {
        incoming.get(&LOGIN_ATTEMPT).filter(|value| value.len() <= PASSED_MAX_BYTES).cloned()
    };
    if let Some(mut value) = value {
        value.set_sensitive(true);
        headers.insert(LOGIN_ATTEMPT.clone(), value);
    }
}

/// Takes from a backend's answer what ends here.
pub(crate) fn end_hop(headers: &mut HeaderMap) {
    for name in &ENDS_HERE {
        headers.remove(name);
    }
}

/// Asks proxies to let the answer through as it comes: what a stream says is wanted now and not when a buffer is full.
pub(crate) fn unbuffered(headers: &mut HeaderMap) {
    headers.insert(ACCEL_BUFFERING.clone(), HeaderValue::from_static("no"));
}

/// Turns the secrets in a backend's answer into cookies, and takes them out: a browser's page never sees them.
pub(crate) fn secrets_to_cookies(headers: &mut HeaderMap, cookies: Cookies) {
    for (which, secret, max_age) in [
        (Which::Session, METADATA_LOGIN_SESSION, METADATA_LOGIN_SESSION_MAX_AGE),
        (Which::Attempt, METADATA_LOGIN_ATTEMPT, METADATA_LOGIN_ATTEMPT_MAX_AGE),
    ] {
        let max_age_secs = headers.remove(max_age).and_then(|age| age.to_str().ok()?.parse().ok()).unwrap_or(0);
        let Some(secret) = headers.remove(secret) else { continue };
        let cookie = secret.to_str().ok().and_then(|secret| cookies.set(which, secret, max_age_secs));
        if let Some(cookie) = cookie {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(headers: &HeaderMap) -> Client {
        Client::of("10.0.0.7".parse().expect("an address"), headers, || "made".into())
    }

    #[test]
    fn nothing_that_is_believed_inside_can_be_said_from_outside() {
        let mut incoming = HeaderMap::new();
        for name in [
            "authorization",
            "cookie",
            "fenxi-client-address",
            "fenxi-client-agent",
            "fenxi-anything",
            "x-internal-user",
            "x-forwarded-for",
            "forwarded",
            "connection",
            "host",
            "grpc-timeout",
        ] {
            incoming.insert(HeaderName::from_static(name), HeaderValue::from_static("forged"));
        }
        incoming.insert("grpc-encoding", HeaderValue::from_static("gzip"));
        let headers = to_backend(Backend::Auth, &incoming, &client(&incoming));
        assert!(headers.values().all(|value| value != "forged"), "{headers:?}");
        assert_eq!(headers["fenxi-client-address"], "10.0.0.7");
        assert_eq!(headers["grpc-encoding"], "gzip");
        assert_eq!(headers["te"], "trailers");
    }

    #[test]
    fn where_a_client_is_and_what_it_calls_itself_is_told_to_auth_service_alone() {
        let mut incoming = HeaderMap::new();
        let agent = HeaderValue::try_from("a".repeat(AGENT_MAX_BYTES + 1)).expect("a value");
        incoming.insert(header::USER_AGENT, agent);
        let headers = to_backend(Backend::Auth, &incoming, &client(&incoming));
        assert_eq!(headers["fenxi-client-agent"].len(), AGENT_MAX_BYTES);
        let headers = to_backend(Backend::Analysis, &incoming, &client(&incoming));
        assert_eq!(headers["x-request-id"], "made");
        assert!(!headers.contains_key("fenxi-client-address") && !headers.contains_key("fenxi-client-agent"));
        assert!(headers.len() + 2 <= USUAL_HEADERS, "no room for the Caller and the deadline");
    }

    #[test]
    fn a_request_id_is_taken_if_it_is_one() {
        let mut incoming = HeaderMap::new();
        incoming.insert("x-request-id", HeaderValue::from_static("abc-1.2_3"));
        assert_eq!(client(&incoming).trace_id, "abc-1.2_3");
        incoming.insert("x-request-id", HeaderValue::from_static("a b"));
        assert_eq!(client(&incoming).trace_id, "made");
        assert!(client(&incoming).trace_id.is_sensitive(), "every call would put one into the tables of HPACK");
    }

    #[test]
    fn a_browsers_attempt_is_its_cookie_and_a_programs_is_its_header() {
        let mut incoming = HeaderMap::new();
        incoming.insert("fenxi-login-attempt", HeaderValue::from_static("sent"));
        let cookie = Secret::new("kept");
        let mut headers = HeaderMap::new();
        add_attempt(&mut headers, &incoming, true, cookie.as_ref());
        assert_eq!(headers["fenxi-login-attempt"], "kept");
        let mut headers = HeaderMap::new();
        add_attempt(&mut headers, &incoming, true, None);
        assert!(headers.is_empty());
        add_attempt(&mut headers, &incoming, false, None);
        assert_eq!(headers["fenxi-login-attempt"], "sent");
    }

    #[test]
    fn secrets_become_cookies_and_leave_the_answer() {
        let mut headers = HeaderMap::new();
        headers.insert("fenxi-login-session", HeaderValue::from_static("fxl_s"));
        headers.insert("fenxi-login-session-max-age", HeaderValue::from_static("3600"));
        headers.insert("fenxi-login-attempt", HeaderValue::from_static(""));
        secrets_to_cookies(&mut headers, Cookies::new(true));
        let cookies: Vec<_> = headers.get_all("set-cookie").iter().map(|c| c.to_str().expect("text")).collect();
        assert_eq!(cookies.len(), 2);
        assert!(cookies[0].starts_with("__Host-fenxi-session=fxl_s; Path=/; Max-Age=3600;"), "{cookies:?}");
        assert!(cookies[1].starts_with("__Host-fenxi-attempt=; Path=/; Max-Age=0;"), "{cookies:?}");
        assert!(headers.keys().all(|name| name == "set-cookie"));
    }
}
