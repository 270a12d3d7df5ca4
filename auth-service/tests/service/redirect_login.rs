//! What can be said of logins by way of an identity provider that nobody has to answer for.

use fenxi_proto::{
    METADATA_LOGIN_ATTEMPT,
    auth::v1::{BeginLoginRequest, CompleteLoginRequest},
    error::ErrorReason,
};

use crate::house::{House, from, reason};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_fill_the_audit() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "a-secret-of-the-app").expect("written");
    let secret = secret.display().to_string();
    let house =
        House::with(&["--feishu-app-id", "cli_x", "--feishu-app-secret-file", &secret, "--feishu-tenants", "*"]).await;
    let begin = BeginLoginRequest { login_method_id: "feishu".into(), return_to: String::new() };
    let begun = house.door().begin_login(from(begin, "203.0.113.9")).await.expect("begun");
    let attempt = begun.metadata().get(METADATA_LOGIN_ATTEMPT).expect("a secret").clone();
    let guess = async |address: &str| {
        let message = CompleteLoginRequest {
            login_method_id: "feishu".into(),
            code: "x".into(),
            state: "wrong".into(),
            error: String::new(),
        };
        let mut request = from(message, address);
        request.metadata_mut().insert(METADATA_LOGIN_ATTEMPT, attempt.clone());
        assert_eq!(reason(house.door().complete_login(request).await), ErrorReason::LoginAttemptInvalid);
    };
    let lines = || house.value::<i64>("SELECT COUNT(*) FROM audit_event WHERE event = 'login_attempt_mismatch'");
    for _ in 0..150 {
        guess("203.0.113.9").await;
    }
    assert_eq!(lines().await, 100, "as many as one network may write");
    guess("203.0.113.10").await;
    assert_eq!(lines().await, 101, "other networks write theirs");
    house.frame.clock.advance(std::time::Duration::from_secs(5));
    guess("203.0.113.9").await;
    assert_eq!(lines().await, 102, "in time there is room again");
}
