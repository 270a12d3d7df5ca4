//! What an operator may set about executions.

/// How much of what executions say is kept, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// Output of one execution that is kept, in bytes; of more, the head and the tail
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20, value_parser = clap::value_parser!(u64).range(64 << 10..=4 << 30))]
    pub output_max_bytes: u64,

    /// How much of that is kept for the tail, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 2 << 20, value_parser = clap::value_parser!(u64).range(16 << 10..=64 << 20))]
    pub output_tail_bytes: u64,

    /// Days that the log of a finished execution can be watched; 0: for ever. The history has its own copy
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub execution_log_keep_days: u32,

    /// Days that large outputs of a finished execution can be read; 0: for ever. The history refers to them
    #[arg(long, value_name = "DAYS", default_value_t = 0)]
    pub execution_content_keep_days: u32,
}
