//! Checks a credential offline: a Caller by its signature and claims, a service by the hash of its secret.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use lru::LruCache;
use sha2::{Digest as _, Sha256};

use super::{
    Caller, CredentialSource, KeyRequests, SERVICE_SECRET_PREFIX, ServiceName, UserCaller,
    token::{self, Claims},
};
use crate::clock::Clock;

/// The longest credential that is looked at.
const CREDENTIAL_MAX_BYTES: usize = 4096;
/// The longest key name that is looked up.
const KEY_ID_MAX_BYTES: usize = 64;
/// Verified Callers that are remembered, so that a busy client costs one signature check in five minutes.
const REMEMBERED_MAX: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
const MICROS_PER_SEC: i64 = 1_000_000;

/// Why a credential was not taken. For logs; the caller is told only that it was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Not of the form of a credential.
    #[error("malformed credential")]
    Malformed,
    /// Signed with a key that is not known here.
    #[error("unknown key")]
    UnknownKey,
    /// The signature, the audience, the issuer or a claim is wrong.
    #[error("credential refused")]
    Refused,
    /// Past its end, or before its beginning.
    #[error("credential expired or not yet valid")]
    Expired,
}

type Hash = [u8; 32];

/// Checks credentials for one service. Clones share their memory.
#[derive(Clone)]
pub struct Verifier(Arc<Shared>);

struct Shared {
    audience: &'static str,
    clock: Clock,
    keys: RwLock<HashMap<String, DecodingKey>>,
    requests: Option<KeyRequests>,
    services: HashMap<Hash, ServiceName>,
    remembered: Mutex<LruCache<Hash, (UserCaller, i64)>>,
}

impl Verifier {
    /// For the service with this audience. `requests` asks for keys that are not known yet, where they come from afar.
    #[must_use]
    pub fn new(audience: &'static str, clock: Clock, requests: Option<KeyRequests>) -> Self {
        Self::with_services(audience, clock, requests, [])
    }

    /// The same, for a service that others call with their own secret.
    pub fn with_services(
        audience: &'static str,
        clock: Clock,
        requests: Option<KeyRequests>,
        services: impl IntoIterator<Item = (ServiceName, String)>,
    ) -> Self {
        let services = services.into_iter().map(|(name, secret)| (Sha256::digest(secret).into(), name)).collect();
        let remembered = Mutex::new(LruCache::new(REMEMBERED_MAX));
        Self(Arc::new(Shared { audience, clock, keys: RwLock::default(), requests, services, remembered }))
    }

    /// Takes these public keys in place of all former ones, and forgets what was verified with those.
    pub fn set_keys(&self, keys: &JwkSet) {
        let known =
            keys.keys.iter().filter_map(|jwk| Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?)));
        let known: HashMap<_, _> = known.collect();
        let mut keys = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        let lost = keys.keys().any(|kid| !known.contains_key(kid));
        *keys = known;
        drop(keys);
        if lost {
            self.remembered().clear();
        }
    }

    /// Who this bearer credential proves.
    ///
    /// # Errors
    /// Why it proves nobody.
    pub async fn verify(&self, credential: &str) -> Result<Caller, VerifyError> {
        if credential.len() > CREDENTIAL_MAX_BYTES {
            return Err(VerifyError::Malformed);
        }
        // Looking a secret up by its hash takes the same time for every wrong secret.
        let hash: Hash = Sha256::digest(credential).into();
        if credential.starts_with(SERVICE_SECRET_PREFIX) {
            return self.0.services.get(&hash).map(|name| Caller::Service(*name)).ok_or(VerifyError::Refused);
        }
        if let Some(user) = self.recall(&hash)? {
            return Ok(Caller::User(user));
        }
        let claims = match self.decode(credential) {
            Err(VerifyError::UnknownKey) => {
                let requests = self.0.requests.as_ref().ok_or(VerifyError::UnknownKey)?;
                requests.ask().await;
                self.decode(credential)?
            }
            decoded => decoded?,
        };
        let user = self.accept(&claims, hash)?;
        Ok(Caller::User(user))
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, LruCache<Hash, (UserCaller, i64)>> {
        self.0.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_secs(&self) -> i64 {
        self.0.clock.now_micros() / MICROS_PER_SEC
    }

    fn recall(&self, hash: &Hash) -> Result<Option<UserCaller>, VerifyError> {
        let now = self.now_secs();
        match self.remembered().get(hash) {
            Some((_, end)) if now > *end => Err(VerifyError::Expired),
            Some((user, _)) => Ok(Some(user.clone())),
            None => Ok(None),
        }
    }

    fn decode(&self, credential: &str) -> Result<Claims, VerifyError> {
        let header = credential.split('.').next().unwrap_or_default();
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| VerifyError::Malformed)?;
        let header: token::Header = serde_json::from_slice(&header).map_err(|_| VerifyError::Malformed)?;
        if header.alg != "EdDSA" || header.typ != token::TYPE || header.kid.len() > KEY_ID_MAX_BYTES {
            return Err(VerifyError::Malformed);
        }
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.get(&header.kid).ok_or(VerifyError::UnknownKey)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[self.0.audience]);
        validation.set_issuer(&[token::ISSUER]);
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        // The times are held against the injected clock, in `accept`.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let decoded = jsonwebtoken::decode::<Claims>(credential, key, &validation).map_err(|_| VerifyError::Refused)?;
        Ok(decoded.claims)
    }

    fn accept(&self, claims: &Claims, hash: Hash) -> Result<UserCaller, VerifyError> {
        let now = self.now_secs();
        let end = claims.exp.saturating_add(token::LEEWAY_SECS);
        let begins = claims.nbf.max(claims.iat).saturating_sub(token::LEEWAY_SECS);
        if now > end || now < begins || claims.exp.saturating_sub(claims.iat) > token::LIFE_SECS {
            return Err(VerifyError::Expired);
        }
        let user = UserCaller {
            user_id: claims.sub,
            credential_id: claims.sid,
            source: match claims.src {
                token::Source::LoginSession => CredentialSource::LoginSession,
                token::Source::ApiToken => CredentialSource::ApiToken,
            },
            administrator: claims.role == token::Role::Administrator,
            scopes: claims.scp.split_ascii_whitespace().map(String::from).collect(),
        };
        self.remembered().put(hash, (user.clone(), end));
        Ok(user)
    }
}

#[cfg(test)]
#[path = "verifier_tests.rs"]
mod tests;
