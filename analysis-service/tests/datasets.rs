//! Uploads and datasets from outside: a real server on a port of its own, real files, real callers. The parts that need
//! a clock or a small cache talk to the room itself.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a helper of a test fails the test"
)]

#[path = "datasets/cache.rs"]
mod cache;
#[path = "datasets/house.rs"]
mod house;
#[path = "datasets/library.rs"]
mod library;
#[path = "datasets/lists.rs"]
mod lists;
#[path = "datasets/memory.rs"]
mod memory;
#[path = "datasets/parsing.rs"]
mod parsing;
#[path = "../../chassis/tests/support/port.rs"]
mod port;
#[path = "datasets/troubles.rs"]
mod troubles;
#[path = "datasets/uploads.rs"]
mod uploads;
#[path = "datasets/warnings.rs"]
mod warnings;
