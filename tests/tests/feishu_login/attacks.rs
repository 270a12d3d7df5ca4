//! Ways in that are none: replays, other people's browsers, other brands, and other places to return to.

use std::time::Duration;

use e2e::fakes::feishu::{CameBack, Consent, Endpoint, Person};
use fenxi_proto::error::ErrorReason;
use futures_util::future::join_all;

use crate::room::{APP_SECRET, Room, app, reason};

#[tokio::test(flavor = "multi_thread")]
async fn fifty_times_the_same_callback_is_one_login() {
    let room = Room::new().await;
    let (attempt, back) = room.travel("feishu", &Person::new("ou_1", "t1")).await;
    let answers = join_all((0..50).map(|_| room.complete("feishu", &back, &attempt.secret))).await;
    let (good, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((good.len(), room.login_sessions()), (1, 1));
    for answer in refused {
        assert_eq!(reason(answer), ErrorReason::LoginAttemptInvalid);
    }
    assert_eq!(room.feishu.calls(Endpoint::Token), 1, "the code was shown again");
    assert_eq!(room.audited("login_attempt_mismatch"), 49);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_was_used_elsewhere_is_noticed() {
    let room = Room::new().await;
    let ada = Person::new("ou_ada", "t1");
    let (first, stolen) = room.travel("feishu", &ada).await;
    room.complete("feishu", &stolen, &first.secret).await.expect("signed in");
    // The thief puts the code into a login of their own.
    let (second, own) = room.travel("feishu", &Person::new("ou_eve", "t1")).await;
    let injected = CameBack { code: stolen.code, ..own };
    assert_eq!(reason(room.complete("feishu", &injected, &second.secret).await), ErrorReason::LoginCodeInvalid);
    assert_eq!(room.audited("code_replayed"), 1);
    // Before its owner used it, the proof key protects it.
    let (_, unused) = room.travel("feishu", &ada).await;
    let (third, own) = room.travel("feishu", &Person::new("ou_eve", "t1")).await;
    let injected = CameBack { code: unused.code, ..own };
    assert_eq!(reason(room.complete("feishu", &injected, &third.secret).await), ErrorReason::LoginCodeInvalid);
    assert_eq!(room.audited("proof_key_wrong"), 1);
    assert_eq!(room.login_sessions(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_belongs_to_the_browser_that_began() {
    let room = Room::new().await;
    let (eves, back) = room.travel("feishu", &Person::new("ou_eve", "t1")).await;
    let (adas, _) = room.travel("feishu", &Person::new("ou_ada", "t1")).await;
    let with = |state: &str| CameBack { state: state.into(), ..back.clone() };
    let unknown = "fxa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for (callback, secret, what) in [
        (back.clone(), adas.secret.as_str(), "login CSRF: Eve's callback in Ada's browser"),
        (back.clone(), "", "no cookie"),
        (back.clone(), unknown, "an unknown attempt"),
        (back.clone(), "fxl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "a LoginSession"),
        (back.clone(), "x", "nonsense"),
        (with(""), &eves.secret, "no state"),
        (with("x"), &eves.secret, "a wrong state"),
        (with(&format!("{}A", back.state)), &eves.secret, "an edited state"),
    ] {
        assert_eq!(
            reason(room.complete("feishu", &callback, secret).await),
            ErrorReason::LoginAttemptInvalid,
            "{what}"
        );
    }
    assert_eq!(room.feishu.calls(Endpoint::Token), 0, "a code was exchanged");
    room.complete("feishu", &back, &eves.secret).await.expect("none of this spoilt the login itself");
    let late = room.travel("feishu", &Person::new("ou_ada", "t1")).await;
    room.clock.advance(Duration::from_secs(600));
    let answer = room.complete("feishu", &late.1, &late.0.secret).await;
    assert_eq!(reason(answer), ErrorReason::LoginAttemptInvalid, "ten minutes are over");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_brands_never_mix() {
    let room = Room::new().await;
    let person = Person::new("ou_1", "t1");
    let (attempt, back) = room.travel("lark", &person).await;
    let mixed = room.complete("feishu", &back, &attempt.secret).await;
    assert_eq!(reason(mixed), ErrorReason::LoginAttemptInvalid, "Lark's answer at Feishu's callback");
    assert_eq!(room.feishu.calls(Endpoint::Token) + room.lark.calls(Endpoint::Token), 0);
    room.complete("lark", &back, &attempt.secret).await.expect("and at its own");
    assert!(attempt.authorize_url.contains("lark%2Fcallback"));
    assert_eq!(reason(room.begin("okta", "").await), ErrorReason::LoginMethodUnknown);
    assert_eq!(reason(room.begin("local", "").await), ErrorReason::LoginMethodUnknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_of_the_other_brand_is_a_configuration_error() {
    let mut room = Room::new().await;
    room.restart("feishu-app-id", "cli_other").await;
    let other = app("cli_other", "/auth/feishu/callback");
    room.feishu.register(e2e::fakes::feishu::App { other_brand: true, ..other });
    let attempt = room.begin("feishu", "").await.expect("begun");
    let page = room.feishu.visit(&attempt.authorize_url, &Person::new("ou_1", "t1"), Consent::Allow).await;
    let page = page.expect_err("an error page").to_string();
    assert!(page.contains("20046"), "{page}");
    let state = url::Url::parse(&attempt.authorize_url).expect("a URL");
    let state = state.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned();
    let forged = CameBack { code: "forged".into(), state, ..CameBack::default() };
    let answer = room.complete("feishu", &forged, &attempt.secret).await;
    assert_eq!(reason(answer), ErrorReason::IdpMisconfigured);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_returns_to_this_app_only() {
    let room = Room::new().await;
    for bad in
        ["//evil", "https:evil", "\\evil", "/%09/evil", "/..//evil", "//u:p@evil", "/\\evil", "/\r\nx: y", "evil"]
    {
        assert_eq!(reason(room.begin("feishu", bad).await), ErrorReason::InvalidField, "{bad:?}");
    }
    let attempt = room.begin("feishu", "/history?page=2#top").await.expect("begun");
    let query = url::Url::parse(&attempt.authorize_url).expect("a URL");
    let names: Vec<_> = query.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(
        names,
        ["client_id", "response_type", "redirect_uri", "state", "code_challenge", "code_challenge_method", "scope"]
    );
    assert!(attempt.authorize_url.contains("code_challenge_method=S256") && !attempt.authorize_url.contains("history"));
    let back = room.feishu.visit(&attempt.authorize_url, &Person::new("ou_1", "t1"), Consent::Allow).await;
    let answer = room.complete("feishu", &back.expect("sent back"), &attempt.secret).await.expect("signed in");
    assert_eq!(answer.into_inner().return_to, "/history?page=2#top");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_login_is_kept_in_the_clear() {
    let room = Room::new().await;
    let (attempt, back) = room.travel("feishu", &Person::new("ou_1", "t1")).await;
    let (_, session) = room.login("feishu", &Person::new("ou_2", "t1")).await.expect("signed in");
    for entry in std::fs::read_dir(room.folder.path().join("data")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("read");
        for secret in [&attempt.secret, &back.state, &back.code, &session, &APP_SECRET.to_owned()] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "a secret is in {}", path.display());
        }
    }
}
