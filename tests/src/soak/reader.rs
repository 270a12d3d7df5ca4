//! Readers of an execution: they attach at any number, slow or fast, leave and come back, and what they see must be the
//! same log without a gap.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use fenxi_proto::analysis::v1::{OutputEvent, WatchExecutionRequest, output_event::Event};
use prost::Message as _;
use tokio::time::{Instant, sleep, timeout};
use tonic::Streaming;

use super::{
    caller::{Caller, Refused, may_be_tried_again},
    dice::Dice,
};

/// How long an execution may take to its end; what it may run for is far below it.
const END_WAIT: Duration = Duration::from_secs(600);
/// A stream says something at least every ten seconds.
const SILENCE_MAX: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(200);

/// An event by which it can be told apart.
pub(super) fn digest(event: &OutputEvent) -> u64 {
    let mut hasher = DefaultHasher::new();
    event.encode_to_vec().hash(&mut hasher);
    hasher.finish()
}

/// What a reader takes in, with the numbers checked.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// After which number it began.
    pub after: i64,
    /// Each event by its hash.
    pub hashes: Vec<u64>,
    /// Whether the end was seen.
    pub ended: bool,
}

impl Log {
    pub(super) fn after(after: i64) -> Self {
        Self { after, ..Self::default() }
    }

    /// The number of the last event.
    pub(super) fn last(&self) -> i64 {
        self.after + i64::try_from(self.hashes.len()).unwrap_or(i64::MAX)
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn take(&mut self, event: &OutputEvent) -> Result<(), String> {
        if event.sequence != self.last() + 1 {
            return Err(format!("event {} came after {}", event.sequence, self.last()));
        }
        if self.ended {
            return Err(format!("event {} came after the end", event.sequence));
        }
        if (event.sequence == 1) != matches!(event.event, Some(Event::Queued(_))) {
            return Err(format!("QUEUED and the number 1 do not go together: {}", event.sequence));
        }
        self.hashes.push(digest(event));
        self.ended = matches!(event.event, Some(Event::Finished(_)));
        Ok(())
    }
}

/// What follows when a stream has no more.
pub(super) enum Next<T> {
    Message(T),
    /// It broke: attach again.
    Again,
    /// It is of no use any more; said already.
    Over,
}

/// The next message of a stream, with its failures looked at.
pub(super) async fn next<T>(caller: &Caller, what: &str, stream: &mut Streaming<T>) -> Next<T> {
    match timeout(SILENCE_MAX, stream.message()).await {
        Ok(Ok(Some(message))) => Next::Message(message),
        Ok(Ok(None)) => {
            caller.book.violate(format!("{what}: a stream ended well, and without the execution's end"));
            Next::Again
        }
        Ok(Err(status)) if may_be_tried_again(&status) => {
            caller.book.count("streams broken off: the service was away");
            sleep(PAUSE).await;
            Next::Again
        }
        Ok(Err(status)) => {
            caller.refused(what, &status);
            Next::Over
        }
        Err(_) => {
            caller.book.violate(format!("{what}: the stream said nothing for {SILENCE_MAX:?}"));
            Next::Over
        }
    }
}

/// Attaches to an execution after a number.
pub(super) async fn watch(
    caller: &Caller,
    execution_id: &str,
    after: i64,
) -> Result<Streaming<fenxi_proto::analysis::v1::WatchExecutionResponse>, Refused> {
    caller
        .ask("WatchExecution", async || {
            let request = WatchExecutionRequest { execution_id: execution_id.to_owned(), after_sequence: after };
            caller.client.executions().watch_execution(request).await
        })
        .await
}

/// How a reader reads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Manner {
    /// It begins this long after it was sent for.
    pub wait: Duration,
    /// After this number.
    pub after: i64,
    /// It rests this long after each of its first events.
    pub rest: Duration,
    /// It leaves after so many events, and comes back.
    pub leaves_after: Option<usize>,
}

/// Events after which a slow reader has rested enough.
const RESTS_MAX: usize = 100;

impl Manner {
    /// Some manner, for an execution that has come to this number.
    pub(super) fn some(dice: &mut Dice, last: i64) -> Self {
        let last = usize::try_from(last).unwrap_or(0);
        Self {
            wait: dice.up_to(Duration::from_secs(3)),
            after: i64::try_from(dice.below(last)).unwrap_or(0),
            rest: if dice.chance(30) { dice.up_to(Duration::from_millis(150)) } else { Duration::ZERO },
            leaves_after: dice.chance(50).then(|| dice.below(40)),
        }
    }
}

/// Reads an execution to its end. `None`: it could not be; said already.
pub(super) async fn read(caller: &Caller, execution_id: &str, manner: Manner) -> Option<Log> {
    sleep(manner.wait).await;
    let begin = Instant::now();
    let mut log = Log::after(manner.after);
    let (mut leaves_after, mut rests) = (manner.leaves_after, 0);
    'attached: while !log.ended {
        if begin.elapsed() > END_WAIT {
            caller.book.violate(format!("execution {execution_id}: a reader saw no end within {END_WAIT:?}"));
            return None;
        }
        let mut stream = watch(caller, execution_id, log.last()).await.ok()?;
        while !log.ended {
            let event = match next(caller, "WatchExecution", &mut stream).await {
                Next::Message(message) => message.event,
                Next::Again => continue 'attached,
                Next::Over => return None,
            };
            let Some(event) = event else { continue };
            if let Err(wrong) = log.take(&event) {
                caller.book.violate(format!("execution {execution_id}, a reader after {}: {wrong}", manner.after));
                return None;
            }
            if leaves_after.is_some_and(|events| log.hashes.len() > events) {
                leaves_after = None;
                caller.book.count("readers that left and came back");
                continue 'attached;
            }
            if !manner.rest.is_zero() && rests < RESTS_MAX {
                rests += 1;
                sleep(manner.rest).await;
            }
        }
    }
    Some(log)
}
