//! ExecutionService from outside: the whole service over gRPC, real ipykernels under it, and a history that keeps what
//! it is given. The interpreter is found as in `kernels.rs`.

#![allow(clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

#[path = "executions/above.rs"]
mod above;
#[path = "executions/again.rs"]
mod again;
#[path = "executions/dependency.rs"]
mod dependency;
#[path = "executions/files.rs"]
mod files;
#[path = "executions/house.rs"]
mod house;
#[path = "executions/inspection.rs"]
mod inspection;
#[path = "support/interpreter.rs"]
mod interpreter;
#[path = "executions/kept.rs"]
mod kept;
#[path = "executions/kinds.rs"]
mod kinds;
#[path = "executions/life.rs"]
mod life;
#[path = "executions/machine.rs"]
mod machine;
#[path = "executions/memo.rs"]
mod memo;
#[path = "executions/naming.rs"]
mod naming;
#[path = "executions/neighbours.rs"]
mod neighbours;
#[path = "executions/network.rs"]
mod network;
#[path = "executions/outliving.rs"]
mod outliving;
#[path = "../../chassis/tests/support/port.rs"]
mod port;
#[path = "executions/queue.rs"]
mod queue;
#[path = "executions/requests.rs"]
mod requests;
#[path = "kernels/specs.rs"]
mod specs;
#[path = "executions/starting.rs"]
mod starting;
#[path = "executions/stopping.rs"]
mod stopping;
#[path = "executions/support.rs"]
mod support;
