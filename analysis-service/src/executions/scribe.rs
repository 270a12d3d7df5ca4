//! The one thread that writes logs. It numbers events, joins texts that belong together, writes them, and only then
//! makes them known: a reader never sees what is not on disk, and no task of the runtime waits for the disk.
//!
//! A write that fails never reaches the driver of a kernel: output that cannot be written is left out and marked, what
//! is no output waits, and the end is tried again until it is on disk.

use std::{
    collections::HashMap,
    fs::File,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use fenxi_proto::analysis::v1::output_event::Event;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use uuid::Uuid;

use super::{
    journal::{Journal, Ticket},
    limits::{COMMANDS_BATCH_MAX, COMMANDS_MAX, WRITE_RETRY},
    live::Live,
    record::Through,
    requests::Taken,
    sink::{Paper, Sink},
    spares::Spares,
    spool::Folder,
};

/// An event to be appended, received at this time, with the request that was taken with it, or such a request alone. The
/// permit is given back when it is written or left out.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) time: i64,
    pub(super) event: Option<Event>,
    pub(super) through: Through,
    pub(super) taken: Option<Taken>,
    pub(super) room: Option<OwnedSemaphorePermit>,
}

/// Asks the thread for something.
pub(super) enum Command {
    /// Gives the log of an execution that goes on its file, so that the journal need not keep that it was accepted.
    Keep { live: Arc<Live>, ticket: Option<Ticket> },
    /// Goes on with the log of an execution of an earlier process; answers what it holds, `None` without a file. To be
    /// `resumed` with what its kernel says next, it is cut after the last whole message.
    Reopen { live: Arc<Live>, resumed: bool, answer: oneshot::Sender<io::Result<Option<super::sink::Held>>> },
    /// Appends these to a log, one after the other and written together.
    Append { live: Arc<Live>, drafts: Vec<Draft> },
    /// Clears up after a log whose end is in the database: one in a row needs no file, another goes to the finished ones.
    /// `file`: that of one in a row which nobody will read any more.
    Stored { id: Uuid, in_row: bool, file: Option<Arc<File>> },
    /// Tries again what could not be written.
    Retry,
}

/// The way to the thread. It ends when the last clone is gone and everything given to it is written.
#[derive(Clone, Debug)]
pub(super) struct Scribe {
    commands: mpsc::Sender<Command>,
}

/// The thread is gone: the process ends.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the spool of executions is closed")]
pub(super) struct Closed;

impl Scribe {
    /// Starts the thread.
    pub(super) fn start(folder: Folder, journal: Journal) -> io::Result<Self> {
        let (commands, queue) = mpsc::channel(COMMANDS_MAX);
        let failing = Arc::new(AtomicBool::new(false));
        let paper = Paper { spares: Spares::new(folder.clone()), journal };
        let desk = Desk { folder, paper, sinks: HashMap::new(), failing: Arc::clone(&failing) };
        thread::Builder::new().name("execution-spool".into()).spawn(move || desk.run(queue))?;
        tokio::spawn(retry(commands.downgrade(), failing));
        Ok(Self { commands })
    }

    /// Hands over a command, waiting while the queue is full.
    pub(super) async fn send(&self, command: Command) -> Result<(), Closed> {
        self.commands.send(command).await.map_err(|_| Closed)
    }

    /// Goes on with the log of an execution of an earlier process.
    pub(super) async fn reopen(&self, live: Arc<Live>, resumed: bool) -> io::Result<Option<super::sink::Held>> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Reopen { live, resumed, answer }).await.map_err(io::Error::other)?;
        answered.await.map_err(io::Error::other)?
    }
}

/// Wakes the thread from time to time while something could not be written.
async fn retry(commands: mpsc::WeakSender<Command>, failing: Arc<AtomicBool>) {
    let mut ticks = tokio::time::interval(WRITE_RETRY);
    loop {
        ticks.tick().await;
        let Some(commands) = commands.upgrade() else { return };
        if failing.load(Ordering::Relaxed) {
            commands.try_send(Command::Retry).ok();
        }
    }
}

struct Desk {
    folder: Folder,
    paper: Paper,
    sinks: HashMap<Uuid, Sink>,
    failing: Arc<AtomicBool>,
}

impl Desk {
    fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        let mut commands = Vec::with_capacity(COMMANDS_BATCH_MAX);
        let mut touched = Vec::new();
        while queue.blocking_recv_many(&mut commands, COMMANDS_BATCH_MAX) > 0 {
            for command in commands.drain(..) {
                self.take(command, &mut touched);
            }
            for id in touched.drain(..) {
                self.write(id);
            }
            self.failing.store(self.sinks.values().any(Sink::is_failing), Ordering::Relaxed);
        }
    }

    fn take(&mut self, command: Command, touched: &mut Vec<Uuid>) {
        match command {
            Command::Keep { live, ticket } => {
                if live.progress().end.is_none() {
                    let id = live.id();
                    self.sink(live);
                    self.write(id);
                }
                // On a disk that takes nothing, only its first place in the queue may be forgotten.
                ticket.into_iter().for_each(Ticket::settle);
            }
            Command::Reopen { live, resumed, answer } => {
                let id = live.id();
                let reopened = self
                    .folder
                    .reopen(id, resumed)
                    .and_then(|log| log.map(|(file, scan)| Sink::resume(&live, file, scan)).transpose());
                answer
                    .send(reopened.map(|log| {
                        log.map(|(sink, held)| {
                            self.sinks.insert(id, sink);
                            held
                        })
                    }))
                    .ok();
            }
            Command::Append { live, drafts } => {
                if live.progress().end.is_some() {
                    return;
                }
                let id = live.id();
                let sink = self.sink(live);
                if sink.is_clean() {
                    touched.push(id);
                }
                drafts.into_iter().for_each(|draft| sink.stage(draft));
            }
            Command::Stored { id, in_row, file } => {
                // One that held its end when it was taken up is still here: nothing was written to it.
                self.sinks.remove(&id);
                let cleared = match file.and_then(Arc::into_inner) {
                    Some(file) if in_row => self.paper.spares.put_aside(id, file),
                    _ if in_row => self.folder.remove_running(id),
                    _ => self.folder.move_to_ended(id),
                };
                if let Err(error) = cleared {
                    tracing::warn!(execution_id = %id, %error, "a spool file stays where it is until the next start");
                }
            }
            Command::Retry => {
                touched.extend(self.sinks.iter().filter(|(_, sink)| sink.is_failing()).map(|(id, _)| *id));
            }
        }
    }

    fn sink(&mut self, live: Arc<Live>) -> &mut Sink {
        self.sinks.entry(live.id()).or_insert_with(|| Sink::new(live))
    }

    fn write(&mut self, id: Uuid) {
        let Some(sink) = self.sinks.get_mut(&id) else { return };
        if sink.write(&mut self.paper) {
            self.sinks.remove(&id);
        }
    }
}
