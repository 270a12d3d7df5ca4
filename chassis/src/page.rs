//! Pages of a list: sizes, and tokens that only this service can make and only for the same filters.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fenxi_proto::error::{ErrorReason, Failure};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// Rows of a page when none is asked for.
pub const PAGE_SIZE_DEFAULT: u32 = 20;
/// Rows of a page at most.
pub const PAGE_SIZE_MAX: u32 = 100;
/// The longest token that is looked at.
const TOKEN_MAX_BYTES: usize = 1024;
const TAG_BYTES: usize = 16;

/// The rows to give for a wanted `page_size`: 0 means the default, more than the limit means the limit.
///
/// # Errors
/// `INVALID_FIELD` for a negative one.
pub fn size(wanted: i32) -> Result<u32, Failure> {
    match u32::try_from(wanted) {
        Ok(0) => Ok(PAGE_SIZE_DEFAULT),
        Ok(wanted) => Ok(wanted.min(PAGE_SIZE_MAX)),
        Err(_) => Err(Failure::invalid("page_size", format!("is {wanted}; give 0 to {PAGE_SIZE_MAX}"))),
    }
}

/// Makes and opens page tokens.
#[derive(Clone)]
pub struct PageTokens(Hmac<Sha256>);

impl PageTokens {
    /// With the service's own key, the same in all its instances (see [`crate::files::key`]).
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
        Self(Hmac::new_from_slice(key).expect("a key of any length"))
    }

    /// A token that leads to `cursor`, in the list that `list` names: its RPC, whose it is, and its filters.
    #[must_use]
    pub fn seal(&self, list: &[u8], cursor: &[u8]) -> String {
        let mut token = cursor.to_vec();
        token.extend_from_slice(&self.mac(list, cursor).finalize().into_bytes()[..TAG_BYTES]);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The cursor of a token, `None` for an empty one.
    ///
    /// # Errors
    /// `INVALID_PAGE_TOKEN` for a token that was not made here for this list.
    pub fn open(&self, list: &[u8], token: &str) -> Result<Option<Vec<u8>>, Failure> {
        if token.is_empty() {
            return Ok(None);
        }
        self.opened(list, token).map(Some).ok_or_else(|| {
            let text = "page_token was not given by this service for these filters; begin again without one";
            Failure::new(ErrorReason::InvalidPageToken, text).with_field("page_token")
        })
    }

    fn opened(&self, list: &[u8], token: &str) -> Option<Vec<u8>> {
        if token.len() > TOKEN_MAX_BYTES {
            return None;
        }
        let mut cursor = URL_SAFE_NO_PAD.decode(token).ok()?;
        let tag = cursor.split_off(cursor.len().checked_sub(TAG_BYTES)?);
        self.mac(list, &cursor).verify_truncated_left(&tag).ok()?;
        Some(cursor)
    }

    fn mac(&self, list: &[u8], cursor: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(&(list.len() as u64).to_be_bytes());
        mac.update(list);
        mac.update(cursor);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_only_for_its_list_and_unedited() {
        let tokens = PageTokens::new(&[1; 32]);
        let token = tokens.seal(b"list", b"cursor");
        assert_eq!(tokens.open(b"list", &token).expect("good"), Some(b"cursor".to_vec()));
        assert_eq!(tokens.open(b"list", "").expect("the first page"), None);
        assert!(tokens.open(b"other", &token).is_err());
        assert!(PageTokens::new(&[2; 32]).open(b"list", &token).is_err());
        for at in 0..token.len() {
            let mut edited = token.clone().into_bytes();
            edited[at] = if edited[at] == b'A' { b'B' } else { b'A' };
            let edited = String::from_utf8(edited).expect("text");
            assert!(edited == token || tokens.open(b"list", &edited).is_err(), "{edited}");
        }
        for bad in ["x", "====", "\u{0}", &"A".repeat(2_000)] {
            assert!(tokens.open(b"list", bad).is_err());
        }
    }

    #[test]
    fn a_page_has_a_size() {
        assert_eq!(size(0).expect("default"), 20);
        assert_eq!(size(7).expect("taken"), 7);
        assert_eq!(size(i32::MAX).expect("cut"), 100);
        assert!(size(-1).is_err());
    }
}
