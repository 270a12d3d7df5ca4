//! Networks of kernels: what each user's kernels may reach, and the proxy that is their only way there.
//!
//! A kernel has a network namespace of its own, in which nothing is. One granted a network finds a proxy on the loopback
//! of it: its listening socket was made inside, and is served from here, outside. So what is not allowed here cannot be
//! reached at all. Grants are administrators'; every change holds at once for whatever is open. This room knows no kernel
//! beyond its id.

mod allow_list;
mod entry;
mod in_force;
mod proxy;
mod range;
mod store;

use std::{
    collections::HashMap,
    io,
    net::TcpListener,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use fenxi_chassis::{
    clock::{Clock, micros},
    id::Ids,
    lifecycle::Lifecycle,
    sqlite::{Database, WriteError},
};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use uuid::Uuid;

use self::{
    entry::Entry,
    in_force::InForceNow,
    proxy::{Shared, Whose},
    store::{Done, InForce, Once, Store},
};
pub use self::{
    proxy::Proxy,
    store::{STEPS, StoreError},
};

/// Entries of a grant.
const ENTRIES_MAX: usize = 100;
/// Grants of a user that are in force.
const GRANTS_PER_USER_MAX: usize = 20;
/// Characters of a note.
const NOTE_MAX_CHARS: usize = 200;
/// How often it is looked whether a grant has ended.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);
/// How often what is kept no longer is removed.
const TIDY_INTERVAL: Duration = Duration::from_secs(3600);
/// How long grants that ended and requests are kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// What a user's kernels may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Which.
    pub grant_id: Uuid,
    /// Whose kernels.
    pub user_id: Uuid,
    entries: Vec<Entry>,
    /// For people.
    pub note: String,
    /// Unix microseconds.
    pub create_time: i64,
    /// When it ends; unix microseconds.
    pub expire_time: Option<i64>,
    /// Who made it.
    pub creator_user_id: Uuid,
}

/// A grant to be made.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// Whose kernels.
    pub user_id: Uuid,
    /// As people write them.
    pub entries: Vec<String>,
    /// For people.
    pub note: String,
    /// When it ends; unix microseconds.
    pub expire_time: Option<i64>,
    /// Makes a repeated call the same call.
    pub request_id: Uuid,
}

/// Why something is refused.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// A field is wrong; `what` completes the sentence.
    #[error("{field} {what}")]
    Invalid {
        /// Its name.
        field: &'static str,
        /// What is wrong.
        what: String,
    },
    /// Kernels could not be kept to what is granted.
    #[error("no kernel can be given a network on this machine, which lacks {missing}")]
    Unavailable {
        /// The layer, and why it is not there.
        missing: String,
    },
    /// The user has as many as one may.
    #[error("the user has {GRANTS_PER_USER_MAX} grants, which is the limit; delete one first")]
    Full,
    /// There is no such grant.
    #[error("no such grant")]
    NotFound,
    /// The `request_id` was used for another call.
    #[error("the request_id was used before with other content; make a new one")]
    RequestIdReused,
    /// The database failed.
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
}

/// All grants, and what is open by them. Clones are the same.
#[derive(Clone)]
pub struct Networks(Arc<Inner>);

/// What kernels lack at the moment for being kept to what is granted.
type Obstacle = Box<dyn Fn() -> Option<String> + Send + Sync>;

struct Inner {
    store: Store,
    clock: Clock,
    ids: Ids,
    /// Of users who have grants or had some.
    users: Mutex<HashMap<Uuid, watch::Sender<InForceNow>>>,
    obstacle: OnceLock<Obstacle>,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Networks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Networks(..)")
    }
}

impl Grant {
    /// Its entries in their plain form.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.entries.iter().map(Entry::to_string).collect()
    }
}

impl Networks {
    /// Reads what was granted.
    ///
    /// # Errors
    /// The database failed.
    pub async fn open(database: Database, clock: Clock) -> Result<Self, StoreError> {
        let store = Store::new(database);
        let users = store.users(clock.now_micros()).await?;
        let ids = Ids::new(clock.clone());
        let (users_now, obstacle, shared) = (Mutex::default(), OnceLock::new(), Arc::default());
        let networks = Self(Arc::new(Inner { store, clock, ids, users: users_now, obstacle, shared }));
        for user_id in users {
            networks.refresh(user_id).await?;
        }
        Ok(networks)
    }

    /// From here on grants are refused for as long as kernels lack something.
    pub fn refuse_for(&self, obstacle: impl Fn() -> Option<String> + Send + Sync + 'static) {
        let _ = self.0.obstacle.set(Box::new(obstacle));
    }

    /// Grants a user's kernels something. The same request again gives the same grant.
    ///
    /// # Errors
    /// A wrong field, [`NetworkError::Unavailable`], [`NetworkError::Full`], [`NetworkError::RequestIdReused`], the
    /// database; [`NetworkError::NotFound`] where the grant of a repeated request is gone.
    pub async fn create(&self, creator_user_id: Uuid, new: NewGrant) -> Result<Grant, NetworkError> {
        let networks = self.clone();
        to_its_end(async move { networks.created(creator_user_id, new).await }).await
    }

    async fn created(&self, creator_user_id: Uuid, new: NewGrant) -> Result<Grant, NetworkError> {
        let user_id = new.user_id;
        let fingerprint = fingerprint("create", &format!("{:?}", (user_id, &new.entries, &new.note, new.expire_time)));
        let once = Once { user_id: creator_user_id, request_id: new.request_id, fingerprint };
        // What was granted stays so, whatever would be said of it today.
        let mut done = self.0.store.earlier(&once).await?;
        if done.is_none() {
            if let Some(missing) = self.0.obstacle.get().and_then(|obstacle| obstacle()) {
                return Err(NetworkError::Unavailable { missing });
            }
            let grant = self.checked(creator_user_id, new)?;
            match self.0.store.create(grant.clone(), once, GRANTS_PER_USER_MAX).await? {
                Done::Now(in_force) => {
                    self.publish(user_id, in_force);
                    let Grant { grant_id, expire_time, .. } = &grant;
                    tracing::info!(%grant_id, %user_id, %creator_user_id, entries = ?grant.texts(), expire_time, "a network was granted");
                    metrics::counter!("network_grants_total", "change" => "granted").increment(1);
                    return Ok(grant);
                }
                other => done = Some(other),
            }
        }
        match done {
            Some(Done::Before(grant)) => {
                // That call may have been told of a failure after all was written.
                self.refresh(user_id).await?;
                grant.ok_or(NetworkError::NotFound)
            }
            Some(Done::Reused) => Err(NetworkError::RequestIdReused),
            Some(Done::Full) => Err(NetworkError::Full),
            Some(Done::Now(_) | Done::NotFound) | None => Err(NetworkError::NotFound),
        }
    }

    /// Takes a grant back.
    ///
    /// # Errors
    /// [`NetworkError::NotFound`], [`NetworkError::RequestIdReused`], the database.
    pub async fn delete(&self, asker: Uuid, grant_id: Uuid, request_id: Option<Uuid>) -> Result<(), NetworkError> {
        let networks = self.clone();
        to_its_end(async move { networks.deleted(asker, grant_id, request_id).await }).await
    }

    async fn deleted(&self, asker: Uuid, grant_id: Uuid, request_id: Option<Uuid>) -> Result<(), NetworkError> {
        let fingerprint = fingerprint("delete", &grant_id.to_string());
        let once = request_id.map(|request_id| Once { user_id: asker, request_id, fingerprint });
        let (done, grant) = self.0.store.delete(grant_id, once, self.0.clock.now_micros()).await?;
        match (done, grant) {
            (Done::Now(in_force), Some(grant)) => {
                self.publish(grant.user_id, in_force);
                let Grant { user_id, .. } = &grant;
                tracing::info!(%grant_id, %user_id, by = %asker, entries = ?grant.texts(), "a granted network was taken back");
                metrics::counter!("network_grants_total", "change" => "taken back").increment(1);
                Ok(())
            }
            (Done::Reused, _) => Err(NetworkError::RequestIdReused),
            (done, _) => {
                // It is gone, and nobody may go on by it.
                let holder =
                    self.users().iter().find(|(_, now)| now.borrow().has(grant_id)).map(|(user_id, _)| *user_id);
                if let Some(user_id) = holder {
                    self.refresh(user_id).await?;
                }
                if matches!(done, Done::Before(_)) { Ok(()) } else { Err(NetworkError::NotFound) }
            }
        }
    }

    /// Grants, newest first, those older than `before` only, at most `count`; of one user or of all.
    ///
    /// # Errors
    /// The database failed.
    pub async fn list(
        &self,
        user_id: Option<Uuid>,
        before: Option<Uuid>,
        count: u32,
    ) -> Result<Vec<Grant>, NetworkError> {
        Ok(self.0.store.list(user_id, before, count).await?)
    }

    /// Whether this user's kernels are to have a network.
    #[must_use]
    pub fn granted(&self, user_id: Uuid) -> bool {
        let users = self.users();
        users.get(&user_id).is_some_and(|in_force| !in_force.borrow().list.is_empty())
    }

    /// What this user's kernels may reach at the moment.
    #[must_use]
    pub fn entries(&self, user_id: Uuid) -> Vec<String> {
        let users = self.users();
        let entries = users.get(&user_id).map(|in_force| Arc::clone(&in_force.borrow().list));
        entries.map(|list| list.entries().iter().map(Entry::to_string).collect()).unwrap_or_default()
    }

    /// Serves the way out of a kernel of this user, until that is dropped. To be called on the runtime.
    ///
    /// # Errors
    /// The listener cannot be used.
    pub fn serve(&self, user_id: Uuid, kernel_id: Uuid, listener: TcpListener) -> io::Result<Proxy> {
        let rules = self.users().entry(user_id).or_default().subscribe();
        Proxy::start(listener, rules, Whose { user_id, kernel_id }, Arc::clone(&self.0.shared))
    }

    /// Ends grants when their time has come, and forgets the old. Runs until the process stops.
    pub async fn keep(self, lifecycle: Lifecycle) {
        let mut tidy_at = tokio::time::Instant::now();
        loop {
            tokio::select! {
                () = lifecycle.stopping() => return,
                () = tokio::time::sleep(EXPIRY_INTERVAL) => {}
            }
            self.end_expired();
            if tokio::time::Instant::now() < tidy_at {
                continue;
            }
            tidy_at += TIDY_INTERVAL;
            if let Err(error) = self.0.store.forget(self.0.clock.now_micros() - micros(KEPT)).await {
                tracing::error!(%error, "old grants of networks could not be removed");
            }
        }
    }

    /// Takes back what has ended by itself.
    pub(crate) fn end_expired(&self) {
        let now = self.0.clock.now_micros();
        let mut ended = Vec::new();
        for in_force in self.users().values() {
            in_force.send_if_modified(|in_force| {
                let before = ended.len();
                ended.extend(in_force.end(now));
                ended.len() > before
            });
        }
        for grant in ended {
            let Grant { grant_id, user_id, .. } = &grant;
            tracing::info!(%grant_id, %user_id, entries = ?grant.texts(), "a granted network has ended");
            metrics::counter!("network_grants_total", "change" => "ended").increment(1);
        }
    }

    async fn refresh(&self, user_id: Uuid) -> Result<(), StoreError> {
        let in_force = self.0.store.of_user(user_id, self.0.clock.now_micros()).await?;
        self.publish(user_id, in_force);
        Ok(())
    }

    fn publish(&self, user_id: Uuid, InForce { sequence, grants }: InForce) {
        let newer = InForceNow::new(sequence, grants);
        self.users().entry(user_id).or_default().send_if_modified(|now| {
            // Two changes may come here the other way round.
            let follows = now.is_before(&newer);
            if follows {
                *now = newer;
            }
            follows
        });
    }

    fn checked(&self, creator_user_id: Uuid, new: NewGrant) -> Result<Grant, NetworkError> {
        let invalid = |field, what: String| NetworkError::Invalid { field, what };
        if new.user_id.is_nil() {
            return Err(invalid("user_id", "is nobody's".into()));
        }
        if new.entries.is_empty() || new.entries.len() > ENTRIES_MAX {
            return Err(invalid("entries", format!("has {}; give 1 to {ENTRIES_MAX}", new.entries.len())));
        }
        let parse = |text: &String| {
            let shown: String = text.chars().take(100).collect();
            Entry::parse(text.trim()).map_err(|why| invalid("entries", format!("has {shown:?}, which {why}")))
        };
        let mut entries = new.entries.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        entries.sort_unstable();
        entries.dedup();
        if new.note.chars().count() > NOTE_MAX_CHARS || new.note.chars().any(char::is_control) {
            let what = format!("is longer than {NOTE_MAX_CHARS} characters or has control characters");
            return Err(invalid("note", what));
        }
        let now = self.0.clock.now_micros();
        if new.expire_time.is_some_and(|expire_time| expire_time <= now) {
            return Err(invalid("expire_time", "has passed".into()));
        }
        Ok(Grant {
            grant_id: self.0.ids.next(),
            user_id: new.user_id,
            entries,
            note: new.note,
            create_time: now,
            expire_time: new.expire_time,
            creator_user_id,
        })
    }

    fn users(&self) -> MutexGuard<'_, HashMap<Uuid, watch::Sender<InForceNow>>> {
        self.0.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a change to its end even if whoever asked for it goes: what is written down has to hold for what is open, too.
async fn to_its_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, NetworkError>> + Send + 'static,
) -> Result<T, NetworkError> {
    tokio::spawn(change).await.map_err(|_| StoreError::Write(WriteError::Closed))?
}

fn fingerprint(what: &str, content: &str) -> Vec<u8> {
    Sha256::new().chain_update(what).chain_update([0]).chain_update(content).finalize().to_vec()
}

#[cfg(test)]
#[path = "network/grants_tests.rs"]
mod tests;
