//! The two cookies of the browser app: their names, how they are read, and how they are set.
//!
//! Over https both carry the `__Host-` prefix: the browser itself then guarantees `Secure`, `Path=/` and no `Domain`. Over
//! plain http, on this machine or where the operator has allowed it, names and attributes without it are used: browsers
//! refuse that prefix on other hosts, and Safari also on loopback (WebKit bug 281149).

use http::{HeaderMap, HeaderValue, header};

/// Longest secret that is read from a cookie, in bytes.
const SECRET_MAX_BYTES: usize = 512;
/// Longest life of a cookie, in seconds (400 days, the browsers' own limit).
const MAX_AGE_MAX_SECS: u64 = 34_560_000;

/// A secret as it came. It has no `Debug` or `Display` that shows it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Takes a secret of visible ASCII within the limit, else `None`.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= SECRET_MAX_BYTES && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// The secret, for the one call that needs it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Names and attributes for the scheme that the browser sees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cookies {
    https: bool,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The LoginSession: never sent along a navigation from another site.
    Session,
    /// The LoginAttempt: sent along the navigation back from the identity provider.
    Attempt,
}

impl Cookies {
    /// `https`: whether browsers reach the gateway over it.
    pub(crate) fn new(https: bool) -> Self {
        Self { https }
    }

    fn name(self, which: Which) -> &'static str {
        match (which, self.https) {
            (Which::Session, true) => "__Host-fenxi-session",
            (Which::Session, false) => "fenxi-session",
            (Which::Attempt, true) => "__Host-fenxi-attempt",
            (Which::Attempt, false) => "fenxi-attempt",
        }
    }

    /// Reads a cookie. Sent twice with different values, it counts as absent: somebody has planted one of them.
    pub(crate) fn read(self, headers: &HeaderMap, which: Which) -> Option<Secret> {
        let name = self.name(which).as_bytes();
        let mut found: Option<&[u8]> = None;
        // As bytes: a neighbour on this host may have stored any, and a browser says all cookies in one line.
        for pair in headers.get_all(header::COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        {
            let value = pair.trim_ascii().strip_prefix(name).and_then(|rest| rest.strip_prefix(b"="));
            let Some(value) = value else { continue };
            if found.is_some_and(|other| other != value) {
                return None;
            }
            found = Some(value);
        }
        Secret::new(std::str::from_utf8(found?).ok()?)
    }

    /// A `Set-Cookie` that keeps a secret for that long; an empty secret: forget it.
    pub(crate) fn set(self, which: Which, secret: &str, max_age_secs: u64) -> Option<HeaderValue> {
        let max_age_secs = if secret.is_empty() { 0 } else { max_age_secs.min(MAX_AGE_MAX_SECS) };
        let safe = secret.len() <= SECRET_MAX_BYTES
            && secret.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b';' | b',' | b'"' | b'\\'));
        let same_site = if which == Which::Session { "Strict" } else { "Lax" };
        let secure = if self.https { "; Secure" } else { "" };
        let name = self.name(which);
        let text = format!("{name}={secret}; Path=/; Max-Age={max_age_secs}; HttpOnly; SameSite={same_site}{secure}");
        safe.then(|| HeaderValue::try_from(text).ok()).flatten().map(|mut value| {
            value.set_sensitive(true);
            value
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookies: &[&'static str]) -> HeaderMap {
        cookies.iter().map(|c| (header::COOKIE, HeaderValue::from_static(c))).collect()
    }

    #[test]
    fn the_session_is_strict_and_the_attempt_lax() {
        let cookies = Cookies::new(true);
        let session = cookies.set(Which::Session, "fxl_a", 60).expect("set");
        assert_eq!(session, "__Host-fenxi-session=fxl_a; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure");
        let gone = cookies.set(Which::Attempt, "", 60).expect("set");
        assert_eq!(gone, "__Host-fenxi-attempt=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure");
        let plain = Cookies::new(false).set(Which::Session, "x", 1).expect("set");
        assert_eq!(plain, "fenxi-session=x; Path=/; Max-Age=1; HttpOnly; SameSite=Strict");
    }

    #[test]
    fn a_secret_cannot_carry_another_attribute() {
        for bad in ["a;Domain=evil", "a b", "a\r\nX: y", "a\"", &"x".repeat(SECRET_MAX_BYTES + 1)] {
            assert_eq!(Cookies::new(true).set(Which::Session, bad, 1), None, "{bad}");
        }
    }

    #[test]
    fn the_cookie_is_found_among_others_over_several_headers() {
        let found = Cookies::new(true).read(&headers(&["a=b; c", "x=y; __Host-fenxi-session=s3;z"]), Which::Session);
        assert_eq!(found.expect("found").expose(), "s3");
        assert_eq!(Cookies::new(true).read(&headers(&["fenxi-session=s3"]), Which::Session), None);
        assert_eq!(Cookies::new(true).read(&headers(&["__Host-fenxi-session="]), Which::Session), None);
    }

    #[test]
    fn the_cookie_is_found_beside_one_that_is_no_text() {
        let beside = |foreign: &[u8]| {
            let line = [foreign, b"; __Host-fenxi-session=s3"].concat();
            [(header::COOKIE, HeaderValue::from_bytes(&line).expect("a value"))].into_iter().collect()
        };
        for foreign in ["user=张三".as_bytes(), b"x=\xe9", b"\xff", b"=", b""] {
            let found = Cookies::new(true).read(&beside(foreign), Which::Session);
            assert_eq!(found.expect("found").expose(), "s3", "{foreign:?}");
        }
        let broken: HeaderMap = beside(b"__Host-fenxi-session=\xe9");
        assert_eq!(Cookies::new(true).read(&broken, Which::Session), None, "two values");
    }

    #[test]
    fn two_different_values_are_none() {
        let twice = headers(&["__Host-fenxi-session=a; __Host-fenxi-session=b"]);
        assert_eq!(Cookies::new(true).read(&twice, Which::Session), None);
        let same = headers(&["__Host-fenxi-session=a", "__Host-fenxi-session=a"]);
        assert!(Cookies::new(true).read(&same, Which::Session).is_some());
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Secret::new("fxl_top")), "Some(Secret(..))");
    }
}
