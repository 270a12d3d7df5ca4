//! Removes what ended by itself, and the oldest of the audit, a bounded batch at a time, so that no other write waits long for it.

use std::time::Duration;

use fenxi_chassis::{
    clock::{Clock, micros},
    lifecycle::Lifecycle,
    sqlite::{Database, Transaction},
};
use futures_util::future::BoxFuture;

use crate::{
    audit, login,
    request_ids::{self, ANSWER_KEPT_SECS},
    session::{self, Lifetimes, NETWORK_KNOWN_FOR},
    store::StoreError,
    token,
};

/// How often it is looked for what ended.
const INTERVAL: Duration = Duration::from_secs(60);
/// Rows removed in one operation.
const ROWS_PER_WRITE: i64 = 500;
/// Batches of one table in one round; the rest waits for the next.
const BATCHES_PER_ROUND: u32 = 200;
const MICROS_PER_SEC: i64 = 1_000_000;
/// An ended LoginAttempt stays for a while, so that a replay of its callback is told from a guess.
const ATTEMPT_KEPT_SECS: i64 = 3_600;

/// What is cleaned by.
#[derive(Clone)]
pub(crate) struct Cleanup {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) audit: audit::Kept,
}

impl Cleanup {
    /// Cleans from time to time until the service stops.
    pub(crate) async fn keep_clean(self, lifecycle: Lifecycle) {
        loop {
            match self.round().await {
                Ok(0) => {}
                Ok(rows) => tracing::debug!(rows, "removed what had ended"),
                Err(error) => tracing::warn!(%error, "what ended was not removed"),
            }
            tokio::select! {
                () = lifecycle.stopping() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }

    /// Removes what has ended by now; says how many rows.
    pub(crate) async fn round(&self) -> Result<u64, StoreError> {
        let now = self.clock.now_micros();
        let ago = |secs: i64| now.saturating_sub(secs * MICROS_PER_SEC);
        let in_force = self.lifetimes.in_force(now);
        let (attempts_before, answers_before) = (ago(ATTEMPT_KEPT_SECS), ago(ANSWER_KEPT_SECS));
        let mut rows = 0;
        rows += self.batches(move |t| Box::pin(login::store::remove_ended(t, attempts_before, ROWS_PER_WRITE))).await?;
        rows += self.batches(move |t| Box::pin(session::store::remove_ended(t, in_force, ROWS_PER_WRITE))).await?;
        let networks_until = now.saturating_sub(micros(NETWORK_KNOWN_FOR));
        rows += self
            .batches(move |t| Box::pin(session::store::remove_old_networks(t, networks_until, ROWS_PER_WRITE)))
            .await?;
        rows += self.batches(move |t| Box::pin(token::store::remove_ended(t, now, ROWS_PER_WRITE))).await?;
        rows +=
            self.batches(move |t| Box::pin(request_ids::store::remove_old(t, answers_before, ROWS_PER_WRITE))).await?;
        let audit = self.audit;
        rows += self.batches(move |t| Box::pin(audit::store::remove_oldest(t, audit, now, ROWS_PER_WRITE))).await?;
        Ok(rows)
    }

    async fn batches<F>(&self, remove: F) -> Result<u64, StoreError>
    where
        F: for<'c> Fn(&'c mut Transaction) -> BoxFuture<'c, Result<u64, StoreError>> + Clone + Send + 'static,
    {
        let mut rows = 0;
        for _ in 0..BATCHES_PER_ROUND {
            let removed = self.database.writer.write(remove.clone()).await?;
            rows += removed;
            if removed < ROWS_PER_WRITE.unsigned_abs() {
                break;
            }
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;

    use super::*;

    const START: i64 = 1_795_000_000_000_000;
    const LONG: Duration = Duration::from_secs(86_400);

    async fn run(database: &Database, sql: &'static str) -> Result<u64, StoreError> {
        database
            .writer
            .write(move |transaction| {
                Box::pin(async move { Ok(sqlx::query(sql).execute(transaction).await?.rows_affected()) })
            })
            .await
    }

    async fn rows(database: &Database, table: &'static str) -> i64 {
        let sql = match table {
            "login_session" => "SELECT COUNT(*) FROM login_session",
            "login_attempt" => "SELECT COUNT(*) FROM login_attempt",
            "known_network" => "SELECT COUNT(*) FROM known_network",
            "api_token" => "SELECT COUNT(*) FROM api_token",
            _ => "SELECT COUNT(*) FROM request_answer",
        };
        sqlx::query(sql).fetch_one(&database.reader).await.expect("counted").get(0)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_ended_goes_and_what_is_in_force_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Database::open(&folder.path().join("auth.db"), crate::store::STEPS).await.expect("opened");
        // 1,300 of each: more than two batches. Each ends a second after the one before, from START on.
        const NUMBERS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1300) ";
        for sql in [
            "INSERT INTO user_account (user_id, identity_provider, display_name, english_name, avatar_url, email, names, \
             role, create_time) VALUES (x'00', 'local', '', '', '', '', '', 1, 0)",
            rows_of(NUMBERS, 0),
            rows_of(NUMBERS, 1),
            rows_of(NUMBERS, 2),
            rows_of(NUMBERS, 3),
            rows_of(NUMBERS, 4),
        ] {
            run(&database, sql).await.expect("inserted");
        }
        let clock = Clock::manual(START + 1_200 * MICROS_PER_SEC);
        let lifetimes = Lifetimes { idle_max: LONG, age_max: LONG };
        let audit = audit::Kept { age_max: LONG, lines_max: 1 };
        let cleanup = Cleanup { database: database.clone(), clock: clock.clone(), lifetimes, audit };
        assert_eq!(cleanup.round().await.expect("cleaned"), 2 * 1_200);
        assert_eq!((rows(&database, "login_session").await, rows(&database, "api_token").await), (100, 100));
        assert_eq!(rows(&database, "login_attempt").await, 1_300, "a replay is still to be recognised");
        clock.advance(Duration::from_secs(3_600));
        cleanup.round().await.expect("cleaned");
        assert_eq!((rows(&database, "login_session").await, rows(&database, "login_attempt").await), (0, 100));
        assert_eq!(rows(&database, "request_answer").await, 1_300, "a client may still retry");
        clock.advance(Duration::from_secs(3 * 86_400));
        cleanup.round().await.expect("cleaned");
        assert_eq!((rows(&database, "login_attempt").await, rows(&database, "request_answer").await), (0, 0));
        assert_eq!(cleanup.round().await.expect("cleaned"), 0);
        assert_eq!(rows(&database, "known_network").await, 1_300, "it outlives LoginSessions");
        clock.advance(NETWORK_KNOWN_FOR);
        assert_eq!((cleanup.round().await.expect("cleaned"), rows(&database, "known_network").await), (1_300, 0));
    }

    /// The rows of one table.
    fn rows_of(numbers: &str, table: usize) -> &'static str {
        let rows = [
            "INSERT INTO login_session SELECT CAST(i AS BLOB), CAST(i AS BLOB), x'00', 'local', '', '', 0, \
             1795000000000000, 1795000000000000 + i * 1000000 FROM n",
            "INSERT INTO api_token SELECT CAST(i AS BLOB), CAST(i AS BLOB), x'00', '', '', '', 0, NULL, \
             1795000000000000 + i * 1000000 FROM n",
            "INSERT INTO login_attempt SELECT CAST(i AS BLOB), x'00', 'feishu', '/', NULL, \
             1795000000000000 + i * 1000000 FROM n",
            "INSERT INTO request_answer SELECT x'00', CAST(i AS BLOB), x'00', x'', 1795000000000000 + i * 1000000 FROM n",
            "INSERT INTO known_network SELECT x'00', CAST(i AS TEXT), 1795000000000000 + i * 1000000 FROM n",
        ];
        format!("{numbers}{}", rows[table]).leak()
    }

    /// A database whose audit has these many lines, one a second from START on.
    async fn audited(folder: &tempfile::TempDir, lines: i64) -> Database {
        let database = Database::open(&folder.path().join("auth.db"), crate::store::STEPS).await.expect("opened");
        let insert = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) \
                      INSERT INTO audit_event (audit_event_id, event_time, event, ip_address, detail) \
                      SELECT CAST(i AS BLOB), 1795000000000000 + i * 1000000, 'login_failed', '', '' FROM n LIMIT ";
        run(&database, format!("{insert}{lines}").leak()).await.expect("appended");
        database
    }

    /// How many lines the audit has, and how many seconds after START the oldest is from.
    async fn oldest(database: &Database) -> (i64, i64) {
        let sql = "SELECT COUNT(*), COALESCE(MIN(event_time), 0) FROM audit_event";
        let row = sqlx::query(sql).fetch_one(&database.reader).await.expect("counted");
        (row.get(0), (row.get::<i64, _>(1) - START) / MICROS_PER_SEC)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_audit_loses_what_is_too_old_or_too_much_from_its_oldest_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = audited(&folder, 3_000).await;
        let clock = Clock::manual(START + 3_000 * MICROS_PER_SEC);
        let lifetimes = Lifetimes { idle_max: LONG, age_max: LONG };
        let clean = async |age_max_secs, lines_max| {
            let audit = audit::Kept { age_max: Duration::from_secs(age_max_secs), lines_max };
            let cleanup = Cleanup { database: database.clone(), clock: clock.clone(), lifetimes, audit };
            cleanup.round().await.expect("cleaned")
        };
        assert_eq!((clean(3_000, 3_000).await, oldest(&database).await), (0, (3_000, 0)));
        assert_eq!((clean(3_000, 1_300).await, oldest(&database).await), (1_700, (1_300, 1_700)));
        assert_eq!((clean(1_000, 1_300).await, oldest(&database).await), (300, (1_000, 2_000)));
        // A clock that was put back: a line that is older than the one before it waits for that one.
        let insert = "INSERT INTO audit_event (audit_event_id, event_time, event, ip_address, detail) \
                      VALUES (x'01', 0, 'login_failed', '', '')";
        run(&database, insert).await.expect("appended");
        assert_eq!(clean(1_000, 1_300).await, 0);
        clock.advance(LONG);
        assert_eq!((clean(1_000, 1_300).await, oldest(&database).await.0), (1_001, 0));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn lines_from_before_they_had_numbers_stay_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("auth.db");
        let before: Vec<_> = crate::store::STEPS.iter().filter(|step| step.number != 4).copied().collect();
        let database = Database::open(&path, &before).await.expect("opened");
        // Ids in another order than that of their coming, and the first line has gone already.
        let insert = "INSERT INTO audit_event (audit_event_id, event_time, event, user_id, ip_address, detail) VALUES \
                      (x'09', 9, 'logged_out', x'07', '', 'first'), (x'03', 1, 'logged_out', x'07', 'a', 'second'), \
                      (x'05', 2, 'logged_out', NULL, '', 'third')";
        run(&database, insert).await.expect("appended");
        run(&database, "DELETE FROM audit_event WHERE audit_event_id = x'09'").await.expect("the oldest");
        database.close(&Lifecycle::new()).await;
        let database = Database::open(&path, crate::store::STEPS).await.expect("opened");
        let insert = "INSERT INTO audit_event (audit_event_id, event_time, event, ip_address, detail) \
                      VALUES (x'01', 0, 'login_failed', '', 'fourth')";
        run(&database, insert).await.expect("appended");
        let sql = "SELECT string_agg(line_number || ' ' || hex(audit_event_id) || ' ' || detail || ip_address, ', ') \
                   FROM (SELECT * FROM audit_event ORDER BY line_number)";
        let lines: String = sqlx::query(sql).fetch_one(&database.reader).await.expect("read").get(0);
        assert_eq!(lines, "2 03 seconda, 3 05 third, 4 01 fourth");
        assert!(run(&database, "UPDATE audit_event SET event = 'nothing'").await.is_err());
        assert!(run(&database, "DELETE FROM audit_event WHERE line_number = 3").await.is_err());
        assert_eq!(run(&database, "DELETE FROM audit_event WHERE line_number = 2").await.expect("the oldest"), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_audit_cannot_be_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = audited(&folder, 3).await;
        assert!(run(&database, "UPDATE audit_event SET event = 'nothing'").await.is_err());
        for number in [2, 3] {
            let sql = format!("DELETE FROM audit_event WHERE line_number = {number}").leak();
            assert!(run(&database, sql).await.is_err(), "line {number} was taken from behind an older one");
        }
        assert_eq!(run(&database, "DELETE FROM audit_event WHERE line_number < 2").await.expect("the oldest"), 1);
    }
}
