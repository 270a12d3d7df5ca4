//! The users that kernels become where the service is root: a range that no other service of this machine has, one for
//! each kernel that runs. What runs as such a user belongs to that kernel and ends with it; then another may have it.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::ranges::{HeldRange, RANGE_USERS, Ranges};

/// How long the system may take to end what was killed, as it gives back gigabytes first, and how often it is looked.
pub(super) const RETIRE_WAIT: Duration = Duration::from_secs(30);
const RETIRE_PAUSE: Duration = Duration::from_millis(100);
/// How long what has ended may take to be waited for by its parent, and how often it is looked.
const WAITED_FOR_WAIT: Duration = Duration::from_secs(1);
const WAITED_FOR_PAUSE: Duration = Duration::from_millis(5);
/// The user that every system has and that owns nothing.
const NOBODY: u32 = 65_534;

/// A range of users, and which kernel has which. By default one from 65,534 (nobody) on, for where none is used.
#[derive(Debug)]
pub(super) struct Users {
    first: u32,
    _claim: Option<HeldRange>,
    /// By its distance from the first: whose it is, and how many starts of that kernel have it.
    taken: Mutex<BTreeMap<u32, (Uuid, usize)>>,
}

/// The user of a kernel, for as long as something runs as it.
#[derive(Debug)]
pub(super) struct User {
    users: Arc<Users>,
    number: u32,
}

impl Default for Users {
    fn default() -> Self {
        Self { first: NOBODY, _claim: None, taken: Mutex::default() }
    }
}

impl Users {
    /// Those of a range that is free. Blocks.
    ///
    /// # Errors
    /// All that are looked at are taken.
    pub(super) fn take(ranges: &Ranges) -> anyhow::Result<Self> {
        let (first, claim) = ranges.take()?;
        Ok(Self { first, _claim: Some(claim), taken: Mutex::default() })
    }

    /// A user for a kernel: nobody else's until it is dropped, and the same for each start of the kernel until then.
    ///
    /// # Errors
    /// As many kernels as there are users run.
    pub(super) fn of(self: &Arc<Self>, kernel_id: Uuid) -> io::Result<User> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let known = taken.iter().find(|(_, (whose, _))| *whose == kernel_id).map(|(number, _)| *number);
        let number = known.or_else(|| (0..RANGE_USERS).find(|number| !taken.contains_key(number)));
        let number = number.ok_or_else(|| io::Error::other("every user that kernels may become is taken"))?;
        taken.entry(number).or_insert((kernel_id, 0)).1 += 1;
        Ok(User { users: Arc::clone(self), number })
    }
}

impl User {
    pub(super) fn uid(&self) -> u32 {
        self.users.first.saturating_add(self.number)
    }

    /// The kernel is gone. What still runs as this user is ended by `end`, again and again for so long; if something cannot
    /// be ended, the user is never another's. Blocks.
    pub(super) fn retire(self, wait: Duration, end: impl Fn()) {
        let (uid, until) = (self.uid(), Instant::now() + wait);
        loop {
            match left_as(uid) {
                LeftAs::Nothing => return,
                LeftAs::Ended => return until_waited_for(uid),
                LeftAs::Running if Instant::now() >= until => {
                    tracing::error!(uid, "processes of a kernel go on: no other kernel becomes their user");
                    return std::mem::forget(self);
                }
                LeftAs::Running => end(),
            }
            pause(RETIRE_PAUSE);
        }
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let mut taken = self.users.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, starts)) = taken.get_mut(&self.number) {
            *starts -= 1;
            if *starts == 0 {
                taken.remove(&self.number);
            }
        }
    }
}

/// What there is of a user's processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum LeftAs {
    Nothing,
    /// All of them have ended, and some were not waited for: they count where a user's processes are limited.
    Ended,
    Running,
}

fn left_as(uid: u32) -> LeftAs {
    let state = |process: &Path| {
        // proc(5): the state comes after the name, which may hold anything.
        let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
        match stat.rsplit(") ").next() {
            None | Some("") => LeftAs::Nothing,
            Some(rest) if rest.starts_with(['Z', 'X']) => LeftAs::Ended,
            Some(_) => LeftAs::Running,
        }
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let own = processes.filter(|one| one.metadata().is_ok_and(|found| found.uid() == uid));
    own.map(|one| state(&one.path())).max().unwrap_or(LeftAs::Nothing)
}

/// The supervisor waits for them at once, where they are its own by now: the next kernel with this user could start
/// nothing otherwise. Those of another parent are not its trouble for long.
fn until_waited_for(uid: u32) {
    let until = Instant::now() + WAITED_FOR_WAIT;
    while left_as(uid) != LeftAs::Nothing && Instant::now() < until {
        pause(WAITED_FOR_PAUSE);
    }
}

fn pause(pause: Duration) {
    #[expect(clippy::disallowed_methods, reason = "on a thread that may block")]
    std::thread::sleep(pause);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(first: u32) -> Arc<Users> {
        Arc::new(Users { first, ..Users::default() })
    }

    #[test]
    fn no_two_kernels_have_one_user_and_one_keeps_its_own_while_it_runs() {
        let users = users(300_000);
        let of = |kernel: u128| users.of(Uuid::from_u128(kernel)).expect("a user");
        let (one, two, again, three) = (of(1), of(2), of(1), of(3));
        assert_eq!([&one, &two, &again, &three].map(User::uid), [300_000, 300_001, 300_000, 300_002]);
        drop(two);
        drop(one);
        let four = of(4);
        assert_eq!((four.uid(), of(1).uid()), (300_001, 300_000), "one that runs is another's");
        drop(again);
        assert_eq!(of(5).uid(), 300_000);
    }

    #[test]
    fn no_kernel_becomes_a_user_of_the_next_range() {
        let users = users(300_000);
        let one = |number: u32| users.of(Uuid::from_u128(number.into()));
        let mut all: Vec<User> = {
            // One by one it would take as long as nobody has: each looks for its own.
            let mut taken = users.taken.lock().expect("whole");
            (0..RANGE_USERS)
                .map(|number| {
                    taken.insert(number, (Uuid::from_u128(number.into()), 1));
                    User { users: Arc::clone(&users), number }
                })
                .collect()
        };
        one(RANGE_USERS).expect_err("there is none left");
        all.pop();
        assert_eq!(one(RANGE_USERS).expect("one was freed").uid(), 300_000 + RANGE_USERS - 1);
    }

    #[test]
    fn a_user_as_which_something_runs_on_is_no_other_kernels() {
        use std::os::unix::process::CommandExt as _;
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let users = users(1_980_000_000);
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let user = users.of(one).expect("a user");
        let mut left = std::process::Command::new("sleep").arg("600").uid(user.uid()).spawn().expect("started");
        user.retire(Duration::ZERO, || {});
        let next = users.of(two).expect("a user");
        assert_eq!(next.uid(), 1_980_000_001);
        left.kill().expect("killed");
        // It has ended, and nobody has waited for it yet.
        while left_as(1_980_000_000) != LeftAs::Ended {}
        next.retire(Duration::ZERO, || {});
        assert_eq!(users.of(one).expect("a user").uid(), 1_980_000_000, "it keeps its own");
        assert_eq!(users.of(two).expect("a user").uid(), 1_980_000_001);
        left.wait().expect("an end");
    }
}
