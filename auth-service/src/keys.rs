//! The Ed25519 keys that Callers are signed with: made at the first start, kept in a file of the data folder for this
//! service alone, replaced in time, and published as a key set as long as anything they signed can be in use.

mod file;
mod rotation;

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};
use fenxi_chassis::{
    caller::{
        Verifier,
        token::{Claims, TYPE},
    },
    clock::Clock,
    lifecycle::Lifecycle,
};
use serde_json::json;
use sha2::{Digest as _, Sha256};

pub(crate) use self::rotation::Rotation;
use self::{file::StoredKey, rotation::KeyTimes};
use crate::secret::random_bytes;

/// How often it is looked whether a key is due: far more often than [`PUBLISH_AHEAD`].
const TEND_INTERVAL: Duration = Duration::from_secs(60);

/// A key in memory with what every signature needs.
struct Key {
    times: KeyTimes,
    key_id: String,
    signing: SigningKey,
    /// The encoded header and the dot after it.
    header: String,
}

impl Key {
    fn new(stored: &StoredKey) -> Self {
        let signing = SigningKey::from_bytes(&stored.seed);
        let digest = Sha256::digest(signing.verifying_key().as_bytes());
        let key_id = URL_SAFE_NO_PAD.encode(digest.get(..12).unwrap_or(&digest));
        let header = json!({"alg": "EdDSA", "typ": TYPE, "kid": key_id}).to_string();
        let header = format!("{}.", URL_SAFE_NO_PAD.encode(header));
        let times = KeyTimes { create_time: stored.create_time, active_time: stored.active_time };
        Self { times, key_id, signing, header }
    }

    /// As a JSON Web Key (RFC 8037).
    fn jwk(&self) -> serde_json::Value {
        let x = URL_SAFE_NO_PAD.encode(self.signing.verifying_key().as_bytes());
        json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.key_id, "x": x})
    }
}

/// The keys. Clones share them.
#[derive(Clone)]
pub(crate) struct SigningKeys(Arc<Shared>);

struct Shared {
    path: PathBuf,
    rotation: Rotation,
    clock: Clock,
    /// Of what was published, and of what signs, for this service itself.
    verifier: Verifier,
    keys: RwLock<Arc<Vec<Key>>>,
}

impl SigningKeys {
    /// Reads the keys of the data folder, or makes the first one. Called at start.
    ///
    /// # Errors
    /// The file cannot be read or written, or is not one of ours.
    pub(crate) fn open(
        folder: &std::path::Path,
        rotation: Rotation,
        clock: Clock,
        verifier: Verifier,
    ) -> anyhow::Result<Self> {
        let path = folder.join("signing-keys.json");
        let stored = file::read(&path)?;
        let keys = stored.iter().map(Key::new).collect();
        let shared = Shared { path, rotation, clock, verifier, keys: RwLock::new(Arc::new(keys)) };
        let keys = Self(Arc::new(shared));
        keys.tend()?;
        keys.0.verifier.set_keys(&serde_json::from_str(&keys.jwks()).context("the key set")?);
        Ok(keys)
    }

    /// Signs a Caller; `None` only if there is no key, which [`SigningKeys::open`] excludes.
    #[must_use]
    pub(crate) fn sign(&self, claims: &Claims) -> Option<String> {
        let keys = self.keys();
        let times: Vec<_> = keys.iter().map(|key| key.times).collect();
        let key = keys.get(Rotation::signing(&times, self.0.clock.now_micros())?)?;
        let mut token = key.header.clone();
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims).ok()?, &mut token);
        let signature = key.signing.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.to_bytes(), &mut token);
        Some(token)
    }

    /// The keys in force and those just retired, as a JSON Web Key Set.
    #[must_use]
    pub(crate) fn jwks(&self) -> String {
        let keys: Vec<_> = self.keys().iter().map(Key::jwk).collect();
        json!({ "keys": keys }).to_string()
    }

    /// Makes the next key when it is due and forgets those whose overlap is over. Says whether anything changed.
    ///
    /// # Errors
    /// The file cannot be written: then everything stays as it is.
    pub(crate) fn tend(&self) -> anyhow::Result<bool> {
        let now = self.0.clock.now_micros();
        let mut stored = file::read(&self.0.path)?;
        let before = stored.len();
        let times = |stored: &[StoredKey]| -> Vec<_> {
            stored.iter().map(|key| KeyTimes { create_time: key.create_time, active_time: key.active_time }).collect()
        };
        let mut changed = self.0.rotation.is_due(&times(&stored), now);
        if changed {
            let made = self.0.rotation.new_key(stored.is_empty(), now);
            stored.push(StoredKey {
                create_time: made.create_time,
                active_time: made.active_time,
                seed: random_bytes()?,
            });
            tracing::info!(keys = stored.len(), "a signing key was made");
        }
        let all = times(&stored);
        let mut position = 0;
        stored.retain(|_| {
            position += 1;
            self.0.rotation.is_published(&all, position - 1, now)
        });
        changed |= stored.len() < before;
        if changed {
            file::write(&self.0.path, &stored)?;
            let keys: Vec<_> = stored.iter().map(Key::new).collect();
            *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
            self.0.verifier.set_keys(&serde_json::from_str(&self.jwks()).context("the key set")?);
        }
        Ok(changed)
    }

    /// Tends the keys until the service stops.
    pub(crate) async fn keep_tended(self, lifecycle: Lifecycle) {
        loop {
            tokio::select! {
                () = lifecycle.stopping() => return,
                () = tokio::time::sleep(TEND_INTERVAL) => {}
            }
            let keys = self.clone();
            // A small file, once a minute: the one blocking place of this room.
            match tokio::task::spawn_blocking(move || keys.tend()).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::error!(error = format!("{error:#}"), "the signing keys cannot be tended"),
                Err(error) => tracing::error!(%error, "tending the signing keys failed"),
            }
        }
    }

    fn keys(&self) -> Arc<Vec<Key>> {
        Arc::clone(&self.0.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
#[path = "keys/tests.rs"]
mod tests;
