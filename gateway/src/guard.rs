//! The guard: decides what a request may be taken for, before anything of it is believed.
//!
//! A browser sends its cookies along with whatever page made it send a request. So a cookie is read only from a
//! request that a page of another site cannot make: gRPC-web by its exact content type, the `x-grpc-web` header, and
//! the same origin. A request with `authorization` is a program's and its cookies are never read. Nothing after this
//! room reads a cookie.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use http::{
    HeaderMap, Method, Version,
    header::{self, AsHeaderName},
};

use crate::cookies::{Cookies, Secret, Which};

/// Longest `authorization` value that is read, in bytes.
const AUTHORIZATION_MAX_BYTES: usize = 1024;

/// Longest origin that is logged, in bytes: a host name has 253 at most.
const ORIGIN_MAX_BYTES: usize = 300;

/// How the messages of a call are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// gRPC over HTTP/2, with trailers.
    Native,
    /// gRPC-web, with the trailers in the body.
    Web,
}

/// What the guard took a request for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// It came from a page of this app: cookies are answered with.
    pub(crate) browser: bool,
    /// Its proof, if it brought one.
    pub(crate) credential: Option<Secret>,
    /// The secret of the LoginAttempt it belongs to, from a browser's cookie.
    pub(crate) attempt: Option<Secret>,
}

/// Why a request was not admitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("an RPC is called with POST")]
    Method,
    #[error(
        "the content type of an RPC is application/grpc-web, application/grpc-web+proto or, over HTTP/2, application/grpc"
    )]
    ContentType,
    #[error("native gRPC needs HTTP/2; over HTTP/1.1 call with application/grpc-web+proto")]
    NeedsHttp2,
    #[error("a call from a browser carries the header {0}")]
    MissingHeader(&'static str),
    /// With the origin that it should have come from.
    #[error("a call from a browser comes from this app's own origin: open the app at {0}")]
    Origin(Arc<str>),
    #[error("authorization is `Bearer` and one LoginSession secret or ApiToken")]
    Authorization,
}

impl Refused {
    /// A word of a closed list, for metrics.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::ContentType | Self::NeedsHttp2 => "content_type",
            Self::MissingHeader(_) => "missing_header",
            Self::Origin(_) => "origin",
            Self::Authorization => "authorization",
        }
    }
}

/// The guard and what it compares with.
#[derive(Debug)]
pub(crate) struct Guard {
    /// `scheme://host[:port]`, as browsers write it in `Origin`.
    public_origin: Arc<str>,
    cookies: Cookies,
    /// Whether the log has been told of a browser at another address.
    told: AtomicBool,
}

impl Guard {
    pub(crate) fn new(public_origin: String, cookies: Cookies) -> Self {
        Self { public_origin: public_origin.into(), cookies, told: AtomicBool::new(false) }
    }

    /// The framing of an RPC by its method, version and content type.
    pub(crate) fn wire(method: &Method, version: Version, headers: &HeaderMap) -> Result<Wire, Refused> {
        if method != Method::POST {
            return Err(Refused::Method);
        }
        match only(headers, header::CONTENT_TYPE) {
            Some("application/grpc-web" | "application/grpc-web+proto") => Ok(Wire::Web),
            Some("application/grpc" | "application/grpc+proto") if version == Version::HTTP_2 => Ok(Wire::Native),
            Some("application/grpc" | "application/grpc+proto") => Err(Refused::NeedsHttp2),
            _ => Err(Refused::ContentType),
        }
    }

    /// Admits an RPC of a known framing.
    pub(crate) fn admit_rpc(&self, wire: Wire, headers: &HeaderMap) -> Result<Admitted, Refused> {
        if headers.contains_key(header::AUTHORIZATION) {
            return program(headers);
        }
        if wire == Wire::Native {
            return Ok(Admitted { browser: false, credential: None, attempt: None });
        }
        if !headers.contains_key("x-grpc-web") {
            return Err(Refused::MissingHeader("x-grpc-web"));
        }
        self.browser(headers)
    }

    /// Admits a request to one of the HTTP routes that change something (uploads).
    pub(crate) fn admit_http(&self, headers: &HeaderMap) -> Result<Admitted, Refused> {
        if headers.contains_key(header::AUTHORIZATION) {
            return program(headers);
        }
        // A page of another site cannot set this header without asking first, and is never answered with a yes.
        if only(headers, "x-fenxi") != Some("1") {
            return Err(Refused::MissingHeader("x-fenxi: 1"));
        }
        self.browser(headers)
    }

    fn browser(&self, headers: &HeaderMap) -> Result<Admitted, Refused> {
        if !self.same_origin(headers) {
            self.tell(headers);
            return Err(Refused::Origin(self.public_origin.clone()));
        }
        let credential = self.cookies.read(headers, Which::Session);
        Ok(Admitted { browser: true, credential, attempt: self.cookies.read(headers, Which::Attempt) })
    }

    /// `Sec-Fetch-Site` is written by the browser and cannot be changed by a page, so it decides where it is there.
    fn same_origin(&self, headers: &HeaderMap) -> bool {
        if headers.contains_key("sec-fetch-site") {
            return only(headers, "sec-fetch-site") == Some("same-origin");
        }
        only(headers, header::ORIGIN) == Some(&self.public_origin)
    }

    /// Tells the log, once, of a page that was opened under another address: browsers leave `Sec-Fetch-Site` away over plain
    /// http, so it may well be the app, and whoever runs it has to know why it is refused.
    fn tell(&self, headers: &HeaderMap) {
        let origin = only(headers, header::ORIGIN).filter(|origin| origin.len() <= ORIGIN_MAX_BYTES);
        if let Some(origin) = origin.filter(|_| !headers.contains_key("sec-fetch-site"))
            && !self.told.swap(true, Ordering::Relaxed)
        {
            let public_origin = &self.public_origin;
            tracing::warn!(?origin, %public_origin, "a page of another origin was refused; is the public URL what people type?");
        }
    }
}

fn program(headers: &HeaderMap) -> Result<Admitted, Refused> {
    let value = only(headers, header::AUTHORIZATION).filter(|v| v.len() <= AUTHORIZATION_MAX_BYTES);
    let (scheme, secret) = value.and_then(|v| v.split_once(' ')).ok_or(Refused::Authorization)?;
    let credential = scheme.eq_ignore_ascii_case("bearer").then(|| Secret::new(secret)).flatten();
    // Only what this house issues is asked about; a Caller or a foreign token ends here.
    let ours = |c: &Secret| c.expose().starts_with("fxl_") || c.expose().starts_with("fxt_");
    let credential = credential.filter(ours).ok_or(Refused::Authorization)?;
    Ok(Admitted { browser: false, credential: Some(credential), attempt: None })
}

/// The value of a header that stands there exactly once and is text.
fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then(|| first.to_str().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn guard() -> Guard {
        Guard::new("https://fenxi.example".into(), Cookies::new(true))
    }

    fn elsewhere() -> Refused {
        Refused::Origin("https://fenxi.example".into())
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v))).collect()
    }

    const COOKIE: (&str, &str) = ("cookie", "__Host-fenxi-session=fxl_s; __Host-fenxi-attempt=a1");
    const WEB: (&str, &str) = ("x-grpc-web", "1");
    const SAME: (&str, &str) = ("sec-fetch-site", "same-origin");

    #[test]
    fn only_the_exact_content_types_are_rpcs() {
        let wire =
            |version, kind: &'static str| Guard::wire(&Method::POST, version, &headers(&[("content-type", kind)]));
        for version in [Version::HTTP_11, Version::HTTP_2] {
            assert_eq!(wire(version, "application/grpc-web"), Ok(Wire::Web));
            assert_eq!(wire(version, "application/grpc-web+proto"), Ok(Wire::Web));
            for bad in [
                "text/plain",
                "application/x-www-form-urlencoded",
                "multipart/form-data; boundary=x",
                "application/json",
                "application/grpc-web+proto; charset=utf-8",
                "application/grpc-web-text",
                "application/grpc-web+json",
                "application/grpc-weby",
                "text/plain, application/grpc-web",
                "application/connect+proto",
                "",
            ] {
                assert_eq!(wire(version, bad), Err(Refused::ContentType), "{bad}");
            }
        }
        assert_eq!(wire(Version::HTTP_2, "application/grpc"), Ok(Wire::Native));
        assert_eq!(wire(Version::HTTP_11, "application/grpc"), Err(Refused::NeedsHttp2));
        let none = Guard::wire(&Method::POST, Version::HTTP_2, &HeaderMap::new());
        assert_eq!(none, Err(Refused::ContentType));
        let mut twice = headers(&[("content-type", "application/grpc-web")]);
        twice.append("content-type", HeaderValue::from_static("text/plain"));
        assert_eq!(Guard::wire(&Method::POST, Version::HTTP_2, &twice), Err(Refused::ContentType));
        let get = Guard::wire(&Method::GET, Version::HTTP_2, &headers(&[("content-type", "application/grpc-web")]));
        assert_eq!(get, Err(Refused::Method));
    }

    #[test]
    fn a_page_of_this_origin_is_a_browser_with_its_cookies() {
        let admitted = guard().admit_rpc(Wire::Web, &headers(&[WEB, SAME, COOKIE])).expect("admitted");
        assert!(admitted.browser);
        assert_eq!(admitted.credential.expect("the session").expose(), "fxl_s");
        assert_eq!(admitted.attempt.expect("the attempt").expose(), "a1");
        let old = headers(&[WEB, ("origin", "https://fenxi.example"), COOKIE]);
        assert!(guard().admit_rpc(Wire::Web, &old).expect("admitted").credential.is_some());
    }

    #[test]
    fn other_origins_are_refused_before_the_cookie_is_read() {
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "none"),
            ("sec-fetch-site", "same-origin, cross-site"),
            ("origin", "https://evil.example"),
            ("origin", "https://fenxi.example.evil.com"),
            ("origin", "https://fenxi.example:444"),
            ("origin", "http://fenxi.example"),
            ("origin", "null"),
            ("x-nothing", "1"),
        ] {
            let got = guard().admit_rpc(Wire::Web, &headers(&[WEB, COOKIE, (name, value)]));
            assert_eq!(got, Err(elsewhere()), "{name}: {value}");
        }
        let both = headers(&[WEB, COOKIE, ("sec-fetch-site", "cross-site"), ("origin", "https://fenxi.example")]);
        assert_eq!(guard().admit_rpc(Wire::Web, &both), Err(elsewhere()));
        assert_eq!(guard().admit_rpc(Wire::Web, &headers(&[SAME, COOKIE])), Err(Refused::MissingHeader("x-grpc-web")));
    }

    #[test]
    fn who_has_another_address_is_told_the_right_one() {
        let refused = guard().admit_rpc(Wire::Web, &headers(&[WEB, ("origin", "http://192.168.1.5:8080")]));
        let text = refused.expect_err("another origin").to_string();
        assert!(text.ends_with("open the app at https://fenxi.example"), "{text}");
    }

    #[test]
    fn a_program_is_known_by_authorization_and_its_cookies_are_not_read() {
        for wire in [Wire::Web, Wire::Native] {
            let got =
                guard().admit_rpc(wire, &headers(&[("authorization", "Bearer fxt_t"), COOKIE])).expect("admitted");
            assert!(!got.browser && got.attempt.is_none());
            assert_eq!(got.credential.expect("the token").expose(), "fxt_t");
        }
        for bad in ["", "Bearer", "Bearer ", "Basic eDp5", "Bearer eyJhbGciOiJFZERTQSJ9.e30.x", "Bearer fxt_a b"] {
            let got = guard().admit_rpc(Wire::Native, &headers(&[("authorization", bad), COOKIE]));
            assert_eq!(got, Err(Refused::Authorization), "{bad}");
        }
        let native = guard().admit_rpc(Wire::Native, &headers(&[COOKIE, SAME, WEB])).expect("admitted");
        assert_eq!(native, Admitted { browser: false, credential: None, attempt: None });
    }

    #[test]
    fn uploads_with_cookies_need_their_own_header_and_the_same_origin() {
        let admit = |pairs: &[(&'static str, &'static str)]| guard().admit_http(&headers(pairs));
        assert!(admit(&[("x-fenxi", "1"), SAME, COOKIE]).expect("admitted").browser);
        assert_eq!(admit(&[SAME, COOKIE]), Err(Refused::MissingHeader("x-fenxi: 1")));
        assert_eq!(admit(&[("x-fenxi", "1"), COOKIE]), Err(elsewhere()));
        assert!(!admit(&[("authorization", "Bearer fxl_x"), COOKIE]).expect("admitted").browser);
    }
}
