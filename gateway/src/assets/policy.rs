//! What browsers are told to hold themselves to.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::refusal;

/// The page: its own code and calls only; plots and blobs as images.
const APP_CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
    font-src 'self'; connect-src 'self'; frame-src 'self'; worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'";
/// Where untrusted output is shown: an opaque origin that can draw, and can neither call nor navigate nor read anything.
const SANDBOX_CSP: &str = "sandbox allow-scripts; default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; \
    style-src 'self' 'unsafe-inline'; img-src data: blob:; font-src 'self' data:; media-src data: blob:; \
    connect-src 'none'; worker-src blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; object-src 'none'";
/// Answers that are no pages: nothing in them may run.
const DATA_CSP: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

const PERMISSIONS: &str = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), hid=(), midi=(), \
    accelerometer=(), gyroscope=(), magnetometer=(), display-capture=(), browsing-topics=()";

/// Puts them on an answer. `app_path` is the path of a file or screen of the app, `None` for everything else; `hsts` is what
/// browsers are told of https.
pub(crate) fn apply(headers: &mut HeaderMap, app_path: Option<&str>, hsts: Option<&HeaderValue>) {
    if let Some(hsts) = hsts {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
    let native = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == refusal::NATIVE);
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // A program's: no browser makes such a call of itself, nor shows what is answered.
    if native {
        return;
    }
    let Some(path) = app_path else {
        set(header::CONTENT_SECURITY_POLICY, DATA_CSP);
        set(header::REFERRER_POLICY, "no-referrer");
        set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
        return;
    };
    // The sandbox has an origin of its own, so what it loads comes from another one in the browser's eyes.
    let sandboxed = path == "/sandbox.html" || path == "/sandbox.js" || path.starts_with("/sandbox/");
    let corp = if sandboxed { "cross-origin" } else { "same-origin" };
    set(header::CONTENT_SECURITY_POLICY, if sandboxed { SANDBOX_CSP } else { APP_CSP });
    set(header::X_FRAME_OPTIONS, if sandboxed { "SAMEORIGIN" } else { "DENY" });
    set(header::REFERRER_POLICY, "no-referrer");
    set(HeaderName::from_static("permissions-policy"), PERMISSIONS);
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), corp);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_data_and_the_sandbox_have_each_their_own_policy() {
        let hsts = HeaderValue::from_static("max-age=60");
        let csp = |path| {
            let mut headers = HeaderMap::new();
            apply(&mut headers, path, Some(&hsts));
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert!(headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
            headers[header::CONTENT_SECURITY_POLICY].to_str().expect("text").to_owned()
        };
        assert!(csp(Some("/n/1")).contains("frame-ancestors 'none'"));
        assert!(!csp(Some("/")).contains("'unsafe-eval'"));
        assert!(csp(Some("/sandbox.html")).starts_with("sandbox allow-scripts;"));
        assert!(csp(Some("/sandbox.html")).contains("connect-src 'none'"));
        assert!(csp(None).contains("default-src 'none'"));
        let mut native = HeaderMap::new();
        native.insert(header::CONTENT_TYPE, refusal::content_type(crate::guard::Wire::Native));
        apply(&mut native, None, Some(&hsts));
        assert!(native.contains_key(header::X_CONTENT_TYPE_OPTIONS));
        assert!(!native.contains_key(header::CONTENT_SECURITY_POLICY), "a program has no use for it");
        let mut web = HeaderMap::new();
        web.insert(header::CONTENT_TYPE, refusal::content_type(crate::guard::Wire::Web));
        apply(&mut web, None, Some(&hsts));
        assert!(web.contains_key(header::CONTENT_SECURITY_POLICY));
        let mut plain = HeaderMap::new();
        apply(&mut plain, None, None);
        assert!(!plain.contains_key(header::STRICT_TRANSPORT_SECURITY));
    }
}
