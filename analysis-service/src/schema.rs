//! Every step of the database's schema, in one list. A room's steps stand beside its store; numbers 1 to 99 are
//! `datasets`', 100 to 199 `kernels`', 200 to 299 `executions`', `outbox`'s and `network`'s.

use fenxi_chassis::sqlite::Step;

/// The steps of all rooms.
pub(crate) fn steps() -> Vec<Step> {
    let executions = crate::executions::STEPS.as_slice();
    [crate::datasets::STEPS, crate::kernels::store::STEPS, executions, crate::network::STEPS].concat()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use fenxi_chassis::{lifecycle::Lifecycle, sqlite::Database};

    use super::*;

    #[tokio::test]
    async fn the_schema_builds_and_numbers_are_used_once() {
        let steps = steps();
        let numbers: HashSet<i64> = steps.iter().map(|step| step.number).collect();
        assert_eq!(numbers.len(), steps.len(), "a number is used twice");
        let folder = tempfile::tempdir().expect("a folder");
        for _ in 0..2 {
            let path = folder.path().join("test.db");
            let database = Database::open(&path, &steps).await.expect("the schema builds");
            database.close(&Lifecycle::new()).await;
        }
    }
}
