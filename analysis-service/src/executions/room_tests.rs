//! What the room promises from acceptance to the stored end.

use fenxi_proto::{
    analysis::v1::{DisplayEvent, MimeBundle, MimePart, Outcome, OutputEvent, mime_part::Content, output_event::Event},
    history::v1::HistoryRecordItem,
};
use prost::Message as _;
use sqlx::Row as _;

use super::{
    super::{
        Acceptance, DatasetRef, ExecutionError, ExecutionState, Fate, ListFilter, NewExecution,
        test_events::{finished, queued, result, stdout},
        test_house::{House, KERNEL, USER, begin, dead, request},
    },
    *,
};

fn dense(events: &[OutputEvent], after: i64) {
    for (expected, event) in (after + 1..).zip(events) {
        assert_eq!(event.sequence, expected, "a number is missing or doubled");
    }
}

fn texts(events: &[OutputEvent]) -> String {
    let text = |event: &OutputEvent| match &event.event {
        Some(Event::Stream(stream)) => Some(stream.text.clone()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

async fn outbox(house: &House) -> Vec<HistoryRecordItem> {
    let rows = sqlx::query("SELECT item FROM outbox ORDER BY history_entry_id").fetch_all(&house.database.reader);
    let items = rows.await.expect("rows").into_iter().map(|row| row.get::<Vec<u8>, _>("item"));
    items.map(|item| HistoryRecordItem::decode(item.as_slice()).expect("an item")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_is_seen_from_its_acceptance_to_its_stored_end() {
    let house = House::new().await;
    let (view, mut log) = house.accept("1+1").await;
    assert_eq!(view.state(), ExecutionState::Queued);
    let mut reader = house.reader(&view, 0).await;
    assert!(matches!(reader.next().await.expect("an event").expect("queued").event, Some(Event::Queued(_))));

    begin(&mut log).await;
    assert!(matches!(reader.next().await.expect("an event").expect("started").event, Some(Event::Started(_))));
    let now = house.executions.get(USER, view.accepted.execution_id).await.expect("there");
    assert_eq!((now.state(), now.execution_count, now.last_sequence), (ExecutionState::Running, 1, 2));

    log.append(result("2")).await;
    house.clock.advance(Duration::from_millis(5));
    log.finish(finished()).await;
    assert!(matches!(reader.next().await.expect("an event").expect("a result").event, Some(Event::Result(_))));
    let end = reader.next().await.expect("an event").expect("the end");
    let Some(Event::Finished(end)) = end.event else { panic!("not the end: {end:?}") };
    assert_eq!(end.wall_duration, Some(fenxi_proto::time::duration(5_000)));
    assert_eq!(end.output_bytes, 1);
    assert!(reader.next().await.expect("fine").is_none());

    house.until_saved(&view).await;
    assert!(house.executions.lives.get(view.accepted.execution_id).is_none());
    let events = house.events(&view, 0).await;
    assert_eq!(events.len(), 4);
    dense(&events, 0);
    dense(&house.events(&view, 2).await, 2);
    assert!(house.events(&view, 4).await.is_empty(), "after the end there is nothing");
    let beyond = house.executions.read(USER, view.accepted.execution_id, 5).await;
    assert!(matches!(beyond, Err(ExecutionError::BeyondEnd { after: 5, last_sequence: 4 })));
    let stored = house.executions.get(USER, view.accepted.execution_id).await.expect("there");
    assert_eq!(stored.end.map(|(_, outcome)| outcome), Some(Outcome::Ok));

    let items = outbox(&house).await;
    let [item] = items.as_slice() else { panic!("not one item: {}", items.len()) };
    let entry = item.entry.as_ref().expect("an entry");
    assert_eq!((entry.title.as_str(), entry.result_preview.as_str()), ("1+1", "2"));
    assert_eq!(item.outputs, events);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_is_accepted_once_and_another_under_its_id_is_refused() {
    let house = House::new().await;
    let (first, log) = house.accept("x = 1").await;
    let again = NewExecution { request_id: first.accepted.request_id, ..request("x = 1") };
    let tables = vec![DatasetRef { dataset_id: KERNEL, name: "cars".into(), variable_name: "df".into() }];
    let Acceptance::Known(known) = house.executions.accept(again.clone(), tables, 3).await.expect("known") else {
        panic!("it was accepted twice")
    };
    assert_eq!(known.accepted.execution_id, first.accepted.execution_id);
    let other = NewExecution { code: "x = 2".into(), ..again.clone() };
    let refused = house.executions.accept(other, Vec::new(), 0).await;
    assert!(matches!(refused, Err(ExecutionError::RequestIdReused)));

    log.finish(finished()).await;
    house.until_saved(&first).await;
    let known = house.executions.known(&again).await.expect("looked").expect("known");
    assert_eq!(known.state(), ExecutionState::Finished);
    assert_eq!(house.events(&first, 0).await.len(), 2);
    // Another thread removes them; one that stays is found by the test's own limit.
    let running = house.folder.path().join("executions/running");
    while std::fs::read_dir(&running).expect("a folder").count() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_dropped_ends_as_lost() {
    let house = House::new().await;
    let (view, log) = house.accept("x").await;
    drop(log);
    let events = house.events(&view, 0).await;
    let Some(Event::Finished(end)) = &events.last().expect("an end").event else { panic!("no end") };
    assert_eq!(end.outcome(), Outcome::Lost);
    house.until_saved(&view).await;
    assert_eq!(outbox(&house).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_contents_are_referred_to_and_read_back_by_their_owner_alone() {
    let house = House::new().await;
    let (view, mut log) = house.accept("plot()").await;
    let image = bytes::Bytes::from(vec![7; 300_000]);
    let part = MimePart { mime_type: "image/png".into(), content: Some(Content::Data(image.clone())) };
    let bundle = MimeBundle { parts: vec![part], metadata_json: String::new() };
    log.append(Event::Display(DisplayEvent { bundle: Some(bundle), display_id: String::new() })).await;
    let mut reader = house.reader(&view, 1).await;
    let event = reader.next().await.expect("an event").expect("a display");
    let (content, bytes) = super::super::content::references(&event).next().expect("a reference");
    assert_eq!(bytes, 300_000);
    let id = view.accepted.execution_id;
    let look = async || {
        house.executions.check_content(USER, id, content).await.expect("ours");
        let stranger = house.executions.check_content(KERNEL, id, content).await;
        assert!(matches!(stranger, Err(ExecutionError::NotFound)));
        let other = house.executions.check_content(USER, id, ContentId::of(b"other")).await;
        assert!(matches!(other, Err(ExecutionError::NotFound)));
        let read = house.executions.read_content(content, 100_000, 1 << 20).await.expect("read");
        assert_eq!(read, image.slice(100_000..));
    };
    look().await;
    log.finish(finished()).await;
    house.until_saved(&view).await;
    look().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_stays_a_file_and_its_entry_is_bounded() {
    let house = House::new().await;
    let (view, mut log) = house.accept("print(...)").await;
    let line = "x".repeat(999) + "\n";
    for _ in 0..3_000 {
        log.append(stdout(&line)).await;
    }
    log.append(stdout("the last line\n")).await;
    log.finish(finished()).await;
    let events = house.events(&view, 0).await;
    dense(&events, 0);
    assert_eq!(texts(&events).len(), 3_000_014);
    house.until_saved(&view).await;
    let stored = house.events(&view, 0).await;
    assert_eq!(stored, events, "the stored log is another");

    let items = outbox(&house).await;
    let item = items.first().expect("an item");
    assert_eq!(item.entry.as_ref().expect("an entry").result_preview, "the last line");
    assert!(item.encoded_len() < 256 * 1024, "{} bytes", item.encoded_len());
    dense(&item.outputs, 0);
    let dropped = item.outputs.iter().find_map(|event| match &event.event {
        Some(Event::Truncated(cut)) => Some(cut.dropped_bytes),
        _ => None,
    });
    let kept = texts(&item.outputs).len();
    assert_eq!(dropped.expect("a marker"), 3_000_014 - i64::try_from(kept).expect("a number"));
    assert!(matches!(item.outputs.last().expect("an end").event, Some(Event::Finished(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_shows_a_users_own_by_state_and_page() {
    let house = House::new().await;
    let mut logs = Vec::new();
    for code in ["a", "b", "c"] {
        house.clock.advance(Duration::from_millis(1));
        logs.push(house.accept(code).await);
    }
    let (first, mut log) = logs.remove(0);
    begin(&mut log).await;
    house.reader(&first, 1).await.next().await.expect("an event");
    let (second, log_of_second) = logs.remove(0);
    log_of_second.finish(finished()).await;
    house.events(&second, 0).await;

    let filter = |states: &[ExecutionState]| ListFilter { user_id: USER, kernel_id: None, states: states.to_vec() };
    let codes = async |filter: ListFilter, before, rows| {
        let page = house.executions.list(&filter, before, rows).await.expect("a page");
        let codes: Vec<_> = page.executions.iter().map(|view| view.accepted.code.to_string()).collect();
        (codes.concat(), page.next)
    };
    assert_eq!(codes(filter(&[]), None, 10).await, ("cba".into(), None));
    let (page, next) = codes(filter(&[]), None, 2).await;
    assert_eq!(page, "cb");
    assert_eq!(codes(filter(&[]), next, 2).await, ("a".into(), None));
    assert_eq!(codes(filter(&[ExecutionState::Finished]), None, 10).await.0, "b");
    assert_eq!(codes(filter(&[ExecutionState::Running]), None, 10).await.0, "a");
    assert_eq!(codes(filter(&[ExecutionState::Queued]), None, 10).await.0, "c");
    let strangers = ListFilter { user_id: KERNEL, kernel_id: None, states: Vec::new() };
    assert_eq!(codes(strangers, None, 10).await.0, "");
    let of_kernel = ListFilter { kernel_id: Some(USER), ..filter(&[]) };
    assert_eq!(codes(of_kernel, None, 10).await.0, "");
}

/// The house as the next start finds it after a power cut at this moment: without what no sync has brought to the disk.
async fn after_a_power_cut(house: &House) -> House {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["test.db", "test.db-wal", "executions/journal/0", "executions/journal/1"] {
        let target = folder.path().join(name);
        std::fs::create_dir_all(target.parent().expect("a folder")).expect("made");
        std::fs::copy(house.folder.path().join(name), target).expect("copied");
    }
    House::over(Arc::new(folder), &super::super::test_house::settings()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_outlives_a_power_cut_and_its_request_is_not_carried_out_again() {
    let house = House::new().await;
    let (view, _log) = house.accept("x = 1").await;
    let next = after_a_power_cut(&house).await;
    assert!(next.executions.recover(dead).await.expect("recovered").is_empty());
    let again = NewExecution { request_id: view.accepted.request_id, ..request("x = 1") };
    let Acceptance::Known(known) = next.executions.accept(again, Vec::new(), 0).await.expect("known") else {
        panic!("it would run twice")
    };
    assert_eq!(*known.accepted, *view.accepted);
    let events = next.events(&known, 0).await;
    dense(&events, 0);
    let Some(Event::Finished(end)) = &events.last().expect("an end").event else { panic!("no end") };
    assert_eq!(end.outcome(), Outcome::Lost);
    next.until_saved(&known).await;
    assert_eq!(outbox(&next).await.len(), 1);
    assert!(next.executions.recover(dead).await.expect("nothing left").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_for_a_kernel_that_starts_anew_is_given_back_and_what_ran_in_a_former_one_is_lost() {
    let house = House::new().await;
    let (ran, mut log) = house.accept("ran").await;
    begin(&mut log).await;
    let (waits, _other) = house.accept("waits").await;
    while house.executions.get(USER, ran.accepted.execution_id).await.expect("there").start_time.is_none() {
        tokio::task::yield_now().await;
    }
    let next = House::over(std::sync::Arc::clone(&house.folder), &super::super::test_house::settings()).await;
    let works = next.executions.recover(|_| Fate::StartsAnew { is_first: true }).await.expect("recovered");
    let ids: Vec<_> = works.iter().map(|(kernel_id, work)| (*kernel_id, work.execution_id)).collect();
    assert_eq!(ids, [(KERNEL, waits.accepted.execution_id)]);
    let events = next.events(&ran, 0).await;
    let Some(Event::Finished(end)) = &events.last().expect("an end").event else { panic!("no end") };
    assert_eq!(end.outcome(), Outcome::Lost);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_event_is_the_same_for_every_process() {
    let house = House::new().await;
    let Ok(Acceptance::New(view, _log)) = house.executions.accept(request("x"), Vec::new(), 3).await else {
        panic!("not accepted")
    };
    let first = async |house: &House| house.reader(&view, 0).await.next().await.expect("an event").expect("queued");
    let told = first(&house).await;
    assert!(matches!(&told.event, Some(Event::Queued(queued)) if queued.position == 3), "{told:?}");
    // As killed at once, when the journal alone has it; and the same again, when it has a row and a file.
    // What is dropped ends as LOST.
    let mut kept = Vec::new();
    for _ in 0..2 {
        let next = House::over(Arc::clone(&house.folder), &super::super::test_house::settings()).await;
        let works = next.executions.recover(|_| Fate::StartsAnew { is_first: true }).await.expect("recovered");
        assert_eq!(works.len(), 1);
        assert_eq!(first(&next).await, told);
        kept.push((next, works));
        let running = house.folder.path().join("executions/running");
        while std::fs::read_dir(&running).expect("a folder").count() == 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_power_cut_nothing_is_said_of_what_waited() {
    let house = House::new().await;
    let (_first, _log) = house.accept("first").await;
    let (second, _other) = house.accept("second").await;
    let next = after_a_power_cut(&house).await;
    assert!(next.executions.recover(dead).await.expect("recovered").is_empty());
    let events = next.events(&second, 0).await;
    let Some(Event::Finished(end)) = &events.last().expect("an end").event else { panic!("no end") };
    assert_eq!(end.outcome(), Outcome::Lost, "the first may have run, and its end not have reached the disk");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_told_outlives_a_power_cut_with_its_log() {
    let house = House::new().await;
    let (view, mut log) = house.accept("1+1").await;
    begin(&mut log).await;
    log.append(result("2")).await;
    log.finish(finished()).await;
    let events = house.events(&view, 0).await;
    // The journal has it before the database: its next sync, or the database's, is waited for.
    let journal = house.folder.path().join("executions/journal/0");
    let has_end = |bytes: Vec<u8>| bytes.windows(10).any(|bytes| bytes == b"text/plain");
    while !has_end(std::fs::read(&journal).expect("a journal")) {
        tokio::task::yield_now().await;
    }
    let next = after_a_power_cut(&house).await;
    next.executions.recover(dead).await.expect("recovered");
    assert_eq!(next.events(&view, 0).await, events, "the log is another");
    next.until_saved(&view).await;
    let known = next.executions.get(USER, view.accepted.execution_id).await.expect("there");
    assert_eq!(known.end.map(|(_, outcome)| outcome), Some(Outcome::Ok));
    assert_eq!(outbox(&next).await.len(), 1);
    assert!(next.executions.recover(dead).await.expect("nothing left").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_journal_does_not_take_is_accepted_by_the_database() {
    let house = House::new().await;
    let (view, log) = house.accept(&format!("'{}'", "x".repeat(500_000))).await;
    let next = after_a_power_cut(&house).await;
    assert!(next.executions.recover(dead).await.expect("recovered").is_empty());
    let known = next.executions.get(USER, view.accepted.execution_id).await.expect("there");
    assert_eq!(known.accepted, view.accepted);
    log.finish(finished()).await;
    house.until_saved(&view).await;
    assert_eq!(house.events(&view, 0).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_sent_many_times_at_once_is_accepted_once() {
    let house = House::new().await;
    let once = request("once()");
    let tries = (0..20).map(|_| {
        let (executions, new) = (house.executions.clone(), once.clone());
        tokio::spawn(async move { executions.accept(new, Vec::new(), 0).await.expect("an answer") })
    });
    let (mut views, mut logs) = (Vec::new(), Vec::new());
    for tried in futures_util::future::join_all(tries).await {
        match tried.expect("no panic") {
            Acceptance::New(view, log) => {
                views.push(view);
                logs.push(log);
            }
            Acceptance::Known(view) => views.push(view),
        }
    }
    assert_eq!(logs.len(), 1, "it was accepted more than once");
    assert!(views.iter().all(|view| view.accepted == views[0].accepted));
    let other = NewExecution { code: "other()".into(), ..once };
    assert!(matches!(house.executions.known(&other).await, Err(ExecutionError::RequestIdReused)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_beyond_all_events_is_beyond_the_end_of_what_runs() {
    let house = House::new().await;
    let (view, log) = house.accept("x").await;
    let mut reader = house.reader(&view, i64::MAX).await;
    log.finish(finished()).await;
    let read = reader.next().await;
    assert!(matches!(read, Err(ExecutionError::BeyondEnd { last_sequence: 2, .. })), "{read:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_that_held_their_end_when_they_were_taken_up_are_closed() {
    let house = House::new().await;
    let mut accepted = Vec::new();
    for _ in 0..20 {
        accepted.push(house.accept("x").await);
    }
    let next = after_a_power_cut(&house).await;
    let running = next.folder.path().join("executions/running");
    for (view, _) in &accepted {
        let mut log = Vec::new();
        for (sequence, event) in (1..).zip([queued(), Event::Finished(finished())]) {
            let event = OutputEvent { sequence, time: Some(fenxi_proto::time::timestamp(1)), event: Some(event) };
            super::super::record::write(Some(&event), Some(0), None, &mut log);
        }
        std::fs::write(running.join(format!("{}.log", view.accepted.execution_id)), log).expect("written");
    }
    assert!(next.executions.recover(dead).await.expect("recovered").is_empty());
    for (view, _) in &accepted {
        next.until_saved(view).await;
    }
    let open = || {
        let files = std::fs::read_dir("/proc/self/fd").expect("there").flatten();
        files.filter_map(|file| std::fs::read_link(file.path()).ok()).filter(|path| path.starts_with(&running)).count()
    };
    let closed = async {
        while open() > 0 {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), closed).await.is_ok(), "{} stay open", open());
}
