//! Accounts kept here: hashing and checking passwords with argon2id, on a small pool of its own. A check costs 20 to 40
//! ms of a processor and 19 MiB by design, so that only a few run at one time, and only so many wait.

use std::{sync::Arc, time::Duration};

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::PasswordConfig;

/// Checks that may wait for their turn.
const WAITING_MAX: usize = 512;
/// When a client may ask again.
const RETRY_AFTER: Duration = Duration::from_secs(3);

/// Too many checks wait, or the pool ended.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("too many password checks are waiting; try again")]
pub(crate) struct Overloaded;

impl Overloaded {
    /// When to try again.
    pub(crate) fn retry_after(self) -> Duration {
        RETRY_AFTER
    }
}

/// The pool. Clones share it.
#[derive(Clone)]
pub(crate) struct Passwords(Arc<Shared>);

struct Shared {
    argon2: Argon2<'static>,
    /// Of a password that nobody has: checked for users who do not exist, so that they take as long.
    nobody: String,
    /// One for each check that waits or runs.
    places: Arc<Semaphore>,
    /// One for each that runs.
    turns: Arc<Semaphore>,
}

/// The right to check one password now.
pub(crate) struct Turn {
    _place: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Not the password.
    Wrong,
    /// The password.
    Right {
        /// Its form at rest with the costs in force, if the stored one was made with others.
        renewed: Option<String>,
    },
}

impl Passwords {
    /// A pool with these costs.
    ///
    /// # Errors
    /// The costs are impossible.
    pub(crate) fn new(config: &PasswordConfig) -> anyhow::Result<Self> {
        let params = Params::new(config.password_memory_kib, config.password_passes, 1, None)
            .map_err(|error| anyhow::anyhow!("--password-memory-kib and --password-passes: {error}"))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let unguessable = crate::secret::random_text()?;
        let nobody = hash(&argon2, &unguessable).ok_or_else(|| anyhow::anyhow!("argon2 does not work"))?;
        let parallel = config.password_parallel as usize;
        Ok(Self(Arc::new(Shared {
            argon2,
            nobody,
            places: Arc::new(Semaphore::new(parallel + WAITING_MAX)),
            turns: Arc::new(Semaphore::new(parallel)),
        })))
    }

    /// Waits for a turn.
    pub(crate) async fn turn(&self) -> Result<Turn, Overloaded> {
        let place = Arc::clone(&self.0.places).try_acquire_owned().map_err(|_| Overloaded)?;
        let turn = Arc::clone(&self.0.turns).acquire_owned().await.map_err(|_| Overloaded)?;
        Ok(Turn { _place: place, _turn: turn })
    }

    /// Whether this is the password with this stored hash. Without one the answer is no, after the same time.
    pub(crate) async fn verify(
        &self,
        turn: Turn,
        password: String,
        stored: Option<String>,
    ) -> Result<Verdict, Overloaded> {
        let pool = self.clone();
        blocking(turn, move || {
            let argon2 = &pool.0.argon2;
            let known = stored.is_some();
            let stored = stored.unwrap_or_else(|| pool.0.nobody.clone());
            let stored = PasswordHash::new(&stored);
            let matches = |stored: &PasswordHash| argon2.verify_password(password.as_bytes(), stored).is_ok();
            let Some(stored) = stored.ok().filter(matches).filter(|_| known) else { return Verdict::Wrong };
            let costs_now = Params::try_from(&stored).is_ok_and(|params| same_costs(&params, argon2.params()));
            let renewed = if costs_now { None } else { hash(argon2, &password) };
            Verdict::Right { renewed }
        })
        .await
    }

    /// The form at rest of a new password, with a salt of its own.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Overloaded> {
        let turn = self.turn().await?;
        let pool = self.clone();
        blocking(turn, move || hash(&pool.0.argon2, &password)).await?.ok_or(Overloaded)
    }
}

fn same_costs(stored: &Params, now: &Params) -> bool {
    let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    costs(stored) == costs(now)
}

/// Runs on a thread for blocking work; the turn ends with the work and not with whoever waits for it.
async fn blocking<T: Send + 'static>(turn: Turn, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Overloaded> {
    let done = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    done.await.map_err(|_| Overloaded)
}

fn hash(argon2: &Argon2<'_>, password: &str) -> Option<String> {
    argon2.hash_password(password.as_bytes()).ok().map(|hash| hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(parallel: u32) -> Passwords {
        let config = PasswordConfig { password_memory_kib: 8_192, password_passes: 1, password_parallel: parallel };
        Passwords::new(&config).expect("a pool")
    }

    #[tokio::test]
    async fn a_password_is_recognised_and_nothing_else_is() {
        let pool = pool(2);
        let stored = pool.hash("correct horse".into()).await.expect("hashed");
        assert!(stored.starts_with("$argon2id$v=19$m=8192,t=1,p=1$"), "{stored}");
        assert_ne!(stored, pool.hash("correct horse".into()).await.expect("hashed"), "no salt");
        for (password, hash, expected) in [
            ("correct horse", Some(stored.clone()), true),
            ("correct hors", Some(stored.clone()), false),
            ("", Some(stored), false),
            ("correct horse", None, false),
            ("correct horse", Some("nonsense".into()), false),
        ] {
            let turn = pool.turn().await.expect("a turn");
            let expected = if expected { Verdict::Right { renewed: None } } else { Verdict::Wrong };
            assert_eq!(pool.verify(turn, password.into(), hash).await.expect("checked"), expected);
        }
    }

    #[tokio::test]
    async fn a_hash_of_other_costs_is_made_anew() {
        let stored = pool(1).hash("correct horse".into()).await.expect("hashed");
        let config = PasswordConfig { password_memory_kib: 9_000, password_passes: 2, password_parallel: 1 };
        let dearer = Passwords::new(&config).expect("a pool");
        let check = async |password: &str, stored: &str| {
            let turn = dearer.turn().await.expect("a turn");
            dearer.verify(turn, password.into(), Some(stored.into())).await.expect("checked")
        };
        assert_eq!(check("correct hors", &stored).await, Verdict::Wrong);
        let Verdict::Right { renewed: Some(renewed) } = check("correct horse", &stored).await else {
            panic!("kept as it was")
        };
        assert!(renewed.starts_with("$argon2id$v=19$m=9000,t=2,p=1$"), "{renewed}");
        assert_eq!(check("correct horse", &renewed).await, Verdict::Right { renewed: None });
    }

    #[tokio::test]
    async fn the_queue_is_bounded_and_refuses_out_loud() {
        let pool = pool(1);
        let held = pool.turn().await.expect("a turn");
        let mut waiting: Vec<_> = (0..WAITING_MAX).map(|_| Box::pin(pool.turn())).collect();
        for turn in &mut waiting {
            assert!(futures_util::poll!(turn).is_pending());
        }
        assert!(pool.turn().await.is_err(), "the queue has no end");
        drop(waiting);
        drop(held);
        assert!(pool.turn().await.is_ok());
    }
}
