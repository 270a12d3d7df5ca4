//! The headers of tus 1.0 (tus.io/protocols/resumable-upload): what a client says in them, and what it is told.

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fenxi_proto::error::Failure;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use prost_types::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::{body::Body, refusal};

const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,creation-with-upload,termination,expiration";
/// The content type of a piece of an upload.
const BYTES: &str = "application/offset+octet-stream";
/// What a file is called whose client does not say.
const UNNAMED: &str = "upload";

/// What a client wants to upload.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Creation {
    pub(super) file_name: String,
    pub(super) size_bytes: i64,
    pub(super) sha256: String,
}

/// The request's method; a POST may name another (`X-HTTP-Method-Override`), for clients behind old proxies.
pub(super) fn method<B>(request: &Request<B>) -> Option<Method> {
    match request.headers().get("x-http-method-override") {
        Some(named) if request.method() == Method::POST => {
            let named = Method::from_bytes(named.as_bytes()).ok()?;
            matches!(named, Method::HEAD | Method::PATCH | Method::DELETE | Method::OPTIONS | Method::POST)
                .then_some(named)
        }
        _ => Some(request.method().clone()),
    }
}

/// Puts on every answer what tus wants on every answer.
pub(super) fn sign(headers: &mut HeaderMap) {
    headers.insert("tus-resumable", HeaderValue::from_static(VERSION));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// What this server can do; of the size of a file nothing where it is 0.
pub(super) fn abilities(file_max_bytes: u64) -> Response<Body> {
    let mut answer = Response::new(Body::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer.headers_mut().insert("tus-version", HeaderValue::from_static(VERSION));
    answer.headers_mut().insert("tus-extension", HeaderValue::from_static(EXTENSIONS));
    if file_max_bytes > 0 {
        answer.headers_mut().insert("tus-max-size", HeaderValue::from(file_max_bytes));
    }
    answer
}

/// The refusal of a client of another version.
pub(super) fn wrong_version(headers: &HeaderMap) -> Option<Response<Body>> {
    if headers.get("tus-resumable").is_some_and(|version| version == VERSION) {
        return None;
    }
    let text = "say `Tus-Resumable: 1.0.0`";
    let mut answer = refusal::http(StatusCode::PRECONDITION_FAILED, "INVALID_FIELD", text);
    answer.headers_mut().insert("tus-version", HeaderValue::from_static(VERSION));
    Some(answer)
}

/// Whether the body is a piece of an upload.
pub(super) fn is_bytes(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == BYTES)
}

/// A number of bytes in a header.
pub(super) fn number(headers: &HeaderMap, name: &'static str) -> Result<i64, Failure> {
    let text = headers.get(name).ok_or_else(|| Failure::invalid(name, "is missing"))?;
    let digits = text.to_str().ok().filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|text| text.parse().ok()).ok_or_else(|| Failure::invalid(name, "is not a number of bytes"))
}

/// What the headers of a creation ask for.
pub(super) fn creation(headers: &HeaderMap) -> Result<Creation, Failure> {
    if headers.contains_key("upload-defer-length") {
        return Err(Failure::invalid("upload-defer-length", "is not supported: say the length at once"));
    }
    let size_bytes = number(headers, "upload-length")?;
    let mut creation = Creation { file_name: UNNAMED.to_owned(), size_bytes, sha256: String::new() };
    let Some(metadata) = headers.get("upload-metadata") else { return Ok(creation) };
    let wrong = || Failure::invalid("upload-metadata", "is not a list of `key base64` separated by commas");
    for pair in metadata.to_str().map_err(|_| wrong())?.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let value = STANDARD.decode(value.trim()).map_err(|_| wrong())?;
        let place = match key {
            "filename" | "name" => &mut creation.file_name,
            "sha256" => &mut creation.sha256,
            _ => continue,
        };
        *place = String::from_utf8(value)
            .map_err(|_| Failure::invalid("upload-metadata", "holds a text that is not UTF-8"))?;
    }
    Ok(creation)
}

/// What is told of an upload's file, in the form in which a creation says it: its name, which alone is kept.
pub(super) fn metadata(file_name: &str) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("filename {}", STANDARD.encode(file_name))).ok()
}

/// A request id from an `Idempotency-Key`: the key itself if it is a UUID, else one made from it.
pub(super) fn request_id(key: &[u8]) -> String {
    let given = std::str::from_utf8(key).ok().and_then(|text| uuid::Uuid::try_parse(text).ok());
    let id = given.unwrap_or_else(|| {
        let hash: [u8; 32] = Sha256::digest(key).into();
        uuid::Builder::from_custom_bytes(*hash.first_chunk().unwrap_or(&[0; 16])).into_uuid()
    });
    id.hyphenated().to_string()
}

/// A time as HTTP writes it.
pub(super) fn http_date(time: &Timestamp) -> Option<HeaderValue> {
    let since = Duration::from_secs(u64::try_from(time.seconds).ok()?);
    HeaderValue::try_from(httpdate::fmt_http_date(SystemTime::UNIX_EPOCH.checked_add(since)?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(k, v)| (http::HeaderName::from_static(k), HeaderValue::from_str(v).expect("a value")))
            .collect()
    }

    #[test]
    fn a_creation_is_read_with_its_name_in_any_script() {
        let name = STANDARD.encode("销售 数据.csv");
        let hash = STANDARD.encode("ab12");
        let metadata = format!("filename {name}, sha256 {hash},is_confidential");
        let read = creation(&headers(&[("upload-length", "42"), ("upload-metadata", &metadata)])).expect("good");
        assert_eq!(read, Creation { file_name: "销售 数据.csv".into(), size_bytes: 42, sha256: "ab12".into() });
        assert_eq!(creation(&headers(&[("upload-length", "0")])).expect("good").file_name, UNNAMED);
    }

    #[test]
    fn a_wrong_creation_names_its_header() {
        for (pairs, name) in [
            (vec![], "upload-length"),
            (vec![("upload-length", "-1")], "upload-length"),
            (vec![("upload-length", "1e3")], "upload-length"),
            (vec![("upload-length", "99999999999999999999")], "upload-length"),
            (vec![("upload-length", "1"), ("upload-defer-length", "1")], "upload-defer-length"),
            (vec![("upload-length", "1"), ("upload-metadata", "filename a*b")], "upload-metadata"),
            (vec![("upload-length", "1"), ("upload-metadata", "filename //79")], "upload-metadata"),
        ] {
            let failure = creation(&headers(&pairs)).expect_err(name);
            assert!(failure.to_string().contains(name), "{failure}");
        }
    }

    #[test]
    fn the_same_key_is_the_same_request() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(request_id(id.as_bytes()), id);
        assert_eq!(request_id(b"my key"), request_id(b"my key"));
        assert_ne!(request_id(b"my key"), request_id(b"your key"));
        assert_eq!(request_id(b"my key").len(), 36);
    }

    #[test]
    fn only_a_post_may_name_another_method() {
        let with = |method: Method, named: &str| {
            let request = Request::builder().method(method).header("x-http-method-override", named).body(());
            super::method(&request.expect("a request"))
        };
        assert_eq!(with(Method::POST, "PATCH"), Some(Method::PATCH));
        assert_eq!(with(Method::GET, "DELETE"), Some(Method::GET));
        assert_eq!(with(Method::POST, "TRACE"), None);
    }
}
