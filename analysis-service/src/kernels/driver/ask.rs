//! Questions to a kernel that run no code: on the control channel, beside whatever runs. Each has a deadline; so many are
//! with the kernel at a time, so many wait; whoever asked and left is forgotten.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::{mpsc::error::TrySendError, oneshot},
    time::Instant,
};

use super::{
    Driver, KernelHandle, end,
    mailbox::{Request, dead},
};
use crate::kernels::{connection::Message, model::KernelError, state::State};

/// How long a question waits for its answer, in the list and with the kernel.
const ASK_MAX: Duration = Duration::from_secs(5);
/// Questions that a kernel has at a time; its own limit is the same.
const ASKED_MAX: usize = 4;
/// Why an idle kernel's question is refused.
const BUSY: &str = "its kernels can be looked into only while they run nothing";
/// Questions that wait for their turn.
const WAITING_MAX: usize = 32;
/// Of the time that is left when a question is sent, what the kernel gets; the rest is for the way.
const KERNEL_SHARE: f32 = 0.8;

/// Where a question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// On the control channel, beside what runs, in our own form, with the time that is left for it.
    Beside,
    /// On the shell channel, in the protocol's form: only a kernel that runs nothing answers.
    Idle,
}

/// A question.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) way: Way,
    pub(super) kind: &'static str,
    pub(super) content: serde_json::Value,
    pub(super) deadline: Instant,
    pub(super) answer: oneshot::Sender<Result<Bytes, KernelError>>,
}

/// The questions of one kernel.
#[derive(Default)]
pub(super) struct Asks {
    waiting: VecDeque<Ask>,
    /// With the kernel, by the id of the request.
    asked: Vec<(String, Ask)>,
}

impl KernelHandle {
    /// Asks the kernel on its control channel and gives the answer's content.
    ///
    /// # Errors
    /// The kernel is dead, is asked too much, or does not answer in time.
    pub(crate) async fn ask(&self, kind: &'static str, content: serde_json::Value) -> Result<Bytes, KernelError> {
        self.ask_on(Way::Beside, kind, content).await
    }

    /// Asks an idle kernel on its shell channel and gives the answer's content.
    ///
    /// # Errors
    /// As [`Self::ask`], and [`KernelError::NotInspectable`] where it runs something.
    pub(crate) async fn ask_idle(&self, kind: &'static str, content: serde_json::Value) -> Result<Bytes, KernelError> {
        self.ask_on(Way::Idle, kind, content).await
    }

    async fn ask_on(&self, way: Way, kind: &'static str, content: serde_json::Value) -> Result<Bytes, KernelError> {
        let (answer, answered) = oneshot::channel();
        let ask = Ask { way, kind, content, deadline: Instant::now() + ASK_MAX, answer };
        self.requests.try_send(Request::Ask(Box::new(ask))).map_err(|error| match error {
            TrySendError::Full(_) => too_much(),
            TrySendError::Closed(_) => self.unheard(dead),
        })?;
        answered.await.unwrap_or_else(|_| Err(self.unheard(dead)))
    }
}

impl Asks {
    /// When the first deadline is.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let asked = self.asked.iter().map(|(_, ask)| ask.deadline);
        self.waiting.iter().map(|ask| ask.deadline).chain(asked).min()
    }

    /// Takes a question, or refuses it.
    pub(super) fn take(&mut self, ask: Ask) {
        if self.waiting.len() >= WAITING_MAX {
            let _ = ask.answer.send(Err(too_much()));
        } else {
            self.waiting.push_back(ask);
        }
    }

    /// Whether the kernel has a question of this id.
    pub(super) fn has(&self, id: &str) -> bool {
        self.asked.iter().any(|(asked, _)| asked == id)
    }

    /// Hands the kernel's answer to who asked. One that nobody waits for any more is passed over.
    pub(super) fn answered(&mut self, message: Message) {
        self.end(&message.parent_id, Ok(message.content));
    }

    /// The kernel's answer to this request was dropped, because it was too large.
    pub(super) fn oversized(&mut self, id: &str) {
        self.end(id, Err(KernelError::AnswerUnreadable));
    }

    fn end(&mut self, id: &str, result: Result<Bytes, KernelError>) {
        if let Some(at) = self.asked.iter().position(|(asked, _)| asked == id) {
            let _ = self.asked.swap_remove(at).1.answer.send(result);
        }
    }

    /// Ends those whose time is up, and forgets those whose asker has left.
    fn expire(&mut self) {
        let now = Instant::now();
        let overdue = |ask: &Ask| ask.deadline <= now;
        let waiting = std::mem::take(&mut self.waiting);
        let asked = std::mem::take(&mut self.asked);
        for ask in waiting {
            match ask {
                ask if ask.answer.is_closed() => {}
                ask if overdue(&ask) => ask.fail(too_late()),
                ask => self.waiting.push_back(ask),
            }
        }
        for (id, ask) in asked {
            // One that the kernel has takes its place until its time is up, whether somebody waits for it or not.
            if overdue(&ask) { ask.fail(too_late()) } else { self.asked.push((id, ask)) }
        }
    }

    fn fail(&mut self, error: impl Fn() -> KernelError, waiting_too: bool) {
        self.asked.drain(..).for_each(|(_, ask)| ask.fail(error()));
        if waiting_too {
            self.waiting.drain(..).for_each(|ask| ask.fail(error()));
        }
    }
}

fn too_much() -> KernelError {
    KernelError::AskedTooMuch { why: format!("{WAITING_MAX} questions to this kernel wait for their answers") }
}

fn too_late() -> KernelError {
    let secs = ASK_MAX.as_secs();
    KernelError::AskTimeout { why: format!("nothing came within {secs} s; native code may hold the interpreter") }
}

impl Ask {
    fn fail(self, error: KernelError) {
        let _ = self.answer.send(Err(error));
    }
}

impl Driver {
    /// Sends what waits, and answers for the kernel where it cannot. Done after everything that happens.
    pub(super) fn tend_asks(&mut self) {
        self.asks.expire();
        let lost = || match &self.kernel.death {
            _ if self.leaving => KernelError::Stopping,
            death => KernelError::Dead { what: death.as_ref().map_or("its process has ended".into(), end::describe) },
        };
        let over = matches!(self.state, State::Dead(_)) || self.done;
        if over || self.live.is_none() {
            // Those it had went with its process; those that wait may be for the next one.
            self.asks.fail(lost, over);
        }
        let Some(live) = self.live.as_mut().filter(|_| self.killed.is_none() && self.deaf_until.is_none()) else {
            return;
        };
        while self.asks.asked.len() < ASKED_MAX {
            let Some(mut ask) = self.asks.waiting.pop_front() else { return };
            // Unlike any other, so that the late answer to one that was given up is nobody else's.
            let id = format!("ask-{:032x}", rand::random::<u128>());
            let mut content = ask.content.take();
            let sent = match ask.way {
                Way::Beside => {
                    let limit = ask.deadline.saturating_duration_since(Instant::now()).mul_f32(KERNEL_SHARE);
                    content["limit_ms"] = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX).into();
                    live.connection.ask(&id, ask.kind, &content)
                }
                Way::Idle if matches!(self.state, State::Idle) => live.connection.request(&id, ask.kind, &content),
                Way::Idle => {
                    let (name, why) = (self.kernel.kernel_spec.clone(), BUSY);
                    ask.fail(KernelError::NotInspectable { name, why });
                    continue;
                }
            };
            match sent {
                Ok(()) => self.asks.asked.push((id, ask)),
                Err(_) => ask.fail(too_late()),
            }
        }
    }
}
