//! LoginSessions over their life: in use, idle, old, revoked from another device, and watched by the gateway.

use std::time::Duration;

use fenxi_proto::{
    auth::v1::{
        ListLoginSessionsRequest, LoginSession, RevokeLoginSessionRequest, WatchRevocationsRequest,
        WatchRevocationsResponse,
    },
    error::ErrorReason,
};

use crate::house::{House, PASSWORD, SignedIn, reason, request_id};

const DAY: Duration = Duration::from_secs(86_400);
/// The defaults of the settings.
const IDLE_MAX: Duration = Duration::from_secs(7 * 86_400);
const AGE_MAX: Duration = Duration::from_secs(30 * 86_400);

async fn list(house: &House, who: &SignedIn) -> Vec<LoginSession> {
    let request = ListLoginSessionsRequest { page_size: 100, page_token: String::new() };
    house.sessions(&who.secret).await.list_login_sessions(request).await.expect("listed").into_inner().login_sessions
}

fn revoke(id: &str) -> RevokeLoginSessionRequest {
    RevokeLoginSessionRequest { login_session_id: id.into(), request_id: request_id() }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_used_lives_to_its_age_and_one_that_is_not_dies_idle() {
    let house = House::new().await;
    let used = house.administrator().await;
    let told = &list(&house, &used).await[0];
    let micros = |time: &Option<prost_types::Timestamp>| fenxi_proto::time::unix_micros(&time.expect("a time"));
    let unused_life = micros(&told.expire_time) - micros(&told.last_used_time);
    assert_eq!(unused_life, i64::try_from(IDLE_MAX.as_micros()).expect("small"), "not when it ends unused");
    let born = micros(&told.create_time);
    let idle = house.login("admin", PASSWORD).await.expect("signed in");
    for _ in 0..4 {
        house.frame.clock.advance(DAY * 6);
        house.resolve(&used.secret).await.expect("in use");
    }
    assert_eq!(reason(house.resolve(&idle.secret).await), ErrorReason::Unauthenticated);
    // The times of use are written by then.
    let house = house.restart(&[]).await;
    let listed = list(&house, &used).await;
    assert_eq!(listed.len(), 1, "an ended one is listed");
    let life = micros(&listed[0].expire_time) - born;
    assert_eq!(life, i64::try_from(AGE_MAX.as_micros()).expect("small"), "not when it is too old");
    house.frame.clock.advance(DAY * 6 - Duration::from_secs(100));
    let last = house.resolve(&used.secret).await.expect("its last minutes");
    let ends = fenxi_proto::time::unix_micros(&last.expire_time.expect("an end")) - house.frame.clock.now_micros();
    assert!(ends <= 100_000_000, "a Caller outlives its LoginSession");
    house.frame.clock.advance(Duration::from_secs(101));
    assert_eq!(reason(house.resolve(&used.secret).await), ErrorReason::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_use_is_not_forgotten_by_a_restart() {
    let house = House::new().await;
    let admin = house.administrator().await;
    house.frame.clock.advance(DAY * 6);
    house.resolve(&admin.secret).await.expect("in use");
    let house = house.restart(&[]).await;
    house.frame.clock.advance(DAY * 6);
    house.resolve(&admin.secret).await.expect("it was used six days ago, not twelve");
    assert_eq!(
        reason(house.resolve("fxl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").await),
        ErrorReason::Unauthenticated
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_signed_out_from_another_and_no_other_is() {
    let house = House::new().await;
    let admin = house.administrator().await;
    let ada = house.member(&admin, "ada").await;
    let phone = house.login_from("ada", PASSWORD, "198.51.100.7").await.expect("signed in");
    let sessions = list(&house, &ada).await;
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions.iter().filter(|session| session.current).count(), 1);
    let phones = sessions.iter().find(|session| session.ip_address == "198.51.100.7").expect("the phone");
    assert_eq!((phones.user_agent.as_str(), phones.login_method_id.as_str()), ("story/1.0", "local"));

    let foreign = house.sessions(&admin.secret).await.revoke_login_session(revoke(&phones.login_session_id)).await;
    let unknown = house.sessions(&ada.secret).await.revoke_login_session(revoke(&request_id())).await;
    let malformed = house.sessions(&ada.secret).await.revoke_login_session(revoke("x")).await;
    let refusals = [foreign, unknown, malformed].map(|answer| {
        let status = answer.expect_err("refused");
        (status.code(), status.message().to_owned(), status.details().to_vec())
    });
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "they can be told apart: {refusals:?}");

    let mut by_phone = house.sessions(&phone.secret).await;
    let request = revoke(&phones.login_session_id);
    let mut sessions = house.sessions(&ada.secret).await;
    sessions.revoke_login_session(request.clone()).await.expect("revoked");
    sessions.revoke_login_session(request.clone()).await.expect("the same call again");
    let other = RevokeLoginSessionRequest { login_session_id: request_id(), ..request };
    assert_eq!(reason(sessions.revoke_login_session(other).await), ErrorReason::RequestIdReused);
    assert_eq!(reason(house.resolve(&phone.secret).await), ErrorReason::Unauthenticated);
    let late = by_phone.list_login_sessions(ListLoginSessionsRequest::default()).await;
    assert_eq!(reason(late), ErrorReason::Unauthenticated);
    house.resolve(&ada.secret).await.expect("this device stays");
    house.resolve(&admin.secret).await.expect("so do other people");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_hears_of_a_revocation() {
    let house = House::new().await;
    let admin = house.administrator().await;
    let ada = house.member(&admin, "ada").await;
    let mut feed = house.callers().watch_revocations(WatchRevocationsRequest {}).await.expect("a feed").into_inner();
    let first = feed.message().await.expect("a message").expect("not its end");
    assert_eq!(first, WatchRevocationsResponse::default(), "the heartbeat says that it is in force");
    let session = list(&house, &ada).await.remove(0);
    house.sessions(&ada.secret).await.revoke_login_session(revoke(&session.login_session_id)).await.expect("revoked");
    let heard = loop {
        let message = feed.message().await.expect("a message").expect("not its end");
        if message != WatchRevocationsResponse::default() {
            break message;
        }
    };
    assert_eq!(heard.credential_id, session.login_session_id);
    house.frame.lifecycle.stop();
    assert!(feed.message().await.expect("a clean end").is_none_or(|m| m == WatchRevocationsResponse::default()));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_cannot_be_forged() {
    let house = House::new().await;
    let admin = house.administrator().await;
    let ada = house.member(&admin, "ada").await;
    for _ in 0..4 {
        house.login("ada", PASSWORD).await.expect("signed in");
    }
    let mut sessions = house.sessions(&ada.secret).await;
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListLoginSessionsRequest { page_size: 2, page_token: page_token.clone() };
        let page = sessions.list_login_sessions(request).await.expect("a page").into_inner();
        seen.extend(page.login_sessions.into_iter().map(|session| session.login_session_id));
        if page.next_page_token.is_empty() {
            break;
        }
        page_token = page.next_page_token;
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|newer, older| newer > older), "{seen:?}");
    let mut edited = page_token.clone();
    edited.replace_range(0..1, if edited.starts_with('A') { "B" } else { "A" });
    for token in [edited.as_str(), "x", "%00"] {
        let request = ListLoginSessionsRequest { page_size: 2, page_token: token.into() };
        assert_eq!(reason(sessions.list_login_sessions(request).await), ErrorReason::InvalidPageToken);
    }
    let request = ListLoginSessionsRequest { page_size: 2, page_token };
    let foreign = house.sessions(&admin.secret).await.list_login_sessions(request).await;
    assert_eq!(reason(foreign), ErrorReason::InvalidPageToken);
    for page_size in [-1, i32::MIN] {
        let request = ListLoginSessionsRequest { page_size, page_token: String::new() };
        assert_eq!(reason(sessions.list_login_sessions(request).await), ErrorReason::InvalidField);
    }
    let most = ListLoginSessionsRequest { page_size: i32::MAX, page_token: String::new() };
    assert_eq!(sessions.list_login_sessions(most).await.expect("cut").into_inner().login_sessions.len(), 5);
}
