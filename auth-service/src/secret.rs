//! Secrets that clients hold: 256 random bits behind a prefix that says what they are. Here they live only as SHA-256;
//! the text of one is given out once, at its making, and is neither logged nor stored.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::TryRngCore as _;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Random bytes in a secret.
pub(crate) const SECRET_LEN_BYTES: usize = 32;
/// Characters of an ApiToken that are stored, so that its owner can tell tokens apart. 24 random bits.
pub(crate) const SHOWN_PREFIX_LEN_CHARS: usize = 8;
const PREFIX_LEN_CHARS: usize = 4;
/// 32 bytes in unpadded base64url.
const BODY_LEN_CHARS: usize = 43;

/// What a secret is for; its prefix on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretKind {
    /// A LoginSession.
    LoginSession,
    /// A LoginAttempt.
    LoginAttempt,
    /// An ApiToken.
    ApiToken,
    /// The one-time link of the first administrator.
    SetUp,
}

impl SecretKind {
    const ALL: [Self; 4] = [Self::LoginSession, Self::LoginAttempt, Self::ApiToken, Self::SetUp];

    /// The first characters of every secret of this kind.
    #[must_use]
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::LoginSession => "fxl_",
            Self::LoginAttempt => "fxa_",
            Self::ApiToken => "fxt_",
            Self::SetUp => "fxu_",
        }
    }
}

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub(crate) struct NoRandomness;

/// The text of a secret. It cannot be printed by accident.
pub(crate) struct Secret(String);

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub(crate) fn generate(kind: SecretKind) -> Result<Self, NoRandomness> {
        Ok(Self(format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(random_bytes()?))))
    }

    /// The text, to be handed to the client.
    #[must_use]
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Its form at rest.
    #[must_use]
    pub(crate) fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The characters that may be stored and shown.
    #[must_use]
    pub(crate) fn shown_prefix(&self) -> &str {
        self.0.get(..SHOWN_PREFIX_LEN_CHARS).unwrap_or_default()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The SHA-256 of a secret: 256 random bits need no salt and no slow hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SecretHash([u8; 32]);

impl SecretHash {
    /// Reads what a client sent: its kind and hash, or `None` if it has not the form of a secret.
    #[must_use]
    pub(crate) fn of_presented(text: &str) -> Option<(SecretKind, Self)> {
        let kind = SecretKind::ALL.into_iter().find(|kind| text.starts_with(kind.prefix()))?;
        let body = text.get(PREFIX_LEN_CHARS..)?;
        let well_formed =
            body.len() == BODY_LEN_CHARS && body.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        well_formed.then(|| (kind, Self(Sha256::digest(text.as_bytes()).into())))
    }

    /// As [`Self::of_presented`], for a place where only one kind makes sense.
    #[must_use]
    pub(crate) fn of_presented_kind(kind: SecretKind, text: &str) -> Option<Self> {
        Self::of_presented(text).filter(|(found, _)| *found == kind).map(|(_, hash)| hash)
    }

    /// The hash of any text, such as the `state` that an identity provider sends back.
    #[must_use]
    pub(crate) fn of_text(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// As stored.
    #[must_use]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// From the store; `None` if it is not 32 bytes.
    #[must_use]
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Equality in a time that says nothing about where the two differ.
    #[must_use]
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

/// 256 bits from the operating system.
///
/// # Errors
/// [`NoRandomness`].
pub(crate) fn random_bytes() -> Result<[u8; SECRET_LEN_BYTES], NoRandomness> {
    let mut bytes = [0; SECRET_LEN_BYTES];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// A random text of 256 bits for a URL.
///
/// # Errors
/// [`NoRandomness`].
pub(crate) fn random_text() -> Result<String, NoRandomness> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_presented_secret_is_recognised_by_kind_and_hash() {
        for kind in SecretKind::ALL {
            let secret = Secret::generate(kind).expect("randomness");
            let (found, hash) = SecretHash::of_presented(secret.expose()).expect("well formed");
            assert_eq!(found, kind);
            assert!(hash.matches(&secret.hash()));
            assert_eq!(SecretHash::from_bytes(hash.as_bytes()), Some(hash));
        }
        let (one, other) = (Secret::generate(SecretKind::ApiToken), Secret::generate(SecretKind::ApiToken));
        assert!(!one.expect("randomness").hash().matches(&other.expect("randomness").hash()));
    }

    #[test]
    fn what_has_not_the_form_of_a_secret_is_not_even_hashed() {
        let good = Secret::generate(SecretKind::ApiToken).expect("randomness").expose().to_owned();
        let long = format!("{good}A");
        let other_prefix = good.replace("fxt_", "fxq_");
        for bad in ["", "fxt_", "x", &long, &good[..good.len() - 1], &other_prefix, &"é".repeat(30), "fxt_\0"] {
            assert!(SecretHash::of_presented(bad).is_none(), "{bad:?} was taken");
        }
        assert!(SecretHash::of_presented_kind(SecretKind::LoginSession, &good).is_none());
    }

    #[test]
    fn a_secret_cannot_be_printed() {
        let secret = Secret::generate(SecretKind::LoginSession).expect("randomness");
        let printed = format!("{secret:?} {:?}", secret.hash());
        assert!(!printed.contains(&secret.expose()[4..12]), "{printed}");
    }
}
