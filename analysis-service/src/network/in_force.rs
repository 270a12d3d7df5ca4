//! What holds for a user at the moment, in memory: a grant's end needs no database, which may be busy, full or broken then.

use std::sync::Arc;

use uuid::Uuid;

use super::{Grant, allow_list::AllowList};

/// What holds for a user.
#[derive(Clone, Debug, Default)]
pub(super) struct InForceNow {
    sequence: u64,
    grants: Vec<Grant>,
    pub(super) list: Arc<AllowList>,
}

impl InForceNow {
    /// What these grants allow; `sequence` is greater for what was read later.
    pub(super) fn new(sequence: u64, grants: Vec<Grant>) -> Self {
        let mut this = Self { sequence, grants, list: Arc::default() };
        this.add_up();
        this
    }

    /// Whether this was read before the other, or is it.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        self.sequence <= other.sequence
    }

    pub(super) fn has(&self, grant_id: Uuid) -> bool {
        self.grants.iter().any(|grant| grant.grant_id == grant_id)
    }

    /// Leaves out what has ended, and gives that.
    pub(super) fn end(&mut self, now: i64) -> Vec<Grant> {
        let over = |grant: &mut Grant| grant.expire_time.is_some_and(|end| end <= now);
        let ended: Vec<_> = self.grants.extract_if(.., over).collect();
        if !ended.is_empty() {
            self.add_up();
        }
        ended
    }

    fn add_up(&mut self) {
        self.list = Arc::new(AllowList::new(self.grants.iter().flat_map(|grant| grant.entries.iter().cloned())));
    }
}

#[cfg(test)]
impl InForceNow {
    /// One grant of these entries.
    pub(super) fn of(entries: Vec<super::Entry>) -> Self {
        let (grant_id, user_id, creator_user_id) = (Uuid::nil(), Uuid::nil(), Uuid::nil());
        let (note, create_time, expire_time) = (String::new(), 0, None);
        Self::new(1, vec![Grant { grant_id, user_id, entries, note, create_time, expire_time, creator_user_id }])
    }
}
