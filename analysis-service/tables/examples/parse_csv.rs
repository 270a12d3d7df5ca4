//! Measures `convert` on a delimited file: prints the median of a few runs in milliseconds and the peak of memory.
//! Beside it, a Python interpreter with pandas (`--python PATH`) reads the same file with `pandas.read_csv`, run for
//! run in turn, and the ratio of the medians is printed.
//!
//! `--keep PATH` keeps the columnar file there.
//!
//! `cargo run --release -p fenxi-tables --example parse_csv -- FILE [--python PATH] [--runs N] [--keep PATH]`
#![expect(clippy::print_stdout, reason = "a program that prints figures")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use fenxi_tables::{Cancel, Limits, ParseOptions, Table, TableError, convert};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (mut file, mut python, mut runs) = (None, None, 5usize);
    let scratch = std::env::temp_dir().join(format!("parse_csv-{}.arrow", std::process::id()));
    let mut keep = None;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--python" => python = arguments.next(),
            "--runs" => runs = arguments.next().ok_or("--runs needs a number")?.parse()?,
            "--keep" => keep = arguments.next().map(PathBuf::from),
            path => file = Some(PathBuf::from(path)),
        }
    }
    let file = file.ok_or("say which file to read")?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut table = None;
    for _ in 0..runs.max(1) {
        // Another file each time, as every upload has: to put one in the place of another takes its removal too.
        let _ = std::fs::remove_file(keep.as_ref().unwrap_or(&scratch));
        let begin = Instant::now();
        table = Some(once(&file, keep.as_ref().unwrap_or(&scratch))?);
        ours.push(begin.elapsed().as_secs_f64() * 1e3);
        if let Some(python) = &python {
            theirs.push(pandas(python, &file)?);
        }
    }
    if keep.is_none() {
        std::fs::remove_file(&scratch)?;
    }
    if let Some(table) = table {
        println!("rows {} columns {} columnar bytes {}", table.row_count, table.columns.len(), table.size_bytes);
        for column in table.columns.iter().take(8) {
            println!("  {} {} distinct {}", column.name, column.arrow_type, column.summary.distinct_count);
        }
        table.warnings.iter().for_each(|warning| println!("  warning: {warning}"));
    }
    println!("convert_ms {:.0} of {ours:.0?}; peak memory {}", median(&mut ours.clone()), peak_memory());
    if !theirs.is_empty() {
        println!("pandas_ms {:.0} of {theirs:.0?}", median(&mut theirs.clone()));
        println!("ratio {:.3}", median(&mut ours) / median(&mut theirs));
    }
    Ok(())
}

fn once(file: &Path, out: &Path) -> Result<Table, TableError> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    convert(file, &name, &ParseOptions::default(), out, &Limits::default(), &Cancel::default())
}

fn pandas(python: &str, file: &Path) -> Result<f64, Box<dyn std::error::Error>> {
    let code = "import sys,time,pandas\nt=time.perf_counter()\npandas.read_csv(sys.argv[1])\nprint((time.perf_counter()-t)*1e3)";
    let output = Command::new(python).arg("-c").arg(code).arg(file).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = |name: &str| status.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    format!("{} {}", line("VmHWM"), line("RssAnon"))
}
