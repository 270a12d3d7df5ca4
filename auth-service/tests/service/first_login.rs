//! When people signed in first, and last.

use std::time::Duration;

use fenxi_proto::auth::v1::{GetUserRequest, User, UserRole};
use sqlx::Connection as _;

use crate::house::{House, PASSWORD, START, SignedIn};

/// First and last login, in milliseconds since the clocks began.
fn logins(user: &User) -> [Option<i64>; 2] {
    [user.first_login_time, user.last_login_time]
        .map(|time| time.map(|time| time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000 - START / 1_000))
}

async fn seen(house: &House, admin: &SignedIn, user_id: &str) -> [Option<i64>; 2] {
    let request = GetUserRequest { user_id: user_id.into() };
    let answer = house.users(&admin.secret).await.get_user(request).await.expect("told");
    logins(&answer.into_inner().user.expect("a user"))
}

/// Signs in somebody a second later; gives the moment.
async fn later(house: &House, username: &str) -> i64 {
    house.frame.clock.advance(Duration::from_secs(1));
    let user = house.login(username, PASSWORD).await.expect("signed in").user;
    logins(&user)[1].expect("now")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_login_is_kept_and_is_not_the_making_of_the_account() {
    let house = House::new().await;
    let admin = house.administrator().await;
    assert_eq!(logins(&admin.user), [Some(0), Some(0)], "who sets it up is signed in");
    let ada = house.user(&admin, "ada", UserRole::Member).await;
    assert_eq!(logins(&ada), [None, None]);
    let first = later(&house, "ada").await;
    assert_eq!(seen(&house, &admin, &ada.user_id).await, [Some(first), Some(first)]);
    let last = later(&house, "ada").await;
    assert_eq!(seen(&house, &admin, &ada.user_id).await, [Some(first), Some(last)]);
}

/// A database as it was before first logins were kept, without the audit's lines up to this one.
async fn before_the_step(house: &House, last_line_gone: i64) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(house.data("auth.db"));
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("the database");
    for sql in
        ["ALTER TABLE user_account DROP COLUMN first_login_time", "DELETE FROM _sqlx_migrations WHERE version = 5"]
    {
        sqlx::query(sql).execute(&mut connection).await.expect("undone");
    }
    let forget = sqlx::query("DELETE FROM audit_event WHERE line_number <= $1").bind(last_line_gone);
    forget.execute(&mut connection).await.expect("gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_former_logins_the_audit_knows_the_first_or_nobody_does() {
    let house = House::new().await;
    let admin = house.administrator().await;
    let old = house.user(&admin, "old", UserRole::Member).await;
    let forgotten = house.value::<i64>("SELECT MAX(line_number) FROM audit_event").await;
    later(&house, "old").await;
    let young = house.user(&admin, "young", UserRole::Member).await;
    let absent = house.user(&admin, "absent", UserRole::Member).await;
    let (first, last) = (later(&house, "young").await, later(&house, "young").await);

    before_the_step(&house, forgotten).await;
    let house = house.restart(&[]).await;
    assert_eq!(seen(&house, &admin, &young.user_id).await, [Some(first), Some(last)]);
    let again = later(&house, "old").await;
    assert_eq!(seen(&house, &admin, &old.user_id).await, [None, Some(again)], "a later one is not the first");
    let at_last = later(&house, "absent").await;
    assert_eq!(seen(&house, &admin, &absent.user_id).await, [Some(at_last), Some(at_last)]);
}
