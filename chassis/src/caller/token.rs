//! The signed form of a Caller: its header and claims, as `fenxi/auth/v1/caller.proto` states them.

use serde::{Deserialize, Serialize};

/// The `typ` of a Caller (RFC 8725, section 3.11: explicit typing).
pub const TYPE: &str = "fenxi-caller+jwt";
/// The issuer.
pub const ISSUER: &str = "fenxi-auth";
/// How long a Caller is good for, in seconds.
pub const LIFE_SECS: i64 = 300;
/// How far clocks may differ, in seconds.
pub const LEEWAY_SECS: i64 = 30;

/// The audience of Callers for auth-service.
pub const AUDIENCE_AUTH: &str = "auth-service";
/// The audience of Callers for analysis-service.
pub const AUDIENCE_ANALYSIS: &str = "analysis-service";

/// The header: these three and nothing else, so that no `jku`, `jwk`, `x5u` or `crit` is ever looked at.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// `EdDSA`.
    pub alg: String,
    /// [`TYPE`].
    pub typ: String,
    /// Which key.
    pub kid: String,
}

/// The claims. Every one is required; a number is an integer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// [`ISSUER`].
    pub iss: String,
    /// The one service it is for.
    pub aud: String,
    /// User id.
    pub sub: uuid::Uuid,
    /// LoginSession or ApiToken id.
    pub sid: uuid::Uuid,
    /// What `sid` is.
    pub src: Source,
    /// What the user may do.
    pub role: Role,
    /// Space-separated scopes; empty for a LoginSession.
    pub scp: String,
    /// Made at, in seconds since 1970.
    pub iat: i64,
    /// Not before.
    pub nbf: i64,
    /// Not after.
    pub exp: i64,
    /// Its own id.
    pub jti: uuid::Uuid,
}

/// What proves the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A login.
    LoginSession,
    /// A token for a program.
    ApiToken,
}

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Their own things.
    Member,
    /// Users and settings too.
    Administrator,
}
