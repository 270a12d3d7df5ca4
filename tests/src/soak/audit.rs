//! At the end of a soak: every user's executions, their logs and their history are what the users saw.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use fenxi_proto::{
    analysis::v1::{ExecutionState, ListExecutionsRequest},
    history::v1::{GetHistoryEntryRequest, HistoryEntry, ListHistoryRequest},
};
use tokio::time::{Instant, sleep};

use super::{
    caller::Caller,
    ledger::Record,
    reader::{self, Manner},
    verdict::digests,
};

/// How long the history may take to be delivered.
const DELIVERY_WAIT: Duration = Duration::from_secs(180);
/// Logs of one user that are read again, and entries of the history that are read whole.
const READ_AGAIN_MAX: usize = 400;
/// Up to this length a log stands in the history whole; of a longer one, its ends.
const WHOLE_MAX_BYTES: usize = 192 << 10;
const PAGE: i32 = 100;

/// Looks at all that a user has.
pub(super) async fn audit(caller: &Caller) {
    let records = caller.book.of(caller.name());
    for (id, record) in &records {
        if record.outcome.is_none() {
            caller.book.violate(format!("execution {id} ({record:?}) was accepted, and nobody saw its end"));
        }
    }
    executions(caller, &records).await;
    logs(caller, &records).await;
    history(caller, &records).await;
}

/// Each is listed once, as finished.
async fn executions(caller: &Caller, records: &BTreeMap<String, Record>) {
    let (mut listed, mut page_token) = (BTreeMap::new(), String::new());
    loop {
        let request = ListExecutionsRequest { page_size: PAGE, page_token, ..ListExecutionsRequest::default() };
        let executions = caller.client.executions();
        let page = caller.ask("ListExecutions", async || executions.clone().list_executions(request.clone()).await);
        let Ok(page) = page.await else { return };
        for execution in page.executions {
            let id = execution.execution_id.clone();
            if execution.state() != ExecutionState::Finished {
                caller.book.violate(format!("execution {id} is listed as {:?}", execution.state()));
            }
            if listed.insert(id.clone(), execution.outcome()).is_some() {
                caller.book.violate(format!("execution {id} is listed twice"));
            }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let seen = records.iter().filter_map(|(id, record)| Some((id.clone(), record.outcome?))).collect();
    differences(caller, "the list of executions", &listed, &seen);
}

fn differences<T: PartialEq + std::fmt::Debug>(
    caller: &Caller,
    what: &str,
    found: &BTreeMap<String, T>,
    seen: &BTreeMap<String, T>,
) {
    let ids: BTreeSet<_> = found.keys().chain(seen.keys()).collect();
    for id in ids {
        let (found, seen) = (found.get(id), seen.get(id));
        if found != seen {
            caller.book.violate(format!("{what} of {}: execution {id} is {found:?}, and was {seen:?}", caller.name()));
        }
    }
}

/// The logs are what they were.
async fn logs(caller: &Caller, records: &BTreeMap<String, Record>) {
    for (id, record) in spread(records) {
        let Some(log) = reader::read(caller, id, Manner::default()).await else { continue };
        if log.hashes != record.events {
            let (kind, kernel_id) = (record.kind, &record.kernel_id);
            caller.book.violate(format!("execution {id} ({kind}) of kernel {kernel_id}: its log is another one now"));
        }
        caller.book.count("logs read again at the end");
    }
}

/// Some of all, over the whole time.
fn spread(records: &BTreeMap<String, Record>) -> impl Iterator<Item = (&String, &Record)> {
    records.iter().step_by(records.len().div_ceil(READ_AGAIN_MAX).max(1))
}

/// Each is in the history once, with its end, and tells what was said.
async fn history(caller: &Caller, records: &BTreeMap<String, Record>) {
    let seen: BTreeMap<_, _> = records.iter().filter_map(|(id, record)| Some((id.clone(), record.outcome?))).collect();
    let limit = Instant::now() + DELIVERY_WAIT;
    let entries = loop {
        let Some(entries) = entries(caller).await else { return };
        if entries.len() >= seen.len() || Instant::now() > limit {
            break entries;
        }
        sleep(Duration::from_millis(500)).await;
    };
    let mut found = BTreeMap::new();
    for entry in &entries {
        if found.insert(entry.execution_id.clone(), entry.outcome()).is_some() {
            caller.book.violate(format!("execution {} is in the history twice", entry.execution_id));
        }
    }
    differences(caller, "the history", &found, &seen);
    for entry in entries.iter().step_by(entries.len().div_ceil(READ_AGAIN_MAX).max(1)) {
        let history = caller.client.history();
        let request = GetHistoryEntryRequest { history_entry_id: entry.history_entry_id.clone() };
        let whole =
            caller.ask("GetHistoryEntry", async || history.clone().get_history_entry(request.clone()).await).await;
        let Some((whole, record)) = whole.ok().zip(records.get(&entry.execution_id)) else { continue };
        if record.bytes <= WHOLE_MAX_BYTES && digests(&whole.outputs) != record.events {
            caller.book.violate(format!(
                "execution {} ({}): its history tells {} events, and it had {}",
                entry.execution_id,
                record.kind,
                whole.outputs.len(),
                record.events.len()
            ));
        }
        caller.book.count("history entries read whole");
    }
}

async fn entries(caller: &Caller) -> Option<Vec<HistoryEntry>> {
    let (mut entries, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListHistoryRequest { page_size: PAGE, page_token, ..ListHistoryRequest::default() };
        let history = caller.client.history();
        let page =
            caller.ask("ListHistory", async || history.clone().list_history(request.clone()).await).await.ok()?;
        entries.extend(page.entries);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Some(entries);
        }
    }
}
