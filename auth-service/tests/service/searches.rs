//! Searches of a long history, and who notices them.

use fenxi_proto::{
    analysis::v1::Outcome,
    auth::v1::UserRole,
    error::{ErrorReason, reason_of},
    history::v1::{
        HistoryEntry, HistoryRecordItem, ListHistoryRequest, RecordHistoryRequest,
        history_service_client::HistoryServiceClient,
    },
    time::timestamp,
};
use futures_util::future::join_all;
use tonic_types::StatusExt as _;

use crate::house::{House, PASSWORD, START, SignedIn, With};

/// Entries of a megabyte each.
const ENTRIES: i64 = 54;
const SEARCHES: usize = 60;

async fn history(house: &House, who: &SignedIn) -> HistoryServiceClient<With> {
    HistoryServiceClient::new(house.caller(&who.secret).await)
}

async fn record(house: &House, who: &SignedIn) {
    let mut analysis = HistoryServiceClient::new(house.analysis());
    for at in 0..ENTRIES {
        let end = START + at * 1_000_000;
        let id = || fenxi_chassis::id::at(end).to_string();
        let entry = HistoryEntry {
            history_entry_id: id(),
            execution_id: id(),
            kernel_id: id(),
            title: "x".into(),
            code: "x".repeat(1_000_000),
            outcome: Outcome::Ok.into(),
            end_time: Some(timestamp(end)),
            ..HistoryEntry::default()
        };
        let item =
            HistoryRecordItem { user_id: who.user.user_id.clone(), entry: Some(entry), ..HistoryRecordItem::default() };
        analysis.record_history(RecordHistoryRequest { items: vec![item] }).await.expect("taken");
    }
}

fn search() -> ListHistoryRequest {
    ListHistoryRequest { query: "zzz".into(), ..ListHistoryRequest::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_shut_out_by_what_one_user_looks_for() {
    let house = House::new().await;
    let admin = house.administrator().await;
    let ada = house.member(&admin, "ada").await;
    house.user(&admin, "ben", UserRole::Member).await;
    record(&house, &ada).await;
    let searching = history(&house, &ada).await;
    let searches = (0..SEARCHES).map(|_| {
        let mut history = searching.clone();
        tokio::spawn(async move { history.list_history(search()).await })
    });
    let searches: Vec<_> = searches.collect();
    let ben = house.login("ben", PASSWORD).await.expect("the others sign in");
    house.resolve(&admin.secret).await.expect("and are recognised");
    history(&house, &ben).await.list_history(search()).await.expect("and may search");
    let page = history(&house, &ada).await.list_history(ListHistoryRequest::default()).await.expect("a plain page");
    assert_eq!(page.into_inner().entries.len(), 20);
    let mut answered = 0;
    for search in join_all(searches).await {
        match search.expect("no panic") {
            Ok(_) => answered += 1,
            Err(status) => {
                assert_eq!(reason_of(&status), Some(ErrorReason::RateLimited), "{status:?}");
                assert!(status.get_details_retry_info().is_some());
            }
        }
    }
    assert!(answered >= 1, "no search was answered");
    // Looking on from where a search stopped comes to the end.
    let (mut history, mut request, mut calls) = (searching, search(), 0);
    loop {
        let page = history.list_history(request.clone()).await.expect("a page").into_inner();
        calls += 1;
        assert!(page.entries.is_empty());
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert!(calls > 5, "{calls} calls looked at {ENTRIES} MB");
}
