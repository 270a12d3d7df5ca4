//! New passwords while other things happen to the same account.

use fenxi_proto::{
    auth::v1::{ChangePasswordRequest, CreateApiTokenRequest, UpdateUserRequest, User, UserRole},
    error::{ErrorReason, reason_of},
};

use crate::house::{House, PASSWORD, SignedIn, reason, request_id};

const ADMINISTRATORS: &str = "set by an administrator";
const THIEFS: &str = "chosen by the thief";

fn change(new: &str) -> ChangePasswordRequest {
    ChangePasswordRequest { current_password: PASSWORD.into(), new_password: new.into(), request_id: request_id() }
}

fn reset(user: &User, password: &str) -> UpdateUserRequest {
    UpdateUserRequest {
        user: Some(User { user_id: user.user_id.clone(), ..User::default() }),
        password: password.into(),
        update_mask: Some(prost_types::FieldMask { paths: vec!["password".into()] }),
        request_id: request_id(),
    }
}

async fn token_of(house: &House, user: &SignedIn) -> String {
    let request = CreateApiTokenRequest {
        name: "nightly".into(),
        scopes: vec!["user:read".into()],
        request_id: request_id(),
        ..CreateApiTokenRequest::default()
    };
    house.tokens(&user.secret).await.create_api_token(request).await.expect("made").into_inner().secret
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_under_way_does_not_undo_an_administrators_reset() {
    let house = House::with(&["--password-parallel", "1"]).await;
    let admin = house.administrator().await;
    for round in 0..5 {
        let name = format!("ada{round}");
        let thief = house.member(&admin, &name).await;
        let (mut hers, mut users) = (house.auth(&thief.secret).await, house.users(&admin.secret).await);
        let (_, set) =
            tokio::join!(hers.change_password(change(THIEFS)), users.update_user(reset(&thief.user, ADMINISTRATORS)));
        set.expect("set");
        assert_eq!(reason(house.resolve(&thief.secret).await), ErrorReason::Unauthenticated);
        assert_eq!(reason(house.login(&name, THIEFS).await), ErrorReason::LoginFailed);
        house.login(&name, ADMINISTRATORS).await.expect("the password that was handed over");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_changes_at_once_one_is_made() {
    let house = House::with(&["--password-parallel", "1"]).await;
    let admin = house.administrator().await;
    let one = house.member(&admin, "ada").await;
    let two = house.login("ada", PASSWORD).await.expect("signed in");
    let (mut first, mut second) = (house.auth(&one.secret).await, house.auth(&two.secret).await);
    let answers = tokio::join!(first.change_password(change(ADMINISTRATORS)), second.change_password(change(THIEFS)));
    let password = match answers {
        (Ok(_), Err(other)) => {
            assert_eq!(reason_of(&other), Some(ErrorReason::Unauthenticated));
            ADMINISTRATORS
        }
        (Err(other), Ok(_)) => {
            assert_eq!(reason_of(&other), Some(ErrorReason::Unauthenticated));
            THIEFS
        }
        others => panic!("{others:?}"),
    };
    house.login("ada", password).await.expect("the password of the one that was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_answer_was_lost_is_answered_again() {
    let house = House::new().await;
    let admin = house.administrator().await;
    let ada = house.member(&admin, "ada").await;
    let asked = change("another password");
    let mut hers = house.auth(&ada.secret).await;
    for _ in 0..2 {
        hers.change_password(asked.clone()).await.expect("changed, once");
    }
    let audited: i64 = house.value("SELECT count(*) FROM audit_event WHERE event = 'password_changed'").await;
    assert_eq!(audited, 1);
    let other = ChangePasswordRequest { new_password: "yet another one".into(), ..asked.clone() };
    assert_eq!(reason(hers.change_password(other).await), ErrorReason::RequestIdReused);
    let anew = ChangePasswordRequest { request_id: request_id(), ..asked };
    assert_eq!(reason(hers.change_password(anew).await), ErrorReason::CurrentPasswordWrong);
    house.login("ada", "another password").await.expect("signed in");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrators_reset_ends_api_tokens_and_ones_own_change_does_not() {
    let house = House::new().await;
    let admin = house.administrator().await;
    let ada = house.member(&admin, "ada").await;
    let token = token_of(&house, &ada).await;
    house.auth(&ada.secret).await.change_password(change("another password")).await.expect("changed");
    house.resolve(&token).await.expect("programs go on");
    house.users(&admin.secret).await.update_user(reset(&ada.user, PASSWORD)).await.expect("reset");
    assert_eq!(reason(house.resolve(&token).await), ErrorReason::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_costs_are_those_of_whoever_signs_in() {
    let house = House::new().await;
    let admin = house.administrator().await;
    house.user(&admin, "ada", UserRole::Member).await;
    let house = house.restart(&["--password-memory-kib", "9000"]).await;
    assert!(house.login("ada", "wrong password").await.is_err());
    for costs in ["m=8192,t=1,p=1", "m=9000,t=1,p=1"] {
        let hash: String = house.value("SELECT password_hash FROM user_account WHERE username = 'ada'").await;
        assert!(hash.contains(costs), "{hash}");
        house.login("ada", PASSWORD).await.expect("signed in");
    }
}
