//! What the owner of the machine does with the program, beside the service that runs.

use std::process::Output;

use fenxi_proto::error::ErrorReason;
use tokio::process::Command;

use crate::house::{House, PASSWORD, reason};

/// Runs a command of the program on a house's folder.
async fn run(house: &House, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auth-service"));
    command.args(args).env("FENXI_AUTH_DATA_DIR", house.data("")).kill_on_drop(true);
    command.output().await.expect("it ran")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_administrator_who_forgot_the_password_comes_in_again() {
    let house = House::new().await;
    let administrator = house.administrator().await;
    let output = run(&house, &["reset-password", "ADMIN"]).await;
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let password = said.trim().rsplit(": ").next().expect("a password");
    assert_eq!(reason(house.login("admin", PASSWORD).await), ErrorReason::LoginFailed);
    let again = house.login("admin", password).await.expect("signed in");
    assert_eq!(again.user.user_id, administrator.user.user_id);
    let left: i64 = house.value("SELECT count(*) FROM login_session").await;
    assert_eq!(left, 1, "what was signed in with the former password is there still");

    let audit = String::from_utf8(run(&house, &["print-audit"]).await.stdout).expect("text");
    let lines: Vec<serde_json::Value> =
        audit.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect();
    let of = |event: &str| lines.iter().find(|line| line["event"] == event).expect(event);
    assert_eq!(lines.first(), Some(of("administrator_set_up")), "the oldest comes first");
    assert_eq!(of("user_changed")["detail"], "password, by the owner of the machine");
    assert_eq!(of("user_changed")["user_id"], administrator.user.user_id.as_str());
    assert!(!audit.contains(password) && lines[0]["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_said_in_one_line() {
    let house = House::new().await;
    house.administrator().await;
    for (args, says) in [
        (&["reset-password", "nobody"][..], "there is no local account with the user name \"nobody\""),
        (&["print-audit", "--data-dir", "/nonexistent"], "the database /nonexistent/auth.db cannot be opened"),
    ] {
        let output = run(&house, args).await;
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.starts_with("error: ") && text.contains(says), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}
