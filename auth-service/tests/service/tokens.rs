//! ApiTokens, and where secrets may never be found.

use std::time::Duration;

use fenxi_proto::{
    auth::v1::{
        ApiToken, CreateApiTokenRequest, GetCurrentUserRequest, ListApiTokensRequest, LogoutRequest,
        ResolveCredentialRequest, RevokeApiTokenRequest, api_token_service_client::ApiTokenServiceClient,
    },
    error::ErrorReason,
    history::v1::{ListHistoryRequest, history_service_client::HistoryServiceClient},
    time::{timestamp, unix_micros},
};

use futures_util::{StreamExt as _, future::join_all, stream};

use crate::house::{House, PASSWORD, START, SignedIn, With, reason, request_id};

fn wanted(scopes: &[&str]) -> CreateApiTokenRequest {
    CreateApiTokenRequest {
        name: "nightly".into(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        expire_time: None,
        request_id: request_id(),
    }
}

async fn list(house: &House, who: &SignedIn) -> Vec<ApiToken> {
    let mut tokens = house.tokens(&who.secret).await;
    tokens.list_api_tokens(ListApiTokensRequest::default()).await.expect("listed").into_inner().api_tokens
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_what_its_scopes_say_until_it_is_revoked() {
    let house = House::new().await;
    let admin = house.administrator().await;
    let request = wanted(&["user:read"]);
    let mut tokens = house.tokens(&admin.secret).await;
    let made = tokens.create_api_token(request.clone()).await.expect("made").into_inner();
    let token = made.api_token.expect("a token");
    assert!(made.secret.starts_with("fxt_") && made.secret.starts_with(&token.prefix));
    let made_at = unix_micros(&token.create_time.expect("a time"));
    assert_eq!(token.expire_time, Some(timestamp(made_at + 90 * 86_400 * 1_000_000)));
    assert_eq!(token.last_used_time, None);

    let again = tokens.create_api_token(request.clone()).await.expect("the same call").into_inner();
    assert_eq!(again.api_token.as_ref(), Some(&token));
    assert_eq!(again.secret, "", "the secret is given once");
    let other = CreateApiTokenRequest { name: "other".into(), ..request };
    assert_eq!(reason(tokens.create_api_token(other).await), ErrorReason::RequestIdReused);

    let mut program = house.auth(&made.secret).await;
    program.get_current_user(GetCurrentUserRequest {}).await.expect("within its scope");
    assert_eq!(reason(program.logout(LogoutRequest {}).await), ErrorReason::PermissionDenied);
    let mut history = HistoryServiceClient::new(house.caller(&made.secret).await);
    assert_eq!(reason(history.list_history(ListHistoryRequest::default()).await), ErrorReason::PermissionDenied);
    let with_token = house.tokens(&made.secret).await.create_api_token(wanted(&["history:read"])).await;
    assert_eq!(reason(with_token), ErrorReason::PermissionDenied, "a token made a token");

    let revoke = RevokeApiTokenRequest { api_token_id: token.api_token_id.clone(), request_id: request_id() };
    let ada = house.member(&admin, "ada").await;
    let foreign = house.tokens(&ada.secret).await.revoke_api_token(revoke.clone()).await;
    assert_eq!(reason(foreign), ErrorReason::NotFound);
    tokens.revoke_api_token(revoke.clone()).await.expect("revoked");
    tokens.revoke_api_token(revoke).await.expect("the same call again");
    assert_eq!(reason(house.resolve(&made.secret).await), ErrorReason::Unauthenticated);
    let late = program.get_current_user(GetCurrentUserRequest {}).await;
    assert_eq!(reason(late), ErrorReason::Unauthenticated);
    assert!(list(&house, &admin).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_by_itself_and_tells_its_last_use() {
    let house = House::new().await;
    let admin = house.administrator().await;
    let hour = 3_600 * 1_000_000;
    let request = CreateApiTokenRequest { expire_time: Some(timestamp(START + hour)), ..wanted(&["user:read"]) };
    let mut tokens = house.tokens(&admin.secret).await;
    let secret = tokens.create_api_token(request).await.expect("made").into_inner().secret;
    house.resolve(&secret).await.expect("good");
    let house = house.restart(&[]).await;
    assert_eq!(list(&house, &admin).await[0].last_used_time, Some(timestamp(house.frame.clock.now_micros())));
    house.frame.clock.advance(Duration::from_secs(3_600));
    assert_eq!(reason(house.resolve(&secret).await), ErrorReason::Unauthenticated);
    assert!(list(&house, &admin).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn wishes_that_are_not_granted() {
    let house = House::new().await;
    let admin = house.administrator().await;
    let mut tokens = house.tokens(&admin.secret).await;
    let year_and_more = timestamp(START + 370 * 86_400 * 1_000_000);
    for bad in [
        wanted(&[]),
        wanted(&["root"]),
        CreateApiTokenRequest { name: String::new(), ..wanted(&["user:read"]) },
        CreateApiTokenRequest { name: "x".repeat(101), ..wanted(&["user:read"]) },
        CreateApiTokenRequest { expire_time: Some(timestamp(START)), ..wanted(&["user:read"]) },
        CreateApiTokenRequest { expire_time: Some(year_and_more), ..wanted(&["user:read"]) },
        CreateApiTokenRequest { request_id: String::new(), ..wanted(&["user:read"]) },
    ] {
        assert_eq!(reason(tokens.create_api_token(bad).await), ErrorReason::InvalidField);
    }
    for _ in 0..100 {
        tokens.create_api_token(wanted(&["user:read"])).await.expect("made");
    }
    let status = tokens.create_api_token(wanted(&["user:read"])).await.expect_err("one too many");
    assert_eq!(reason::<()>(Err(status)), ErrorReason::QuotaExceeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_fill_the_audit_with_what_they_may_do() {
    const AT_ONCE_MAX: usize = 300;
    let house = House::new().await;
    let admin = house.administrator().await;
    let (mut tokens, first) = (house.tokens(&admin.secret).await, wanted(&["user:read"]));
    tokens.create_api_token(first.clone()).await.expect("made");
    let make = async |tokens: &mut ApiTokenServiceClient<With>| {
        let made = tokens.create_api_token(wanted(&["user:read"])).await?.into_inner();
        let api_token_id = made.api_token.expect("a token").api_token_id;
        tokens.revoke_api_token(RevokeApiTokenRequest { api_token_id, request_id: request_id() }).await
    };
    let counts = join_all((0..4).map(async |_| {
        let mut tokens = house.tokens(&admin.secret).await;
        let mut count = 0;
        let refused = loop {
            match make(&mut tokens).await {
                Ok(_) => count += 1,
                Err(status) => break status,
            }
        };
        assert_eq!(reason::<()>(Err(refused)), ErrorReason::RateLimited);
        count
    }));
    assert_eq!(counts.await.into_iter().sum::<usize>() + 1, AT_ONCE_MAX);
    // What was acknowledged is so when it is asked for again.
    tokens.create_api_token(first).await.expect("the same call");
    let ada = house.member(&admin, "ada").await;
    make(&mut house.tokens(&ada.secret).await).await.expect("others make theirs");
    house.frame.clock.advance(Duration::from_secs(10));
    make(&mut tokens).await.expect("in time there is room again");
    assert_eq!(reason(make(&mut tokens).await), ErrorReason::RateLimited, "for one");

    let logins = (0..AT_ONCE_MAX + 9).map(async |_| house.login("ada", PASSWORD).await);
    let refused: Vec<_> = stream::iter(logins).buffered(4).filter_map(async |login| login.err()).collect().await;
    assert_eq!(refused.len(), 9, "those beyond the burst");
    for status in refused {
        assert_eq!(reason::<()>(Err(status)), ErrorReason::RateLimited);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_good_for_what_it_is() {
    let house = House::new().await;
    let admin = house.administrator().await;
    for (credential, audience, expected) in [
        (admin.secret.as_str(), "auth-service", None),
        (&admin.secret, "analysis-service", None),
        (&admin.secret, "gateway", Some(ErrorReason::InvalidField)),
        (&admin.secret, "", Some(ErrorReason::InvalidField)),
        (&admin.secret.replace("fxl_", "fxt_"), "auth-service", Some(ErrorReason::Unauthenticated)),
        ("", "auth-service", Some(ErrorReason::Unauthenticated)),
        (&"x".repeat(60_000), "auth-service", Some(ErrorReason::Unauthenticated)),
        ("fxl_' OR 1=1 --", "auth-service", Some(ErrorReason::Unauthenticated)),
    ] {
        let request = ResolveCredentialRequest { credential: credential.into(), audience: audience.into() };
        let answer = house.callers().resolve_credential(request).await;
        match expected {
            None => assert!(answer.is_ok(), "{audience}"),
            Some(expected) => assert_eq!(reason(answer), expected),
        }
    }
    let request = ResolveCredentialRequest { credential: admin.secret.clone(), audience: "analysis-service".into() };
    let foreign = house.callers().resolve_credential(request).await.expect("resolved").into_inner().caller_token;
    let bearer = fenxi_chassis::client::Bearer::new(&foreign).expect("a credential");
    let mut here =
        fenxi_proto::auth::v1::auth_service_client::AuthServiceClient::with_interceptor(house.channel.clone(), bearer);
    let answer = here.get_current_user(GetCurrentUserRequest {}).await;
    assert_eq!(reason(answer), ErrorReason::Unauthenticated, "a Caller for another service was taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_call_has_the_same_answer_whatever_became_of_the_token() {
    let house = House::new().await;
    let admin = house.administrator().await;
    let mut tokens = house.tokens(&admin.secret).await;
    let second = 1_000_000;
    let short = CreateApiTokenRequest { expire_time: Some(timestamp(START + second)), ..wanted(&["user:read"]) };
    let long = wanted(&["user:read"]);
    let mut made = Vec::new();
    for request in [&short, &long] {
        made.push(tokens.create_api_token(request.clone()).await.expect("made").into_inner().api_token);
    }
    let api_token_id = made[1].clone().expect("a token").api_token_id;
    let revoke = RevokeApiTokenRequest { api_token_id, request_id: request_id() };
    tokens.revoke_api_token(revoke).await.expect("revoked");
    house.frame.clock.advance(Duration::from_secs(2));
    for (request, made) in [short, long].into_iter().zip(made) {
        let again = tokens.create_api_token(request).await.expect("the same call").into_inner();
        assert_eq!((again.api_token, again.secret.as_str()), (made, ""));
    }
}

/// Collects everything that is logged, at every level.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a log").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_a_file_or_a_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone());
    // Each test is a process of its own.
    tracing::subscriber::set_global_default(subscriber.finish()).expect("the first one");
    let house = House::new().await;
    let admin = house.administrator().await;
    let ada = house.member(&admin, "ada").await;
    let made = house.tokens(&ada.secret).await.create_api_token(wanted(&["user:read"])).await.expect("made");
    let token = made.into_inner().secret;
    let caller = house.resolve(&token).await.expect("resolved").caller_token;
    let refused = house.login("ada", "a canary password").await;
    assert!(refused.is_err());
    let house = house.restart(&[]).await;
    house.resolve(&token).await.expect("resolved");
    let mut files = vec![("the log".to_owned(), log.0.lock().expect("a log").clone())];
    for entry in std::fs::read_dir(house.data("")).expect("a folder") {
        let path = entry.expect("an entry").path();
        files.push((path.display().to_string(), std::fs::read(&path).expect("read")));
    }
    assert!(files.len() > 4 && !files[0].1.is_empty(), "nothing was looked at");
    // The first characters of an ApiToken are stored, to tell tokens apart.
    let halves = [admin.secret, ada.secret, token, caller].map(|secret| secret[secret.len() / 2..].to_owned());
    let passwords = [crate::house::PASSWORD, "a canary password"].map(str::to_owned);
    for secret in halves.iter().chain(&passwords) {
        let canary = secret.as_bytes();
        for (name, bytes) in &files {
            assert!(
                !bytes.windows(canary.len()).any(|window| window == canary),
                "a secret is in {name}: {}",
                around(bytes, canary)
            );
        }
    }
}

/// What stands before a secret that was found.
fn around(bytes: &[u8], canary: &[u8]) -> String {
    let at = bytes.windows(canary.len()).position(|window| window == canary).unwrap_or(0);
    String::from_utf8_lossy(&bytes[at.saturating_sub(300)..at]).into_owned()
}
