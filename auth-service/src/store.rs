//! What every store of this service shares: its error, and reading values that the schema promises.

use fenxi_chassis::sqlite::WriteError;

/// Why the database did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The writer did not take it, or could not commit.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A statement failed.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// A stored value is not what this program writes.
    #[error("the stored {0} cannot be read")]
    Corrupt(&'static str),
}

/// The schema of this service, in the order of the numbers: identity has 1 to 99, history 100 to 199.
pub(crate) const STEPS: &[fenxi_chassis::sqlite::Step] = &[
    fenxi_chassis::sqlite::Step {
        number: 1,
        title: "identity",
        sql: include_str!("../migrations/sqlite/0001_identity.sql"),
    },
    fenxi_chassis::sqlite::Step {
        number: 2,
        title: "known networks",
        sql: include_str!("../migrations/sqlite/0002_known_network.sql"),
    },
    fenxi_chassis::sqlite::Step {
        number: 3,
        title: "the oldest lines of the audit",
        sql: include_str!("../migrations/sqlite/0003_audit_oldest.sql"),
    },
    fenxi_chassis::sqlite::Step {
        number: 4,
        title: "numbers of the audit's lines",
        sql: include_str!("../migrations/sqlite/0004_audit_line_number.sql"),
    },
    fenxi_chassis::sqlite::Step {
        number: 5,
        title: "first logins",
        sql: include_str!("../migrations/sqlite/0005_first_login.sql"),
    },
    crate::history::STEPS[0],
    crate::history::STEPS[1],
    crate::history::STEPS[2],
];
