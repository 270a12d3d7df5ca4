//! The crate from outside: files go in, tables or errors for people come out.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod blanks;
mod delimited;
mod dirty;
mod encodings;
mod figures;
mod hostile;
mod json;
mod missing;
mod others;
mod pandas;
mod sheets;
mod support;
mod times;
mod titles;
mod words;
mod workbooks;
mod zones;
