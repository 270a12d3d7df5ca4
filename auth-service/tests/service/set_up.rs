//! The first administrator.

use std::os::unix::fs::PermissionsExt as _;

use fenxi_proto::{
    auth::v1::{ListLoginMethodsRequest, SetUpAdministratorRequest, UserRole},
    error::ErrorReason,
};
use futures_util::future::join_all;

use crate::house::{House, PASSWORD, login_secret, reason};

async fn set_up_required(house: &House) -> bool {
    let answer = house.door().list_login_methods(ListLoginMethodsRequest {}).await.expect("answered");
    answer.into_inner().set_up_required
}

fn wanted(setup_token: &str, username: &str) -> SetUpAdministratorRequest {
    SetUpAdministratorRequest {
        setup_token: setup_token.into(),
        username: username.into(),
        password: PASSWORD.into(),
        display_name: String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_who_hold_the_token_make_one_administrator() {
    let house = House::new().await;
    assert!(set_up_required(&house).await);
    let file = house.data("first-admin-token");
    assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    let token = std::fs::read_to_string(&file).expect("a token").trim().to_owned();
    assert_eq!(
        reason(house.door().set_up_administrator(wanted("fxu_wrong", "root")).await),
        ErrorReason::SetupTokenInvalid
    );
    let tries = join_all((0..50).map(|number| {
        let mut door = house.door();
        let request = wanted(&token, &format!("admin{number}"));
        async move { door.set_up_administrator(request).await }
    }));
    let (made, refused): (Vec<_>, Vec<_>) = tries.await.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1, "the token works once");
    for answer in refused {
        assert_eq!(reason(answer), ErrorReason::SetupTokenInvalid);
    }
    let answer = made.into_iter().next().expect("one").expect("made");
    let secret = login_secret(answer.metadata());
    let user = answer.into_inner().user.expect("a user");
    assert_eq!(user.role(), UserRole::Administrator);
    assert_eq!(user.display_name, user.username);
    assert!(house.resolve(&secret).await.is_ok(), "signed in");
    assert!(!file.exists(), "the used token lies about");
    assert!(!set_up_required(&house).await);
    let house = house.restart(&[]).await;
    assert!(!set_up_required(&house).await);
    assert!(!house.data("first-admin-token").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_outlives_a_restart_and_an_unusable_wish() {
    let house = House::new().await;
    assert!(set_up_required(&house).await);
    let read = |house: &House| std::fs::read_to_string(house.data("first-admin-token")).expect("a token");
    let token = read(&house);
    let house = house.restart(&[]).await;
    assert!(set_up_required(&house).await);
    assert_eq!(read(&house), token);
    let short = SetUpAdministratorRequest { password: "short".into(), ..wanted(token.trim(), "admin") };
    assert_eq!(reason(house.door().set_up_administrator(short).await), ErrorReason::PasswordUnacceptable);
    let unnamed = wanted(token.trim(), "a b");
    assert_eq!(reason(house.door().set_up_administrator(unnamed).await), ErrorReason::InvalidField);
    house.door().set_up_administrator(wanted(token.trim(), "admin")).await.expect("the token is still good");
    std::fs::write(house.data("first-admin-token"), &token).expect("written");
    let house = house.restart(&[]).await;
    assert!(!set_up_required(&house).await);
    assert!(!house.data("first-admin-token").exists(), "an old token was left");
}
