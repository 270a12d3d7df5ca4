//! From a credential to a signed Caller. What was resolved is remembered for a while, by the credential's hash, and
//! forgotten the moment the feed of revocations says so or breaks. No secret is kept: the cache knows hashes.

mod attend;
mod feed;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fenxi_chassis::{
    client::Bearer,
    clock::{Clock, micros},
    lifecycle::Lifecycle,
};
use fenxi_proto::{
    auth::v1::{ResolveCredentialRequest, caller_service_client::CallerServiceClient},
    error::Failure,
    time::unix_micros,
};
use futures_util::future::OptionFuture;
use http::HeaderValue;
use moka::{Expiry, future::Cache};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use tonic::{Code, Status, service::interceptor::InterceptedService};

use self::feed::Revocations;
use crate::{
    config::Calls,
    contract::Backend,
    cookies::Secret,
    limits::Source,
    proxy::{
        typed_failure,
        upstream::{Typed, Upstream},
    },
    refusal,
};

/// How long before its end a Caller is resolved anew.
const FRESH_MARGIN: Duration = Duration::from_secs(60);
/// How long auth-service may take to resolve one.
const RESOLVE_WAIT: Duration = Duration::from_secs(5);
/// How often a Caller that was revoked while it was resolved is tried again.
const RESOLVE_TRIES: usize = 2;

type Client = CallerServiceClient<InterceptedService<Typed, Bearer>>;
type Key = ([u8; 32], Backend);

/// A credential, resolved.
pub(crate) struct Caller {
    /// `Bearer` and the signed Caller, for one backend.
    pub(crate) authorization: HeaderValue,
    /// Whose it is, for limits.
    pub(crate) user_key: u128,
    user_id: String,
    credential_id: String,
    credential: Secret,
    /// When resolving began: what was revoked since then may be this.
    resolved_at: Instant,
    fresh_for: Duration,
    /// The same by the time of day, by which the services judge: that goes on while the machine sleeps, and can be set.
    fresh_until_micros: i64,
    /// When the services believe it no more.
    expires_at: Instant,
}

/// Resolves credentials.
pub(crate) struct Callers {
    client: Client,
    cache: Cache<Key, Arc<Caller>>,
    revocations: Arc<Revocations>,
    clock: Clock,
    lifecycle: Lifecycle,
}

struct UntilStale;

impl Expiry<Key, Arc<Caller>> for UntilStale {
    fn expire_after_create(&self, _: &Key, caller: &Arc<Caller>, _: Instant) -> Option<Duration> {
        Some(caller.fresh_for)
    }
}

impl Callers {
    /// Resolves by the auth-service behind `auth`, which knows the gateway by `bearer`; follows its revocations until the
    /// process stops.
    pub(crate) fn start(
        auth: Arc<Upstream>,
        bearer: Bearer,
        limits: &Calls,
        clock: Clock,
        lifecycle: &Lifecycle,
    ) -> Arc<Self> {
        let client = CallerServiceClient::with_interceptor(Typed(auth), bearer);
        let cache = Cache::builder().max_capacity(limits.callers_max).expire_after(UntilStale).build();
        let revocations = Arc::new(Revocations::new());
        let lifecycle = lifecycle.clone();
        let callers = Arc::new(Self { client, cache, revocations, clock, lifecycle: lifecycle.clone() });
        lifecycle.spawn(feed::follow(callers.clone()));
        callers
    }

    /// The Caller of a credential, for one backend. `source` is charged if auth-service has to be asked.
    pub(crate) async fn resolve(
        &self,
        credential: &Secret,
        backend: Backend,
        source: Option<Source<'_>>,
    ) -> Result<Arc<Caller>, Status> {
        if !self.revocations.is_up() {
            // Without the feed nothing that is remembered can be trusted.
            return Box::pin(self.ask(credential, backend, source)).await.map(Arc::new);
        }
        let key = (Sha256::digest(credential.expose()).into(), backend);
        // Nearly every call ends here. What needs room is boxed: pieces of less than 1 KiB are had at once, and a call that
        // is larger as a whole is not.
        if let Some(caller) = Box::pin(self.cache.get(&key)).await
            && self.is_fresh(&caller)
        {
            return Ok(caller);
        }
        Box::pin(self.resolve_anew(key, credential, source)).await
    }

    /// The same Caller, or another of its credential if something was revoked since it was resolved that may be it.
    pub(crate) async fn still_good(&self, caller: Arc<Caller>, backend: Backend) -> Result<Arc<Caller>, Failure> {
        if !self.revocations.touch(&caller) {
            return Ok(caller);
        }
        Box::pin(self.resolve(&caller.credential, backend, None)).await.map_err(|status| match status.code() {
            code if is_refusal(code) => refusal::unauthenticated(),
            _ => refusal::unavailable(Backend::Auth.name()),
        })
    }

    /// Whether nothing was revoked that may be this, and the services believe it for a while.
    fn is_fresh(&self, caller: &Caller) -> bool {
        !self.revocations.touch(caller) && self.clock.now_micros() < caller.fresh_until_micros
    }

    async fn resolve_anew(
        &self,
        key: Key,
        credential: &Secret,
        source: Option<Source<'_>>,
    ) -> Result<Arc<Caller>, Status> {
        let (_, backend) = key;
        let began = Instant::now();
        for tried in 0..RESOLVE_TRIES {
            let asked = async { self.ask(credential, backend, source).await.map(Arc::new) };
            let found = self.cache.try_get_with(key, asked).await;
            let caller = found.map_err(|status| Status::clone(&status))?;
            // What was just resolved is as fresh as can be had, where the clocks of two machines differ, too.
            let is_new = tried > 0 || caller.resolved_at >= began;
            if self.is_fresh(&caller) || (is_new && !self.revocations.touch(&caller)) {
                return Ok(caller);
            }
            self.cache.invalidate(&key).await;
        }
        // auth-service called it good each time, and each time something was revoked meanwhile that may be it: nobody knows.
        Err(refusal::unavailable(Backend::Auth.name()).into())
    }

    /// Tells when a stream must end before its time: its credential is revoked, or the gateway stops.
    pub(crate) fn attend(
        self: &Arc<Self>,
        caller: Option<Arc<Caller>>,
        backend: Backend,
    ) -> oneshot::Receiver<Failure> {
        attend::attend(self.clone(), caller, backend)
    }

    /// A refusal of a credential; or that nobody knows, where auth-service refuses the gateway that asks.
    fn meant(&self, status: Status) -> Status {
        if is_refusal(status.code()) && self.revocations.is_refused() {
            return refusal::unavailable(Backend::Auth.name()).into();
        }
        status
    }

    async fn ask(&self, credential: &Secret, backend: Backend, source: Option<Source<'_>>) -> Result<Caller, Status> {
        source.map_or(Ok(()), |source| source.check())?;
        let resolved_at = Instant::now();
        let question = ResolveCredentialRequest {
            credential: credential.expose().to_owned(),
            audience: backend.name().to_owned(),
        };
        let mut client = self.client.clone();
        let answer = tokio::time::timeout(RESOLVE_WAIT, client.resolve_credential(question)).await;
        let answer = answer
            .map_err(|_| Status::from(refusal::unavailable(Backend::Auth.name())))?
            .map_err(|status| self.meant(typed_failure(Backend::Auth, status)))?
            .into_inner();
        let end_micros = answer.expire_time.as_ref().map_or(0, unix_micros);
        let left = Duration::from_micros(u64::try_from(end_micros - self.clock.now_micros()).unwrap_or(0));
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", answer.caller_token))
            .map_err(|_| Status::from(Failure::internal()))?;
        authorization.set_sensitive(true);
        Ok(Caller {
            authorization,
            user_key: key_of(&answer.user_id),
            user_id: answer.user_id,
            credential_id: answer.credential_id,
            credential: credential.clone(),
            resolved_at,
            fresh_for: left.saturating_sub(FRESH_MARGIN),
            fresh_until_micros: end_micros.saturating_sub(micros(FRESH_MARGIN)),
            expires_at: Instant::now() + left,
        })
    }
}

/// Whether a service will not have a caller.
fn is_refusal(code: Code) -> bool {
    matches!(code, Code::Unauthenticated | Code::PermissionDenied)
}

/// A user id as a key; an id that is no UUID is hashed.
fn key_of(user_id: &str) -> u128 {
    uuid::Uuid::try_parse(user_id).map_or_else(
        |_| {
            let hash: [u8; 32] = Sha256::digest(user_id).into();
            u128::from_be_bytes(*hash.first_chunk().unwrap_or(&[0; 16]))
        },
        |id| id.as_u128(),
    )
}

/// Waits for a future if there is one; without one, for ever.
pub(crate) async fn or_never<F: Future>(future: Option<F>) -> F::Output {
    match OptionFuture::from(future).await {
        Some(output) => output,
        None => std::future::pending().await,
    }
}
