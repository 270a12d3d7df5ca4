//! Files of users are read by a process each, `table-reader`, held to its memory: the parsers of other people's formats
//! believe what they read, and a file that takes all memory or overflows a stack ends that process and not the service.

use std::{io, os::unix::process::ExitStatusExt as _, path::PathBuf, process::Stdio};

use fenxi_tables::{
    Limits, ParseOptions, Preview, Table, TableError,
    job::{self, Answer, Job, Work},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
};
use tokio_util::sync::CancellationToken;

use crate::datasets::error::DatasetError;

/// Bytes of an answer: figures of as many columns as a table may have, or a preview of them.
const ANSWER_MAX_BYTES: u64 = 256 << 20;

/// Starts the processes.
#[derive(Debug)]
pub(super) struct Reader {
    program: PathBuf,
    limits: Limits,
    stop: CancellationToken,
}

/// A file to be read.
#[derive(Debug)]
pub(super) struct Source {
    pub path: PathBuf,
    /// As its user called it.
    pub file_name: String,
    pub options: ParseOptions,
}

impl Reader {
    pub(super) fn new(program: PathBuf, limits: Limits) -> Self {
        Self { program, limits, stop: CancellationToken::new() }
    }

    /// Ends all processes.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Parses a whole file into a columnar one at `out`.
    pub(super) async fn convert(&self, source: Source, out: PathBuf) -> Result<Table, DatasetError> {
        match self.read(source, Work::Convert { out }).await? {
            Answer::Converted(table) => Ok(table),
            Answer::Failed(told) => Err(TableError::from(told).into()),
            Answer::Previewed(_) => Err(astray().into()),
        }
    }

    /// What would become of a file that may still be arriving, unless it is `whole`.
    pub(super) async fn preview(&self, source: Source, rows: usize, whole: bool) -> Result<Preview, DatasetError> {
        match self.read(source, Work::Preview { rows, whole }).await? {
            Answer::Previewed(preview) => Ok(preview),
            Answer::Failed(told) => Err(TableError::from(told).into()),
            Answer::Converted(_) => Err(astray().into()),
        }
    }

    /// Dropped, it ends the process.
    async fn read(&self, source: Source, work: Work) -> Result<Answer, DatasetError> {
        let Source { path, file_name, options } = source;
        let job = Job { path, file_name, options, limits: self.limits.clone(), work };
        let mut line = serde_json::to_vec(&job).map_err(io::Error::other)?;
        line.push(b'\n');
        tokio::select! {
            answer = self.ask(&line) => answer,
            () = self.stop.cancelled() => Err(TableError::Cancelled.into()),
        }
    }

    async fn ask(&self, line: &[u8]) -> Result<Answer, DatasetError> {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(job::ENVIRONMENT).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        // A Ctrl-C is for the service, which ends what it reads; it is no word on the file.
        command.process_group(0);
        let mut child = command.spawn()?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(astray().into());
        };
        // Its end is seen below, and why.
        let _ = input.write_all(line).await;
        let mut said = Vec::new();
        output.take(ANSWER_MAX_BYTES).read_to_end(&mut said).await?;
        // Its input stays open until here: without it, it would end.
        let status = child.wait().await?;
        drop(input);
        let said_all = said.len() as u64 == ANSWER_MAX_BYTES;
        if status.success() {
            return Ok(tokio::task::spawn_blocking(move || serde_json::from_slice(&said))
                .await
                .map_err(io::Error::other)?
                .map_err(io::Error::other)?);
        }
        tracing::warn!(%status, "the reading of a file ended by itself");
        metrics::counter!("table_readers_died_total").increment(1);
        // What takes all memory or overflows a stack ends by a signal. Whatever else it is, it is not the file.
        let is_the_file = status.signal().is_some() || said_all;
        Err(if is_the_file { self.given_up().into() } else { astray().into() })
    }

    fn given_up(&self) -> TableError {
        let mib = self.limits.memory_max_bytes >> 20;
        let problem = format!(
            "reading the file was given up: it takes more memory than one file may (about {mib} MiB), or it is damaged in a \
             way that its format does not allow. Split it, or save it as CSV, and upload it anew"
        );
        TableError::Unreadable { place: None, problem }
    }
}

fn astray() -> io::Error {
    io::Error::other("the program that reads files gave no answer to what it was asked")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a file when the program that is to read it does this.
    async fn read_by(script: &str) -> DatasetError {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("reader");
        std::fs::write(&program, format!("#!/bin/sh\nread job\n{script}\n")).expect("written");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("set");
        let reader = Reader::new(program, Limits::default());
        let source = Source { path: "/x".into(), file_name: "x.csv".into(), options: ParseOptions::default() };
        reader.preview(source, 1, true).await.expect_err("no table")
    }

    #[tokio::test]
    async fn it_has_the_allocators_settings_and_nothing_of_the_service() {
        // Where it is so, it ends as one does that a file ended.
        let script = "[ -n \"$GLIBC_TUNABLES\" ] && [ -z \"$CARGO_MANIFEST_DIR\" ] && kill -ABRT $$\nexit 1";
        assert!(std::env::vars_os().any(|(name, _)| name == "CARGO_MANIFEST_DIR"), "the test has it");
        let ended = read_by(script).await;
        assert!(matches!(&ended, DatasetError::Table(error) if error.reason() == Some("FILE_UNREADABLE")), "{ended}");
    }

    #[tokio::test]
    async fn what_ends_by_a_signal_is_the_files_and_all_else_the_services() {
        let ended = read_by("kill -ABRT $$").await;
        assert!(matches!(&ended, DatasetError::Table(error) if error.reason() == Some("FILE_UNREADABLE")), "{ended}");
        for script in ["exit 1", "echo nonsense", "echo '{\"Failed\":{\"Io\":{\"code\":5,\"text\":\"\"}}}'"] {
            let failed = read_by(script).await;
            let is_the_file = matches!(&failed, DatasetError::Table(error) if error.reason().is_some());
            assert!(!is_the_file, "{script}: {failed}");
        }
    }
}
