//! The program that reads one uploaded file, held to its memory. analysis-service starts it.

use std::{
    fs,
    io::{self, Write as _},
};

use fenxi_tables::{Limits, job};
use nix::sys::resource::{Resource, setrlimit};

/// Bytes of memory beside what reading a file may hold: the program, the stacks of its threads, what a parser holds for a
/// moment.
const BESIDE_BYTES: u64 = 1 << 30;
/// Whom the system ends first when memory is short (proc(5), `oom_score_adj`): who can be asked again.
const OOM_SCORE: &str = "800";

fn main() -> io::Result<()> {
    if std::env::args_os().len() > 1 {
        return writeln!(
            io::stdout(),
            "analysis-service starts this to read a file: it takes its task from standard input"
        );
    }
    job::serve(|limits: &Limits| {
        let bytes = (limits.memory_max_bytes as u64).saturating_add(BESIDE_BYTES);
        setrlimit(Resource::RLIMIT_DATA, bytes, bytes)?;
        setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
        // Not every machine lets it.
        let _ = fs::write("/proc/self/oom_score_adj", OOM_SCORE);
        Ok(())
    })
}
