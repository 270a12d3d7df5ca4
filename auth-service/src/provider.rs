//! The ways to sign in: accounts kept here, and identity providers with pages of their own.
//!
//! A provider says who somebody is; whether that person may come in, and what then happens, is `login`'s to decide.

pub(crate) mod feishu;
pub(crate) mod local;

/// Who somebody is, in the words of an identity provider. Names are cleaned and bounded; the ids are as given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    /// The configured method: `feishu` or `lark`. With the next three it is the identity.
    pub(crate) identity_provider: &'static str,
    /// The app that the ids are valid for.
    pub(crate) app_id: String,
    /// The organisation.
    pub(crate) tenant_key: String,
    /// The person within app and organisation.
    pub(crate) open_id: String,
    /// The person across the apps of one developer; kept for linking apps later.
    pub(crate) union_id: Option<String>,
    /// For people; never empty.
    pub(crate) display_name: String,
    /// For people; may be empty.
    pub(crate) english_name: String,
    /// An https URL, or empty.
    pub(crate) avatar_url: String,
    /// Entered by the organisation's administrator and not verified: to show, never to decide by. May be empty.
    pub(crate) email: String,
}
