//! People who sign in: who they are afterwards, and who they are not.

use std::collections::HashSet;

use e2e::fakes::feishu::{Endpoint, Person};
use fenxi_chassis::client::Bearer;
use fenxi_proto::{
    auth::v1::{
        DisableUserRequest, GetCurrentUserRequest, ListLoginMethodsRequest, ListUsersRequest, LoginMethodKind,
        UpdateUserRequest, User, UserRole, auth_service_client::AuthServiceClient,
        user_service_client::UserServiceClient,
    },
    error::ErrorReason,
};
use futures_util::future::join_all;

use crate::room::{Room, reason};

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_in_and_is_updated_the_next_time() {
    let room = Room::new().await;
    let methods = room.door().list_login_methods(ListLoginMethodsRequest {}).await.expect("listed").into_inner();
    let methods: Vec<_> = methods.login_methods.iter().map(|m| (m.login_method_id.as_str(), m.kind())).collect();
    let (redirect, password) = (LoginMethodKind::Redirect, LoginMethodKind::Password);
    assert_eq!(methods, [("feishu", redirect), ("lark", redirect), ("local", password)]);

    let mut ada = Person { email: "ada@corp.example".into(), ..Person::new("ou_ada", "t1") };
    let (first, secret) = room.login("feishu", &ada).await.expect("signed in");
    assert_eq!(first.return_to, "/");
    let first = first.user.expect("a user");
    assert_eq!((first.display_name.as_str(), first.english_name.as_str()), ("人 ou_ada", "Person ou_ada"));
    assert_eq!((first.email.as_str(), first.username.as_str()), ("ada@corp.example", ""));
    assert_eq!((first.identity_provider.as_str(), first.role()), ("feishu", UserRole::Member));
    assert_eq!(first.avatar_url, "https://cdn.example/avatar.png");

    room.clock.advance(std::time::Duration::from_secs(100));
    ada.name = "Ada\u{202e}\n Lovelace".into();
    ada.avatar_url = "javascript:alert(1)".into();
    ada.email = String::new();
    let (second, other) = room.login("feishu", &ada).await.expect("signed in");
    let second = second.user.expect("a user");
    assert_eq!(second.user_id, first.user_id);
    assert_eq!(
        (second.display_name.as_str(), second.avatar_url.as_str(), second.email.as_str()),
        ("Ada Lovelace", "", "")
    );
    assert_eq!(second.create_time, first.create_time);
    assert_eq!((first.first_login_time, second.first_login_time), (first.last_login_time, first.last_login_time));
    assert!(second.last_login_time.expect("now").seconds > first.last_login_time.expect("then").seconds);
    assert_ne!(secret, other);
    let caller = Bearer::new(&room.resolve(&secret).await.expect("resolved")).expect("a credential");
    let mut hers = AuthServiceClient::with_interceptor(room.channel.clone(), caller);
    let me = hers.get_current_user(GetCurrentUserRequest {}).await.expect("answered").into_inner();
    assert_eq!(me.user, Some(second));
    assert_eq!(room.audited("user_created"), 1);
    assert_eq!(room.audited("login_succeeded"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_the_provider_gives_is_changed_there() {
    let room = Room::new().await;
    let ada = Person::new("ou_ada", "t1");
    let (answer, _) = room.login("feishu", &ada).await.expect("signed in");
    let user_id = answer.user.expect("a user").user_id;
    let caller = Bearer::new(&room.administrator().await).expect("a credential");
    let mut users = UserServiceClient::with_interceptor(room.channel.clone(), caller);
    let wanted =
        User { user_id, display_name: "Other".into(), role: UserRole::Administrator.into(), ..User::default() };
    let update = |path: &str| {
        let mut request = UpdateUserRequest { user: Some(wanted.clone()), ..UpdateUserRequest::default() };
        request.update_mask.get_or_insert_default().paths.push(path.into());
        request
    };
    let refused = users.update_user(update("display_name")).await.expect_err("refused");
    assert!(refused.message().contains("identity provider"), "{refused}");
    assert_eq!(reason::<()>(Err(refused)), ErrorReason::InvalidField);
    let changed = users.update_user(update("role")).await.expect("changed").into_inner().user.expect("a user");
    assert_eq!((changed.display_name.as_str(), changed.role()), ("人 ou_ada", UserRole::Administrator));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_is_brand_app_organisation_and_person_and_never_an_e_mail() {
    let room = Room::new().await;
    let email = "victim@corp.example";
    let person = |open_id: &str, tenant: &str| Person { email: email.into(), ..Person::new(open_id, tenant) };
    let mut users = HashSet::new();
    for (method, who) in [
        ("feishu", person("ou_1", "t1")),
        ("feishu", person("ou_1", "t2")),
        ("feishu", person("ou_2", "t1")),
        ("lark", person("ou_1", "t1")),
    ] {
        let (answer, _) = room.login(method, &who).await.expect("signed in");
        assert!(users.insert(answer.user.expect("a user").user_id), "{method} {who:?} is somebody else");
    }
    let (again, _) = room.login("lark", &person("ou_1", "t1")).await.expect("signed in");
    assert!(users.contains(&again.user.expect("a user").user_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_organisations_come_in_and_stay_in() {
    let mut room = Room::new().await;
    for tenant in ["t3", "T1", "t1 ", "t"] {
        let login = room.login("feishu", &Person::new("ou_1", tenant)).await;
        let expected = if tenant == "t1 " { ErrorReason::IdpUnavailable } else { ErrorReason::TenantNotAllowed };
        assert_eq!(reason(login), expected, "{tenant:?}");
    }
    let nobody = room.login("feishu", &Person::new("ou_1", "")).await;
    assert_eq!(reason(nobody), ErrorReason::IdpUnavailable, "an answer that names no organisation");
    assert_eq!(room.login_sessions(), 0);
    let (_, first) = room.login("feishu", &Person::new("ou_1", "t1")).await.expect("signed in");
    let (_, second) = room.login("feishu", &Person::new("ou_2", "t2")).await.expect("signed in");
    room.restart("feishu-tenants", "t2").await;
    assert_eq!(reason(room.resolve(&first).await), ErrorReason::Unauthenticated, "its organisation was taken off");
    room.resolve(&second).await.expect("still listed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_people_sign_in_at_once() {
    let room = Room::new().await;
    let people: Vec<_> = (0..100).map(|number| Person::new(&format!("ou_{number}"), "t1")).collect();
    let logins = join_all(people.iter().map(|person| room.login("feishu", person))).await;
    let users: HashSet<_> =
        logins.into_iter().map(|login| login.expect("signed in").0.user.expect("a user").user_id).collect();
    assert_eq!(users.len(), 100);
    assert_eq!(room.login_sessions(), 100);
    assert_eq!((room.feishu.calls(Endpoint::Token), room.feishu.calls(Endpoint::UserInfo)), (100, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_shut_out_here_is_not_let_in_by_the_provider() {
    let room = Room::new().await;
    let ada = Person::new("ou_ada", "t1");
    let (_, secret) = room.login("feishu", &ada).await.expect("signed in");
    let caller = Bearer::new(&room.administrator().await).expect("a credential");
    let mut users = UserServiceClient::with_interceptor(room.channel.clone(), caller);
    let listed = users.list_users(ListUsersRequest { query: "OU_ADA".into(), ..Default::default() }).await;
    let user_id = listed.expect("listed").into_inner().users.remove(0).user_id;
    let disable = DisableUserRequest { user_id, request_id: String::new() };
    users.disable_user(disable).await.expect("disabled");
    assert_eq!(reason(room.resolve(&secret).await), ErrorReason::Unauthenticated);
    assert_eq!(reason(room.login("feishu", &ada).await), ErrorReason::UserDisabled);
    assert_eq!(room.audited("login_refused"), 1);
    assert_eq!(room.login_sessions(), 1, "the administrator's alone");
}
