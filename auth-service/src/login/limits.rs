//! How often signing in may be tried. Failures are counted by the client's network, by account, and by account in a
//! network; no account is ever locked. Somebody whose network has signed in as that user before is not held up by what is
//! tried in other networks; what is tried in their own holds them up too, whoever tries it.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use uuid::Uuid;

use super::LoginError;
use crate::{
    origin::Origin,
    throttle::{Rate, Throttle},
};

/// Networks and accounts that are remembered, each.
const KEYS_MAX: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();
/// Failures from one network: an office behind one address mistypes at its own pace.
const FAILURES_PER_NETWORK: Rate = Rate { burst: 60, refill: Duration::from_secs(5) };
/// Failures for one account: from anywhere, and again from one network.
const FAILURES_PER_ACCOUNT: Rate = Rate { burst: 10, refill: Duration::from_secs(30) };
/// Lines of the audit about logins that were refused, from one network.
const AUDIT_LINES_PER_NETWORK: Rate = Rate { burst: 100, refill: Duration::from_secs(5) };
/// LoginAttempts begun from one network: each is a row for ten minutes.
const ATTEMPTS_PER_NETWORK: Rate = Rate { burst: 300, refill: Duration::from_millis(500) };
/// LoginAttempts begun in all.
const ATTEMPTS: Rate = Rate { burst: 3_000, refill: Duration::from_millis(10) };
/// LoginSessions and passwords that one user makes: each is a line of the audit, which others need too.
const CHANGES_PER_USER: Rate = Rate { burst: 300, refill: Duration::from_secs(10) };
const ONE: NonZeroUsize = NonZeroUsize::MIN;

/// Whose password is tried.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Account {
    /// That of the user with this name, if there is one, by somebody who signs in.
    Named(String),
    /// Their own, by this user, who is signed in: nobody else can use up their attempts.
    Own(Uuid),
}

/// The counters. Clones share them.
#[derive(Clone)]
pub(crate) struct Limits(Arc<Shared>);

struct Shared {
    failures_by_network: Throttle<u128>,
    failures_by_account: Throttle<Account>,
    failures_by_place: Throttle<(u128, Account)>,
    audit_lines_by_network: Throttle<u128>,
    attempts_by_network: Throttle<u128>,
    attempts: Throttle<()>,
    changes_by_user: Throttle<Uuid>,
}

impl Limits {
    /// Nothing counted yet.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared {
            failures_by_network: Throttle::new(FAILURES_PER_NETWORK, KEYS_MAX),
            failures_by_account: Throttle::new(FAILURES_PER_ACCOUNT, KEYS_MAX),
            failures_by_place: Throttle::new(FAILURES_PER_ACCOUNT, KEYS_MAX),
            audit_lines_by_network: Throttle::new(AUDIT_LINES_PER_NETWORK, KEYS_MAX),
            attempts_by_network: Throttle::new(ATTEMPTS_PER_NETWORK, KEYS_MAX),
            attempts: Throttle::new(ATTEMPTS, ONE),
            changes_by_user: Throttle::new(CHANGES_PER_USER, KEYS_MAX),
        }))
    }

    /// Whether this network may try a secret now.
    pub(super) fn check_network(&self, origin: &Origin, now: i64) -> Result<(), LoginError> {
        self.0.failures_by_network.check(&origin.network(), now).map_err(limited)
    }

    /// Whether a password of this account may be tried now.
    pub(super) fn check_account(&self, account: &Account, now: i64) -> Result<(), LoginError> {
        self.0.failures_by_account.check(account, now).map_err(limited)
    }

    /// Whether a password of this account may be tried from this network now.
    pub(super) fn check_place(&self, origin: &Origin, account: &Account, now: i64) -> Result<(), LoginError> {
        self.0.failures_by_place.check(&(origin.network(), account.clone()), now).map_err(limited)
    }

    /// Counts a wrong secret.
    pub(super) fn count_failure(&self, origin: &Origin, account: Option<Account>, now: i64) {
        self.0.failures_by_network.charge(origin.network(), now);
        if let Some(account) = account {
            self.0.failures_by_place.charge((origin.network(), account.clone()), now);
            self.0.failures_by_account.charge(account, now);
        }
    }

    /// Counts a line of the audit about a login that was refused; says whether there is room for it.
    pub(super) fn take_audit_line(&self, origin: &Origin, now: i64) -> bool {
        self.0.audit_lines_by_network.take(origin.network(), now).is_ok()
    }

    /// Counts a LoginSession or a password that this user makes, if they may make one more now.
    pub(super) fn take_change(&self, user_id: Uuid, now: i64) -> Result<(), LoginError> {
        self.0.changes_by_user.take(user_id, now).map_err(limited)
    }

    /// Counts a LoginAttempt, if one may be begun now.
    pub(super) fn take_attempt(&self, origin: &Origin, now: i64) -> Result<(), LoginError> {
        self.0.attempts_by_network.take(origin.network(), now).map_err(limited)?;
        self.0.attempts.take((), now).map_err(limited)
    }
}

fn limited(retry_after: Duration) -> LoginError {
    metrics::counter!("auth_logins_limited_total").increment(1);
    LoginError::Limited { retry_after }
}
