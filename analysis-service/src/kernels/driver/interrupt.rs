//! What people and limits do to the execution that runs: interrupts, step by step and each told.

use fenxi_proto::analysis::v1::{DeathCause, NoticeEvent, NoticeKind, StopCause, output_event::Event};
use nix::sys::signal::Signal;
use tokio::time::Instant;
use uuid::Uuid;

use super::{AskedBefore, Driver, Waiting, run::Running, settle::Overdue};
use crate::{
    executions::Taken,
    kernels::{
        specs::InterruptMode,
        state::{Action, Interrupter, death},
    },
};

impl Driver {
    /// Takes an execution from the queue or interrupts it.
    pub(super) async fn cancel(&mut self, execution_id: Uuid, taken: Option<Taken>) -> bool {
        if let Some(running) = self.running.as_mut().filter(|running| running.work.execution_id == execution_id) {
            running.work.log.take(taken);
            self.interrupt(Interrupter::Person).await;
            if let Some(running) = &mut self.running {
                // One that is being interrupted, or has all but ended, has nothing to say of it.
                running.work.log.note_taken().await;
            }
            return true;
        }
        let Some(at) = self.waiting.iter().position(|waiting| waiting.work.execution_id == execution_id) else {
            return false;
        };
        if let Some(mut waiting) = self.waiting.remove(at) {
            waiting.work.log.take(taken);
            let ending = super::end::cancelled(waiting.work, StopCause::Requested, None).await;
            self.note_ending(ending);
        }
        true
    }

    /// Does what a person asked for; asked for before, what may not have been done of it.
    pub(super) async fn interrupt_for_person(&mut self, clear_queue: bool, before: Option<AskedBefore>) {
        if clear_queue {
            let meant =
                |waiting: &Waiting| before.is_none_or(|before| waiting.work.log.accepted().create_time <= before.time);
            self.cancel_those(meant, StopCause::QueueCleared, None).await;
        }
        let runs = self.state.run().map(|run| run.execution_id);
        if before.is_none_or(|before| before.execution_id == runs) {
            self.interrupt(Interrupter::Person).await;
        }
    }

    pub(super) async fn interrupt(&mut self, by: Interrupter) {
        if let Some(action) = self.state.interrupt(by, Instant::now()) {
            self.act(action).await;
        }
    }

    /// Does what the state asks for, and says so in the log.
    pub(super) async fn act(&mut self, action: Action) {
        let settle = self.parts.settings.ladder.settle;
        if let Some(running) = self.running.as_mut().filter(|running| running.has_reply()) {
            match action {
                // The code has ended, if its reply is true; what it had printed is still on its way. An interrupt comes too
                // late for it, and its outcome stays what it was.
                Action::Interrupt(_) | Action::InterruptAgain | Action::AskStacks => return,
                Action::Kill => match running.overdue(settle) {
                    Overdue::Wait => return,
                    Overdue::Ask => return self.ask_echo(),
                    // The reply was a lie: the interrupt was in time.
                    Overdue::Kill => running.interrupted = running.interrupted.or(self.state.interrupter()),
                },
            }
        }
        if action == Action::AskStacks {
            // Ours writes them; of another program it might be the end.
            if let Some(live) = self.live.as_ref().filter(|_| self.kernel.is_built_in()) {
                live.launched.process.signal_alone(Signal::SIGQUIT);
            }
            return;
        }
        if action == Action::Kill {
            self.tell_stacks().await;
        }
        let ladder = self.parts.settings.ladder;
        let what = sent_by(self.interrupt_mode());
        let (kind, text) = match action {
            Action::Interrupt(Interrupter::Person) => {
                (NoticeKind::InterruptSent, format!("An interrupt was asked for; {what} was sent."))
            }
            Action::Interrupt(Interrupter::TimeLimit) => {
                (NoticeKind::TimeLimit, format!("The time limit is reached; {what} was sent."))
            }
            Action::Interrupt(Interrupter::Memory) => (NoticeKind::MemoryInterrupt, self.memory_reason(what)),
            Action::Interrupt(Interrupter::Limit) => {
                (NoticeKind::InterruptSent, format!("A limit is reached; {what} was sent."))
            }
            Action::InterruptAgain => {
                let secs = ladder.kill.saturating_sub(ladder.again).as_secs_f32();
                let text =
                    format!("{what} was not heeded and was sent again; the kernel will be killed in {secs:.0} s.");
                (NoticeKind::InterruptEscalated, text)
            }
            Action::AskStacks | Action::Kill => {
                (NoticeKind::InterruptEscalated, format!("{what} was not heeded twice; the kernel is killed."))
            }
        };
        if let Some(running) = &mut self.running {
            if let Action::Interrupt(by) = action {
                running.interrupted = Some(by);
            }
            running.work.log.append(Event::Notice(NoticeEvent { kind: kind.into(), text })).await;
        }
        let at_once = match (&action, self.running.as_mut()) {
            (Action::Interrupt(_), Some(running)) => running.ask_signal(),
            _ => true,
        };
        if !at_once {
            return;
        }
        match action {
            Action::Kill => self.kill(death(DeathCause::Unresponsive, "two interrupts were not heeded")),
            _ => self.send_interrupt(),
        }
    }

    /// Asks the program to stop what it runs, in the way that it listens to.
    fn send_interrupt(&mut self) {
        let mode = self.interrupt_mode();
        let Some(live) = &mut self.live else { return };
        match mode {
            InterruptMode::Message => {
                let id = format!("interrupt-{:032x}", rand::random::<u128>());
                // One that cannot be sent is one that is not heeded.
                let _ = live.connection.ask(&id, "interrupt_request", &serde_json::json!({}));
            }
            InterruptMode::Signal => live.launched.process.signal(Signal::SIGINT),
        }
    }

    fn interrupt_mode(&self) -> InterruptMode {
        let kind = self.parts.kinds.other(&self.kernel.kernel_spec);
        kind.map_or(InterruptMode::Signal, |kind| kind.spec.interrupt)
    }

    /// Says where the code stands, as far as the kernel did when it was asked.
    async fn tell_stacks(&mut self) {
        let Some(live) = &self.live else { return };
        let log = live.launched.process.log().await;
        if let (Some(stacks), Some(running)) = (stacks(&log), &mut self.running) {
            let notice = NoticeEvent { kind: NoticeKind::Stacks.into(), text: stacks.to_owned() };
            running.work.log.append(Event::Notice(notice)).await;
        }
    }

    /// Sends the SIGINT that was asked for too early.
    pub(super) fn signal_if_due(&mut self) {
        let due = self.running.as_mut().is_some_and(Running::take_signal);
        if due {
            self.send_interrupt();
        }
    }
}

/// What asks a program to stop, for a person.
fn sent_by(mode: InterruptMode) -> &'static str {
    match mode {
        InterruptMode::Signal => "SIGINT",
        InterruptMode::Message => "interrupt_request",
    }
}

/// What Python's faulthandler wrote of the threads, at the end of what a process wrote itself.
fn stacks(log: &str) -> Option<&str> {
    let begins = |line: &str| line.starts_with("Thread 0x") || line.starts_with("Current thread 0x");
    let mut at = 0;
    for line in log.split_inclusive('\n') {
        if begins(line) {
            return log.get(at..);
        }
        at += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::stacks;

    #[test]
    fn stacks_are_found_behind_what_else_was_written() {
        let told = "Current thread 0x00 (most recent call first):\n  File \"x\", line 1 in f";
        assert_eq!(stacks(&format!("a warning\n{told}")), Some(told));
        assert_eq!(stacks("a warning about Thread 0x00\n"), None);
    }
}
