//! Live kernels: supervised Python processes, each of one user.
//!
//! [`registry`] is the way in. It knows whose a kernel is; [`driver`] owns a kernel's process, conversation and state;
//! [`launch`] starts processes, [`connection`] speaks Jupyter, [`state`] says what may follow on what, [`output`] turns
//! messages into events, [`inspection`] answers into messages; [`files`] gives what code
//! wrote into its folder; [`specs`] knows which kinds there are. What becomes of an execution's events is the log's business, which the driver is handed.

pub mod config;
pub(crate) mod connection;
pub(crate) mod driver;
mod error;
pub mod files;
pub mod inspection;
pub mod launch;
mod machine;
pub mod model;
pub mod network;
pub(crate) mod output;
pub mod registry;
pub(crate) mod said;
pub mod specs;
mod starts;
pub mod state;
pub mod store;

pub use driver::{AskedBefore, KernelHandle, QueueSlot, Work};
