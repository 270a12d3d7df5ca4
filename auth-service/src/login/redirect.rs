//! Signing in by way of an identity provider: there with a `state` and a proof key, back with a `code`.
//!
//! A LoginAttempt is bound to the browser by its secret, which the browser alone holds. The proof key is drawn from that
//! secret and a key of this service, so that the database holds neither.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fenxi_proto::return_to;
use sha2::{Digest as _, Sha256};
use url::Url;
use uuid::Uuid;

use super::{
    Login, LoginError, SignedIn,
    state::{AttemptState, LOGIN_ATTEMPT_MAX_SECS, LoginAttempt},
    store,
};
use crate::{
    audit::{self, Entry, Event},
    origin::Origin,
    provider::{
        Profile,
        feishu::{Feishu, Place, Refusal, Trip},
    },
    request_ids::keyed_digest,
    secret::{Secret, SecretHash, SecretKind, random_text},
    session::{Issued, Prepared},
    user::{self, User, name::cleaned},
};

const MICROS_PER_SEC: i64 = 1_000_000;
/// Of an error's name from outside, in characters.
const ERROR_KEPT_MAX_CHARS: usize = 40;

/// The configured identity providers. Clones share them.
#[derive(Clone)]
pub(crate) struct Redirects {
    providers: Arc<Vec<Feishu>>,
    /// Of the proof keys.
    key: [u8; 32],
}

impl Redirects {
    /// In the order to show them.
    pub(crate) fn new(providers: Vec<Feishu>, key: [u8; 32]) -> Self {
        Self { providers: Arc::new(providers), key }
    }

    /// In the order to show them.
    pub(crate) fn providers(&self) -> &[Feishu] {
        &self.providers
    }

    fn provider(&self, login_method_id: &str) -> Result<&Feishu, LoginError> {
        let found = self.providers.iter().find(|provider| provider.brand().id() == login_method_id);
        found.ok_or(LoginError::MethodUnknown)
    }

    /// The PKCE `code_verifier` of the attempt with this secret.
    fn code_verifier(&self, attempt_secret: &str) -> String {
        URL_SAFE_NO_PAD.encode(keyed_digest(&self.key, [b"code_verifier".as_slice(), attempt_secret.as_bytes()]))
    }
}

/// A LoginAttempt was begun.
pub(crate) struct Begun {
    /// For the browser alone.
    pub(crate) secret: Secret,
    /// Where it is to go.
    pub(crate) authorize_url: Url,
    /// Unix microseconds.
    pub(crate) expire_time: i64,
}

/// What the browser brought back.
pub(crate) struct Callback {
    /// Whose callback was called.
    pub(crate) login_method_id: String,
    /// As sent by the provider.
    pub(crate) code: String,
    /// As sent by the provider.
    pub(crate) state: String,
    /// As sent by the provider; empty unless the login failed over there.
    pub(crate) error: String,
    /// The secret that the browser holds; empty if it holds none.
    pub(crate) attempt_secret: String,
}

impl Login {
    /// Begins a LoginAttempt.
    pub(crate) async fn begin(
        &self,
        login_method_id: &str,
        return_to: &str,
        origin: &Origin,
    ) -> Result<Begun, LoginError> {
        let provider = self.redirects.provider(login_method_id)?;
        let return_to = return_to::parse(return_to)?;
        let now = self.clock.now_micros();
        self.limits.take_attempt(origin, now)?;
        let (secret, state) = (Secret::generate(SecretKind::LoginAttempt)?, random_text()?);
        let expire_time = now.saturating_add(LOGIN_ATTEMPT_MAX_SECS * MICROS_PER_SEC);
        let attempt = LoginAttempt {
            login_method_id: login_method_id.to_owned(),
            state_hash: SecretHash::of_text(&state),
            return_to,
            expire_time,
            state: AttemptState::Open,
        };
        let hash = secret.hash();
        self.database
            .writer
            .write::<_, LoginError, _>(move |transaction| {
                Box::pin(async move { Ok(store::insert(transaction, hash, &attempt).await?) })
            })
            .await?;
        let verifier = self.redirects.code_verifier(secret.expose());
        let code_challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        let authorize_url = provider.authorize_url(&Trip { state: &state, code_challenge: &code_challenge });
        Ok(Begun { secret, authorize_url, expire_time })
    }

    /// Ends a LoginAttempt; gives who is signed in and where the browser is to go. Whoever is refused is told where that
    /// was, once the callback has fitted the attempt.
    pub(crate) async fn complete(
        &self,
        callback: &Callback,
        origin: &Origin,
    ) -> Result<(SignedIn, String), LoginError> {
        let provider = self.redirects.provider(&callback.login_method_id)?;
        // Before the attempt is used up: whoever finds no place may come back with the same callback.
        let place = provider.place()?;
        let return_to = self.use_attempt(callback, origin).await?.return_to;
        match self.identified(provider, place, callback, origin).await {
            Ok(signed_in) => Ok((signed_in, return_to)),
            Err(error) => Err(LoginError::OnTheWay { return_to, error: Box::new(error) }),
        }
    }

    /// Signs in whom the provider names for this callback.
    async fn identified(
        &self,
        provider: &Feishu,
        place: Place<'_>,
        callback: &Callback,
        origin: &Origin,
    ) -> Result<SignedIn, LoginError> {
        if !callback.error.is_empty() {
            return Err(self.error_over_there(&callback.error, origin).await);
        }
        let verifier = self.redirects.code_verifier(&callback.attempt_secret);
        let profile = match provider.identify(place, &callback.code, &verifier).await {
            Ok(profile) => profile,
            Err(refusal) => return Err(self.refused(refusal, origin).await),
        };
        if !self.admission.admits(profile.identity_provider, Some(&profile.tenant_key)) {
            tracing::warn!(tenant = profile.tenant_key, "a login was refused: its tenant is not among those let in");
            self.audit(Entry::new(Event::LoginRefused, origin.ip_address()).saying("tenant not allowed"), origin).await;
            return Err(LoginError::TenantNotAllowed);
        }
        self.save_and_enter(profile, origin).await
    }

    /// The attempt that this callback fits, used up by it.
    async fn use_attempt(&self, callback: &Callback, origin: &Origin) -> Result<LoginAttempt, LoginError> {
        let now = self.clock.now_micros();
        let hash = SecretHash::of_presented_kind(SecretKind::LoginAttempt, &callback.attempt_secret)
            .ok_or(LoginError::AttemptInvalid)?;
        let attempt = store::by_secret(&self.database.reader, hash).await?.ok_or(LoginError::AttemptInvalid)?;
        let mismatch = match attempt.accepts(&callback.login_method_id, &callback.state, now) {
            Err(mismatch) => Some(mismatch),
            Ok(()) => {
                let used = self.database.writer.write::<_, LoginError, _>(move |transaction| {
                    Box::pin(async move { Ok(store::use_up(transaction, hash, now).await?) })
                });
                if used.await? { None } else { Some(super::state::Mismatch::Used) }
            }
        };
        match mismatch {
            None => Ok(attempt),
            Some(mismatch) => {
                let entry = Entry::new(Event::LoginAttemptMismatch, origin.ip_address());
                self.audit(entry.saying(mismatch.to_string()), origin).await;
                Err(LoginError::AttemptInvalid)
            }
        }
    }

    /// What an `error` of the authorization response means (RFC 6749, 4.1.2.1).
    async fn error_over_there(&self, error: &str, origin: &Origin) -> LoginError {
        let detail = format!("at the provider: {}", cleaned(error, ERROR_KEPT_MAX_CHARS));
        self.audit(Entry::new(Event::LoginRefused, origin.ip_address()).saying(detail), origin).await;
        match error {
            "access_denied" => LoginError::RefusedByUser,
            "server_error" | "temporarily_unavailable" => LoginError::Provider(Refusal::UNAVAILABLE),
            _ => LoginError::Provider(Refusal::Misconfigured),
        }
    }

    async fn refused(&self, refusal: Refusal, origin: &Origin) -> LoginError {
        let event = match refusal {
            Refusal::CodeReplayed => Event::CodeReplayed,
            Refusal::ProofKeyWrong => Event::ProofKeyWrong,
            _ => Event::LoginRefused,
        };
        self.audit(Entry::new(event, origin.ip_address()).saying(refusal.to_string()), origin).await;
        LoginError::Provider(refusal)
    }

    /// Saves or updates the user and makes the LoginSession, unless the user is shut out.
    async fn save_and_enter(&self, profile: Profile, origin: &Origin) -> Result<SignedIn, LoginError> {
        let now = self.clock.now_micros();
        let prepared = Prepared::new(self.ids.next(), profile.identity_provider, origin, self.lifetimes, now)?;
        let new_user_id = self.ids.next();
        let (ip_address, limits) = (origin.ip_address(), self.limits.clone());
        let saved: Result<(User, Issued, Vec<Uuid>), LoginError> = self
            .revocations
            .write_and_tell::<_, LoginError, _, _>(
                &self.database.writer,
                move |transaction| {
                    Box::pin(async move {
                        let (user, new) = user::store::save_at_login(transaction, &profile, new_user_id, now).await?;
                        if user.disabled_time.is_some() {
                            return Err(LoginError::UserDisabled(user.user_id));
                        }
                        limits.take_change(user.user_id, now)?;
                        if new {
                            let entry = Entry::new(Event::UserCreated, ip_address.as_str()).by(user.user_id);
                            audit::store::append(transaction, now, &entry).await?;
                        }
                        let entry = Entry::new(Event::LoginSucceeded, ip_address).by(user.user_id).of(prepared.id());
                        audit::store::append(transaction, now, &entry).await?;
                        let (issued, ended) = prepared.insert(transaction, user.user_id).await?;
                        Ok((user, issued, ended))
                    })
                },
                |revocations, (_, _, ended)| revocations.credentials_ended(ended),
            )
            .await;
        let (user, issued, _) = match saved {
            Err(LoginError::UserDisabled(user_id)) => return Err(self.shut_out(user_id, origin).await),
            saved => saved?,
        };
        Ok(SignedIn { user, issued })
    }
}
