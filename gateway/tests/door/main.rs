//! The gateway from outside, over sockets, before services that answer real gRPC.

#![expect(clippy::expect_used, clippy::panic, reason = "the helpers of tests fail as tests do")]

mod callers;
mod deadlines;
mod dos;
mod fakes;
mod greed;
mod guard;
mod house;
mod native;
mod pages;
mod raw;
mod streams;
mod tls;
mod uploads;
