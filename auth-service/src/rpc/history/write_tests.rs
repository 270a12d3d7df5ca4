//! A hand-over is refused as a whole, naming what is wrong, or taken as it is.

use fenxi_proto::{
    analysis::v1::{StreamEvent, output_event::Event},
    error::ErrorReason,
    time::{duration, timestamp},
};
use tonic::Status;
use tonic_types::StatusExt as _;

use super::*;
use crate::rpc::history::read;

const END: i64 = 1_795_000_000_000_000;

fn item() -> HistoryRecordItem {
    let id = |at| fenxi_chassis::id::at(at).to_string();
    let dataset = HistoryDataset { dataset_id: id(7), name: "cars.csv".into(), variable_name: "df".into() };
    HistoryRecordItem {
        user_id: id(1),
        entry: Some(HistoryEntry {
            history_entry_id: id(END),
            execution_id: id(2),
            kernel_id: id(3),
            title: "df.head()".into(),
            code: "df.head()\n".into(),
            outcome: 1,
            datasets: vec![dataset],
            start_time: Some(timestamp(END - 5)),
            end_time: Some(timestamp(END)),
            execution_duration: Some(duration(5)),
            result_preview: "a b".into(),
            delete_time: None,
        }),
        outputs: vec![OutputEvent {
            sequence: 1,
            time: Some(timestamp(END)),
            event: Some(Event::Stream(StreamEvent { name: 1, text: "hello".into() })),
        }],
    }
}

fn refused(spoil: impl FnOnce(&mut HistoryRecordItem)) -> String {
    let mut items = vec![item(), item(), item(), item()];
    spoil(&mut items[3]);
    let failure = new_entries(RecordHistoryRequest { items }).expect_err("refused");
    assert_eq!(failure.reason(), ErrorReason::InvalidField);
    let details = Status::from(failure).get_details_bad_request().expect("a BadRequest");
    details.field_violations[0].field.clone()
}

fn spoil_entry(spoil: impl FnOnce(&mut HistoryEntry)) -> String {
    refused(|item| spoil(item.entry.as_mut().expect("an entry")))
}

#[test]
fn what_was_handed_over_is_what_is_given_back() {
    let sent = item();
    let mut taken = new_entries(RecordHistoryRequest { items: vec![sent.clone()] }).expect("good");
    let whole = taken.remove(0).whole;
    assert_eq!(read::outputs(&whole.outputs).expect("readable"), sent.outputs);
    assert_eq!(Some(read::whole_message(whole)), sent.entry);
}

#[test]
fn the_wrong_item_is_named_with_its_field() {
    assert_eq!(refused(|item| item.user_id.clear()), "items[3].user_id");
    assert_eq!(refused(|item| item.entry = None), "items[3].entry");
    assert_eq!(spoil_entry(|entry| entry.outcome = 0), "items[3].entry.outcome");
    assert_eq!(spoil_entry(|entry| entry.outcome = 8), "items[3].entry.outcome");
    assert_eq!(spoil_entry(|entry| entry.end_time = None), "items[3].entry.end_time");
    assert_eq!(spoil_entry(|entry| entry.start_time = Some(timestamp(-1))), "items[3].entry.start_time");
    assert_eq!(spoil_entry(|entry| entry.kernel_id = "x".into()), "items[3].entry.kernel_id");
    let version_4 = "936da01f-9abd-4d9d-80c7-02af85c822a8";
    assert_eq!(spoil_entry(|entry| entry.history_entry_id = version_4.into()), "items[3].entry.history_entry_id");
    assert_eq!(spoil_entry(|entry| entry.code = "x".repeat(CODE_MAX_BYTES + 1)), "items[3].entry.code");
    let dataset = spoil_entry(|entry| entry.datasets[0].dataset_id.clear());
    assert_eq!(dataset, "items[3].entry.datasets[0].dataset_id");
    let event = StreamEvent { name: 1, text: "x".repeat(OUTPUTS_MAX_BYTES) };
    let outputs = refused(|item| item.outputs[0].event = Some(Event::Stream(event)));
    assert_eq!(outputs, "items[3].outputs");
}

#[test]
fn more_items_than_the_limit_are_refused() {
    assert_eq!(new_entries(RecordHistoryRequest { items: vec![item(); ITEMS_MAX] }).expect("good").len(), ITEMS_MAX);
    let failure = new_entries(RecordHistoryRequest { items: vec![item(); ITEMS_MAX + 1] }).expect_err("refused");
    assert!(failure.to_string().contains("257"), "{failure}");
}

#[test]
fn what_is_only_shown_is_cut_between_characters() {
    let mut item = item();
    let entry = item.entry.as_mut().expect("an entry");
    entry.title = "表".repeat(500);
    entry.result_preview = "果".repeat(500);
    // The clock was set back while it ran.
    entry.start_time = Some(timestamp(END + 1));
    entry.execution_duration = None;
    let taken = new_entries(RecordHistoryRequest { items: vec![item] }).expect("good").remove(0).whole.entry;
    assert_eq!((taken.title.chars().count(), taken.preview.chars().count()), (TITLE_MAX_CHARS, PREVIEW_MAX_CHARS));
    assert_eq!(taken.duration_micros, 0);
}

#[tokio::test]
async fn a_stored_page_is_the_answer_of_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    let opened = fenxi_chassis::sqlite::Database::open(&folder.path().join("auth.db"), crate::store::STEPS).await;
    let (clock, lifecycle) = (fenxi_chassis::clock::Clock::manual(END), fenxi_chassis::lifecycle::Lifecycle::new());
    let tokens = fenxi_chassis::page::PageTokens::new(&[1; 32]);
    let history = crate::history::History::start(opened.expect("opened"), clock, tokens, &lifecycle);
    let (mut never_ran, mut plain) = (item(), item());
    let entry = never_ran.entry.as_mut().expect("an entry");
    (entry.start_time, entry.execution_duration, entry.outcome) = (None, None, 5);
    plain.entry.as_mut().expect("an entry").datasets.clear();
    let mut items = [item(), never_ran, plain];
    let user_id = items[0].user_id.clone();
    for (at, item) in (0..).zip(&mut items) {
        item.user_id.clone_from(&user_id);
        item.entry.as_mut().expect("an entry").history_entry_id = fenxi_chassis::id::at(END + at * 1_000).to_string();
    }
    let entries = new_entries(RecordHistoryRequest { items: items.to_vec() }).expect("good");
    let user_id = entries[0].user_id;
    assert_eq!(history.record(entries).await.expect("taken"), 3);
    let expected: Vec<_> = items
        .into_iter()
        .rev()
        .map(|item| HistoryEntry { code: String::new(), ..item.entry.expect("an entry") })
        .collect();
    let caller = fenxi_chassis::caller::UserCaller {
        user_id,
        credential_id: user_id,
        source: fenxi_chassis::caller::CredentialSource::LoginSession,
        administrator: false,
        scopes: Vec::new(),
    };
    for query in ["", "df.head"] {
        let message = fenxi_proto::history::v1::ListHistoryRequest { query: query.into(), ..Default::default() };
        let mut request = tonic::Request::new(message);
        request.extensions_mut().insert(fenxi_chassis::caller::Caller::User(caller.clone()));
        let answer = crate::rpc::history::list::listed(&history, request).await.expect("listed");
        let answer = fenxi_proto::history::v1::ListHistoryResponse::decode(answer).expect("a message");
        assert_eq!(answer.entries, expected, "{query}");
        assert_eq!((answer.total_size, answer.next_page_token.as_str()), (3, ""));
    }
}
