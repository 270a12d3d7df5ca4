//! Whose turn it is to look at entries one by one. That is work without an index, on the readers that logins use too: so
//! only a few scans run at one time, one of them for a user, and only so many wait.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::HistoryError;

/// Scans that run at one time: each uses one reader and, in turns with it, one processor.
const RUNNING_MAX: usize = 2;
/// Scans that run or wait, of everybody. One that waits costs a few hundred bytes, and no longer than its call may take.
const PLACES_MAX: usize = 1_024;
/// Scans that run or wait, of one user, of which one runs: a crowd of readers that share an account.
pub(super) const PLACES_PER_USER_MAX: usize = 64;

/// The turns. Clones share them.
#[derive(Clone)]
pub(super) struct Turns(Arc<Shared>);

struct Shared {
    running: Arc<Semaphore>,
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    /// Scans that run or wait.
    places: usize,
    /// Those users who have any.
    by_user: HashMap<Uuid, Line>,
}

struct Line {
    places: usize,
    running: Arc<Semaphore>,
}

/// The right to scan now, until it is dropped.
pub(super) struct Turn {
    // In this order they are given back.
    _running: OwnedSemaphorePermit,
    _running_of_user: OwnedSemaphorePermit,
    _place: Place,
}

/// A scan that runs or waits.
struct Place {
    user_id: Uuid,
    running_of_user: Arc<Semaphore>,
    shared: Arc<Shared>,
}

impl Turns {
    /// Nobody scans yet.
    pub(super) fn new() -> Self {
        Self(Arc::new(Shared { running: Arc::new(Semaphore::new(RUNNING_MAX)), lines: Mutex::default() }))
    }

    /// Waits for the user's turn. Each user waits behind their own scans first, so that many of one are one to the others.
    ///
    /// # Errors
    /// Too many wait already.
    pub(super) async fn turn(&self, user_id: Uuid) -> Result<Turn, HistoryError> {
        let place = self.place(user_id)?;
        let of_user = Arc::clone(&place.running_of_user).acquire_owned().await.map_err(|_| HistoryError::Stopping)?;
        let running = Arc::clone(&self.0.running).acquire_owned().await.map_err(|_| HistoryError::Stopping)?;
        Ok(Turn { _running: running, _running_of_user: of_user, _place: place })
    }

    /// How many scans of the user run or wait.
    #[cfg(test)]
    pub(super) fn places_of(&self, user_id: Uuid) -> usize {
        self.0.lines().by_user.get(&user_id).map_or(0, |line| line.places)
    }

    fn place(&self, user_id: Uuid) -> Result<Place, HistoryError> {
        let mut lines = self.0.lines();
        if lines.by_user.get(&user_id).is_some_and(|line| line.places >= PLACES_PER_USER_MAX) {
            return Err(HistoryError::TooManySearches);
        }
        if lines.places >= PLACES_MAX {
            return Err(HistoryError::Overloaded);
        }
        lines.places += 1;
        let line =
            lines.by_user.entry(user_id).or_insert_with(|| Line { places: 0, running: Arc::new(Semaphore::new(1)) });
        line.places += 1;
        Ok(Place { user_id, running_of_user: Arc::clone(&line.running), shared: Arc::clone(&self.0) })
    }
}

impl Shared {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lines = self.shared.lines();
        lines.places -= 1;
        if let Some(line) = lines.by_user.get_mut(&self.user_id) {
            line.places -= 1;
            if line.places == 0 {
                lines.by_user.remove(&self.user_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    #[tokio::test]
    async fn one_user_has_one_turn_and_a_short_line() {
        let (turns, ada, ben) = (Turns::new(), Uuid::from_u128(1), Uuid::from_u128(2));
        let first = turns.turn(ada).await.expect("a turn");
        let mut waiting: Vec<_> = (1..PLACES_PER_USER_MAX).map(|_| Box::pin(turns.turn(ada))).collect();
        for turn in &mut waiting {
            assert!(poll!(turn).is_pending(), "two at a time");
        }
        assert!(matches!(turns.turn(ada).await, Err(HistoryError::TooManySearches)));
        let bens = turns.turn(ben).await.expect("ben does not wait for ada");
        drop(first);
        let next = poll!(&mut waiting[0]);
        assert!(next.is_ready(), "ada's next");
        assert!(poll!(&mut waiting[1]).is_pending());
        drop((next, waiting, bens));
        assert!(turns.0.lines().by_user.is_empty() && turns.0.lines().places == 0, "nobody is remembered");
    }

    #[tokio::test]
    async fn few_run_in_all_and_the_line_of_everybody_has_an_end() {
        let turns = Turns::new();
        let mut running = Vec::new();
        for user in 0..RUNNING_MAX {
            running.push(turns.turn(Uuid::from_u128(user as u128)).await.expect("a turn"));
        }
        let users = (RUNNING_MAX..PLACES_MAX).map(|user| Uuid::from_u128(user as u128));
        let mut waiting: Vec<_> = users.map(|user| Box::pin(turns.turn(user))).collect();
        for turn in &mut waiting {
            assert!(poll!(turn).is_pending(), "too many at a time");
        }
        assert!(matches!(turns.turn(Uuid::max()).await, Err(HistoryError::Overloaded)));
        running.pop();
        // So many looks used up what a task may do at once.
        tokio::task::yield_now().await;
        let next = poll!(&mut waiting[0]);
        assert!(next.is_ready() && poll!(&mut waiting[1]).is_pending());
    }
}
