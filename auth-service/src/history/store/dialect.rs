//! The words in which the databases differ, for SQLite.
//!
//! And one in which they do not, but that looks odd: `LIMIT $n + 0`. SQLite plans with the value of a bare parameter in
//! LIMIT, and so prepares the statement anew at every call; a sum is just a value.

/// No bytes.
macro_rules! empty_bytes {
    () => {
        "x''"
    };
}
pub(super) use empty_bytes;
