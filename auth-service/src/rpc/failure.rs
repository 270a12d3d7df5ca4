//! From the rooms' own errors to the one error table. What is a fault of ours is logged here, once, and told to nobody.

use fenxi_chassis::sqlite::{BUSY_RETRY_AFTER, read_refusal};
use fenxi_proto::{
    error::{ErrorReason, Failure},
    return_to::RETURN_TO,
};

use crate::{
    credential::ResolveError,
    login::LoginError,
    provider::{feishu::Refusal, local::Overloaded},
    request_ids::OnceError,
    session::SessionError,
    store::StoreError,
    token::{API_TOKENS_PER_USER_MAX, TokenError},
    user::{UserError, name::Unacceptable},
};

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let refusal = match &error {
            StoreError::Write(error) => error.refusal(),
            StoreError::Sql(error) => read_refusal(error),
            StoreError::Corrupt(_) => None,
        };
        refusal.unwrap_or_else(|| {
            tracing::error!(%error, "the database failed");
            Self::internal()
        })
    }
}

impl From<OnceError> for Failure {
    fn from(error: OnceError) -> Self {
        match error {
            OnceError::Reused => Self::new(ErrorReason::RequestIdReused, error.to_string()).with_field("request_id"),
            OnceError::Store(error) => error.into(),
        }
    }
}

impl From<Overloaded> for Failure {
    fn from(error: Overloaded) -> Self {
        Self::new(ErrorReason::Overloaded, error.to_string()).retry_after(error.retry_after())
    }
}

impl From<Unacceptable> for Failure {
    fn from(error: Unacceptable) -> Self {
        match error {
            Unacceptable::Username => Self::invalid("username", error),
            Unacceptable::DisplayName => Self::invalid("display_name", error),
            Unacceptable::PasswordLength | Unacceptable::PasswordSimple => {
                Self::new(ErrorReason::PasswordUnacceptable, format!("the password {error}")).with_field("password")
            }
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            Refusal::CodeInvalid | Refusal::CodeReplayed | Refusal::ProofKeyWrong => {
                Self::new(ErrorReason::LoginCodeInvalid, format!("{text}; begin again"))
            }
            Refusal::UserDisabled => Self::new(ErrorReason::UserDisabled, text),
            Refusal::UserNotAllowed => Self::new(ErrorReason::PermissionDenied, text),
            Refusal::Misconfigured => {
                tracing::error!("login is set up wrongly: {text}");
                Self::new(ErrorReason::IdpMisconfigured, format!("{text}; ask the administrator"))
            }
            Refusal::Malformed => {
                tracing::error!("login sends what it should not: {text}");
                Self::internal()
            }
            Refusal::Unavailable { retry_after } => {
                Self::new(ErrorReason::IdpUnavailable, format!("{text}; begin again")).retry_after(retry_after)
            }
            Refusal::Overloaded => Self::new(ErrorReason::Overloaded, text).retry_after(BUSY_RETRY_AFTER),
        }
    }
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        let text = error.to_string();
        match error {
            LoginError::Failed => Self::new(ErrorReason::LoginFailed, text),
            LoginError::CurrentPasswordWrong => {
                Self::new(ErrorReason::CurrentPasswordWrong, text).with_field("current_password")
            }
            LoginError::SessionEnded => Self::new(ErrorReason::Unauthenticated, text),
            LoginError::AttemptInvalid => Self::new(ErrorReason::LoginAttemptInvalid, text),
            LoginError::MethodUnknown => Self::new(ErrorReason::LoginMethodUnknown, text).with_field("login_method_id"),
            LoginError::ReturnTo(error) => Self::invalid("return_to", error),
            LoginError::OnTheWay { return_to, error } => Self::from(*error).with_metadata(RETURN_TO, return_to),
            LoginError::RefusedByUser => Self::new(ErrorReason::LoginRefusedByUser, text),
            LoginError::Provider(refusal) => refusal.into(),
            LoginError::TenantNotAllowed => Self::new(ErrorReason::TenantNotAllowed, text),
            LoginError::UserDisabled(_) => Self::new(ErrorReason::UserDisabled, text),
            LoginError::SetUpTokenInvalid => Self::new(ErrorReason::SetupTokenInvalid, text),
            LoginError::UsernameTaken => Self::new(ErrorReason::UsernameTaken, text),
            LoginError::Unacceptable(error) => error.into(),
            LoginError::Once(error) => error.into(),
            LoginError::NoPassword => Self::new(ErrorReason::PermissionDenied, text),
            LoginError::Limited { retry_after } => Self::new(ErrorReason::RateLimited, text).retry_after(retry_after),
            LoginError::Overloaded(error) => error.into(),
            LoginError::NoRandomness(_) => internal(&error),
            LoginError::Store(error) => error.into(),
        }
    }
}

impl From<UserError> for Failure {
    fn from(error: UserError) -> Self {
        let text = error.to_string();
        match error {
            UserError::Unacceptable(error) => error.into(),
            UserError::UsernameTaken => Self::new(ErrorReason::UsernameTaken, text).with_field("username"),
            UserError::NotFound => Self::not_found(),
            UserError::LastAdministrator => Self::new(ErrorReason::LastAdministrator, text),
            UserError::NoPassword => Self::invalid("update_mask", "names the password of a user who has none here"),
            UserError::NameFromProvider => {
                let what =
                    "names the display_name of a user whose name the identity provider gives, anew with each sign-in";
                Self::invalid("update_mask", what)
            }
            UserError::NotAdministrator => Self::new(ErrorReason::PermissionDenied, text),
            UserError::Overloaded(error) => error.into(),
            UserError::Once(error) => error.into(),
            UserError::Store(error) => error.into(),
        }
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::NotFound => Self::not_found(),
            SessionError::Once(error) => error.into(),
            SessionError::Store(error) => error.into(),
        }
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        let text = error.to_string();
        match error {
            TokenError::Invalid(field, what) => Self::invalid(field, what),
            TokenError::NotFound => Self::not_found(),
            TokenError::TooMany => Self::new(ErrorReason::QuotaExceeded, text)
                .with_quota(format!("api_tokens_per_user={API_TOKENS_PER_USER_MAX}")),
            TokenError::Limited { retry_after } => Self::new(ErrorReason::RateLimited, text).retry_after(retry_after),
            TokenError::UserDisabled => Self::new(ErrorReason::UserDisabled, text),
            TokenError::NoRandomness(_) => internal(&error),
            TokenError::Once(error) => error.into(),
            TokenError::Store(error) => error.into(),
        }
    }
}

impl From<ResolveError> for Failure {
    fn from(error: ResolveError) -> Self {
        let text = error.to_string();
        match error {
            ResolveError::Unauthenticated => Self::new(ErrorReason::Unauthenticated, text),
            ResolveError::Audience => Self::invalid("audience", error),
            ResolveError::NoKey => internal(&error),
            ResolveError::Store(error) => error.into(),
        }
    }
}

fn internal(error: &dyn std::error::Error) -> Failure {
    tracing::error!(%error, "a call failed");
    Failure::internal()
}
