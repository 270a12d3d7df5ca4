//! The identity provider says no, or says nothing that makes sense: each a clear reason, in bounded time and memory.

use std::time::Duration;

use e2e::fakes::feishu::{CameBack, Consent, Endpoint, Fault, Person};
use fenxi_proto::error::ErrorReason;
use futures_util::future::join_all;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::room::{Room, reason};

fn ada() -> Person {
    Person::new("ou_ada", "t1")
}

fn wait_secs(answer: Result<impl Sized, Status>) -> u64 {
    let Err(status) = answer else { panic!("let in") };
    let info = status.get_details_retry_info().expect("when to try again");
    info.retry_delay.expect("a time").as_secs()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_has_its_reason() {
    let room = Room::new().await;
    for (endpoint, codes, expected) in [
        (Endpoint::Token, &[20_001, 20_063, 20_067, 20_068, 20_036, 20_070, 20_071][..], ErrorReason::Internal),
        (Endpoint::Token, &[20_002, 20_048, 20_069, 20_046], ErrorReason::IdpMisconfigured),
        (Endpoint::Token, &[20_003, 20_004, 20_065, 20_024, 20_049], ErrorReason::LoginCodeInvalid),
        (Endpoint::Token, &[20_008, 20_066], ErrorReason::UserDisabled),
        (Endpoint::Token, &[20_009, 20_010], ErrorReason::PermissionDenied),
    ] {
        for code in codes {
            room.feishu.fail_next(endpoint, Fault::Code(400, *code));
            assert_eq!(reason(room.login("feishu", &ada()).await), expected, "{code}");
        }
    }
    for (code, expected) in [
        (20_005, ErrorReason::LoginCodeInvalid),
        (20_008, ErrorReason::UserDisabled),
        (20_021, ErrorReason::UserDisabled),
        (20_022, ErrorReason::UserDisabled),
        (20_023, ErrorReason::UserDisabled),
        (20_001, ErrorReason::Internal),
    ] {
        let person = Person { user_info_code: Some(code), ..ada() };
        assert_eq!(reason(room.login("feishu", &person).await), expected, "user_info {code}");
    }
    assert_eq!(room.login_sessions(), 0);
    assert_eq!((room.audited("code_replayed"), room.audited("proof_key_wrong")), (1, 1));
    room.login("feishu", &ada()).await.expect("nothing of this lasts");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_says_no_over_there_is_not_signed_in() {
    let room = Room::new().await;
    let attempt = room.begin("feishu", "").await.expect("begun");
    let back = room.feishu.visit(&attempt.authorize_url, &ada(), Consent::Refuse).await.expect("sent back");
    assert_eq!(back.error, "access_denied");
    assert_eq!(reason(room.complete("feishu", &back, &attempt.secret).await), ErrorReason::LoginRefusedByUser);
    assert_eq!(reason(room.complete("feishu", &back, &attempt.secret).await), ErrorReason::LoginAttemptInvalid);
    assert_eq!(room.feishu.calls(Endpoint::Token), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_refused_is_told_where_they_wanted_to_go() {
    let room = Room::new().await;
    let stranger = Person::new("ou_eve", "t9");
    for (person, consent) in [(&ada(), Consent::Refuse), (&stranger, Consent::Allow)] {
        let attempt = room.begin("feishu", "/n/1?from=%E5%88%86#cell-3").await.expect("begun");
        let back = room.feishu.visit(&attempt.authorize_url, person, consent).await.expect("sent back");
        let told = |answer: Result<_, Status>| {
            let Err(status) = answer.map(|_: tonic::Response<_>| ()) else { panic!("let in") };
            status.get_details_error_info().expect("details").metadata.get("return_to").cloned()
        };
        let forged = CameBack { state: "another".into(), ..back.clone() };
        assert_eq!(told(room.complete("feishu", &forged, &attempt.secret).await), None, "it fits no attempt");
        let refused = room.complete("feishu", &back, &attempt.secret).await;
        assert_eq!(told(refused).as_deref(), Some("/n/1?from=%E5%88%86#cell-3"));
        assert_eq!(told(room.complete("feishu", &back, &attempt.secret).await), None, "nor does a replay");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_over_there_is_not_said_to_be_the_persons_wish() {
    let room = Room::new().await;
    for (error, expected) in [
        ("server_error", ErrorReason::IdpUnavailable),
        ("temporarily_unavailable", ErrorReason::IdpUnavailable),
        ("invalid_scope", ErrorReason::IdpMisconfigured),
    ] {
        let (attempt, back) = room.travel("feishu", &ada()).await;
        let back = CameBack { code: String::new(), error: error.into(), ..back };
        assert_eq!(reason(room.complete("feishu", &back, &attempt.secret).await), expected, "{error}");
    }
    assert_eq!(room.audited("login_refused"), 3);
    assert_eq!(room.feishu.calls(Endpoint::Token), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_is_sent_again_once_and_only_where_nothing_happened() {
    let room = Room::new().await;
    for fault in [Fault::Code(500, 20_050), Fault::Code(503, 20_072)] {
        room.feishu.fail_next(Endpoint::Token, fault.clone());
        room.login("feishu", &ada()).await.expect("the second try works");
        let before = room.feishu.calls(Endpoint::Token);
        room.feishu.fail_next(Endpoint::Token, fault.clone());
        room.feishu.fail_next(Endpoint::Token, fault.clone());
        assert_eq!(reason(room.login("feishu", &ada()).await), ErrorReason::IdpUnavailable);
        assert_eq!(room.feishu.calls(Endpoint::Token) - before, 2, "two tries and no more");
        // It had happened after all.
        room.feishu.fail_next(Endpoint::Token, fault);
        room.feishu.fail_next(Endpoint::Token, Fault::Code(400, 20_065));
        assert_eq!(reason(room.login("feishu", &ada()).await), ErrorReason::LoginCodeInvalid);
    }
    assert_eq!(room.audited("code_replayed"), 0, "our own second try is no replay");
    let before = room.feishu.calls(Endpoint::Token);
    room.feishu.fail_next(Endpoint::Token, Fault::Down);
    assert_eq!(reason(room.login("feishu", &ada()).await), ErrorReason::IdpUnavailable);
    assert_eq!(room.feishu.calls(Endpoint::Token) - before, 1, "who knows what had happened");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_over_there_says_when_to_try_again() {
    let room = Room::new().await;
    for (endpoint, fault, expected) in [
        (Endpoint::Token, Fault::RateLimited(17), 17),
        (Endpoint::Token, Fault::RateLimitedOld(23), 23),
        (Endpoint::UserInfo, Fault::RateLimited(9), 9),
        (Endpoint::UserInfo, Fault::RateLimited(1_000_000), 300),
    ] {
        room.feishu.fail_next(endpoint, fault);
        assert_eq!(wait_secs(room.login("feishu", &ada()).await), expected);
    }
    for _ in 0..50 {
        room.feishu.fail_next(Endpoint::Token, Fault::RateLimited(3));
    }
    let person = ada();
    let storm = join_all((0..50).map(|_| room.login("feishu", &person))).await;
    assert!(storm.into_iter().all(|answer| wait_secs(answer) == 3));
    room.login("feishu", &ada()).await.expect("the storm is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_grows_old() {
    let room = Room::new().await;
    let (attempt, back) = room.travel("feishu", &ada()).await;
    room.clock.advance(Duration::from_secs(300));
    assert_eq!(reason(room.complete("feishu", &back, &attempt.secret).await), ErrorReason::LoginCodeInvalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_in_bounded_time_and_memory() {
    let room = Room::with(&["--provider-wait-secs=1"]).await;
    let trap = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let inside = format!("http://{}/latest/meta-data", trap.local_addr().expect("an address"));
    for endpoint in [Endpoint::Token, Endpoint::UserInfo] {
        for fault in [
            Fault::Oversized,
            Fault::Html,
            Fault::InvalidUtf8,
            Fault::DuplicateKeys,
            Fault::Truncated,
            Fault::Empty,
            Fault::Redirect(inside.clone()),
            Fault::Silent,
            Fault::Slow,
        ] {
            room.feishu.fail_next(endpoint, fault.clone());
            let answer = room.login("feishu", &ada()).await;
            assert_eq!(reason(answer), ErrorReason::IdpUnavailable, "{endpoint:?} {fault:?}");
        }
    }
    let mut followed = Box::pin(trap.accept());
    assert!(futures_util::poll!(&mut followed).is_pending(), "a redirect was followed");
    assert_eq!(room.login_sessions(), 0);
    room.login("feishu", &ada()).await.expect("nothing of this lasts");
}
