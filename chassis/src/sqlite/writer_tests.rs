//! What the writer promises: durable answers, one transaction for many, and nobody harmed by another's failure.

use std::path::Path;

use sqlx::Row as _;

use crate::{
    lifecycle::Lifecycle,
    sqlite::{Database, Step},
};

use super::*;

const STEPS: [Step; 1] =
    [Step { number: 1, title: "things", sql: "CREATE TABLE thing (id BIGINT PRIMARY KEY, text TEXT NOT NULL)" }];

async fn open(folder: &Path) -> Database {
    Database::open(&folder.join("test.db"), &STEPS).await.expect("opened")
}

#[derive(Debug, thiserror::Error)]
enum TestError {
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
}

async fn insert(database: &Database, id: i64) -> Result<(), TestError> {
    database
        .writer
        .write(move |transaction| {
            Box::pin(async move {
                sqlx::query("INSERT INTO thing (id, text) VALUES ($1, $2)")
                    .bind(id)
                    .bind("x")
                    .execute(transaction)
                    .await?;
                Ok(())
            })
        })
        .await
}

async fn count(database: &Database) -> i64 {
    sqlx::query("SELECT COUNT(*) FROM thing").fetch_one(&database.reader).await.expect("counted").get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writes_at_once_are_all_durable() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = open(folder.path()).await;
    let writes = (0..1_000).map(|id| {
        let database = database.clone();
        tokio::spawn(async move { insert(&database, id).await })
    });
    for write in futures_util::future::join_all(writes).await {
        write.expect("no panic").expect("written");
    }
    database.close(&Lifecycle::new()).await;
    assert_eq!(count(&open(folder.path()).await).await, 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_or_panics_harms_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = open(folder.path()).await;
    insert(&database, 0).await.expect("written");
    let panics = database.writer.write::<(), TestError, _>(|transaction| {
        Box::pin(async move {
            sqlx::query("INSERT INTO thing (id, text) VALUES (99, 'lost')").execute(transaction).await?;
            panic!("on purpose")
        })
    });
    let (first, twice, panics, second) =
        tokio::join!(insert(&database, 1), insert(&database, 0), panics, insert(&database, 2));
    first.expect("written");
    second.expect("written");
    assert!(matches!(twice, Err(TestError::Sql(error)) if crate::sqlite::is_unique_violation(&error)));
    assert!(matches!(panics, Err(TestError::Write(WriteError::Closed))));
    assert_eq!(count(&database).await, 3, "what failed left something behind");
    insert(&database, 3).await.expect("the writer lives");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_alone_that_fails_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = open(folder.path()).await;
    for panics in [false, true] {
        let fails = database.writer.write::<(), TestError, _>(move |transaction| {
            Box::pin(async move {
                sqlx::query("INSERT INTO thing (id, text) VALUES (1, 'lost')").execute(&mut *transaction).await?;
                assert!(!panics, "on purpose");
                Err(TestError::Sql(sqlx::Error::RowNotFound))
            })
        });
        match fails.await {
            Err(TestError::Sql(sqlx::Error::RowNotFound)) => assert!(!panics),
            Err(TestError::Write(WriteError::Closed)) => assert!(panics),
            other => panic!("{other:?}"),
        }
        assert_eq!(count(&database).await, 0, "what failed left something behind");
    }
    insert(&database, 1).await.expect("the writer lives");
    assert_eq!(count(&database).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_writer_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = open(folder.path()).await;
    database.close(&Lifecycle::new()).await;
    assert!(matches!(insert(&database, 1).await, Err(TestError::Write(WriteError::Closed))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_ends_itself_fails_for_all_in_it_and_the_next_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = open(folder.path()).await;
    let ends = database.writer.write::<(), TestError, _>(|transaction| {
        Box::pin(async move {
            // As SQLite does by itself when the disk is full.
            sqlx::query("ROLLBACK").execute(transaction).await?;
            Ok(())
        })
    });
    assert!(matches!(ends.await, Err(TestError::Write(WriteError::Failed(_)))));
    insert(&database, 1).await.expect("the next works");
    assert_eq!(count(&database).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_what_is_written_through_their_view_of_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = open(folder.path()).await;
    let mut reader = database.reader.acquire().await.expect("a reader");
    let mapped: i64 = sqlx::query("PRAGMA mmap_size").fetch_one(&mut *reader).await.expect("asked").get(0);
    assert!(mapped > 1 << 30, "{mapped} bytes are mapped");
    // The file grows under the view: in the log first, then in the file itself.
    for (written, id) in (1..=20).enumerate() {
        insert(&database, id).await.expect("written");
        let moved = database.writer.write::<_, TestError, _>(|transaction| {
            Box::pin(async move {
                let grow = "UPDATE thing SET text = hex(zeroblob(300000)) WHERE id = (SELECT MAX(id) FROM thing)";
                sqlx::query(grow).execute(&mut *transaction).await?;
                let kept: i64 = sqlx::query("PRAGMA cache_size").fetch_one(&mut *transaction).await?.get(0);
                let log: i64 = sqlx::query("PRAGMA wal_autocheckpoint").fetch_one(&mut *transaction).await?.get(0);
                Ok((kept, log))
            })
        });
        assert_eq!(moved.await.expect("written"), (-32_768, 4_000));
        let sums = sqlx::query("SELECT COUNT(*), SUM(length(text)) FROM thing").fetch_one(&mut *reader).await;
        let sums = sums.expect("read");
        let expected = i64::try_from(written).expect("small") + 1;
        assert_eq!((sums.get::<i64, _>(0), sums.get::<i64, _>(1)), (expected, 600_000 * expected));
    }
    drop(reader);
    database.close(&Lifecycle::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_two_readers_are_kept_four_are_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = open(folder.path()).await;
    let mut readers = Vec::new();
    for number in 0..6 {
        readers.push(database.reader.acquire().await.unwrap_or_else(|error| panic!("reader {number}: {error}")));
    }
    drop(readers);
    database.close(&Lifecycle::new()).await;
}
