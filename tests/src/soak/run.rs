//! One execution from its request to its end: sent until it is accepted or refused, read without a gap, its questions
//! answered, and other readers beside it who have to see the same.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use fenxi_proto::analysis::v1::{
    ExecuteRequest, ExecuteResponse, InputRequestEvent, Outcome, OutputEvent, ReplyInputRequest, output_event::Event,
};
use tokio::{task::JoinSet, time::Instant};
use tonic::Streaming;

use super::{
    caller::{Caller, Refused},
    cells::{After, Cell, Table},
    dice::Dice,
    ledger::{Disturbance, Record, Story},
    reader::{self, Log, Manner, Next},
    verdict,
};
use crate::client::{Run, request_id};

/// Other readers of one execution.
const READERS_MAX: usize = 3;
/// How long the death of a process may take to be known to the service.
pub(super) const DEATH_TOLD: Duration = Duration::from_secs(15);

/// A kernel with what was done to it.
#[derive(Debug, Default)]
pub(super) struct Kernel {
    /// Which one.
    pub kernel_id: String,
    /// What was done to it.
    pub story: Story,
    /// The table that it holds as `df`.
    pub table: Option<Table>,
}

/// The executions that were accepted, of some that were sent together.
pub(super) type Accepted = Mutex<Vec<String>>;

/// What became of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// The kernel goes on.
    Fine,
    /// The kernel may be dead.
    Dead,
    /// The kernel holds what it should not.
    Fouled,
    /// The kernel is not there any more.
    Gone,
}

/// An execution with who reads it.
pub(super) struct Watched<'a> {
    pub caller: &'a Caller,
    pub kernel: &'a Kernel,
    pub cell: &'a Cell,
    pub sent_at: Instant,
    pub execution_id: String,
    pub log: Log,
    pub run: Run,
    /// How far it has come, for the other readers.
    last: Arc<AtomicI64>,
    others: JoinSet<Option<Log>>,
}

/// Runs a cell to its end.
pub(super) async fn run(caller: &Caller, kernel: &Kernel, cell: &Cell, mut dice: Dice, accepted: &Accepted) -> Left {
    // What the cell may do to others of its kernel.
    let fails = (cell.outcomes != [Outcome::Ok]).then(|| kernel.story.begin(Disturbance::Failure, Duration::ZERO));
    let dies = (cell.after != After::Fine).then(|| kernel.story.begin(Disturbance::End, DEATH_TOLD));
    let mut watched = Watched {
        caller,
        kernel,
        cell,
        sent_at: Instant::now(),
        execution_id: String::new(),
        log: Log::default(),
        run: Run::default(),
        last: Arc::default(),
        others: JoinSet::new(),
    };
    let read = watched.read(accepted, &mut dice).await;
    let others = std::mem::take(&mut watched.others).join_all().await;
    let left = match read {
        Ok(()) => verdict::judge(watched, &others).await,
        Err(Some(refused)) if refused.is_gone() => Left::Gone,
        Err(Some(refused)) if refused.is_dead() => Left::Dead,
        Err(_) => Left::Fine,
    };
    drop((fails, dies));
    left
}

impl Watched<'_> {
    /// Reads the execution to its end, attaching again where the stream breaks: by the same request, or by its id.
    async fn read(&mut self, accepted: &Accepted, dice: &mut Dice) -> Result<(), Option<Refused>> {
        let request = ExecuteRequest {
            kernel_id: self.kernel.kernel_id.clone(),
            code: self.cell.code.clone(),
            request_id: request_id(),
            time_limit: Some(fenxi_proto::time::duration(fenxi_chassis::clock::micros(self.cell.time_limit))),
            continue_on_error: self.cell.continue_on_error,
            ..ExecuteRequest::default()
        };
        while !self.log.ended {
            if self.execution_id.is_empty() || dice.chance(50) {
                let request = ExecuteRequest { after_sequence: self.log.last(), ..request.clone() };
                let executions = self.caller.client.executions();
                let stream =
                    self.caller.ask("Execute", async || executions.clone().execute(request.clone()).await).await?;
                self.follow_execute(stream, accepted, dice).await?;
            } else {
                let mut stream = reader::watch(self.caller, &self.execution_id, self.log.last()).await?;
                while !self.log.ended {
                    match reader::next(self.caller, "WatchExecution", &mut stream).await {
                        Next::Message(message) => self.hear(message.event, dice).await?,
                        Next::Again => break,
                        Next::Over => return Err(None),
                    }
                }
            }
        }
        Ok(())
    }

    async fn follow_execute(
        &mut self,
        mut stream: Streaming<ExecuteResponse>,
        accepted: &Accepted,
        dice: &mut Dice,
    ) -> Result<(), Option<Refused>> {
        while !self.log.ended {
            let message = match reader::next(self.caller, "Execute", &mut stream).await {
                Next::Message(message) => message,
                Next::Again => return Ok(()),
                Next::Over => return Err(None),
            };
            if let Some(execution) = message.execution {
                self.accepted(execution.execution_id, accepted, dice)?;
            }
            self.hear(message.event, dice).await?;
        }
        Ok(())
    }

    /// The execution has a name; others may read it from now on.
    fn accepted(&mut self, id: String, accepted: &Accepted, dice: &mut Dice) -> Result<(), Option<Refused>> {
        if self.execution_id == id {
            return Ok(());
        }
        if !self.execution_id.is_empty() {
            self.violate(&format!("the same request is another execution now: {id}"));
            return Err(None);
        }
        let record = Record {
            username: self.caller.name().to_owned(),
            kernel_id: self.kernel.kernel_id.clone(),
            kind: self.cell.kind,
            outcome: None,
            events: Vec::new(),
            bytes: 0,
        };
        self.caller.book.accepted(&id, record);
        accepted.lock().unwrap_or_else(PoisonError::into_inner).push(id.clone());
        self.execution_id = id;
        for _ in 0..dice.below(READERS_MAX + 1) {
            let (caller, id, last, mut dice) =
                (self.caller.clone(), self.execution_id.clone(), Arc::clone(&self.last), dice.fork());
            self.others.spawn_local(async move {
                let first = Manner::some(&mut dice, 0);
                tokio::time::sleep(first.wait).await;
                let manner = Manner::some(&mut dice, last.load(Ordering::Relaxed));
                reader::read(&caller, &id, Manner { wait: Duration::ZERO, ..manner }).await
            });
        }
        Ok(())
    }

    async fn hear(&mut self, event: Option<OutputEvent>, dice: &mut Dice) -> Result<(), Option<Refused>> {
        let Some(event) = event else { return Ok(()) };
        if let Err(wrong) = self.log.take(&event) {
            self.violate(&wrong);
            return Err(None);
        }
        self.last.store(event.sequence, Ordering::Relaxed);
        let question = match &event.event {
            Some(Event::InputRequest(question)) if self.cell.answers => Some(question.clone()),
            _ => None,
        };
        self.run.events.push(event);
        if let Some(question) = question {
            self.answer(question, dice).await;
        }
        Ok(())
    }

    /// Answers a question; that the execution has been ended meanwhile is no fault.
    async fn answer(&self, question: InputRequestEvent, dice: &mut Dice) {
        tokio::time::sleep(dice.up_to(Duration::from_millis(500))).await;
        let request = ReplyInputRequest {
            execution_id: self.execution_id.clone(),
            input_id: question.input_id,
            value: "yes".into(),
            request_id: request_id(),
        };
        let executions = self.caller.client.executions();
        self.caller.ask("ReplyInput", async || executions.clone().reply_input(request.clone()).await).await.ok();
    }

    /// Something is wrong with this execution.
    pub(super) fn violate(&self, what: &str) {
        let tail: Vec<_> = self.run.events.iter().rev().take(4).rev().map(short).collect();
        self.caller.book.violate(format!(
            "execution {} (`{}`) of kernel {} of {}: {what}; its last events: {}",
            self.execution_id,
            self.cell.kind,
            self.kernel.kernel_id,
            self.caller.name(),
            tail.join(" | ")
        ));
    }
}

/// An event in a line.
fn short(event: &OutputEvent) -> String {
    let text = format!("{:?}", event.event);
    format!("{}: {}", event.sequence, text.chars().take(300).collect::<String>())
}
