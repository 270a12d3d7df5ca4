//! The table `known_network`.

use fenxi_chassis::sqlite::{Executor, Transaction};
use uuid::Uuid;

use crate::store::StoreError;

/// Notes that the user signed in from this network; forgets those not used for longest beyond `kept_max`.
pub(crate) async fn note_network(
    transaction: &mut Transaction,
    user_id: Uuid,
    network: &str,
    now: i64,
    kept_max: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO known_network (user_id, network, last_login_time) VALUES ($1, $2, $3) \
         ON CONFLICT (user_id, network) DO UPDATE SET last_login_time = excluded.last_login_time",
    )
    .bind(user_id)
    .bind(network)
    .bind(now)
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "DELETE FROM known_network WHERE user_id = $1 AND network IN (SELECT network FROM known_network \
         WHERE user_id = $1 ORDER BY last_login_time DESC, network LIMIT 100 OFFSET $2)",
    )
    .bind(user_id)
    .bind(kept_max)
    .execute(transaction)
    .await?;
    Ok(())
}

/// Whether the user signed in from this network after this time.
pub(crate) async fn knows_network(
    executor: impl Executor<'_>,
    user_id: Uuid,
    network: &str,
    after: i64,
) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT 1 FROM known_network WHERE user_id = $1 AND network = $2 AND last_login_time > $3")
        .bind(user_id)
        .bind(network)
        .bind(after)
        .fetch_optional(executor)
        .await?;
    Ok(row.is_some())
}

/// Removes at most `rows_max` that were last used at this time or before; says how many.
pub(crate) async fn remove_old_networks(
    transaction: &mut Transaction,
    until: i64,
    rows_max: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM known_network WHERE (user_id, network) IN \
         (SELECT user_id, network FROM known_network WHERE last_login_time <= $1 LIMIT $2 + 0)",
    )
    .bind(until)
    .bind(rows_max)
    .execute(transaction)
    .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use fenxi_chassis::{lifecycle::Lifecycle, sqlite::Database};

    use super::*;

    const USER: &str = "INSERT INTO user_account (user_id, identity_provider, display_name, english_name, avatar_url, \
         email, names, role, create_time) VALUES (x'00000000000000000000000000000001', 'local', '', '', '', '', '', 1, 0)";

    async fn opened(folder: &tempfile::TempDir, steps: &[fenxi_chassis::sqlite::Step]) -> Database {
        Database::open(&folder.path().join("auth.db"), steps).await.expect("opened")
    }

    async fn run(database: &Database, sql: &'static str) {
        let done: Result<_, StoreError> = database
            .writer
            .write(move |transaction| Box::pin(async move { Ok(sqlx::query(sql).execute(transaction).await?) }))
            .await;
        done.expect("done");
    }

    async fn knows(database: &Database, network: &str, after: i64) -> bool {
        knows_network(&database.reader, Uuid::from_u128(1), network, after).await.expect("answered")
    }

    #[tokio::test]
    async fn a_user_has_few_networks_and_those_used_last_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = opened(&folder, crate::store::STEPS).await;
        run(&database, USER).await;
        for (now, network) in [(1, "a"), (2, "b"), (3, "a"), (4, "c")] {
            let noted: Result<_, StoreError> = database
                .writer
                .write(move |t| Box::pin(async move { note_network(t, Uuid::from_u128(1), network, now, 2).await }))
                .await;
            noted.expect("noted");
        }
        let known = [knows(&database, "a", 0).await, knows(&database, "b", 0).await, knows(&database, "c", 0).await];
        assert_eq!(known, [true, false, true]);
        assert!(!knows(&database, "a", 3).await, "too long ago");
        let stranger = knows_network(&database.reader, Uuid::from_u128(2), "a", 0).await.expect("answered");
        assert!(!stranger, "another user's");
    }

    #[tokio::test]
    async fn networks_of_logins_from_before_the_table_are_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let before: Vec<_> = crate::store::STEPS.iter().filter(|step| step.number != 2).copied().collect();
        let database = opened(&folder, &before).await;
        run(&database, USER).await;
        for address in
            ["('x', '198.51.100.7', 5)", "('y', '198.51.100.7', 9)", "('z', '2001:db8::1', 5)", "('', '', 5)"]
        {
            let sql = "INSERT INTO login_session (login_session_id, secret_hash, user_id, login_method_id, user_agent, \
                 ip_address, create_time, last_used_time, expire_time) SELECT CAST(column1 AS BLOB), \
                 CAST(column1 AS BLOB), x'00000000000000000000000000000001', 'local', '', column2, column3, 0, 0 \
                 FROM (VALUES ";
            run(&database, format!("{sql}{address})").leak()).await;
        }
        database.close(&Lifecycle::new()).await;
        let database = opened(&folder, crate::store::STEPS).await;
        assert!(knows(&database, "198.51.100.7", 8).await, "the last login there is what counts");
        assert!(!knows(&database, "2001:db8::1", 0).await && !knows(&database, "", 0).await, "these are no networks");
    }
}
