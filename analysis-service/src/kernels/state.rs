//! Where a kernel stands and what may follow: a pure machine. No task, no clock, no log: the time is handed in, a step
//! that cannot be is an error value, and what is to be done comes back as a value. Only the driver asks it.

use std::time::Duration;

use fenxi_proto::analysis::v1::{Death, DeathCause, KernelState};
use tokio::time::Instant;
use uuid::Uuid;

/// Graces of the interrupt ladder, counted from the first SIGINT.
#[derive(Clone, Copy, Debug)]
pub struct Ladder {
    /// When SIGINT is sent again.
    pub again: Duration,
    /// When the stacks of its threads are asked for: where it stands is told before it is killed.
    pub stacks: Duration,
    /// When the process is killed.
    pub kill: Duration,
    /// How long after its reply an execution that is to be killed may take to end: what it had printed may be on its way.
    pub settle: Duration,
}

impl Default for Ladder {
    fn default() -> Self {
        Self {
            again: Duration::from_secs(2),
            stacks: Duration::from_millis(9_500),
            kill: Duration::from_secs(10),
            settle: Duration::from_secs(60),
        }
    }
}

/// Where a kernel stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum State {
    /// Its process is being started; for `Restart`, after another.
    Starting,
    /// Ready; nothing runs.
    Idle,
    /// Code runs.
    Busy(Run),
    /// Code is being interrupted.
    Interrupting(Run, Interrupt),
    /// Its process is being ended, and another will follow.
    Restarting,
    /// It is being ended for good.
    Stopping,
    /// Its process is gone.
    Dead(Death),
}

/// The execution that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Which.
    pub execution_id: Uuid,
    /// When its time is up.
    pub deadline: Option<Instant>,
}

/// An interrupt under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interrupt {
    /// Who asked.
    pub by: Interrupter,
    /// When SIGINT was first sent.
    pub since: Instant,
    /// How far the ladder was climbed.
    rung: Rung,
}

/// Why an execution is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupter {
    /// A person asked.
    Person,
    /// Its time is up.
    TimeLimit,
    /// It has all but used up its memory.
    Memory,
    /// It is above a limit, which was told; its variables are kept.
    Limit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rung {
    Once,
    Twice,
    Stacks,
    Killed,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Send SIGINT, for the first time.
    Interrupt(Interrupter),
    /// Send it again, and say that it was not heeded.
    InterruptAgain,
    /// Ask for the stacks of its threads.
    AskStacks,
    /// Kill the process: it heeds nothing.
    Kill,
}

/// A step that cannot follow on the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a kernel that is {from:?} cannot {step}")]
pub(crate) struct WrongStep {
    /// Where it stands.
    pub from: KernelState,
    /// What was asked of it.
    pub step: &'static str,
}

impl State {
    /// As the contract names it.
    pub(crate) fn name(&self) -> KernelState {
        match self {
            Self::Starting => KernelState::Starting,
            Self::Idle => KernelState::Idle,
            Self::Busy(_) => KernelState::Busy,
            Self::Interrupting(..) => KernelState::Interrupting,
            Self::Restarting => KernelState::Restarting,
            Self::Stopping => KernelState::Stopping,
            Self::Dead(_) => KernelState::Dead,
        }
    }

    /// The execution that runs.
    pub(crate) fn run(&self) -> Option<Run> {
        match self {
            Self::Busy(run) | Self::Interrupting(run, _) => Some(*run),
            _ => None,
        }
    }

    /// Its process is ready.
    pub(crate) fn ready(&mut self) -> Result<(), WrongStep> {
        match self {
            Self::Starting => self.to(Self::Idle),
            _ => self.wrong("become ready"),
        }
    }

    /// An execution begins.
    pub(crate) fn begin(&mut self, run: Run) -> Result<(), WrongStep> {
        match self {
            Self::Idle => self.to(Self::Busy(run)),
            _ => self.wrong("begin an execution"),
        }
    }

    /// The execution has ended, and the kernel lives.
    pub(crate) fn end(&mut self) -> Result<(), WrongStep> {
        match self {
            Self::Busy(_) | Self::Interrupting(..) => self.to(Self::Idle),
            _ => self.wrong("end an execution"),
        }
    }

    /// Somebody asks for an interrupt. One that is under way goes on as it is.
    pub(crate) fn interrupt(&mut self, by: Interrupter, now: Instant) -> Option<Action> {
        let Self::Busy(run) = *self else { return None };
        *self = Self::Interrupting(run, Interrupt { by, since: now, rung: Rung::Once });
        Some(Action::Interrupt(by))
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Instant, ladder: Ladder) -> Option<Action> {
        match self {
            Self::Busy(run) if run.deadline.is_some_and(|deadline| deadline <= now) => {
                let interrupt = Interrupt { by: Interrupter::TimeLimit, since: now, rung: Rung::Once };
                *self = Self::Interrupting(*run, interrupt);
                Some(Action::Interrupt(Interrupter::TimeLimit))
            }
            Self::Interrupting(_, interrupt) => match interrupt.rung {
                Rung::Once | Rung::Twice | Rung::Stacks if interrupt.since + ladder.kill <= now => {
                    interrupt.rung = Rung::Killed;
                    Some(Action::Kill)
                }
                Rung::Once | Rung::Twice if interrupt.since + ladder.stacks <= now => {
                    interrupt.rung = Rung::Stacks;
                    Some(Action::AskStacks)
                }
                Rung::Once if interrupt.since + ladder.again <= now => {
                    interrupt.rung = Rung::Twice;
                    Some(Action::InterruptAgain)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Why what runs is being interrupted, if it is.
    pub(crate) fn interrupter(&self) -> Option<Interrupter> {
        match self {
            Self::Interrupting(_, interrupt) => Some(interrupt.by),
            _ => None,
        }
    }

    /// Whether the stacks of its threads were asked for: reading them while they run can crash it.
    pub(crate) fn has_asked_stacks(&self) -> bool {
        matches!(self, Self::Interrupting(_, interrupt) if matches!(interrupt.rung, Rung::Stacks | Rung::Killed))
    }

    /// When [`State::tick`] is due next.
    pub(crate) fn next_tick(&self, ladder: Ladder) -> Option<Instant> {
        match self {
            Self::Busy(run) => run.deadline,
            Self::Interrupting(_, interrupt) => match interrupt.rung {
                Rung::Once => Some(interrupt.since + ladder.again.min(ladder.stacks).min(ladder.kill)),
                Rung::Twice => Some(interrupt.since + ladder.stacks.min(ladder.kill)),
                Rung::Stacks => Some(interrupt.since + ladder.kill),
                Rung::Killed => None,
            },
            _ => None,
        }
    }

    /// Its process is to be replaced; a dead one's place is taken anew.
    pub(crate) fn restart(&mut self) -> Result<(), WrongStep> {
        match self {
            Self::Stopping => self.wrong("restart"),
            _ => self.to(Self::Restarting),
        }
    }

    /// A process is being started in place of the former.
    pub(crate) fn start_again(&mut self) -> Result<(), WrongStep> {
        match self {
            Self::Restarting => self.to(Self::Starting),
            _ => self.wrong("start again"),
        }
    }

    /// It is to end for good.
    pub(crate) fn stop(&mut self) {
        if !matches!(self, Self::Dead(_)) {
            *self = Self::Stopping;
        }
    }

    /// Its process is gone.
    pub(crate) fn died(&mut self, death: Death) {
        *self = Self::Dead(death);
    }

    /// Whether work can be sent to it.
    pub(crate) fn takes_work(&self) -> bool {
        !matches!(self, Self::Stopping | Self::Dead(_))
    }

    fn to(&mut self, next: Self) -> Result<(), WrongStep> {
        *self = next;
        Ok(())
    }

    fn wrong(&self, step: &'static str) -> Result<(), WrongStep> {
        Err(WrongStep { from: self.name(), step })
    }
}

/// A death of this cause; what else is known is added by the caller.
pub(crate) fn death(cause: DeathCause, detail: impl Into<String>) -> Death {
    Death { cause: cause.into(), detail: detail.into(), ..Death::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LADDER: Ladder = Ladder {
        again: Duration::from_secs(2),
        stacks: Duration::from_secs(9),
        kill: Duration::from_secs(10),
        settle: Duration::from_secs(60),
    };

    fn run(deadline: Option<Instant>) -> Run {
        Run { execution_id: Uuid::from_u128(1), deadline }
    }

    fn dead() -> State {
        State::Dead(death(DeathCause::Exit, ""))
    }

    #[test]
    fn an_interrupt_climbs_its_ladder_once() {
        let start = Instant::now();
        let after = |secs| start + Duration::from_secs(secs);
        let mut state = State::Busy(run(None));
        assert_eq!(state.next_tick(LADDER), None);
        assert_eq!(state.interrupt(Interrupter::Person, start), Some(Action::Interrupt(Interrupter::Person)));
        assert_eq!(state.interrupt(Interrupter::Person, start), None, "a second request begins the ladder anew");
        assert_eq!(state.next_tick(LADDER), Some(after(2)));
        assert_eq!(state.tick(after(1), LADDER), None);
        assert_eq!(state.tick(after(2), LADDER), Some(Action::InterruptAgain));
        assert_eq!(state.next_tick(LADDER), Some(after(9)));
        assert_eq!(state.tick(after(8), LADDER), None);
        assert!(!state.has_asked_stacks());
        assert_eq!(state.tick(after(9), LADDER), Some(Action::AskStacks));
        assert!(state.has_asked_stacks());
        assert_eq!(state.next_tick(LADDER), Some(after(10)));
        assert_eq!(state.tick(after(9), LADDER), None);
        assert_eq!(state.tick(after(10), LADDER), Some(Action::Kill));
        assert_eq!(state.tick(after(11), LADDER), None);
        assert_eq!(state.next_tick(LADDER), None);
    }

    #[test]
    fn a_time_limit_begins_the_ladder_by_itself() {
        let start = Instant::now();
        let mut state = State::Busy(run(Some(start)));
        assert_eq!(state.next_tick(LADDER), Some(start));
        assert_eq!(state.tick(start, LADDER), Some(Action::Interrupt(Interrupter::TimeLimit)));
        assert_eq!(state.name(), KernelState::Interrupting);
        state.end().expect("it heeded");
        assert_eq!(state, State::Idle);
    }

    #[test]
    fn wrong_steps_are_errors_and_change_nothing() {
        for state in [State::Starting, State::Busy(run(None)), State::Restarting, State::Stopping, dead()] {
            let mut tried = state.clone();
            assert!(tried.begin(run(None)).is_err(), "{state:?}");
            assert_eq!(tried, state);
        }
        assert!(State::Idle.end().is_err() && State::Idle.ready().is_err() && State::Idle.start_again().is_err());
        assert!(State::Stopping.restart().is_err());
        assert_eq!(State::Idle.interrupt(Interrupter::Person, Instant::now()), None);
    }

    #[test]
    fn a_dead_kernel_comes_back_by_a_restart_alone() {
        let mut state = dead();
        state.stop();
        assert_eq!(state, dead());
        assert!(!state.takes_work());
        state.restart().expect("brings it back");
        state.start_again().expect("a process");
        state.ready().expect("ready");
        assert!(state.takes_work());
    }
}
