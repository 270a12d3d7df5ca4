//! The life of a LoginAttempt, as a pure rule: open until it is used once or its time is over. Time is handed in; nothing
//! here touches a store.

use crate::secret::SecretHash;

/// How long a person has at the identity provider, in seconds.
pub(crate) const LOGIN_ATTEMPT_MAX_SECS: i64 = 600;

/// Where a LoginAttempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptState {
    /// The browser is at the identity provider.
    Open,
    /// Its callback came, at this time in unix microseconds. What came of it stands in the audit.
    Used {
        /// When.
        used_time: i64,
    },
}

/// One trip to an identity provider and back.
#[derive(Clone, Debug)]
pub(crate) struct LoginAttempt {
    /// The configured method that it was begun with.
    pub(crate) login_method_id: String,
    /// The SHA-256 of the `state` that travels through the identity provider.
    pub(crate) state_hash: SecretHash,
    /// Where the browser goes afterwards.
    pub(crate) return_to: String,
    /// Unix microseconds.
    pub(crate) expire_time: i64,
    /// Where it stands.
    pub(crate) state: AttemptState,
}

/// Why a callback does not fit its LoginAttempt. A client is told none of it; the audit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Mismatch {
    /// Used before: somebody replays a callback.
    #[error("the login attempt was used before")]
    Used,
    /// Too late.
    #[error("the login attempt is expired")]
    Expired,
    /// The callback of another method: Feishu's answer at Lark's address, or the reverse.
    #[error("the callback belongs to another login method")]
    OtherMethod,
    /// A `state` that was made for another browser.
    #[error("the state belongs to another login attempt")]
    OtherState,
}

impl LoginAttempt {
    /// Whether a callback fits; the caller then uses the attempt up, which only one of many callers can do.
    ///
    /// # Errors
    /// The first [`Mismatch`] found. A callback that does not fit leaves the attempt open: whoever can only guess cannot
    /// spoil somebody's login.
    pub(crate) fn accepts(&self, login_method_id: &str, state: &str, now: i64) -> Result<(), Mismatch> {
        if !self.state_hash.matches(&SecretHash::of_text(state)) {
            return Err(Mismatch::OtherState);
        }
        if self.login_method_id != login_method_id {
            return Err(Mismatch::OtherMethod);
        }
        if now >= self.expire_time {
            return Err(Mismatch::Expired);
        }
        match self.state {
            AttemptState::Open => Ok(()),
            AttemptState::Used { .. } => Err(Mismatch::Used),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> LoginAttempt {
        LoginAttempt {
            login_method_id: "feishu".into(),
            state_hash: SecretHash::of_text("right"),
            return_to: "/".into(),
            expire_time: 1_000,
            state: AttemptState::Open,
        }
    }

    #[test]
    fn the_right_callback_in_time_is_accepted() {
        assert_eq!(open().accepts("feishu", "right", 999), Ok(()));
    }

    #[test]
    fn every_other_callback_is_not() {
        assert_eq!(open().accepts("feishu", "right", 1_000), Err(Mismatch::Expired));
        assert_eq!(open().accepts("feishu", "wrong", 1), Err(Mismatch::OtherState));
        assert_eq!(open().accepts("feishu", "", 1), Err(Mismatch::OtherState));
        assert_eq!(open().accepts("lark", "right", 1), Err(Mismatch::OtherMethod));
        let used = LoginAttempt { state: AttemptState::Used { used_time: 5 }, ..open() };
        assert_eq!(used.accepts("feishu", "right", 6), Err(Mismatch::Used));
        assert_eq!(used.accepts("feishu", "wrong", 6), Err(Mismatch::OtherState), "a guess learns nothing");
    }
}
