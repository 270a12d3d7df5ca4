//! The frame each service is bolted to: configuration, telemetry, lifecycle, gRPC server and client set-up, who is
//! calling, the database pool with its group-commit writer, page tokens, clock and ids.
//!
//! A closed list: what is not a frame does not belong here, and no word of the services but Caller is known here.

pub mod admin;
pub mod caller;
pub mod client;
pub mod clock;
pub mod config;
pub mod disk;
pub mod files;
pub mod id;
pub mod lifecycle;
pub mod memory;
pub mod net;
pub mod page;
pub mod program;
pub mod repeated;
pub mod server;
pub mod sqlite;
pub mod telemetry;
