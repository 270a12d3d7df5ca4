//! What makes a repeated call the same call: a mutation under a `request_id` keeps its answer in its own transaction.
//! Every room whose RPCs take a `request_id` uses it.

pub(crate) mod store;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

use crate::store::StoreError;

/// How long an answer is kept, in seconds: longer than any client retries.
pub(crate) const ANSWER_KEPT_SECS: i64 = 2 * 86_400;

/// A mutation that is to happen once.
#[derive(Clone, Debug)]
pub(crate) struct Once {
    /// Who asks; ids of different users never meet.
    pub(crate) user_id: Uuid,
    /// The id; `None` when the client gave none and every call is a new one.
    pub(crate) request_id: Option<Uuid>,
    /// Of the RPC and everything in the request that matters.
    pub(crate) digest: [u8; 32],
}

/// Why a mutation is not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OnceError {
    /// The id was used with other content.
    #[error("request_id was used before for a request with other content; make a new one")]
    Reused,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for OnceError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Makes digests of requests. They are keyed: a stored one tells nothing of a password that was in the request.
#[derive(Clone)]
pub(crate) struct RequestDigests {
    key: [u8; 32],
}

impl RequestDigests {
    /// With the service's own key, the same after a restart.
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The mutation of this RPC by this user with this content; the order of `parts` is the RPC's own.
    pub(crate) fn once(&self, user_id: Uuid, request_id: Option<Uuid>, rpc: &str, parts: &[&[u8]]) -> Once {
        let digest = keyed_digest(&self.key, [rpc.as_bytes()].into_iter().chain(parts.iter().copied()));
        Once { user_id, request_id, digest }
    }
}

/// HMAC-SHA-256 over `parts`, each with its length before it, so that no two lists of parts give the same bytes.
pub(crate) fn keyed_digest<'a>(key: &[u8; 32], parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_tells_apart_what_differs() {
        let digests = RequestDigests::new([1; 32]);
        let digest = |rpc, parts: &[&[u8]]| digests.once(Uuid::nil(), None, rpc, parts).digest;
        let base = digest("Create", &[b"ab", b"c"]);
        assert_eq!(base, digest("Create", &[b"ab", b"c"]));
        assert_ne!(base, digest("Create", &[b"a", b"bc"]));
        assert_ne!(base, digest("Update", &[b"ab", b"c"]));
        assert_ne!(base, RequestDigests::new([2; 32]).once(Uuid::nil(), None, "Create", &[b"ab", b"c"]).digest);
    }
}
