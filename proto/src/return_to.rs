//! The form of `return_to`, where a browser may go after signing in: a path of this app and nothing else. Anything that
//! some browser might read as another origin is refused rather than repaired. auth-service holds it against what it is
//! given, and the gateway against what becomes a redirect: one form, so that what was taken is followed.

use std::fmt;

/// Its name: in the address of the login page, and in the ErrorInfo of a CompleteLogin that was refused.
pub const RETURN_TO: &str = "return_to";
/// Longest path, in bytes.
pub const RETURN_TO_MAX_BYTES: usize = 1024;

/// The path is not one of this app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPath;

impl fmt::Display for NotAPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be a path of this app that begins with one '/', of at most 1024 visible ASCII characters")
    }
}

impl std::error::Error for NotAPath {}

/// The path to return to; empty means `/`.
///
/// # Errors
/// [`NotAPath`] for everything that is not plainly a path of this app.
pub fn parse(text: &str) -> Result<String, NotAPath> {
    if text.is_empty() {
        return Ok("/".to_owned());
    }
    if text.len() > RETURN_TO_MAX_BYTES || !text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
        return Err(NotAPath);
    }
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let rest = path.strip_prefix('/').ok_or(NotAPath)?;
    // Browsers drop tabs and newlines and resolve dots before they look for `//`; encoded forms of all of these have
    // no business in a path of this app.
    let lower = path.to_ascii_lowercase();
    let tricks = ["//", "%2f", "%5c", "%2e", "%0", "%1", "%7f", "%25"];
    let dots = rest.split('/').any(|part| part == "." || part == "..");
    if rest.starts_with('/') || dots || tricks.iter().any(|trick| lower.contains(trick)) {
        return Err(NotAPath);
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_app_are_kept_as_they_are() {
        assert_eq!(parse(""), Ok("/".to_owned()));
        for good in
            ["/", "/history", "/history/abc?page=2&q=a%20b", "/k/1#cell-3", "/a?next=//x", "/%E5%88%86%E6%9E%90"]
        {
            assert_eq!(parse(good).as_deref(), Ok(good));
        }
    }

    #[test]
    fn nothing_leads_to_another_origin() {
        let too_long = format!("/{}", "a".repeat(RETURN_TO_MAX_BYTES));
        for bad in [
            "//evil.example",
            "///evil.example",
            "https:evil.example",
            "https://evil.example",
            "\\evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/%09/evil.example",
            "/\t/evil.example",
            "/..//evil.example",
            "/../evil.example",
            "/.//evil.example",
            "/a/..//evil.example",
            "//user:pass@evil.example",
            "@evil.example",
            ".evil.example",
            "//\u{ff0e}evil.example",
            "/\u{3002}evil",
            "/\r\nset-cookie: a=b",
            "/%0d%0aset-cookie:a=b",
            "/%2f/evil.example",
            "/%2F%2Fevil",
            "/%5cevil.example",
            "/%2e%2e//evil",
            "javascript:alert(1)",
            "/\0",
            "data:text/html,x",
            " /x",
            "/x y",
            "/\u{202e}x",
            "?x",
            "#x",
            "/%252f%252fevil",
            too_long.as_str(),
        ] {
            assert_eq!(parse(bad), Err(NotAPath), "{bad:?} was taken");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_taken_stays_at_this_origin(text in "[/\\\\a-c.:@?#%0259fFcC \t\n]{0,12}|\\PC{0,12}") {
            if let Ok(path) = parse(&text) {
                let base = url::Url::parse("https://fenxi.example/auth/callback").expect("a URL");
                let url = base.join(&path).expect("a URL");
                proptest::prop_assert_eq!(url.origin(), base.origin());
                proptest::prop_assert!(url.username().is_empty());
            }
        }
    }
}
