//! Every bound of this room, with its unit.

use std::time::Duration;

/// The longest text of one stream event; longer texts become several events.
pub(super) const STREAM_TEXT_MAX_BYTES: usize = 64 * 1024;
/// From this length on, a text is taken apart where it blocks nobody.
pub(super) const LARGE_TEXT_BYTES: usize = 512 * 1024;
/// The longest form of an output that stands in its event; longer ones go to the object store.
pub(super) const PART_INLINE_MAX_BYTES: usize = 64 * 1024;
/// All forms of one output that stand in its event.
pub(super) const BUNDLE_INLINE_MAX_BYTES: usize = 256 * 1024;
/// Forms of one output. Jupyter outputs have two to five.
pub(super) const BUNDLE_MAX_PARTS: usize = 32;
/// The metadata of one output; longer metadata is left out.
pub(super) const METADATA_MAX_BYTES: usize = 64 * 1024;
/// A name: of a MIME type, a display, an exception.
pub(super) const NAME_MAX_BYTES: usize = 1024;
/// The text of an exception, of a prompt, of a notice.
pub(super) const MESSAGE_TEXT_MAX_BYTES: usize = 64 * 1024;
/// The lines of a traceback together; the middle of a longer one is left out.
pub(super) const TRACEBACK_MAX_BYTES: usize = 256 * 1024;
/// Characters of a text content that its reference shows.
pub(super) const REFERENCE_HEAD_MAX_CHARS: usize = 1000;

/// What an event costs beside its own length when it is held against the output limit: its number, its time and the
/// head of its record.
pub(super) const EVENT_COST_BYTES: u64 = 32;
/// Results and errors that are kept above the output limit.
pub(super) const PINNED_MAX_EVENTS: usize = 16;
/// Their bytes.
pub(super) const PINNED_MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Questions that are kept above the output limit.
pub(super) const PROMPTS_MAX_EVENTS: usize = 1000;
/// The text of one of them.
pub(super) const PROMPT_ABOVE_MAX_BYTES: usize = 1024;

/// Bytes of one execution on their way to the disk; more wait in the kernel.
pub(super) const IN_FLIGHT_MAX_BYTES: u32 = 1024 * 1024;
/// Events of one execution that are kept back while more of it comes, and sent on their way together.
pub(super) const DRAFTS_MAX: usize = 64;
/// What the logs of all executions have sent on its way to the disk, in such lots.
pub(super) const COMMANDS_MAX: usize = 1024;
/// Commands taken at once; what of them belongs together is written together.
pub(super) const COMMANDS_BATCH_MAX: usize = 256;
/// How often a log that could not be written is tried again.
pub(super) const WRITE_RETRY: Duration = Duration::from_secs(1);
/// Empty files that are kept for logs to come: about as many as end before ends are stored, which is a few times a second.
pub(super) const SPARES_MAX: usize = 128;
/// Events other than output that wait for a disk that takes nothing.
pub(super) const UNWRITTEN_MAX_EVENTS: usize = 64;

/// The newest events of a running execution that are in memory for its readers.
pub(super) const TIP_MAX_BYTES: usize = 64 * 1024;
/// The same, in events.
pub(super) const TIP_MAX_EVENTS: usize = 256;
/// Distance of the marks by which a reader finds its place in the file of a running execution.
pub(super) const MARK_EVERY_BYTES: u64 = 256 * 1024;
/// Events that a reader takes from memory at once.
pub(super) const READER_BATCH_EVENTS: usize = 64;
/// Readers of all logs together; above it, readers are refused.
pub(super) const READERS_MAX: usize = 10_000;
/// File reads at one time.
pub(super) const FILE_READS_MAX: usize = 8;

/// The length of each of the journal's two files.
pub(super) const JOURNAL_FILE_BYTES: usize = 1024 * 1024;
/// The longest body of a record; the database itself is asked to take what is longer.
pub(super) const JOURNAL_BODY_MAX_BYTES: usize = 128 * 1024;
/// Records on their way to the journal.
pub(super) const JOURNAL_COMMANDS_MAX: usize = 1024;
/// How long a record that nobody waits for may wait for a sync that somebody waits for.
pub(super) const JOURNAL_LAZY_WAIT: Duration = Duration::from_millis(2);

/// The code of one page of a list, unless a single one is longer: an answer on the wire is held to 4 MiB by most clients.
pub(super) const PAGE_CODE_MAX_BYTES: i64 = 2 << 20;

/// Requests to cancel, and inputs, that are remembered of one execution as long as it runs and stored with its end; the
/// oldest are forgotten first.
pub(super) const REQUESTS_MAX: usize = 1000;
/// How long they are known after its end.
pub(super) const REQUESTS_KEPT: Duration = Duration::from_secs(48 * 3600);
/// The filter of the requests that began an execution, in bits: 4 MiB.
pub(super) const BEGUN_BITS: usize = 32 << 20;
/// How many it takes before one new request in a hundred asks the database all the same.
pub(super) const BEGUN_EXPECTED: usize = 3_500_000;
/// Rows of earlier processes whose requests are read at once, and the pause after them: calls come first.
pub(super) const LEARN_ROWS: i64 = 2_000;
pub(super) const LEARN_PAUSE: Duration = Duration::from_millis(5);

/// How long an answer waits for what it says to be written.
pub(super) const NOTE_WAIT: Duration = Duration::from_secs(2);

/// Executions in a row that were taken from the queue, each of which depended on the next, through which a dependency is
/// followed in the database; what lies beyond counts as failed.
pub(super) const DEPENDENCY_STEPS_MAX: usize = 1000;

/// How long an execution may run before its row is written; the rows of shorter ones are written with their end.
pub(super) const ROW_WAIT: Duration = Duration::from_secs(1);
/// How often ends are stored: what ended in between is stored in one transaction.
pub(super) const SAVE_EVERY: Duration = Duration::from_millis(200);
