//! Measures figures beside their limit or peer in the same run. Machines are noisy: a figure is a median of several runs,
//! a claim is a ratio, and cost is processor time. Every suite prints a table and writes `target/bench/<suite>.jsonl`.

pub mod bare;
pub mod cpu;
pub mod door;
pub mod figure;
pub mod history;
pub mod kernels;
pub mod logins;
pub mod uploads;
