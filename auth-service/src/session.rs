//! LoginSessions: proofs of login, listed and revoked per device. Making one is part of signing in (`login`).

pub(crate) mod store;

use std::time::Duration;

use fenxi_chassis::{
    clock::{Clock, micros},
    sqlite::{Database, Transaction, WriteError},
};
use uuid::Uuid;

use self::store::InForce;
use crate::{
    audit::{self, Entry, Event},
    credential::Revocations,
    origin::Origin,
    request_ids::{self, Once, OnceError},
    secret::{NoRandomness, Secret, SecretKind},
    store::StoreError,
};

/// LoginSessions that a user may hold; a new one ends the oldest beyond.
const LOGIN_SESSIONS_PER_USER_MAX: i64 = 500;

/// Networks that a user is known to sign in from; a new one makes the one not used for longest forgotten.
const KNOWN_NETWORKS_PER_USER_MAX: i64 = 50;
/// How long after the last login there a network is known.
pub(crate) const NETWORK_KNOWN_FOR: Duration = Duration::from_secs(180 * 86_400);

/// A browser's or a tool's proof of login, without its secret.
#[derive(Clone, Debug)]
pub(crate) struct LoginSession {
    /// UUIDv7.
    pub(crate) login_session_id: Uuid,
    /// Cleaned and cut.
    pub(crate) user_agent: String,
    /// May be empty.
    pub(crate) ip_address: String,
    /// How its user signed in.
    pub(crate) login_method_id: String,
    /// Unix microseconds.
    pub(crate) create_time: i64,
    /// Unix microseconds, to the minute.
    pub(crate) last_used_time: i64,
    /// Unix microseconds.
    pub(crate) expire_time: i64,
}

/// How LoginSessions end by themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetimes {
    /// Unused for this long.
    pub(crate) idle_max: Duration,
    /// This old.
    pub(crate) age_max: Duration,
}

impl Lifetimes {
    /// Which are in force at this time.
    pub(crate) fn in_force(&self, now: i64) -> InForce {
        InForce { now, used_after: now.saturating_sub(micros(self.idle_max)) }
    }

    /// When one ends that is not used any more.
    fn end(&self, session: &LoginSession) -> i64 {
        session.expire_time.min(session.last_used_time.saturating_add(micros(self.idle_max)))
    }
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// It does not exist, or is somebody else's.
    #[error("no such LoginSession")]
    NotFound,
    /// See there.
    #[error(transparent)]
    Once(#[from] OnceError),
    /// See there.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<WriteError> for SessionError {
    fn from(error: WriteError) -> Self {
        Self::Store(error.into())
    }
}

/// A LoginSession that does not exist yet: everything that can fail is done before the transaction.
#[derive(Debug)]
pub(crate) struct Prepared {
    session: LoginSession,
    network: Option<String>,
    secret: Secret,
}

/// What a client is given.
#[derive(Debug)]
pub(crate) struct Issued {
    /// To be sent with every call.
    pub(crate) secret: Secret,
    /// How long it is good for at most.
    pub(crate) max_age: Duration,
}

impl Prepared {
    /// For somebody who signs in at `now` from `origin`.
    pub(crate) fn new(
        login_session_id: Uuid,
        login_method_id: &str,
        origin: &Origin,
        lifetimes: Lifetimes,
        now: i64,
    ) -> Result<Self, NoRandomness> {
        let session = LoginSession {
            login_session_id,
            user_agent: origin.user_agent.clone(),
            ip_address: origin.ip_address(),
            login_method_id: login_method_id.to_owned(),
            create_time: now,
            last_used_time: now,
            expire_time: now.saturating_add(micros(lifetimes.age_max)),
        };
        Ok(Self { session, network: origin.network_name(), secret: Secret::generate(SecretKind::LoginSession)? })
    }

    /// Its id.
    pub(crate) fn id(&self) -> Uuid {
        self.session.login_session_id
    }

    /// Makes it within a transaction, and its user known where they signed in; gives it with the ids of LoginSessions that
    /// had to make room.
    pub(crate) async fn insert(
        self,
        transaction: &mut Transaction,
        user_id: Uuid,
    ) -> Result<(Issued, Vec<Uuid>), StoreError> {
        let hash = self.secret.hash();
        let ended = store::insert(&mut *transaction, user_id, hash, &self.session, LOGIN_SESSIONS_PER_USER_MAX).await?;
        if let Some(network) = &self.network {
            let now = self.session.create_time;
            store::note_network(transaction, user_id, network, now, KNOWN_NETWORKS_PER_USER_MAX).await?;
        }
        let life = self.session.expire_time.saturating_sub(self.session.create_time);
        let max_age = Duration::from_micros(u64::try_from(life).unwrap_or(0));
        Ok((Issued { secret: self.secret, max_age }, ended))
    }
}

/// The LoginSessions. Clones share everything.
#[derive(Clone)]
pub(crate) struct LoginSessions {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) revocations: Revocations,
}

impl LoginSessions {
    /// At most `rows_max` of a user, newest first, from below `before`; they expire then if they are not used before.
    pub(crate) async fn page(
        &self,
        user_id: Uuid,
        before: Option<Uuid>,
        rows_max: u32,
    ) -> Result<Vec<LoginSession>, SessionError> {
        let in_force = self.lifetimes.in_force(self.clock.now_micros());
        let mut sessions = store::page(&self.database.reader, user_id, before, in_force, rows_max.into()).await?;
        for session in &mut sessions {
            session.expire_time = self.lifetimes.end(session);
        }
        Ok(sessions)
    }

    /// Ends one of a user's from another device, once.
    pub(crate) async fn revoke(&self, login_session_id: Uuid, once: Once) -> Result<(), SessionError> {
        self.end(login_session_id, once, Event::LoginSessionRevoked).await
    }

    /// Ends the one that the call came with.
    pub(crate) async fn log_out(&self, user_id: Uuid, login_session_id: Uuid) -> Result<(), SessionError> {
        let once = Once { user_id, request_id: None, digest: [0; 32] };
        match self.end(login_session_id, once, Event::LoggedOut).await {
            // Two tabs that sign out at once are both signed out.
            Err(SessionError::NotFound) => Ok(()),
            ended => ended,
        }
    }

    async fn end(&self, login_session_id: Uuid, once: Once, event: Event) -> Result<(), SessionError> {
        let now = self.clock.now_micros();
        self.revocations
            .write_and_tell(
                &self.database.writer,
                move |transaction| {
                    Box::pin(async move {
                        if request_ids::store::answered(transaction, &once).await?.is_some() {
                            return Ok(());
                        }
                        if !store::remove(transaction, once.user_id, login_session_id).await? {
                            return Err(SessionError::NotFound);
                        }
                        let entry = Entry::new(event, "").by(once.user_id).of(login_session_id);
                        audit::store::append(transaction, now, &entry).await?;
                        Ok(request_ids::store::keep(transaction, &once, &[], now).await?)
                    })
                },
                move |revocations, ()| revocations.credentials_ended(&[login_session_id]),
            )
            .await
    }
}
