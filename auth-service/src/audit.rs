//! The audit: what happened to credentials and users, append-only, without a secret in it. Rooms append to it within the
//! transaction that they tell of; nobody changes it, and the database refuses it. Its oldest lines go when they are older,
//! or more, than are to be kept.

pub(crate) mod store;

use std::time::Duration;

use fenxi_chassis::clock::micros;
use uuid::Uuid;

/// How much of the audit is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    /// How old a line may be.
    pub(crate) age_max: Duration,
    /// How many lines there may be.
    pub(crate) lines_max: i64,
}

impl Kept {
    /// From when on lines are kept.
    fn since(self, now: i64) -> i64 {
        now.saturating_sub(micros(self.age_max))
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Somebody signed in.
    LoginSucceeded,
    /// A user name or password was wrong.
    LoginFailed,
    /// An identity provider or a rule of ours refused somebody; the detail says which.
    LoginRefused,
    /// A callback did not fit its LoginAttempt; the detail says how.
    LoginAttemptMismatch,
    /// The identity provider saw an authorization code for the second time.
    CodeReplayed,
    /// The identity provider found a wrong proof key.
    ProofKeyWrong,
    /// A LoginSession ended by its own wish.
    LoggedOut,
    /// A LoginSession was ended from another.
    LoginSessionRevoked,
    /// Made.
    ApiTokenCreated,
    /// Ended.
    ApiTokenRevoked,
    /// A local account was made, or somebody signed in for the first time.
    UserCreated,
    /// The detail names the fields.
    UserChanged,
    /// Shut out.
    UserDisabled,
    /// Let in again.
    UserEnabled,
    /// By its owner.
    PasswordChanged,
    /// By the one-time link.
    AdministratorSetUp,
}

impl Event {
    /// As stored.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::LoginSucceeded => "login_succeeded",
            Self::LoginFailed => "login_failed",
            Self::LoginRefused => "login_refused",
            Self::LoginAttemptMismatch => "login_attempt_mismatch",
            Self::CodeReplayed => "code_replayed",
            Self::ProofKeyWrong => "proof_key_wrong",
            Self::LoggedOut => "logged_out",
            Self::LoginSessionRevoked => "login_session_revoked",
            Self::ApiTokenCreated => "api_token_created",
            Self::ApiTokenRevoked => "api_token_revoked",
            Self::UserCreated => "user_created",
            Self::UserChanged => "user_changed",
            Self::UserDisabled => "user_disabled",
            Self::UserEnabled => "user_enabled",
            Self::PasswordChanged => "password_changed",
            Self::AdministratorSetUp => "administrator_set_up",
        }
    }
}

/// One line of the audit.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// What.
    pub(crate) event: Event,
    /// To whom.
    pub(crate) user_id: Option<Uuid>,
    /// By whom.
    pub(crate) actor_user_id: Option<Uuid>,
    /// The LoginSession or ApiToken concerned.
    pub(crate) credential_id: Option<Uuid>,
    /// From where; may be empty.
    pub(crate) ip_address: String,
    /// A word more; never a secret, a code or an e-mail address.
    pub(crate) detail: String,
}

impl Entry {
    /// Something that happened to nobody known.
    pub(crate) fn new(event: Event, ip_address: impl Into<String>) -> Self {
        let ip_address = ip_address.into();
        Self { event, user_id: None, actor_user_id: None, credential_id: None, ip_address, detail: String::new() }
    }

    /// The same, to this user and by themselves.
    pub(crate) fn by(self, user_id: Uuid) -> Self {
        self.to(user_id, user_id)
    }

    /// The same, to one user by another.
    pub(crate) fn to(self, user_id: Uuid, actor_user_id: Uuid) -> Self {
        Self { user_id: Some(user_id), actor_user_id: Some(actor_user_id), ..self }
    }

    /// The same, with the credential concerned.
    pub(crate) fn of(self, credential_id: Uuid) -> Self {
        Self { credential_id: Some(credential_id), ..self }
    }

    /// The same, with a word more.
    pub(crate) fn saying(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }
}
