//! From what a client holds to who is asking: a LoginSession secret or an ApiToken becomes a signed Caller for one
//! service. Fast, because the gateway asks for every client every few minutes: one read by hash, or none.

mod cache;
mod revocations;
mod store;
mod touches;

use std::time::Duration;

use fenxi_chassis::{
    caller::token::{AUDIENCE_ANALYSIS, AUDIENCE_AUTH, Claims, ISSUER, LIFE_SECS, Role, Source},
    clock::{Clock, micros},
    id::Ids,
    sqlite::Database,
};
use uuid::Uuid;

pub(crate) use self::{
    revocations::{Revocation, Revocations},
    touches::Touches,
};
use crate::{
    admission::Admission,
    keys::SigningKeys,
    secret::{SecretHash, SecretKind},
    session::Lifetimes,
    store::StoreError,
};

const MICROS_PER_SEC: i64 = 1_000_000;
/// A use is noted when the last one noted is this old.
const TOUCH_GRAIN: Duration = Duration::from_secs(60);
/// Reads of one resolution: each further one because something was revoked meanwhile.
const READS_MAX: u32 = 4;

/// What stands behind a credential that is in force.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    /// The LoginSession or ApiToken.
    credential_id: Uuid,
    user_id: Uuid,
    source: Source,
    role: Role,
    /// Separated by spaces.
    scopes: String,
    /// Unix microseconds.
    last_used_time: i64,
    /// Unix microseconds.
    expire_time: i64,
    identity_provider: String,
    tenant_key: Option<String>,
}

/// Who is asking, for one service and a short while.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// The signed Caller.
    pub(crate) caller_token: String,
    /// Unix microseconds.
    pub(crate) expire_time: i64,
    /// Whose.
    pub(crate) user_id: Uuid,
    /// The LoginSession or ApiToken.
    pub(crate) credential_id: Uuid,
}

/// Why a credential proves nobody.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResolveError {
    /// Unknown, expired, revoked, or its user is shut out: not told apart.
    #[error("the credential is unknown, expired or revoked: sign in")]
    Unauthenticated,
    /// No such service.
    #[error("must be `{AUDIENCE_AUTH}` or `{AUDIENCE_ANALYSIS}`")]
    Audience,
    /// There is nothing to sign with.
    #[error("there is no signing key")]
    NoKey,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Resolves credentials. Clones share everything.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) keys: SigningKeys,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) admission: Admission,
    pub(crate) revocations: Revocations,
    pub(crate) touches: Touches,
}

impl Credentials {
    /// A Caller for `audience` from what a client sent.
    pub(crate) async fn resolve(&self, presented: &str, audience: &str) -> Result<Resolved, ResolveError> {
        if ![AUDIENCE_AUTH, AUDIENCE_ANALYSIS].contains(&audience) {
            return Err(ResolveError::Audience);
        }
        let (kind, hash) = SecretHash::of_presented(presented).ok_or(ResolveError::Unauthenticated)?;
        let source = match kind {
            SecretKind::LoginSession => Source::LoginSession,
            SecretKind::ApiToken => Source::ApiToken,
            SecretKind::LoginAttempt | SecretKind::SetUp => return Err(ResolveError::Unauthenticated),
        };
        let now = self.clock.now_micros();
        let holder = self.holder(hash, source, now).await?.ok_or(ResolveError::Unauthenticated)?;
        if !self.in_force(&holder, now) {
            return Err(ResolveError::Unauthenticated);
        }
        if now.saturating_sub(holder.last_used_time) >= micros(TOUCH_GRAIN) {
            self.touches.note(holder.source, holder.credential_id, now);
            self.revocations.cache().touch(&hash, now);
        }
        self.sign(&holder, audience, now)
    }

    /// From memory, or from the database if nothing was revoked while it was read.
    async fn holder(&self, hash: SecretHash, source: Source, now: i64) -> Result<Option<Holder>, StoreError> {
        let cache = self.revocations.cache();
        if let Some(holder) = cache.get(&hash, now) {
            return Ok(Some(holder));
        }
        for _ in 0..READS_MAX {
            let seen = cache.generation();
            let Some(holder) = self.read(hash, source).await? else { return Ok(None) };
            if cache.put(hash, &holder, now, seen) {
                return Ok(Some(holder));
            }
        }
        // Revocations come faster than reads: what was read last is true to the database, and is not remembered.
        self.read(hash, source).await
    }

    /// From the database, with the last use that is not written yet.
    async fn read(&self, hash: SecretHash, source: Source) -> Result<Option<Holder>, StoreError> {
        let found = store::holder(&self.database.reader, hash, source).await?;
        Ok(found.map(|holder| {
            let used = self.touches.waiting(holder.credential_id).unwrap_or_default();
            Holder { last_used_time: holder.last_used_time.max(used), ..holder }
        }))
    }

    fn in_force(&self, holder: &Holder, now: i64) -> bool {
        let idle = match holder.source {
            Source::LoginSession => holder.last_used_time <= self.lifetimes.in_force(now).used_after,
            Source::ApiToken => false,
        };
        let admitted = self.admission.admits(&holder.identity_provider, holder.tenant_key.as_deref());
        now < holder.expire_time && !idle && admitted
    }

    fn sign(&self, holder: &Holder, audience: &str, now: i64) -> Result<Resolved, ResolveError> {
        let now_secs = now / MICROS_PER_SEC;
        let exp = (now_secs + LIFE_SECS).min(holder.expire_time / MICROS_PER_SEC);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: audience.to_owned(),
            sub: holder.user_id,
            sid: holder.credential_id,
            src: holder.source,
            role: holder.role,
            scp: holder.scopes.clone(),
            iat: now_secs,
            nbf: now_secs,
            exp,
            jti: self.ids.next(),
        };
        let caller_token = self.keys.sign(&claims).ok_or(ResolveError::NoKey)?;
        let (user_id, credential_id) = (holder.user_id, holder.credential_id);
        Ok(Resolved { caller_token, expire_time: exp.saturating_mul(MICROS_PER_SEC), user_id, credential_id })
    }
}
