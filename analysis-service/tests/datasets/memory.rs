//! What a large file costs the process that reads it.

use std::{
    io::{BufWriter, Read as _, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
};

use fenxi_tables::{
    Limits, ParseOptions, Table,
    job::{self, Answer, Job, Work},
};

const FILE_BYTES: u64 = 100_000_000;
/// What a file may take, and what its reader may have of its own beside mapped files: the values that are kept, and on each
/// thread a run of rows and its values.
const MEMORY_MAX_BYTES: usize = 32 << 20;
const OWN_MAX_BYTES: u64 = 64 << 20;
const MAY_NOT_READ: &str = "the reader ends, or its answer does";

/// A table of numbers and words.
fn write_table(path: &Path) -> u64 {
    let mut file = BufWriter::new(std::fs::File::create(path).expect("a file"));
    file.write_all(b"id,half,day,word\n").expect("written");
    let (mut rows, mut bytes) = (0, 0);
    while bytes < FILE_BYTES {
        let row = format!("{rows},{}.5,2024-01-{:02},a word that is number {rows}\n", rows / 2, rows % 28 + 1);
        file.write_all(row.as_bytes()).expect("written");
        (rows, bytes) = (rows + 1, bytes + row.len() as u64);
    }
    rows
}

/// Memory that the process has of its own, now.
fn own_bytes(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.trim().strip_suffix(" kB"))?;
    Some(kib.trim().parse::<u64>().ok()? << 10)
}

/// Reads the file as the service does; with the most memory that the process was seen with.
fn read(path: &Path, out: &Path, memory_max_bytes: usize) -> (Table, u64) {
    let limits = Limits { memory_max_bytes, threads_max: 2, ..Limits::default() };
    let work = Work::Convert { out: out.into() };
    let job = Job { path: path.into(), file_name: "t.csv".into(), options: ParseOptions::default(), limits, work };
    let mut command = Command::new(env!("CARGO_BIN_EXE_table-reader"));
    command.env_clear().envs(job::ENVIRONMENT).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("started");
    let mut input = child.stdin.take().expect("an input");
    input.write_all(&[&serde_json::to_vec(&job).expect("a job")[..], b"\n"].concat()).expect("told");
    let mut output = child.stdout.take().expect("an output");
    let answer = std::thread::spawn(move || {
        let mut said = Vec::new();
        output.read_to_end(&mut said).map(|_| said)
    });
    let mut most = 0;
    while child.try_wait().expect(MAY_NOT_READ).is_none() {
        most = most.max(own_bytes(&child).unwrap_or_default());
        std::thread::yield_now();
    }
    let said = answer.join().expect("no panic").expect(MAY_NOT_READ);
    match serde_json::from_slice(&said).expect("an answer") {
        Answer::Converted(table) => (table, most),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hundred_megabytes_of_csv_are_read_in_bounded_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, out) = (folder.path().join("t.csv"), folder.path().join("t.arrow"));
    let rows = write_table(&path);
    let (table, most) = read(&path, &out, MEMORY_MAX_BYTES);
    assert_eq!((table.row_count, table.columns.len()), (rows, 4));
    assert!(table.size_bytes > OWN_MAX_BYTES, "{} bytes are no large table", table.size_bytes);
    assert!(most > 0, "nothing was seen of the process");
    assert!(most < OWN_MAX_BYTES, "{most} bytes for a file of {FILE_BYTES}");
}
