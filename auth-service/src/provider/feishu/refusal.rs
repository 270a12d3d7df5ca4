//! What the identity provider's error codes mean here: the table of docs "Browser flow", by code and never by message.

use std::time::Duration;

/// How long to wait when the provider does not say.
pub(crate) const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(5);
/// The longest wait passed on to a client.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// Why the identity provider did not say who somebody is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The code is unknown, expired or another client's: the person begins again.
    #[error("the identity provider does not take the code")]
    CodeInvalid,
    /// The code was used before: somebody may be replaying it.
    #[error("the identity provider has seen the code before")]
    CodeReplayed,
    /// The code was begun by another browser.
    #[error("the identity provider found another proof key than the code was begun with")]
    ProofKeyWrong,
    /// The person is unknown, left or frozen over there.
    #[error("the identity provider has disabled the user")]
    UserDisabled,
    /// The person or the organisation has no access to the app.
    #[error("the identity provider does not let the user use this app")]
    UserNotAllowed,
    /// App id, secret or brand is wrong: the operator's to mend.
    #[error("the identity provider does not accept this app's configuration")]
    Misconfigured,
    /// We sent what cannot be right: ours to mend.
    #[error("the identity provider calls the request malformed")]
    Malformed,
    /// Down, slow, over its limits, or not speaking its protocol.
    #[error("the identity provider does not answer as it should")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
    /// As many logins as may be under way are under way.
    #[error("too many logins are under way")]
    Overloaded,
}

impl Refusal {
    /// Without a hint how long it takes.
    pub(crate) const UNAVAILABLE: Self = Self::Unavailable { retry_after: RETRY_AFTER_DEFAULT };

    /// The meaning of an error answer: HTTP status, the body's `code` if it had one, and the seconds of
    /// `x-ogw-ratelimit-reset` if sent.
    #[must_use]
    pub(crate) fn of(http_status: u16, code: Option<i64>, reset_secs: Option<u64>) -> Self {
        let limited = Self::Unavailable {
            retry_after: reset_secs.map_or(RETRY_AFTER_DEFAULT, |secs| {
                Duration::from_secs(secs).clamp(Duration::from_secs(1), RETRY_AFTER_MAX)
            }),
        };
        match (http_status, code) {
            (429, _) | (_, Some(99_991_400)) => limited,
            (_, Some(99_991_403)) => Self::Unavailable { retry_after: RETRY_AFTER_MAX },
            (_, Some(20_065)) => Self::CodeReplayed,
            // A token that was good a moment ago and is not now: begin again.
            (_, Some(20_003 | 20_004 | 20_005 | 20_024 | 99_991_663 | 99_991_668 | 99_991_677)) => Self::CodeInvalid,
            (_, Some(20_049)) => Self::ProofKeyWrong,
            (_, Some(20_008 | 20_066 | 20_021 | 20_022 | 20_023)) => Self::UserDisabled,
            (_, Some(20_009 | 20_010)) => Self::UserNotAllowed,
            (_, Some(20_002 | 20_046 | 20_048 | 20_069 | 99_991_401)) => Self::Misconfigured,
            (500.., _) | (_, Some(20_050 | 20_072)) | (_, None) => Self::UNAVAILABLE,
            (_, Some(_)) => Self::Malformed,
        }
    }

    /// Whether the same request may be sent once more: the provider says that it failed before it did anything.
    #[must_use]
    pub(crate) fn may_retry(code: Option<i64>) -> bool {
        matches!(code, Some(20_050 | 20_072))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_the_vendor_says() {
        for (codes, meaning) in [
            (&[20_001, 20_063, 20_067, 20_068, 20_036, 20_070, 20_071, 4_711][..], Refusal::Malformed),
            (&[20_002, 20_048, 20_069, 20_046], Refusal::Misconfigured),
            (&[20_003, 20_004, 20_024, 20_005], Refusal::CodeInvalid),
            (&[20_065], Refusal::CodeReplayed),
            (&[20_049], Refusal::ProofKeyWrong),
            (&[20_008, 20_066, 20_021, 20_022, 20_023], Refusal::UserDisabled),
            (&[20_009, 20_010], Refusal::UserNotAllowed),
            (&[20_050, 20_072], Refusal::UNAVAILABLE),
        ] {
            for code in codes {
                for status in [200, 400] {
                    assert_eq!(Refusal::of(status, Some(*code), None), meaning, "{code}");
                }
            }
        }
        assert_eq!(Refusal::of(502, None, None), Refusal::UNAVAILABLE);
        assert_eq!(Refusal::of(302, None, None), Refusal::UNAVAILABLE);
    }

    #[test]
    fn the_wait_after_a_limit_is_the_providers_and_bounded() {
        let wait = |status, code, reset| match Refusal::of(status, code, reset) {
            Refusal::Unavailable { retry_after } => retry_after.as_secs(),
            other => panic!("{other:?}"),
        };
        assert_eq!(wait(429, None, Some(17)), 17);
        assert_eq!(wait(400, Some(99_991_400), Some(17)), 17, "older endpoints answer 400");
        assert_eq!(wait(429, Some(20_065), None), RETRY_AFTER_DEFAULT.as_secs());
        assert_eq!(wait(429, None, Some(0)), 1);
        assert_eq!(wait(429, None, Some(u64::MAX)), RETRY_AFTER_MAX.as_secs());
    }
}
