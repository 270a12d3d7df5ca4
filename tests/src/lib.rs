//! The whole house from outside: real processes on loopback with their data in a temporary folder, clients as users have
//! them, and the fakes of what lies outside Fenxi.

pub mod bench;
pub mod client;
pub mod fakes;
pub mod house;
pub mod program;
pub mod soak;
pub mod tables;
