//! What is revoked is told, whatever becomes of whoever asked.

use std::{future::Future, time::Duration};

use fenxi_chassis::{clock::Clock, id::Ids, sqlite::Database};
use tokio::sync::broadcast::Receiver;
use uuid::Uuid;

use super::*;
use crate::{
    admission::Admission,
    config::PasswordConfig,
    provider::local::Passwords,
    request_ids::Once,
    session::{Lifetimes, LoginSessions},
    store::StoreError,
    token::{self, ApiTokens},
    user::Users,
};

const START: i64 = 1_795_000_000_000_000;
const ADMINISTRATOR: Uuid = Uuid::from_u128(1);
const MEMBER: Uuid = Uuid::from_u128(2);
/// Of each kind of credential.
const FIRST: Uuid = Uuid::from_u128(17);
const SECOND: Uuid = Uuid::from_u128(18);
const THIRD: Uuid = Uuid::from_u128(19);

/// Two users with credentials of theirs.
struct Room {
    database: Database,
    clock: Clock,
    revocations: Revocations,
    _folder: tempfile::TempDir,
}

impl Room {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Database::open(&folder.path().join("auth.db"), crate::store::STEPS).await.expect("opened");
        let room = Self { database, clock: Clock::manual(START), revocations: Revocations::new(), _folder: folder };
        for (user_id, role) in [(ADMINISTRATOR, 2), (MEMBER, 1)] {
            room.run(
                "INSERT INTO user_account (user_id, identity_provider, display_name, english_name, avatar_url, email, \
                 names, role, create_time) VALUES ($1, 'local', '', '', '', '', '', $2, 0)",
                user_id,
                role,
            )
            .await;
        }
        for id in [FIRST, SECOND, THIRD] {
            room.run(
                "INSERT INTO login_session (login_session_id, secret_hash, user_id, login_method_id, user_agent, \
                 ip_address, create_time, last_used_time, expire_time) \
                 SELECT $1, $1, user_id, 'local', '', '', 0, 0, 0 FROM user_account WHERE role = $2",
                id,
                1,
            )
            .await;
        }
        room.run(
            "INSERT INTO api_token (api_token_id, secret_hash, user_id, name, scopes, shown_prefix, create_time, \
             expire_time) SELECT $1, $1, user_id, '', '', '', 0, 0 FROM user_account WHERE role = $2",
            FIRST,
            1,
        )
        .await;
        room
    }

    async fn run(&self, sql: &'static str, id: Uuid, role: i64) {
        let done: Result<_, StoreError> = self
            .database
            .writer
            .write(move |t| Box::pin(async move { Ok(sqlx::query(sql).bind(id).bind(role).execute(t).await?) }))
            .await;
        done.expect("inserted");
    }

    fn login_sessions(&self) -> LoginSessions {
        let lifetimes = Lifetimes { idle_max: Duration::from_secs(60), age_max: Duration::from_secs(60) };
        let (database, clock, revocations) = (self.database.clone(), self.clock.clone(), self.revocations.clone());
        LoginSessions { database, clock, lifetimes, revocations }
    }

    fn api_tokens(&self) -> ApiTokens {
        let (database, clock, revocations) = (self.database.clone(), self.clock.clone(), self.revocations.clone());
        ApiTokens { database, ids: Ids::new(clock.clone()), clock, revocations, made: token::made_by_user() }
    }

    fn users(&self) -> Users {
        let config = PasswordConfig { password_memory_kib: 8_192, password_passes: 1, password_parallel: 1 };
        let passwords = Passwords::new(&config).expect("a pool");
        let (database, clock, revocations) = (self.database.clone(), self.clock.clone(), self.revocations.clone());
        Users { database, ids: Ids::new(clock.clone()), clock, passwords, admission: Admission::default(), revocations }
    }
}

fn once(user_id: Uuid) -> Once {
    Once { user_id, request_id: None, digest: [0; 32] }
}

/// Begins the call and goes away.
fn abandon<T>(call: impl Future<Output = T>) {
    let mut call = Box::pin(call);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(call.as_mut().poll(&mut context).is_pending(), "it was done at once");
}

async fn heard(feed: &mut Receiver<Revocation>) -> Revocation {
    let told = tokio::time::timeout(Duration::from_secs(60), feed.recv()).await;
    told.expect("nobody was told").expect("the feed goes on")
}

#[tokio::test]
async fn a_revocation_is_told_where_nobody_waits_for_its_answer() {
    let room = Room::new().await;
    let mut feed = room.revocations.watch();
    abandon(room.login_sessions().log_out(MEMBER, FIRST));
    assert_eq!(heard(&mut feed).await, Revocation::Credential(FIRST));
    abandon(room.login_sessions().revoke(SECOND, once(MEMBER)));
    assert_eq!(heard(&mut feed).await, Revocation::Credential(SECOND));
    abandon(room.api_tokens().revoke(FIRST, once(MEMBER)));
    assert_eq!(heard(&mut feed).await, Revocation::Credential(FIRST));
    abandon(room.users().set_disabled(MEMBER, true, once(ADMINISTRATOR)));
    assert_eq!(heard(&mut feed).await, Revocation::Credential(THIRD));
    assert_eq!(heard(&mut feed).await, Revocation::User(MEMBER));
}

#[tokio::test]
async fn what_was_not_written_is_not_told() {
    let room = Room::new().await;
    let mut feed = room.revocations.watch();
    assert!(room.login_sessions().revoke(FIRST, once(ADMINISTRATOR)).await.is_err(), "somebody else's");
    assert!(room.users().set_disabled(ADMINISTRATOR, true, once(ADMINISTRATOR)).await.is_err(), "the last one");
    assert!(feed.try_recv().is_err());
}
