//! All kernels, by id: whose they are, how many there may be, and which requests were taken before. The one way to a
//! kernel for everybody outside of this room. A foreign kernel is as unknown as one that does not exist.

mod change;
mod create;
mod ending;
mod files;
mod kept;
mod place;
mod together;
mod turns;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic::Ordering},
    time::Duration,
};

use fenxi_chassis::{clock::Clock, id::Ids, lifecycle::Lifecycle};
use fenxi_proto::analysis::v1::{Death, DeathCause, KernelState};
use tokio::sync::Semaphore;
use uuid::Uuid;

pub use self::create::{NewDataset, NewKernel};
pub use self::place::Place;
use self::turns::Turns;
pub use super::driver::Adopted;
use super::{
    driver::{Driver, KernelHandle, Parts, Pool, Walks, Work},
    files::Files,
    launch::Support,
    model::{Kernel, KernelError, Settings, TableSource},
    specs::{KindBrief, Launchers},
    starts::StartQueue,
    state::death,
    store::{Stood, Store, StoreError},
};

/// How often what is kept no longer is removed.
const TEND_INTERVAL: Duration = Duration::from_secs(60);
/// Reads of /proc at a time.
const METERS_MAX: usize = 2;

/// What an earlier service left.
#[derive(Debug, Default)]
pub struct Inherited {
    /// The kernels that live on.
    pub kernels: HashMap<Uuid, Adopted>,
    /// What was accepted for them, and for those that were being started, in order.
    pub works: HashMap<Uuid, Vec<Work>>,
}

/// The kernels that are kept ready, with room for as many as may live beside those that do.
fn pool(parts: &Parts, ids: Ids, inner: Weak<Inner>) -> Pool {
    let total_max = parts.settings.total_max as usize;
    let room = move || {
        let live = inner.upgrade().map_or(0, |inner| Registry(inner).live());
        total_max.saturating_sub(live)
    };
    Pool::start(Arc::clone(&parts.launcher), parts.starts.clone(), parts.settings, ids, Box::new(room))
}

/// All kernels. Clones are the same.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    parts: Arc<Parts>,
    pool: Pool,
    ids: Ids,
    files: Files,
    entries: Mutex<HashMap<Uuid, Entry>>,
    /// Requests with an id.
    turns: Turns,
}

struct Entry {
    owner_user_id: Uuid,
    /// Counted as alive whatever its state: it is being made, or made alive again.
    coming: bool,
    /// What is known before its task runs.
    kernel: Arc<Kernel>,
    handle: Option<KernelHandle>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Registry(..)")
    }
}

impl Entry {
    fn snapshot(&self) -> Arc<Kernel> {
        self.handle.as_ref().map_or_else(|| Arc::clone(&self.kernel), KernelHandle::snapshot)
    }

    fn is_alive(&self) -> bool {
        self.coming || self.snapshot().state != KernelState::Dead
    }
}

impl Registry {
    /// Takes up the kernels of a former service and tends to all until the process stops. `inherited` are those that live
    /// on, and what was accepted for them; those that were being started are started again, the others are dead now.
    ///
    /// # Errors
    /// The database failed.
    pub async fn open(
        launchers: impl Into<Launchers>,
        source: TableSource,
        store: Store,
        settings: Settings,
        clock: Clock,
        lifecycle: &Lifecycle,
        inherited: Inherited,
    ) -> Result<Self, StoreError> {
        let Launchers { own: launcher, kinds } = launchers.into();
        let parts = Arc::new(Parts {
            launcher,
            kinds,
            source,
            store,
            starts: StartQueue::new(settings.starts_max as usize),
            meters: Arc::new(Semaphore::new(METERS_MAX)),
            walks: Walks::default(),
            settings,
            stopping: Arc::default(),
            clock: clock.clone(),
        });
        let registry = Self(Arc::new_cyclic(|inner| {
            let ids = Ids::new(clock.clone());
            Inner {
                pool: pool(&parts, ids.clone(), inner.clone()),
                ids,
                files: Files::default(),
                parts: Arc::clone(&parts),
                entries: Mutex::default(),
                turns: Turns::default(),
            }
        }));
        registry.take_up(inherited).await?;
        let (tended, stopping) = (registry.clone(), lifecycle.clone());
        lifecycle.spawn(async move {
            loop {
                tokio::select! {
                    () = stopping.stopping() => return,
                    () = tokio::time::sleep(TEND_INTERVAL) => tended.tend().await,
                }
            }
        });
        lifecycle.spawn(registry.clone().watch_memory(lifecycle.clone()));
        Ok(registry)
    }

    /// Every kernel that is written down: goes on, is started again, or is dead.
    async fn take_up(&self, inherited: Inherited) -> Result<(), StoreError> {
        let Inherited { mut kernels, mut works } = inherited;
        let parts = &self.0.parts;
        for (mut kernel, stood) in parts.store.all(parts.clock.now_micros()).await? {
            let (kernel_id, owner_user_id) = (kernel.kernel_id, kernel.owner_user_id);
            let fits = |adopted: &Adopted| stood != Stood::Dead && adopted.generation() == kernel.generation;
            let adopted = match kernels.remove(&kernel_id) {
                Some(adopted) if !fits(&adopted) => {
                    adopted.end().await;
                    None
                }
                adopted => adopted,
            };
            let mut works = || works.remove(&kernel_id).unwrap_or_default();
            let handle = match (adopted, stood) {
                (Some(adopted), stood) => {
                    if stood != Stood::Started {
                        // Left between the end of its start and the word of it. From here on it runs code.
                        parts.store.started(kernel_id, kernel.generation).await?;
                    }
                    Driver::adopt(Arc::clone(parts), kernel.clone(), adopted, works()).await
                }
                (None, Stood::Starting) => {
                    parts.store.begun_anew(kernel_id).await?;
                    Driver::start_anew(Arc::clone(parts), kernel.clone(), works())
                }
                (None, Stood::Started | Stood::Unstartable) => {
                    let time = Some(fenxi_proto::time::timestamp(parts.clock.now_micros()));
                    let death = if stood == Stood::Started { left_behind() } else { unstartable() };
                    kernel.death = Some(Death { time, ..death });
                    parts.store.save(&kernel).await?;
                    Driver::spawn(Arc::clone(parts), kernel.clone(), None)
                }
                (None, Stood::Dead) => Driver::spawn(Arc::clone(parts), kernel.clone(), None),
            };
            let entry = Entry { owner_user_id, coming: false, kernel: Arc::new(kernel), handle: Some(handle) };
            self.entries().insert(kernel_id, entry);
        }
        for unknown in kernels.into_values() {
            unknown.end().await;
        }
        Ok(())
    }

    /// The kinds of kernels that can be started.
    #[must_use]
    pub fn kinds(&self) -> Vec<KindBrief> {
        self.0.parts.kinds.list()
    }

    /// How the next kernel of the built-in kind would be started and kept apart, and what is missing for more.
    #[must_use]
    pub fn support(&self) -> Support {
        self.0.parts.launcher.support()
    }

    /// A user's kernel.
    ///
    /// # Errors
    /// [`KernelError::NotFound`].
    pub fn kernel(&self, owner_user_id: Uuid, kernel_id: Uuid) -> Result<KernelHandle, KernelError> {
        let entries = self.entries();
        let entry = entries.get(&kernel_id).filter(|entry| entry.owner_user_id == owner_user_id);
        entry.and_then(|entry| entry.handle.clone()).ok_or(KernelError::NotFound)
    }

    /// A user's kernels, newest first, those older than `before` only, at most `count`.
    #[must_use]
    pub fn list(&self, owner_user_id: Uuid, before: Option<Place>, count: usize) -> Vec<Arc<Kernel>> {
        let mut kernels: Vec<_> = self
            .entries()
            .values()
            .filter(|entry| {
                entry.owner_user_id == owner_user_id
                    && entry.handle.is_some()
                    && before.is_none_or(|before| Place::of(&entry.kernel) < before)
            })
            .map(Entry::snapshot)
            .collect();
        kernels.sort_unstable_by_key(|kernel| std::cmp::Reverse(Place::of(kernel)));
        kernels.truncate(count);
        kernels
    }

    fn live(&self) -> usize {
        self.entries().values().filter(|entry| entry.is_alive()).count()
    }

    fn check_running(&self) -> Result<(), KernelError> {
        if self.is_stopping() { Err(KernelError::Stopping) } else { Ok(()) }
    }

    /// The service is to end, and its kernels are ended or left.
    pub(crate) fn is_stopping(&self) -> bool {
        self.0.parts.stopping.load(Ordering::SeqCst)
    }

    fn check_limits(&self, entries: &HashMap<Uuid, Entry>, owner_user_id: Uuid) -> Result<(), KernelError> {
        let settings = &self.0.parts.settings;
        let alive = || entries.values().filter(|entry| entry.is_alive());
        if alive().filter(|entry| entry.owner_user_id == owner_user_id).count() >= settings.per_user_max as usize {
            return Err(KernelError::UserLimit { limit: settings.per_user_max });
        }
        if alive().count() >= settings.total_max as usize {
            return Err(KernelError::TotalLimit { limit: settings.total_max });
        }
        self.check_room(entries, owner_user_id)
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Uuid, Entry>> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a kernel is dead whose end nobody saw.
pub(crate) fn left_behind() -> Death {
    death(DeathCause::Lost, "the service and the supervisor of kernels ended, or the machine")
}

fn unstartable() -> Death {
    death(DeathCause::StartFailed, "the service ended again and again before its start came to an end")
}
