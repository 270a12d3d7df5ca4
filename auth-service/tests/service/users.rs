//! Administrators and the accounts of others.

use fenxi_proto::{
    auth::v1::{
        CreateUserRequest, DisableUserRequest, EnableUserRequest, GetCurrentUserRequest, GetUserRequest,
        ListLoginMethodsRequest, ListUsersRequest, UpdateUserRequest, User, UserRole, WatchDisabledUsersRequest,
        caller_service_client::CallerServiceClient,
    },
    error::ErrorReason,
};
use futures_util::future::join_all;

use crate::house::{House, PASSWORD, SignedIn, field, reason, request_id};

fn disable(user: &User) -> DisableUserRequest {
    DisableUserRequest { user_id: user.user_id.clone(), request_id: request_id() }
}

fn update(user: User, paths: &[&str]) -> UpdateUserRequest {
    UpdateUserRequest {
        user: Some(user),
        update_mask: Some(prost_types::FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
        password: String::new(),
        request_id: request_id(),
    }
}

async fn list(house: &House, who: &SignedIn, query: &str) -> (Vec<String>, i64) {
    let request = ListUsersRequest { query: query.into(), page_size: 100, ..ListUsersRequest::default() };
    let answer = house.users(&who.secret).await.list_users(request).await.expect("listed").into_inner();
    (answer.users.into_iter().map(|user| user.username).collect(), answer.total_size)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_made_once_and_its_name_is_taken() {
    let house = House::new().await;
    let admin = house.administrator().await;
    let request = CreateUserRequest {
        username: "Ada".into(),
        password: PASSWORD.into(),
        display_name: "爱达".into(),
        role: 0,
        request_id: request_id(),
    };
    let mut users = house.users(&admin.secret).await;
    let made = users.create_user(request.clone()).await.expect("made").into_inner().user.expect("a user");
    assert_eq!((made.username.as_str(), made.role()), ("ada", UserRole::Member));
    assert_eq!((made.display_name.as_str(), made.identity_provider.as_str()), ("爱达", "local"));
    let again = users.create_user(request.clone()).await.expect("the same call").into_inner().user;
    assert_eq!(again, Some(made));
    let other = CreateUserRequest { password: "another password".into(), ..request.clone() };
    assert_eq!(reason(users.create_user(other).await), ErrorReason::RequestIdReused);
    let twin = CreateUserRequest { username: "ADA".into(), request_id: request_id(), ..request.clone() };
    assert_eq!(reason(users.create_user(twin.clone()).await), ErrorReason::UsernameTaken);
    for (bad, expected) in [
        (CreateUserRequest { username: "a b".into(), ..twin.clone() }, ErrorReason::InvalidField),
        (CreateUserRequest { username: "eve".into(), role: 9, ..twin.clone() }, ErrorReason::InvalidField),
        (CreateUserRequest { request_id: "x".into(), ..twin.clone() }, ErrorReason::InvalidField),
        (CreateUserRequest { password: "short".into(), ..twin.clone() }, ErrorReason::PasswordUnacceptable),
    ] {
        assert_eq!(reason(users.create_user(bad).await), expected);
    }
    // Ids of the same millisecond have no order.
    house.frame.clock.advance(std::time::Duration::from_millis(1));
    let many = join_all((0..20).map(|_| {
        let mut users = users.clone();
        let request = CreateUserRequest { username: "grace".into(), request_id: request_id(), ..request.clone() };
        async move { users.create_user(request).await.is_ok() }
    }));
    assert_eq!(many.await.into_iter().filter(|made| *made).count(), 1);
    assert_eq!(list(&house, &admin, "").await, (vec!["admin".into(), "ada".into(), "grace".into()], 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_found_by_the_letter_and_paged() {
    let house = House::new().await;
    let admin = house.administrator().await;
    for name in ["per_cent", "percent", "other"] {
        house.user(&admin, name, UserRole::Member).await;
    }
    assert_eq!(list(&house, &admin, "PER").await.0, ["per_cent", "percent"]);
    assert_eq!(list(&house, &admin, "r_c").await.0, ["per_cent"]);
    for nothing in ["%", "' OR 1=1 --", "\\", "r%t"] {
        assert!(list(&house, &admin, nothing).await.0.is_empty(), "{nothing}");
    }
    let mut users = house.users(&admin.secret).await;
    let page = |page_token: String, query: &str| ListUsersRequest { page_size: 3, page_token, query: query.into() };
    let first = users.list_users(page(String::new(), "")).await.expect("a page").into_inner();
    let second = users.list_users(page(first.next_page_token.clone(), "")).await.expect("a page").into_inner();
    assert_eq!((first.users.len(), second.users.len(), second.next_page_token.as_str()), (3, 1, ""));
    let elsewhere = users.list_users(page(first.next_page_token, "per")).await;
    assert_eq!(reason(elsewhere), ErrorReason::InvalidPageToken, "a token of another filter");
    for query in ["\0", &"x".repeat(101)] {
        assert_eq!(reason(users.list_users(page(String::new(), query)).await), ErrorReason::InvalidField);
    }
    // More than any request of these services may have: tonic refuses it, and it has a reason all the same.
    let huge = users.get_user(GetUserRequest { user_id: "x".repeat(70_000) }).await;
    assert_eq!(reason(huge), ErrorReason::InvalidField);
    for user_id in [request_id().as_str(), "x", "00000000-0000-0000-0000-000000000000"] {
        let answer = users.get_user(GetUserRequest { user_id: user_id.into() }).await;
        assert_eq!(reason(answer), ErrorReason::NotFound);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_may_be_changed_is_changed() {
    let house = House::new().await;
    let admin = house.administrator().await;
    let ada = house.member(&admin, "ada").await;
    let mut users = house.users(&admin.secret).await;
    let all = User {
        display_name: "Countess".into(),
        email: "x@example.com".into(),
        username: "root".into(),
        disabled: true,
        identity_provider: "lark".into(),
        role: UserRole::Administrator.into(),
        ..ada.user.clone()
    };
    for path in ["email", "username", "disabled", "identity_provider", "user_id", "*", "", "Display_name", "user.role"]
    {
        assert_eq!(reason(users.update_user(update(all.clone(), &[path])).await), ErrorReason::InvalidField, "{path}");
    }
    assert_eq!(reason(users.update_user(update(all.clone(), &[])).await), ErrorReason::InvalidField);
    let unspecified = User { role: 0, ..all.clone() };
    assert_eq!(reason(users.update_user(update(unspecified, &["role"])).await), ErrorReason::InvalidField);
    let long = User { display_name: "x".repeat(101), ..all.clone() };
    assert_eq!(field(users.update_user(update(long, &["display_name"])).await), "user.display_name");
    let changed = users.update_user(update(all.clone(), &["display_name"])).await.expect("changed").into_inner();
    assert_eq!(changed.user, Some(User { display_name: "Countess".into(), ..ada.user.clone() }));
    assert_eq!(list(&house, &admin, "countess").await.0, ["ada"], "the search knows the new name");

    let by_ada = house.users(&ada.secret).await.list_users(ListUsersRequest::default()).await;
    assert_eq!(reason(by_ada), ErrorReason::PermissionDenied);
    users.update_user(update(all, &["role"])).await.expect("promoted");
    house.users(&ada.secret).await.list_users(ListUsersRequest::default()).await.expect("a fresh Caller has the role");

    let request = UpdateUserRequest { password: "another password".into(), ..update(ada.user.clone(), &["password"]) };
    users.update_user(request).await.expect("changed");
    assert_eq!(reason(house.resolve(&ada.secret).await), ErrorReason::Unauthenticated);
    house.login("ada", "another password").await.expect("signed in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_user_is_out_at_once_and_may_come_back() {
    let house = House::new().await;
    let admin = house.administrator().await;
    let ada = house.member(&admin, "ada").await;
    let mut hers = house.auth(&ada.secret).await;
    hers.get_current_user(GetCurrentUserRequest {}).await.expect("in");
    let mut users = house.users(&admin.secret).await;
    let out = users.disable_user(disable(&ada.user)).await.expect("disabled").into_inner().user.expect("a user");
    assert!(out.disabled);
    assert_eq!(reason(house.resolve(&ada.secret).await), ErrorReason::Unauthenticated);
    let late = hers.get_current_user(GetCurrentUserRequest {}).await;
    assert_eq!(reason(late), ErrorReason::Unauthenticated);
    assert_eq!(reason(house.login("ada", PASSWORD).await), ErrorReason::UserDisabled);
    assert_eq!(reason(house.login("ada", "wrong password").await), ErrorReason::LoginFailed, "told without proof");
    let back = EnableUserRequest { user_id: ada.user.user_id.clone(), request_id: request_id() };
    users.enable_user(back).await.expect("enabled");
    assert_eq!(reason(house.resolve(&ada.secret).await), ErrorReason::Unauthenticated, "an old login came back");
    house.login("ada", PASSWORD).await.expect("signed in");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_disabled_is_told_from_before_and_from_now_on() {
    let house = House::new().await;
    let admin = house.administrator().await;
    for name in ["ada", "bob"] {
        house.user(&admin, name, UserRole::Member).await;
    }
    let ada = house.login("ada", PASSWORD).await.expect("signed in").user;
    let bob = house.login("bob", PASSWORD).await.expect("signed in").user;
    let mut users = house.users(&admin.secret).await;
    users.disable_user(disable(&ada)).await.expect("disabled");
    let mut callers = CallerServiceClient::new(house.analysis());
    let mut feed = callers.watch_disabled_users(WatchDisabledUsersRequest {}).await.expect("a feed").into_inner();
    let mut heard = async || loop {
        let message = feed.message().await.expect("it goes on").expect("a message");
        if !(message.disabled_user_ids.is_empty() && message.enabled_user_ids.is_empty()) {
            break (message.disabled_user_ids, message.enabled_user_ids);
        }
    };
    let none = Vec::<String>::new();
    assert_eq!(heard().await, (vec![ada.user_id.clone()], none.clone()), "who was disabled before");
    users.disable_user(disable(&bob)).await.expect("disabled");
    assert_eq!(heard().await, (vec![bob.user_id.clone()], none.clone()));
    let back = EnableUserRequest { user_id: ada.user_id.clone(), request_id: request_id() };
    users.enable_user(back).await.expect("enabled");
    assert_eq!(heard().await, (none, vec![ada.user_id]));
}

/// An administrator who cannot sign in, because their identity provider was switched off, is none.
#[tokio::test(flavor = "multi_thread")]
async fn there_is_always_an_administrator_who_can_sign_in() {
    let house = House::new().await;
    let admin = house.administrator().await;
    house.user(&admin, "elsewhere", UserRole::Administrator).await;
    let elsewhere = "UPDATE user_account SET identity_provider = 'feishu', tenant_key = 't' WHERE username = $1";
    house.write(elsewhere, "elsewhere").await;
    let mut users = house.users(&admin.secret).await;
    assert_eq!(reason(users.disable_user(disable(&admin.user)).await), ErrorReason::LastAdministrator);
    let member = User { role: UserRole::Member.into(), ..admin.user.clone() };
    assert_eq!(reason(users.update_user(update(member, &["role"])).await), ErrorReason::LastAdministrator);

    // Once it was the provider of them all, whoever runs the service has a way back in.
    house.write(elsewhere, &admin.user.username).await;
    let house = house.restart(&[]).await;
    let methods = house.door().list_login_methods(ListLoginMethodsRequest {}).await.expect("answered").into_inner();
    assert!(methods.set_up_required && house.data("first-admin-token").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_always_an_administrator() {
    let house = House::new().await;
    let admin = house.administrator().await;
    let mut users = house.users(&admin.secret).await;
    assert_eq!(reason(users.disable_user(disable(&admin.user)).await), ErrorReason::LastAdministrator);
    let member = User { role: UserRole::Member.into(), ..admin.user.clone() };
    assert_eq!(reason(users.update_user(update(member, &["role"])).await), ErrorReason::LastAdministrator);
    let mut admins = vec![admin];
    for number in 0..7 {
        let name = format!("admin{number}");
        house.user(&admins[0], &name, UserRole::Administrator).await;
        admins.push(house.login(&name, PASSWORD).await.expect("signed in"));
    }
    // Everybody shuts out their neighbour, or demotes them, at the same moment.
    let mut calls = Vec::new();
    for (at, who) in admins.iter().enumerate() {
        let mut users = house.users(&who.secret).await;
        let neighbour = admins[(at + 1) % admins.len()].user.clone();
        calls.push(async move {
            if at % 2 == 0 {
                users.disable_user(disable(&neighbour)).await.map(drop)
            } else {
                let demoted = User { role: UserRole::Member.into(), ..neighbour };
                users.update_user(update(demoted, &["role"])).await.map(drop)
            }
        });
    }
    let done = join_all(calls).await.into_iter().filter(Result::is_ok).count();
    assert!((1..8).contains(&done), "{done}");
    let mut left = 0;
    for who in &admins {
        if house.resolve(&who.secret).await.is_err() {
            continue;
        }
        let listed = house.users(&who.secret).await.list_users(ListUsersRequest::default()).await;
        left += usize::from(listed.is_ok());
    }
    assert_eq!(left, 8 - done, "everybody who was not removed is still one");
}
