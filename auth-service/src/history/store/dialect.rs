//! The words in which the databases differ, for SQLite.

/// No bytes.
macro_rules! empty_bytes {
    () => {
        "x''"
    };
}
pub(super) use empty_bytes;
