//! Signing in: with a password, by way of an identity provider, and as the first administrator. Every way ends in the
//! same place, a new LoginSession made in the transaction that saves its user.

mod limits;
mod password;
mod redirect;
mod setup;
mod state;
pub(crate) mod store;

use std::time::Duration;

use fenxi_chassis::{
    clock::Clock,
    id::Ids,
    sqlite::{Database, WriteError},
};
use fenxi_proto::return_to::NotAPath;
use uuid::Uuid;

pub(crate) use self::{
    limits::Limits,
    password::METHOD_LOCAL,
    redirect::{Callback, Redirects},
    setup::{SetUp, Wanted as WantedAdministrator},
    state::LOGIN_ATTEMPT_MAX_SECS,
};
use crate::{
    admission::Admission,
    audit::{self, Entry, Event},
    credential::Revocations,
    origin::Origin,
    provider::{
        feishu::Refusal,
        local::{Overloaded, Passwords},
    },
    request_ids::OnceError,
    secret::NoRandomness,
    session::{Issued, Lifetimes},
    store::StoreError,
    user::{User, name::Unacceptable},
};

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    /// User name or password is wrong: not told apart.
    #[error("user name or password is wrong")]
    Failed,
    /// The current password, of somebody who is signed in.
    #[error("the current password is wrong")]
    CurrentPasswordWrong,
    /// The LoginSession of the call ended while it was under way.
    #[error("the credential was revoked: sign in")]
    SessionEnded,
    /// The LoginAttempt is unknown, expired, used, or another browser's: not told apart.
    #[error("this login is unknown, expired, already used, or was begun in another browser; begin again")]
    AttemptInvalid,
    /// No such method is configured.
    #[error("no such login method is configured")]
    MethodUnknown,
    /// See there.
    #[error(transparent)]
    ReturnTo(#[from] NotAPath),
    /// What became of an attempt that was used up, with where its browser wanted to go: trying again leads there.
    #[error("{error}")]
    OnTheWay {
        /// A path of this app.
        return_to: String,
        /// Why.
        error: Box<LoginError>,
    },
    /// The person said no at the identity provider.
    #[error("you did not allow the login")]
    RefusedByUser,
    /// See there.
    #[error(transparent)]
    Provider(#[from] Refusal),
    /// The person's organisation may not come in.
    #[error("your organisation is not on the list of this service; ask its administrator")]
    TenantNotAllowed,
    /// The user is shut out here.
    #[error("this user is disabled; ask an administrator")]
    UserDisabled(Uuid),
    /// The set-up token is wrong or used, or there is an administrator.
    #[error("the set-up link is wrong or used, or an administrator exists already")]
    SetUpTokenInvalid,
    /// The user name belongs to somebody.
    #[error("the user name is taken")]
    UsernameTaken,
    /// A name or password does not meet its rule.
    #[error("{0}")]
    Unacceptable(#[from] Unacceptable),
    /// Somebody who signs in elsewhere has no password to change.
    #[error("you sign in with an identity provider and have no password here")]
    NoPassword,
    /// See there.
    #[error(transparent)]
    Once(#[from] OnceError),
    /// Too many attempts.
    #[error("too many attempts; try again later")]
    Limited {
        /// When.
        retry_after: Duration,
    },
    /// See there.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// See there.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// See there.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<WriteError> for LoginError {
    fn from(error: WriteError) -> Self {
        Self::Store(error.into())
    }
}

/// Somebody is signed in.
#[derive(Debug)]
pub(crate) struct SignedIn {
    /// Who.
    pub(crate) user: User,
    /// With what.
    pub(crate) issued: Issued,
}

/// Signing in. Clones share everything.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) passwords: Passwords,
    pub(crate) redirects: Redirects,
    pub(crate) admission: Admission,
    pub(crate) limits: Limits,
    pub(crate) setup: SetUp,
    pub(crate) revocations: Revocations,
}

impl Login {
    /// Tells the audit of a user who proved who they are and is shut out.
    async fn shut_out(&self, user_id: Uuid, origin: &Origin) -> LoginError {
        let entry = Entry::new(Event::LoginRefused, origin.ip_address()).by(user_id).saying("disabled");
        self.audit(entry, origin).await;
        LoginError::UserDisabled(user_id)
    }

    /// Writes a line of the audit that belongs to no other transaction, about a login that was refused. It stays refused,
    /// whether or not the line could be written; and whoever asks again and again from one network is not told of each
    /// time: only so many lines are kept, and theirs would push out what others need to know.
    async fn audit(&self, entry: Entry, origin: &Origin) {
        let now = self.clock.now_micros();
        if !self.limits.take_audit_line(origin, now) {
            metrics::counter!("auth_audit_lines_left_out_total").increment(1);
            return;
        }
        let written: Result<(), StoreError> = self
            .database
            .writer
            .write(move |transaction| Box::pin(async move { audit::store::append(transaction, now, &entry).await }))
            .await;
        if let Err(error) = written {
            tracing::error!(%error, "a line of the audit was not written");
        }
    }
}
