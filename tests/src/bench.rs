//! Measures figures beside their limit or peer in the same run. Machines are noisy: a figure is a median of several runs,
//! a claim is a ratio, and cost is processor time. Every suite prints a table and writes `target/bench/<suite>.jsonl`.

pub mod bare;
pub mod cpu;
pub mod door;
pub mod figure;
pub mod history;
pub mod kernels;
pub mod logins;
pub mod processes;
pub mod uploads;

/// The limits per address and user are for strangers; here one client is everybody.
pub const ROOMY: [(&str, &str); 5] = [
    ("FENXI_GATEWAY_ADDRESS_RATE_PER_SEC", "1000000"),
    ("FENXI_GATEWAY_ADDRESS_RATE_BURST", "1000000"),
    ("FENXI_GATEWAY_USER_RATE_PER_SEC", "1000000"),
    ("FENXI_GATEWAY_USER_RATE_BURST", "1000000"),
    ("FENXI_GATEWAY_CONNECTIONS_PER_ADDRESS_MAX", "10000"),
];
