//! Who is asking, proved. The gateway presents a signed Caller (`fenxi/auth/v1/caller.proto`), a service its own secret;
//! [`Verifier`] checks either offline and [`AuthLayer`] holds every call against the rule of its RPC, before any handler
//! runs. A handler asks for the proved [`Caller`] with [`user`].

mod keys;
mod layer;
pub mod token;
mod verifier;

use fenxi_proto::error::{ErrorReason, Failure};
use tonic::Request;
use uuid::Uuid;

pub use self::{
    keys::{KeyRequestQueue, KeyRequests, follow_keys},
    layer::{AuthLayer, AuthService},
    verifier::{Verifier, VerifyError},
};

/// The prefix of a service's own secret.
pub const SERVICE_SECRET_PREFIX: &str = "fxs_";

/// Who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody who proved anything.
    Anonymous,
    /// A person, or a program of theirs.
    User(UserCaller),
    /// Another service.
    Service(ServiceName),
}

/// A person who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCaller {
    /// Who.
    pub user_id: Uuid,
    /// The LoginSession or ApiToken that proves it.
    pub credential_id: Uuid,
    /// Which of the two it is.
    pub source: CredentialSource,
    /// Whether they are an administrator.
    pub administrator: bool,
    /// What an ApiToken may do; empty for a LoginSession, which may do everything.
    pub scopes: Vec<String>,
}

/// What proves a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// A login.
    LoginSession,
    /// A token for a program.
    ApiToken,
}

/// A service that calls another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceName {
    /// The gateway.
    Gateway,
    /// The analysis-service.
    AnalysisService,
}

/// The user who is asking. The layer has let nobody else through to an RPC for users.
///
/// # Errors
/// `UNAUTHENTICATED` if there is none, which means that the RPC's rule is not for users.
pub fn user<T>(request: &Request<T>) -> Result<UserCaller, Failure> {
    match request.extensions().get::<Caller>() {
        Some(Caller::User(user)) => Ok(user.clone()),
        _ => Err(Failure::new(ErrorReason::Unauthenticated, "sign in first")),
    }
}
