//! Real kernels under the real supervisor: every story here runs an ipykernel. The interpreter is the one that
//! `FENXI_TEST_PYTHON` names, or the one that `deploy/local/python_env` made below `FENXI_HOME`.

#![expect(clippy::expect_used, clippy::panic, reason = "what cannot be is the test's failure")]

#[path = "kernels/cells.rs"]
mod cells;
#[path = "kernels/deaths.rs"]
mod deaths;
#[path = "kernels/dependency.rs"]
mod dependency;
#[path = "kernels/forks.rs"]
mod forks;
#[path = "kernels/hostile.rs"]
mod hostile;
#[path = "kernels/house.rs"]
mod house;
#[path = "kernels/hung.rs"]
mod hung;
#[path = "kernels/inspection.rs"]
mod inspection;
#[path = "support/interpreter.rs"]
mod interpreter;
#[path = "kernels/kinds.rs"]
mod kinds;
#[path = "kernels/large.rs"]
mod large;
#[path = "kernels/launching.rs"]
mod launching;
#[path = "kernels/leaving.rs"]
mod leaving;
#[path = "kernels/life.rs"]
mod life;
#[path = "kernels/limits.rs"]
mod limits;
#[path = "kernels/naming.rs"]
mod naming;
#[path = "kernels/output.rs"]
mod output;
#[path = "kernels/pool.rs"]
mod pool;
#[path = "kernels/reach.rs"]
mod reach;
#[path = "kernels/registry.rs"]
mod registry;
#[path = "kernels/slow.rs"]
mod slow;
#[path = "kernels/specs.rs"]
mod specs;
#[path = "kernels/taken_up.rs"]
mod taken_up;
#[path = "kernels/waiting.rs"]
mod waiting;
#[path = "kernels/ways.rs"]
mod ways;
