//! Between the contract and the rooms: one file a gRPC service, each from messages to domain and back. It decides
//! nothing and knows no SQL.

pub(crate) mod failure;
pub(crate) mod history;
pub(crate) mod keys;
