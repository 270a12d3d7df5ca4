//! Whether an execution ended as it may: by what its code does and by what was done to its kernel meanwhile.

use fenxi_proto::analysis::v1::{
    ContentReference, DeathCause, FinishedEvent, MimeBundle, Outcome, OutputEvent, ReadContentRequest, StreamName,
    mime_part::Content, output_event::Event,
};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::{
    caller::Caller,
    cells::After,
    reader::{Log, Next, digest, next},
    run::{Left, Watched},
};

/// Looks at what was read, and writes it into the book.
pub(super) async fn judge(watched: Watched<'_>, others: &[Option<Log>]) -> Left {
    let Some(end) = watched.run.finished().cloned() else {
        watched.violate("no end");
        return Left::Fine;
    };
    let outcome = end.outcome();
    let bytes = watched.run.events.iter().map(prost::Message::encoded_len).sum();
    watched.caller.book.ended(&watched.execution_id, outcome, watched.log.hashes.clone(), bytes);
    if let Err(wrong) = watched.run.check() {
        watched.violate(&wrong.to_string());
    }
    compare(&watched, others);
    judge_end(&watched, &end);
    for reference in watched.run.events.iter().flat_map(references) {
        if let Err(wrong) = read_content(watched.caller, &watched.execution_id, reference).await {
            watched.violate(&wrong);
        }
    }
    let dead = outcome == Outcome::Killed || end.death.is_some();
    match watched.cell.after {
        After::Fouled => Left::Fouled,
        After::Dead => Left::Dead,
        After::Fine if dead => Left::Dead,
        After::Fine => Left::Fine,
    }
}

/// Every reader saw the same.
fn compare(watched: &Watched<'_>, others: &[Option<Log>]) {
    for log in others.iter().flatten() {
        let from = usize::try_from(log.after).unwrap_or(0);
        if watched.log.hashes.get(from..) != Some(log.hashes.as_slice()) {
            watched.violate(&format!("a reader after {from} saw {} other events", log.hashes.len()));
        }
        watched.caller.book.count("readers beside that saw the same");
    }
}

fn judge_end(watched: &Watched<'_>, end: &FinishedEvent) {
    let (cell, outcome) = (watched.cell, end.outcome());
    let started = watched.run.events.iter().any(|event| matches!(event.event, Some(Event::Started(_))));
    let span = (watched.sent_at, Instant::now());
    let also = watched.caller.book.also_allowed(&watched.kernel.story, span, started);
    let own = cell.outcomes.contains(&outcome);
    let idle = end.death.as_ref().is_some_and(|death| death.cause() == DeathCause::Idle);
    let culled = outcome == Outcome::Cancelled && !started && idle;
    if !own && !also.contains(&outcome) && !culled {
        watched.violate(&format!("it ended as {} ({:?})", outcome.as_str_name(), end.death));
        return;
    }
    if (outcome == Outcome::Killed) != end.death.is_some() && outcome == Outcome::Killed {
        watched.violate("KILLED without a death");
    }
    if !also.is_empty() || !own {
        return;
    }
    if let (Some((cause, number)), Some(death)) = (cell.death, &end.death) {
        let found = match death.cause() {
            DeathCause::Exit => death.exit_code,
            _ => death.signal,
        };
        if (death.cause(), found) != (cause, number) {
            watched.violate(&format!("its kernel died of {death:?}"));
        }
    }
    if outcome != Outcome::Ok {
        return;
    }
    if cell.stdout.as_ref().is_some_and(|stdout| *stdout != watched.run.printed(StreamName::Stdout)) {
        watched.violate("it printed something else");
    }
    if cell.shows && !watched.run.events.iter().any(|event| bundle(event).is_some()) {
        watched.violate("it showed nothing");
    }
    if cell.drops != (end.dropped_bytes > 0) {
        watched.violate(&format!("{} bytes were dropped", end.dropped_bytes));
    }
}

fn bundle(event: &OutputEvent) -> Option<&MimeBundle> {
    match event.event.as_ref()? {
        Event::Display(display) => display.bundle.as_ref(),
        Event::UpdateDisplay(update) => update.bundle.as_ref(),
        Event::Result(result) => result.bundle.as_ref(),
        _ => None,
    }
}

fn references(event: &OutputEvent) -> impl Iterator<Item = &ContentReference> {
    let parts = bundle(event).map(|bundle| bundle.parts.as_slice()).unwrap_or_default();
    parts.iter().filter_map(|part| match &part.content {
        Some(Content::Reference(reference)) => Some(reference),
        _ => None,
    })
}

/// Reads a content that events refer to: it is what its name says.
async fn read_content(caller: &Caller, execution_id: &str, reference: &ContentReference) -> Result<(), String> {
    let mut hasher = Sha256::new();
    let mut bytes = 0_i64;
    while bytes < reference.size_bytes {
        let executions = caller.client.executions();
        let request = ReadContentRequest {
            execution_id: execution_id.to_owned(),
            sha256: reference.sha256.clone(),
            offset: bytes,
        };
        let read = caller.ask("ReadContent", async || executions.clone().read_content(request.clone()).await).await;
        let Ok(mut stream) = read else { return Err(format!("content {} cannot be read", reference.sha256)) };
        while bytes < reference.size_bytes {
            match next(caller, "ReadContent", &mut stream).await {
                Next::Message(message) => {
                    hasher.update(&message.data);
                    bytes += i64::try_from(message.data.len()).unwrap_or(i64::MAX);
                }
                Next::Again => break,
                Next::Over => return Err(format!("content {} was not read to its end", reference.sha256)),
            }
        }
    }
    caller.book.count("contents read");
    let found = hex::encode(hasher.finalize());
    if found == reference.sha256 { Ok(()) } else { Err(format!("content {} has the sum {found}", reference.sha256)) }
}

/// The hashes of a log as the history has it.
pub(super) fn digests(events: &[OutputEvent]) -> Vec<u64> {
    events.iter().map(digest).collect()
}
