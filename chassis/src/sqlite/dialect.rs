//! What is SQLite's own in the stores, by the names that they call it: with another database's in their place the same stores
//! speak to that one. Outside of this folder only migrations and tests are SQLite's; a test of the whole house holds it.

pub use sqlx::{
    Sqlite as Engine, SqliteConnection as Connection, SqliteExecutor as Executor, SqlitePool as Pool,
    sqlite::{SqliteArguments as Arguments, SqliteRow as Row},
};

/// How a statement begins that adds many rows, all of them or none: none of it is kept where it fails, which the writer sees
/// to by the savepoint of the operation. Without these words SQLite first copies every page that it changes, for it alone.
pub const INSERT_MANY: &str = "INSERT OR FAIL INTO";

/// No bytes, as a literal.
pub const EMPTY_BYTES: &str = "x''";
