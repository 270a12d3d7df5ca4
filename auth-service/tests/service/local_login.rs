//! Signing in with a local account.

use std::time::Duration;

use fenxi_proto::{
    METADATA_LOGIN_SESSION, METADATA_LOGIN_SESSION_MAX_AGE,
    auth::v1::{
        ChangePasswordRequest, GetCurrentUserRequest, ListLoginSessionsRequest, LoginWithPasswordRequest,
        LogoutRequest, UpdateUserRequest, User, UserRole,
    },
    error::ErrorReason,
};
use futures_util::future::join_all;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::house::{House, PASSWORD, field, from, login_secret, reason, request_id};

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_people_sign_in_at_once() {
    let house = House::new().await;
    let admin = house.administrator().await;
    house.user(&admin, "ada", UserRole::Member).await;
    let logins = join_all((0..100).map(|_| house.login("Ada", PASSWORD))).await;
    let secrets: std::collections::HashSet<_> =
        logins.into_iter().map(|login| login.expect("signed in").secret).collect();
    assert_eq!(secrets.len(), 100, "each has a LoginSession of their own");
    for secret in &secrets {
        house.resolve(secret).await.expect("good");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_unknown_and_who_mistypes_look_the_same() {
    let house = House::new().await;
    let admin = house.administrator().await;
    house.user(&admin, "ada", UserRole::Member).await;
    let mut texts = std::collections::HashSet::new();
    for (username, password) in [
        ("ada", "wrong password"),
        ("nobody", "wrong password"),
        ("", ""),
        ("ada", ""),
        ("ada' OR 1=1 --", PASSWORD),
        ("ada\0", PASSWORD),
        (&"a".repeat(5_000), PASSWORD),
        ("ada", &"x".repeat(5_000)),
    ] {
        let Err(status) = house.login(username, password).await else { panic!("{username:?} was let in") };
        assert_eq!(status.code(), Code::Unauthenticated);
        texts.insert(status.message().to_owned());
    }
    assert_eq!(texts.len(), 1, "{texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_limited_and_locks_nobody_out() {
    let house = House::new().await;
    let admin = house.administrator().await;
    house.user(&admin, "ada", UserRole::Member).await;
    house.login_from("ada", PASSWORD, "198.51.100.7").await.expect("ada is at home there");
    let guesses = join_all((0..200).map(|_| house.login_from("ada", "wrong password", "203.0.113.9"))).await;
    let mut wrong = 0;
    for guess in guesses {
        let Err(status) = guess else { panic!("let in") };
        match fenxi_proto::error::reason_of(&status) {
            Some(ErrorReason::LoginFailed) => wrong += 1,
            Some(ErrorReason::RateLimited) => assert!(status.get_details_retry_info().is_some()),
            other => panic!("{other:?}"),
        }
    }
    assert!((10..=13).contains(&wrong), "{wrong} guesses were held against the password");
    assert_eq!(reason(house.login_from("ada", PASSWORD, "203.0.113.9").await), ErrorReason::RateLimited);
    assert_eq!(reason(house.login_from("ada", PASSWORD, "192.0.2.200").await), ErrorReason::RateLimited);
    house.login_from("ada", PASSWORD, "198.51.100.7").await.expect("ada herself is not locked out");
    house.login_from("admin", PASSWORD, "192.0.2.200").await.expect("nor is anybody else");
    house.frame.clock.advance(Duration::from_secs(31));
    house.login_from("ada", PASSWORD, "203.0.113.9").await.expect("in time it is over");
}

/// Uses up what strangers may guess of an account.
async fn guess(house: &House, username: &str) {
    for _ in 0..12 {
        assert!(house.login_from(username, "wrong password", "203.0.113.9").await.is_err());
    }
    assert_eq!(reason(house.login_from(username, PASSWORD, "192.0.2.200").await), ErrorReason::RateLimited);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signed_in_somewhere_is_at_home_there_after_the_login_session_ended() {
    const ADDRESS: &str = "198.51.100.7";
    let house = House::new().await;
    let admin = house.administrator().await;
    let user = house.user(&admin, "ada", UserRole::Member).await;
    let ada = house.login_from("ada", PASSWORD, ADDRESS).await.expect("signed in");
    house.auth(&ada.secret).await.logout(LogoutRequest {}).await.expect("signed out");
    guess(&house, "ada").await;
    house.login_from("ada", PASSWORD, ADDRESS).await.expect("locked out after a logout");

    let reset = UpdateUserRequest {
        user: Some(User { user_id: user.user_id, ..User::default() }),
        password: PASSWORD.into(),
        update_mask: Some(prost_types::FieldMask { paths: vec!["password".into()] }),
        request_id: request_id(),
    };
    house.users(&admin.secret).await.update_user(reset).await.expect("reset");
    guess(&house, "ada").await;
    house.login_from("ada", PASSWORD, ADDRESS).await.expect("locked out after a new password");

    assert_eq!(reason(house.login_from("ada", PASSWORD, "2001:db8::1").await), ErrorReason::RateLimited);
    house.frame.clock.advance(Duration::from_secs(40 * 86_400));
    house.login_from("ada", PASSWORD, "2001:db8::1").await.expect("signed in");
    guess(&house, "ada").await;
    house.login_from("ada", PASSWORD, ADDRESS).await.expect("locked out after its end");
    house.login_from("ada", PASSWORD, "2001:db8::ffff").await.expect("another address of the same device");
    assert_eq!(reason(house.login_from("ada", PASSWORD, "2001:db8:0:1::1").await), ErrorReason::RateLimited);

    house.frame.clock.advance(Duration::from_secs(181 * 86_400));
    guess(&house, "ada").await;
    assert_eq!(reason(house.login_from("ada", PASSWORD, ADDRESS).await), ErrorReason::RateLimited, "long ago");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_use_up_the_attempts_of_somebody_who_is_signed_in() {
    let house = House::new().await;
    let admin = house.administrator().await;
    let ada = house.member(&admin, "ada").await;
    guess(&house, &ada.user.user_id).await;
    let change = ChangePasswordRequest {
        current_password: PASSWORD.into(),
        new_password: "another password".into(),
        ..ChangePasswordRequest::default()
    };
    house.auth(&ada.secret).await.change_password(change).await.expect("changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_gateway_may_say_where_a_client_is() {
    let house = House::new().await;
    house.administrator().await;
    let mut direct = fenxi_proto::auth::v1::auth_service_client::AuthServiceClient::new(house.channel.clone());
    let request = LoginWithPasswordRequest { username: "admin".into(), password: PASSWORD.into() };
    let answer = direct.login_with_password(from(request, "198.51.100.7")).await.expect("signed in");
    let secret = login_secret(answer.metadata());
    let listed = house.sessions(&secret).await.list_login_sessions(ListLoginSessionsRequest::default()).await;
    let sessions = listed.expect("listed").into_inner().login_sessions;
    let current = sessions.iter().find(|session| session.current).expect("the current one");
    assert_eq!(current.ip_address, "127.0.0.1", "a forged address was believed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_makes_a_new_secret_and_a_logout_ends_it() {
    let house = House::new().await;
    let admin = house.administrator().await;
    house.user(&admin, "ada", UserRole::Member).await;
    // A cookie set before the login, by whoever wants to fix the session.
    let fixed = "fxl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let mut request = from(LoginWithPasswordRequest { username: "ada".into(), password: PASSWORD.into() }, "192.0.2.1");
    request.metadata_mut().insert(METADATA_LOGIN_SESSION, fixed.parse().expect("a value"));
    let answer = house.door().login_with_password(request).await.expect("signed in");
    let secret = login_secret(answer.metadata());
    assert!(secret.starts_with("fxl_") && secret.len() == 47 && secret != fixed);
    assert_eq!(answer.metadata().get(METADATA_LOGIN_SESSION_MAX_AGE).expect("an age"), "2592000");
    assert_eq!(reason(house.resolve(fixed).await), ErrorReason::Unauthenticated);

    let mut ada = house.auth(&secret).await;
    let me = ada.get_current_user(GetCurrentUserRequest {}).await.expect("answered").into_inner();
    assert_eq!(me.user.expect("a user").username, "ada");
    assert_eq!(me.statistics.expect("sums").total, 0);
    let answer = ada.logout(LogoutRequest {}).await.expect("signed out");
    assert_eq!(answer.metadata().get(METADATA_LOGIN_SESSION).expect("there"), "");
    assert_eq!(reason(house.resolve(&secret).await), ErrorReason::Unauthenticated);
    let late = ada.get_current_user(GetCurrentUserRequest {}).await;
    assert_eq!(reason(late), ErrorReason::Unauthenticated, "a Caller signed before the logout still works");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_every_other_login() {
    let house = House::new().await;
    let admin = house.administrator().await;
    let here = house.member(&admin, "ada").await;
    let there = house.login("ada", PASSWORD).await.expect("signed in");
    let change = |current: &str, new: &str| ChangePasswordRequest {
        current_password: current.into(),
        new_password: new.into(),
        ..Default::default()
    };
    let mut ada = house.auth(&here.secret).await;
    let wrong = ada.change_password(change("wrong password", "another password")).await;
    let wrong = wrong.expect_err("refused");
    assert_eq!(wrong.code(), Code::InvalidArgument, "whoever is signed in stays so");
    assert_eq!(field::<()>(Err(wrong.clone())), "current_password");
    assert_eq!(reason::<()>(Err(wrong)), ErrorReason::CurrentPasswordWrong);
    let weak = ada.change_password(change(PASSWORD, "aaaaaaaaaaaa")).await;
    let weak = weak.expect_err("refused");
    assert_eq!(field::<()>(Err(weak.clone())), "new_password");
    assert_eq!(reason::<()>(Err(weak)), ErrorReason::PasswordUnacceptable);
    ada.change_password(change(PASSWORD, "another password")).await.expect("changed");
    house.resolve(&here.secret).await.expect("this login goes on");
    assert_eq!(reason(house.resolve(&there.secret).await), ErrorReason::Unauthenticated);
    assert_eq!(reason(house.login("ada", PASSWORD).await), ErrorReason::LoginFailed);
    house.login("ada", "another password").await.expect("signed in");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_user_is_at_home_their_name_looks_like_nobodys() {
    const ADDRESS: &str = "198.51.100.7";
    let house = House::new().await;
    let admin = house.administrator().await;
    house.user(&admin, "ada", UserRole::Member).await;
    house.login_from("ada", PASSWORD, ADDRESS).await.expect("signed in");
    let mut answers = std::collections::HashSet::new();
    for username in ["ada", "nobody"] {
        let mut reasons = Vec::new();
        for _ in 0..12 {
            reasons.push(reason(house.login_from(username, "wrong password", ADDRESS).await));
        }
        answers.insert(reasons);
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(reason(house.login_from("ada", PASSWORD, ADDRESS).await), ErrorReason::RateLimited);
    house.frame.clock.advance(Duration::from_secs(30));
    house.login_from("ada", PASSWORD, ADDRESS).await.expect("not for long");
}
