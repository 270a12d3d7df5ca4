//! Reading a file in a process of its own, the half inside: foreign parsers believe what they read, and a file that takes
//! all memory or all of a stack ends that process alone. It is told one [`Job`] as a line of JSON on its input, and answers
//! by one [`Answer`] as JSON on its output. It ends when its input does, so that it never outlives who asked.

use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::Place;
use crate::{Cancel, Limits, ParseOptions, Preview, Table, TableError, convert, preview};

/// Bytes of a job: an option or a name of a file is not long.
const JOB_MAX_BYTES: u64 = 1 << 20;

/// All of the environment that the process is to be started with. The values of a table are up to a gigabyte of small
/// buffers that come and stay: from one heap, of huge pages where the kernel gives them, they cost a fifth less time than
/// from a heap a thread that is asked for page by page. What is large is asked of the kernel on its own, and so grows without
/// a copy. (The GNU C Library's manual, "Memory Allocation Tunables"; other libraries do not read this.)
pub const ENVIRONMENT: [(&str, &str); 1] = [(
    "GLIBC_TUNABLES",
    "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=2097152:\
     glibc.malloc.trim_threshold=67108864:glibc.malloc.top_pad=67108864",
)];

/// What is to be read, and what is to become of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// The file.
    pub path: PathBuf,
    /// The name that the user gave.
    pub file_name: String,
    /// How to read it.
    pub options: ParseOptions,
    /// What it may cost.
    pub limits: Limits,
    /// What to do.
    pub work: Work,
}

/// What to do with a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Work {
    /// As [`convert`].
    Convert {
        /// Where the columnar file is to stand.
        out: PathBuf,
    },
    /// As [`preview`].
    Preview {
        /// Rows wanted.
        rows: usize,
        /// Whether the file is all there.
        whole: bool,
    },
}

/// What became of it.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// The columnar file is in its place.
    Converted(Table),
    /// The first rows.
    Previewed(Preview),
    /// Neither.
    Failed(Told),
}

/// A [`TableError`] on its way.
#[derive(Debug, Serialize, Deserialize)]
pub enum Told {
    #[doc(hidden)]
    Unreadable { place: Option<Place>, problem: String },
    #[doc(hidden)]
    Format(String),
    #[doc(hidden)]
    Empty(String),
    #[doc(hidden)]
    TooLarge { what: String, limit_name: String, limit: u64, found: u64 },
    #[doc(hidden)]
    Option { field: String, problem: String },
    #[doc(hidden)]
    Cancelled,
    #[doc(hidden)]
    Io { code: Option<i32>, text: String },
}

/// The names that errors give, of [`Limits`] and of [`ParseOptions`].
const NAMES: [&str; 13] = [
    "columns_max",
    "rows_max",
    "cell_max_bytes",
    "expanded_max_bytes",
    "expansion_max_ratio",
    "expanded_free_bytes",
    "memory_max_bytes",
    "format",
    "encoding",
    "delimiter",
    "quote",
    "header",
    "sheet",
];

fn name(told: &str) -> &'static str {
    NAMES.into_iter().find(|name| *name == told).unwrap_or("limit")
}

impl From<TableError> for Told {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Unreadable { place, problem } => Self::Unreadable { place, problem },
            TableError::Format(text) => Self::Format(text),
            TableError::Empty(text) => Self::Empty(text),
            TableError::TooLarge { what, limit_name, limit, found } => {
                Self::TooLarge { what, limit_name: limit_name.to_owned(), limit, found }
            }
            TableError::Option { field, problem } => Self::Option { field: field.to_owned(), problem },
            TableError::Cancelled => Self::Cancelled,
            TableError::Io(error) => Self::Io { code: error.raw_os_error(), text: error.to_string() },
        }
    }
}

impl From<Told> for TableError {
    fn from(told: Told) -> Self {
        match told {
            Told::Unreadable { place, problem } => Self::Unreadable { place, problem },
            Told::Format(text) => Self::Format(text),
            Told::Empty(text) => Self::Empty(text),
            Told::TooLarge { what, limit_name, limit, found } => {
                Self::TooLarge { what, limit_name: name(&limit_name), limit, found }
            }
            Told::Option { field, problem } => Self::Option { field: name(&field), problem },
            Told::Cancelled => Self::Cancelled,
            Told::Io { code: Some(code), .. } => Self::Io(io::Error::from_raw_os_error(code)),
            Told::Io { code: None, text } => Self::Io(io::Error::other(text)),
        }
    }
}

impl Job {
    /// Does it.
    #[must_use]
    pub fn run(self) -> Answer {
        let Self { path, file_name, options, limits, work } = self;
        let answer = match work {
            Work::Convert { out } => {
                convert(&path, &file_name, &options, &out, &limits, &Cancel::default()).map(Answer::Converted)
            }
            Work::Preview { rows, whole } => {
                preview(&path, &file_name, &options, rows, whole, &limits).map(Answer::Previewed)
            }
        };
        answer.unwrap_or_else(|error| Answer::Failed(error.into()))
    }
}

/// What the process does: one job. `prepare` is given the job's limits before anything of the file is read.
///
/// # Errors
/// It is not told a job, or cannot answer.
pub fn serve(prepare: impl FnOnce(&Limits) -> io::Result<()>) -> io::Result<()> {
    let mut line = Vec::new();
    io::BufRead::read_until(&mut io::stdin().lock().take(JOB_MAX_BYTES), b'\n', &mut line)?;
    let job: Job = serde_json::from_slice(&line)?;
    prepare(&job.limits)?;
    std::thread::spawn(|| {
        // Nothing more comes: whoever asked has gone.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::exit(1);
    });
    let answer = serde_json::to_vec(&job.run())?;
    io::stdout().lock().write_all(&answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(error: TableError) -> TableError {
        let told = serde_json::to_string(&Told::from(error)).unwrap();
        serde_json::from_str::<Told>(&told).unwrap().into()
    }

    #[test]
    fn errors_arrive_as_they_were() {
        let place = Some(Place::Cell { sheet: "a".into(), cell: "B7".into() });
        for error in [
            TableError::Unreadable { place, problem: "broken".into() },
            TableError::Format("format".into()),
            TableError::Empty("empty".into()),
            TableError::TooLarge { what: "rows".into(), limit_name: "rows_max", limit: 1, found: 2 },
            TableError::Option { field: "quote", problem: "long".into() },
            TableError::Cancelled,
            TableError::Io(io::Error::from_raw_os_error(28)),
        ] {
            let (text, reason) = (error.to_string(), error.reason());
            let same = same(error);
            assert_eq!((same.to_string(), same.reason()), (text, reason));
        }
        let full = same(TableError::Io(io::Error::from_raw_os_error(28)));
        assert!(matches!(full, TableError::Io(error) if error.kind() == io::ErrorKind::StorageFull));
    }

    #[test]
    fn every_limit_has_its_name() {
        let limits = serde_json::to_value(Limits::default()).unwrap();
        for limit in limits.as_object().unwrap().keys().filter(|limit| *limit != "threads_max") {
            assert_eq!(name(limit), limit);
        }
        let options = serde_json::to_value(ParseOptions::default()).unwrap();
        for option in options.as_object().unwrap().keys() {
            assert_eq!(name(option), option);
        }
    }
}
