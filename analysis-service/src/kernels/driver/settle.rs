//! When an execution is over: its reply has come and the kernel's word that it is idle. Where one of them does not come,
//! the kernel is asked something. It answers in order, so that all it had said before has been heard by then: what a slow
//! machine says late is not lost.

use std::time::Duration;

use fenxi_supervisor::Channel;
use tokio::time::Instant;

use super::Driver;

/// How long nothing is heard before the kernel is asked.
const IDLE_GRACE: Duration = Duration::from_secs(2);
/// How long after anything was heard the answer is waited for. A kernel that gives none is broken, and its execution ends
/// with what is known.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// How much longer a kernel may take to say all that it had to when it does answer questions: it can have printed much.
const ANSWERING_TIMES: u32 = 10;

/// What is done about a kernel that is to be killed although a reply has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// Nothing yet.
    Wait,
    /// It is asked something: code that goes on leaves it unanswered.
    Ask,
    /// The code itself must have sent the reply.
    Kill,
}

/// A question of which only the place of its answers matters: on both channels, behind all that was said before.
#[derive(Debug, Default)]
pub(super) struct Echo {
    asked: Option<(String, Instant)>,
    on_shell: bool,
    on_iopub: bool,
}

impl Echo {
    /// Notes that an answer to this question was heard, if it is to this one.
    pub(super) fn heard(&mut self, parent_id: &str, channel: Channel) -> bool {
        let own = self.asked.as_ref().is_some_and(|(id, _)| id == parent_id);
        self.on_shell |= own && channel == Channel::Shell;
        self.on_iopub |= own && channel == Channel::Iopub;
        own
    }

    /// All that was said before the question is heard.
    pub(super) fn is_back(&self) -> bool {
        self.on_shell && self.on_iopub
    }

    /// What is done, and when, about a kernel that is to be killed although a reply came then.
    pub(super) fn overdue(&self, replied_at: Instant, settle: Duration) -> (Instant, Overdue) {
        match &self.asked {
            None => (replied_at + settle, Overdue::Ask),
            Some((_, at)) if !self.on_shell => (*at + settle, Overdue::Kill),
            // Code can answer as well as send a reply.
            Some(_) => (replied_at + settle * ANSWERING_TIMES, Overdue::Kill),
        }
    }

    /// When to ask, or to give up.
    pub(super) fn due(&self, last_heard: Instant) -> Instant {
        match &self.asked {
            None => last_heard + IDLE_GRACE,
            Some((_, at)) => last_heard.max(*at) + ANSWER_MAX,
        }
    }
}

impl Driver {
    /// Ends the running execution if it has come to its end.
    pub(super) async fn settle(&mut self) {
        let Some(running) = &mut self.running else { return };
        if running.is_over() {
            return self.finish().await;
        }
        if running.due().is_none_or(|due| due > Instant::now()) {
            return;
        }
        let Some(live) = &mut self.live else { return self.finish().await };
        if !live.connection.is_drained() {
            // What came meanwhile is heard first.
            running.last_heard = Instant::now();
            return;
        }
        if running.echo.asked.is_some() {
            return self.finish().await;
        }
        self.ask_echo();
    }

    /// Asks the kernel something behind all that it says.
    pub(super) fn ask_echo(&mut self) {
        let (Some(running), Some(live)) = (&mut self.running, &mut self.live) else { return };
        let id = format!("echo-{}", running.work.execution_id);
        let asked = live.connection.request(&id, "kernel_info_request", &serde_json::json!({}));
        // Not sent: the way to the kernel is full or gone, and it is given up when that stays so.
        let (kernel_id, sent) = (self.kernel.kernel_id, asked.is_ok());
        tracing::info!(%kernel_id, sent, "a kernel gave its answer and did not say that it is idle; it is asked");
        metrics::counter!("kernel_idle_asked_total").increment(1);
        running.echo.asked = Some((id, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_when_it_came_on_both_channels() {
        let now = Instant::now();
        let mut echo = Echo::default();
        assert!(!echo.heard("x", Channel::Shell) && !echo.is_back());
        assert_eq!(echo.due(now), now + IDLE_GRACE);
        echo.asked = Some(("x".into(), now));
        assert_eq!(echo.due(now), now + ANSWER_MAX);
        assert!(!echo.heard("y", Channel::Iopub));
        assert!(echo.heard("x", Channel::Shell) && !echo.is_back(), "iopub may have more to say");
        assert!(echo.heard("x", Channel::Iopub) && echo.is_back());
    }

    #[test]
    fn a_kernel_that_answers_is_not_taken_for_code_that_goes_on() {
        let (replied_at, settle) = (Instant::now(), Duration::from_secs(60));
        let mut echo = Echo::default();
        assert_eq!(echo.overdue(replied_at, settle), (replied_at + settle, Overdue::Ask));
        let asked_at = replied_at + settle;
        echo.asked = Some(("x".into(), asked_at));
        assert_eq!(echo.overdue(replied_at, settle), (asked_at + settle, Overdue::Kill));
        echo.heard("x", Channel::Shell);
        assert_eq!(echo.overdue(replied_at, settle), (replied_at + settle * 10, Overdue::Kill), "for ever");
    }
}
