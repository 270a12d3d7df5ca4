//! The browser app: files embedded in the binary, served from memory. A path that is no file is a screen of the app and
//! gets its page. No credential is looked at here: the app's code is public.

pub(crate) mod policy;

use std::{
    collections::HashMap,
    io::Write as _,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use rust_embed::RustEmbed;

use crate::{body::Body, refusal};

/// Files smaller than this, in bytes, are not worth compressing.
const COMPRESS_MIN_BYTES: usize = 1024;
/// The page of the app.
const INDEX: &str = "index.html";
/// What stands there while the app was not built.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Fenxi</title>\
    <h1>The browser app is not built</h1><p>This gateway was compiled before its app: run <code>npm ci</code> and \
    <code>npm run build</code> in <code>gateway/web</code>, then build the gateway again.</p></html>";

#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Dist;

/// The files of the app.
pub(crate) struct Assets {
    files: HashMap<String, File>,
}

struct File {
    bytes: Bytes,
    kind: HeaderValue,
    etag: String,
    /// Its name holds its content's hash.
    immutable: bool,
    compressible: bool,
    gzip: OnceLock<Bytes>,
    brotli: Option<Bytes>,
}

impl Assets {
    /// The files that were embedded when the gateway was built.
    pub(crate) fn embedded() -> Arc<Self> {
        let files = Dist::iter().filter_map(|path| Some((path.to_string(), Dist::get(&path)?)));
        let files = files.map(|(path, file)| {
            let bytes = match file.data {
                std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
            };
            (path, bytes)
        });
        Arc::new(Self::new(files.collect()))
    }

    fn new(raw: Vec<(String, Bytes)>) -> Self {
        let brotli: HashMap<String, Bytes> = raw
            .iter()
            .filter_map(|(path, bytes)| Some((path.strip_suffix(".br")?.to_owned(), bytes.clone())))
            .collect();
        let files = raw.into_iter().map(|(path, bytes)| {
            let file = File::new(&path, bytes, brotli.get(&path).cloned());
            (path, file)
        });
        Self { files: files.collect() }
    }

    /// Compresses what is worth it; takes processor time, so not on the runtime. Until it is done files go as they are.
    pub(crate) fn compress(&self) {
        for file in self.files.values().filter(|file| file.compressible && file.bytes.len() >= COMPRESS_MIN_BYTES) {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            let compressed = encoder.write_all(&file.bytes).and_then(|()| encoder.finish());
            if let Ok(compressed) = compressed
                && compressed.len() < file.bytes.len()
            {
                // It is compressed once.
                let _ = file.gzip.set(Bytes::from(compressed));
            }
        }
    }

    /// Answers a request for a file or a screen of the app.
    pub(crate) fn answer(&self, method: &Method, path: &str, asked: &HeaderMap) -> Response<Body> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut answer = refusal::http(StatusCode::METHOD_NOT_ALLOWED, "INVALID_FIELD", "the app is read with GET");
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        // One `/` alone: a file has one path, by which its policy goes too.
        let name = path.strip_prefix('/').unwrap_or(path);
        match self.find(name) {
            Some(file) => file.answer(method, asked),
            None if self.files.contains_key(INDEX) => refusal::http(StatusCode::NOT_FOUND, "NOT_FOUND", "no such file"),
            None => not_built(),
        }
    }

    fn find(&self, name: &str) -> Option<&File> {
        let is_screen = !name.starts_with("assets/") && !name.rsplit('/').next().is_some_and(|last| last.contains('.'));
        self.files.get(name).or_else(|| is_screen.then(|| self.files.get(INDEX)).flatten())
    }
}

impl File {
    fn new(path: &str, bytes: Bytes, brotli: Option<Bytes>) -> Self {
        use sha2::Digest as _;
        let kind = mime_guess::from_path(path).first_or_octet_stream();
        let compressible = kind.type_() == "text"
            || matches!(kind.subtype().as_str(), "javascript" | "json" | "svg" | "wasm" | "xml" | "manifest");
        let text = kind.type_() == "text" || kind.subtype() == "javascript";
        let kind = if text { format!("{kind}; charset=utf-8") } else { kind.to_string() };
        let hash: [u8; 32] = sha2::Sha256::digest(&bytes).into();
        let etag = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        let kind = HeaderValue::try_from(kind).unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
        let immutable = path.starts_with("assets/");
        Self { bytes, kind, etag, immutable, compressible, gzip: OnceLock::new(), brotli }
    }

    fn answer(&self, method: &Method, asked: &HeaderMap) -> Response<Body> {
        let (bytes, encoding) = self.encoded(asked);
        let etag = format!("\"{}{}\"", self.etag, encoding.map(|name| format!("-{name}")).unwrap_or_default());
        let known = asked.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok()).is_some_and(|known| {
            known.split(',').any(|one| one.trim().trim_start_matches("W/") == etag || one.trim() == "*")
        });
        let with_body = !known && *method == Method::GET;
        let mut answer = Response::new(if with_body { Body::full(bytes.clone()) } else { Body::default() });
        if known {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = answer.headers_mut();
        let caching = if self.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Ok(etag) = HeaderValue::try_from(etag) {
            headers.insert(header::ETAG, etag);
        }
        if !known {
            headers.insert(header::CONTENT_TYPE, self.kind.clone());
            if let Some(encoding) = encoding {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
            if *method == Method::HEAD {
                headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            }
        }
        answer
    }

    fn encoded(&self, asked: &HeaderMap) -> (&Bytes, Option<&'static str>) {
        let accepts = |name: &str| {
            let values = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
            values.flat_map(|value| value.split(',')).any(|one| {
                let (coding, weight) = one.trim().split_once(';').unwrap_or((one.trim(), ""));
                coding == name && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
            })
        };
        match (&self.brotli, self.gzip.get()) {
            (Some(bytes), _) if accepts("br") => (bytes, Some("br")),
            (_, Some(bytes)) if accepts("gzip") => (bytes, Some("gzip")),
            _ => (&self.bytes, None),
        }
    }
}

fn not_built() -> Response<Body> {
    let mut answer = Response::new(Body::full(NOT_BUILT));
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;

    fn app() -> Assets {
        let code = "let x = 1;\n".repeat(500);
        let assets = Assets::new(vec![
            ("index.html".into(), Bytes::from_static(b"<!doctype html>")),
            ("assets/app-1a2b.js".into(), Bytes::from(code)),
            ("favicon.svg".into(), Bytes::from_static(b"<svg/>")),
        ]);
        assets.compress();
        assets
    }

    fn get(assets: &Assets, path: &str, headers: &[(header::HeaderName, &str)]) -> Response<Body> {
        let asked = headers.iter().map(|(k, v)| (k.clone(), HeaderValue::from_str(v).expect("a value"))).collect();
        assets.answer(&Method::GET, path, &asked)
    }

    #[test]
    fn screens_get_the_page_and_missing_files_do_not() {
        let app = app();
        for screen in ["/", "/login", "/n/01890a5d"] {
            let answer = get(&app, screen, &[]);
            assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8", "{screen}");
            assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-cache");
        }
        for missing in ["/assets/old-9.js", "/robots.txt", "/../Cargo.toml", "/assets/", "//favicon.svg"] {
            assert_eq!(get(&app, missing, &[]).status(), StatusCode::NOT_FOUND, "{missing}");
        }
        assert_eq!(app.answer(&Method::POST, "/", &HeaderMap::new()).status(), StatusCode::METHOD_NOT_ALLOWED);
        let missing = Assets::new(Vec::new());
        assert_eq!(get(&missing, "/", &[]).status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn a_named_by_hash_file_is_kept_for_ever_and_goes_compressed() {
        let answer = get(&app(), "/assets/app-1a2b.js", &[(header::ACCEPT_ENCODING, "gzip, br;q=0.9")]);
        assert_eq!(answer.headers()[header::CONTENT_ENCODING], "gzip");
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert!(answer.body().size_hint().exact().expect("known") < 500);
        let plain = get(&app(), "/assets/app-1a2b.js", &[(header::ACCEPT_ENCODING, "gzip;q=0")]);
        assert!(!plain.headers().contains_key(header::CONTENT_ENCODING));
    }

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        let app = app();
        let first = get(&app, "/favicon.svg", &[]);
        let etag = first.headers()[header::ETAG].to_str().expect("text").to_owned();
        let second = get(&app, "/favicon.svg", &[(header::IF_NONE_MATCH, &format!("\"x\", W/{etag}"))]);
        assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(second.body().size_hint().exact(), Some(0));
    }
}
