//! Between the contract and the rooms: one file a gRPC service, each from messages to domain and back. It decides
//! nothing and knows no SQL.

pub(crate) mod api_tokens;
pub(crate) mod auth;
pub(crate) mod call;
pub(crate) mod callers;
mod disabled_users;
pub(crate) mod failure;
pub(crate) mod history;
pub(crate) mod keys;
pub(crate) mod login_sessions;
pub(crate) mod users;
