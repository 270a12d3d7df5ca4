//! What the door for ends promises: together where it can be, and nobody pays for another.

use fenxi_chassis::{id, sqlite::Database};
use fenxi_proto::analysis::v1::{Outcome, StopCause};
use futures_util::future::join_all;
use sqlx::Row as _;

use super::{super::End, *};
use crate::{
    executions::{
        Accepted,
        test_house::{House, KERNEL, START, USER},
    },
    objects::ContentId,
    outbox::Item,
};

fn finish(outcome: Outcome, log: &[u8]) -> Finish {
    let accepted = Accepted {
        position: 0,
        execution_id: id::at(START),
        user_id: USER,
        request_id: id::at(START),
        request_hash: [7; 32],
        kernel_id: KERNEL,
        code: "1+1".into(),
        datasets: Vec::new(),
        create_time: START,
        time_limit_micros: None,
        continue_on_error: false,
        depends_on: None,
    };
    let end = End {
        outcome,
        stop_cause: StopCause::Unspecified,
        start_time: None,
        end_time: START,
        last_sequence: 2,
        execution_count: 1,
        log_place: if log.is_empty() { LogPlace::File } else { LogPlace::Row },
        requests: Vec::new(),
    };
    let history = Item { history_entry_id: id::at(START), item: vec![1], create_time: START };
    Finish { accepted: Arc::new(accepted), end, log: log.to_vec(), contents: Vec::new(), history }
}

async fn count(database: &Database, table: &'static str) -> i64 {
    let sql = match table {
        "execution" => "SELECT COUNT(*) FROM execution WHERE outcome <> 0",
        "log" => "SELECT COUNT(*) FROM execution_log",
        "content" => "SELECT COUNT(*) FROM execution_content",
        _ => "SELECT COUNT(*) FROM outbox",
    };
    sqlx::query(sql).fetch_one(&database.reader).await.expect("a row").get(0)
}

#[tokio::test]
async fn ends_that_come_together_are_all_stored_with_what_is_theirs() {
    let house = House::new().await;
    let ends = Ends::start(house.database.writer.clone());
    let mut all: Vec<_> = (0..101).map(|at| finish(Outcome::Ok, &[1][..usize::from(at % 2 == 0)])).collect();
    all[3].contents.push((ContentId::of(b"a picture"), 9));
    let all: Vec<_> = all.into_iter().map(Arc::new).collect();
    for result in join_all(all.iter().map(|finish| ends.store(Arc::clone(finish)))).await {
        result.expect("stored");
    }
    let mut counts = Vec::new();
    for table in ["execution", "log", "content", "outbox"] {
        counts.push(count(&house.database, table).await);
    }
    assert_eq!(counts, [101, 51, 1, 101]);
}

#[tokio::test]
async fn a_second_end_changes_nothing_whenever_it_comes() {
    let house = House::new().await;
    let ends = Ends::start(house.database.writer.clone());
    let first = Arc::new(finish(Outcome::Ok, &[1]));
    let mut second = finish(Outcome::Error, &[2]);
    second.accepted = Arc::clone(&first.accepted);
    let second = Arc::new(second);
    // In one group, and in another.
    let (one, two) = tokio::join!(ends.store(Arc::clone(&first)), ends.store(Arc::clone(&second)));
    one.and(two).expect("stored");
    ends.store(second).await.expect("nothing to do");
    let sql = "SELECT e.outcome, l.log, o.history_entry_id FROM execution e \
               JOIN execution_log l ON l.execution_id = e.execution_id, outbox o";
    let rows = sqlx::query(sql).fetch_all(&house.database.reader).await.expect("rows");
    let [row] = rows.as_slice() else { panic!("not one row: {}", rows.len()) };
    assert_eq!(row.get::<i32, _>(0), i32::from(Outcome::Ok));
    assert_eq!(row.get::<Vec<u8>, _>(1), [1]);
    assert_eq!(row.get::<Uuid, _>(2), first.history.history_entry_id);
}

#[tokio::test]
async fn one_that_the_database_does_not_take_spoils_no_other() {
    let house = House::new().await;
    let ends = Ends::start(house.database.writer.clone());
    let (before, good) = (finish(Outcome::Ok, &[]), finish(Outcome::Ok, &[1]));
    let mut bad = finish(Outcome::Ok, &[1]);
    bad.history.history_entry_id = before.history.history_entry_id;
    ends.store(Arc::new(before)).await.expect("stored");
    let (good, bad) = tokio::join!(ends.store(Arc::new(good)), ends.store(Arc::new(bad)));
    good.expect("stored");
    assert!(matches!(bad, Err(StoreError::Sql(_))), "{bad:?}");
    assert_eq!((count(&house.database, "execution").await, count(&house.database, "outbox").await), (2, 2));
}

#[tokio::test]
async fn a_group_is_bounded_by_its_bytes() {
    let asked = |bytes| (Arc::new(finish(Outcome::Ok, &vec![1; bytes])), oneshot::channel().0);
    let waiting: Vec<_> = [GROUP_MAX_BYTES, 10, GROUP_MAX_BYTES].map(asked).into();
    assert_eq!([fitting(&waiting[..1]), fitting(&waiting), fitting(&waiting[1..])], [1, 1, 1]);
    let small: Vec<_> = [10, 20, GROUP_MAX_BYTES].map(asked).into();
    assert_eq!(fitting(&small), 2);
}
