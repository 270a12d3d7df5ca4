//! The limits of uploads and datasets, as configuration sets them.

use std::path::PathBuf;

/// The file name of the program that reads files.
const READER: &str = "table-reader";

/// Limits of uploads and datasets.
#[derive(Clone, Debug, clap::Args)]
pub struct DatasetSettings {
    /// Bytes of one uploaded file
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 30, value_parser = clap::value_parser!(u64).range(1..=1 << 46))]
    pub upload_file_max_bytes: u64,

    /// Bytes that one user may keep: each different file once, and open uploads by their declared size
    #[arg(long, value_name = "BYTES", default_value_t = 20 << 30, value_parser = clap::value_parser!(u64).range(1..=1 << 60))]
    pub dataset_quota_bytes: u64,

    /// Uploads that one user may have open
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub open_uploads_max: u32,

    /// Seconds after which an upload to which nothing came is dropped
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400, value_parser = clap::value_parser!(u32).range(60..))]
    pub upload_idle_max_secs: u32,

    /// Bytes of columnar files kept ready; those in use may go over it, others are made again when needed
    #[arg(long, value_name = "BYTES", default_value_t = 20 << 30)]
    pub columnar_cache_max_bytes: u64,

    /// Files parsed at once
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub parses_max: u16,

    /// Program that reads one uploaded file. Unset: `table-reader` beside this program
    #[arg(long, value_name = "FILE")]
    pub table_reader: Option<PathBuf>,

    /// Bytes of memory that parsing one file may hold
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30, value_parser = clap::value_parser!(u64).range(16 << 20..))]
    pub parse_memory_max_bytes: u64,
}

impl DatasetSettings {
    /// The program that reads files.
    ///
    /// # Errors
    /// There is none.
    pub fn reader(&self) -> std::io::Result<PathBuf> {
        let beside = || Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name(READER));
        let program = self.table_reader.clone().map_or_else(beside, Ok)?;
        if !program.is_file() {
            let text = format!("--table-reader: {} is not there", program.display());
            return Err(std::io::Error::new(std::io::ErrorKind::NotFound, text));
        }
        std::path::absolute(program)
    }
}
