//! What a kernel says, and what it means for the execution that runs.

use std::time::Duration;

use fenxi_proto::analysis::v1::{TruncatedEvent, output_event::Event};
use fenxi_supervisor::{Channel, MESSAGE_MAX_BYTES};
use tokio::time::Instant;

use super::{Driver, run::signed};
use crate::{
    executions::Moment,
    kernels::{
        connection::{Incoming, LARGE_MESSAGE_BYTES, Message},
        output::{self, Reply, Said},
    },
};

/// How long a kernel that closed its channels may take to end.
const DEAF_GRACE: Duration = Duration::from_secs(3);

impl Driver {
    /// Something came: what it means, and whether the execution is over by it. Readers have it once nothing more has come,
    /// so that what comes together is written together.
    pub(super) async fn heard(&mut self, incoming: Incoming) {
        self.hear(incoming).await;
        self.settle().await;
        let more = self.deaf_until.is_none() && self.live.as_ref().is_some_and(|live| !live.connection.is_drained());
        if let Some(running) = self.running.as_mut().filter(|_| !more) {
            running.work.log.hand_in().await;
        }
    }

    /// Takes in what the kernel said.
    pub(super) async fn hear(&mut self, incoming: Incoming) {
        let number = match incoming {
            Incoming::Message { number, time, channel, message, room } => {
                let said = Moment { number, time };
                match channel {
                    Channel::Iopub => {
                        let parent_id = message.parent_id.clone();
                        let what = read(message, output::said).await.unwrap_or(Said::Nothing);
                        self.hear_output(said, what, &parent_id).await;
                    }
                    Channel::Shell if self.asks.has(&message.parent_id) => self.asks.answered(message),
                    Channel::Shell => {
                        if self.awaits_reply(&message.parent_id) && output::is_reply(&message) {
                            self.replied(said, read(message, output::reply).await.flatten());
                        }
                    }
                    Channel::Stdin => {
                        if let Some(running) = self.running.as_mut().filter(|running| running.id == message.parent_id)
                            && let Some(asked) = read(message, output::input_request).await.flatten()
                            // Heard again, it is in the log, and perhaps answered.
                            && running.work.log.hear(said, Event::InputRequest(asked.clone())).await
                        {
                            running.input = Some(asked);
                        }
                    }
                    Channel::Control => self.asks.answered(message),
                }
                // Only now may the kernel say as much again.
                drop(room);
                number
            }
            Incoming::Oversized { number, channel, parent_id, dropped_bytes } => {
                self.asks.oversized(&parent_id);
                let said = Moment { number, time: None };
                if let Some(running) = self.running.as_mut().filter(|running| running.id == parent_id) {
                    let (dropped_bytes, limit_bytes) = (signed(dropped_bytes), signed(MESSAGE_MAX_BYTES));
                    let cut = TruncatedEvent { kept_bytes: 0, dropped_bytes, limit_bytes };
                    running.work.log.hear(said, Event::Truncated(cut)).await;
                }
                if channel == Channel::Shell && self.awaits_reply(&parent_id) {
                    self.replied(said, None);
                }
                number
            }
            Incoming::Refused { number } => number,
            Incoming::Closed { number, .. } => {
                self.deaf();
                number
            }
        };
        self.acknowledge(Some(number));
    }

    /// Whether what came on shell for this request is for the code that runs.
    fn awaits_reply(&mut self, parent_id: &str) -> bool {
        let Some(running) = &mut self.running else { return false };
        !running.echo.heard(parent_id, Channel::Shell) && running.id == parent_id
    }

    /// The kernel answered to the code that runs. Where the answer cannot be read, the output tells how it went.
    fn replied(&mut self, said: Moment, reply: Option<Reply>) {
        let Some(running) = &mut self.running else { return };
        let unread = || Reply { ok: !running.work.log.has_failed(), ..Reply::default() };
        let reply = reply.unwrap_or_else(unread);
        running.last_heard = Instant::now();
        running.reply = Some(reply);
        running.replied_at.get_or_insert_with(Instant::now);
        running.ends_with(said);
    }

    /// The kernel closed a channel: it is ending, or it is broken. One that said that it ends is not broken.
    pub(super) fn deaf(&mut self) {
        let until = Instant::now() + DEAF_GRACE;
        self.deaf_until.get_or_insert(self.leaves_until.map_or(until, |leaves| leaves.max(until)));
    }

    /// Its code told the kernel to end (`exit()`), and it said so: nothing is sent to it any more.
    pub(super) fn leaves(&mut self) {
        self.leaves_until.get_or_insert_with(|| Instant::now() + self.parts.settings.leaving_max);
    }

    async fn hear_output(&mut self, said: Moment, what: Said, parent_id: &str) {
        let is_new = self.live.as_ref().is_some_and(|live| live.connection.is_new(said.number));
        let Some(running) = &mut self.running else {
            match what {
                // What is heard again is in the log of the one before.
                Said::Event(Event::Stream(printed)) if is_new => self.between.keep(printed),
                Said::Event(_) => metrics::counter!("kernel_late_outputs_dropped_total").increment(1),
                _ => {}
            }
            return;
        };
        let own = running.id == parent_id;
        if own {
            running.last_heard = Instant::now();
        } else if matches!(what, Said::Idle) {
            running.echo.heard(parent_id, Channel::Iopub);
        }
        match what {
            Said::Event(event) if own => {
                if !running.started {
                    running.begin(None, Moment { number: said.number.saturating_sub(1), ..said }).await;
                }
                running.count(&event, said.number);
                running.work.log.hear(said, event).await;
            }
            // A thread of an execution that has ended prints on: the text is shown where someone looks.
            // What is heard again before this one began is in the log of the one before, whoever sent this one.
            Said::Event(event @ Event::Stream(_)) if running.started || (!running.is_resumed && is_new) => {
                running.work.log.hear(said, event).await;
            }
            Said::Began { execution_count } if own && !running.started => {
                running.begin(Some(execution_count), said).await;
                self.tell_between().await;
            }
            Said::Idle if own => {
                running.idle = true;
                running.ends_with(said);
            }
            _ => {}
        }
    }
}

/// Reads a message; a large one on a thread where that blocks nobody.
async fn read<T: Send + 'static>(message: Message, how: fn(&Message) -> T) -> Option<T> {
    if message.content.len() < LARGE_MESSAGE_BYTES {
        return Some(how(&message));
    }
    tokio::task::spawn_blocking(move || how(&message)).await.ok()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn a_large_message_is_read_where_it_blocks_nobody() {
        let message = |bytes: usize| Message {
            kind: "execute_reply".into(),
            id: "i".into(),
            parent_id: "p".into(),
            content: vec![b' '; bytes].into(),
        };
        let here = thread::current().id();
        let place = async |bytes| read(message(bytes), |_| thread::current().id()).await.expect("read");
        assert_eq!(place(1000).await, here);
        assert_ne!(place(LARGE_MESSAGE_BYTES).await, here);
    }
}
