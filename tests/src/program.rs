//! How a program of these tests ends.

use std::process::ExitCode;

/// What a program's `main` returns. What went wrong is its last line, where a reader of a long log looks first: the trace
/// that `main` itself would print after it, where traces are on, says only that `main` was called.
#[must_use]
pub fn end(outcome: anyhow::Result<ExitCode>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        #[expect(clippy::print_stderr, reason = "the last line for whoever started the program")]
        {
            eprintln!("error: {error:#}");
        }
        ExitCode::FAILURE
    })
}
