//! What happens from outside: services are stopped, killed and started again, the process that kernels are forked from
//! is killed, and so is a kernel's own.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time::sleep;

use super::{
    caller::Caller,
    dice::Dice,
    ledger::{Book, Disturbance, say},
    run::{DEATH_TOLD, Kernel, Left},
};
use crate::{
    bench::processes,
    house::{House, Part},
};

/// How long after its start a service may still end what a former one began.
const SERVICE_SLACK: Duration = Duration::from_secs(15);
/// The shortest time that a service is away.
const AWAY_MAX: Duration = Duration::from_secs(3);

/// Reaches processes past the services.
#[derive(Clone, Debug)]
pub(super) struct Outside {
    folder: PathBuf,
}

/// A process of the house beside its services: who it is in its command line.
pub(super) const SUPERVISOR: &str = "kernel-supervisor";
pub(super) const FORK_SERVER: &str = "fenxi_kernel.forkserver";

impl Outside {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The supervisor of kernels.
    pub(super) fn supervisor(&self) -> Option<u32> {
        let all = processes::with_path(&self.folder).ok()?;
        all.into_iter().find(|(_, command)| command.contains(SUPERVISOR)).map(|(pid, _)| pid)
    }

    /// The process that kernels are forked from.
    pub(super) fn fork_server(&self) -> Option<u32> {
        processes::child_with(self.supervisor()?, FORK_SERVER).ok()
    }

    /// Kills a kernel's process.
    pub(super) async fn shoot(&self, caller: &Caller, kernel: &Kernel) -> Left {
        let name = format!("kernel {}", kernel.kernel_id);
        let found = self.supervisor().and_then(|supervisor| processes::child_with(supervisor, &name).ok());
        let Some(pid) = found else { return Left::Fine };
        let _doing = kernel.story.begin(Disturbance::End, DEATH_TOLD);
        end(pid);
        caller.book.count("kernels killed from outside");
        Left::Dead
    }
}

fn end(pid: u32) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

#[derive(Clone, Copy, Debug)]
enum Trouble {
    Stop(Part),
    Kill(Part),
    ForkServer,
}

const TROUBLES: &[(usize, Trouble)] = &[
    (3, Trouble::Stop(Part::Analysis)),
    (4, Trouble::Kill(Part::Analysis)),
    (2, Trouble::Stop(Part::Auth)),
    (2, Trouble::Kill(Part::Auth)),
    (1, Trouble::ForkServer),
];

/// Makes trouble now and then while there is time for it after such a wait; what does not come back is a violation and an
/// error.
///
/// # Errors
/// A service does not start again.
pub(super) async fn make(
    house: &mut House,
    book: &Book,
    mut dice: Dice,
    every: Duration,
    has_time: impl Fn(Duration) -> bool,
) -> anyhow::Result<()> {
    let outside = Outside::new(house.folder());
    loop {
        let wait = every.mul_f64(0.5) + dice.up_to(every);
        if !has_time(wait) {
            return Ok(());
        }
        sleep(wait).await;
        if !has_time(Duration::ZERO) {
            return Ok(());
        }
        let Some(trouble) = dice.weighed(TROUBLES) else { return Ok(()) };
        say(&format!("trouble: {trouble:?}"));
        book.count(format!("trouble: {trouble:?}"));
        let away = dice.up_to(AWAY_MAX);
        match trouble {
            Trouble::ForkServer => {
                let _doing = book.house.begin(Disturbance::Service, SERVICE_SLACK);
                if let Some(pid) = outside.fork_server() {
                    end(pid);
                }
            }
            Trouble::Stop(part) | Trouble::Kill(part) => {
                let _doing = (part == Part::Analysis).then(|| book.house.begin(Disturbance::Service, SERVICE_SLACK));
                let stopped = match trouble {
                    Trouble::Stop(_) => house.stop_part(part).await,
                    _ => house.kill_part(part).await,
                };
                if let Err(error) = stopped {
                    book.violate(format!("{part:?} did not end as it should: {error:#}"));
                }
                sleep(away).await;
                house.start_part(part).await?;
            }
        }
    }
}
