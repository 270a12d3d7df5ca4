//! Callers: fifty that read pages somewhere in the history, and those that hand over entries.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use fenxi_chassis::{client::Bearer, id};
use fenxi_proto::{
    analysis::v1::{OutputEvent, StreamEvent, StreamName, output_event::Event},
    auth::v1::{GetCurrentUserRequest, auth_service_client::AuthServiceClient},
    history::v1::{
        HistoryDataset, HistoryEntry, HistoryRecordItem, ListHistoryRequest, RecordHistoryRequest,
        history_service_client::HistoryServiceClient,
    },
    time::{duration, timestamp},
};
use futures_util::future::try_join_all;
use prost::Message as _;
use rand::Rng as _;
use tonic::{Code, service::interceptor::InterceptedService, transport::Channel};
use uuid::Uuid;

use super::{
    super::cpu,
    seed::{END, GAP, PREVIEW, TITLE, Template, Users},
    service::Service,
};
use crate::client::SignedIn;

const CLIENTS: usize = 50;
/// Connections that the clients share, as a gateway would.
const CONNECTIONS: usize = 4;
/// Of many users, so many are asked for.
const USERS_ASKED: u32 = 2_000;
const DAY: i64 = 86_400_000_000;

/// Readers of the histories of these users.
pub(super) struct Reads {
    pid: u32,
    connections: Vec<Channel>,
    callers: Vec<Bearer>,
    entries: u32,
}

impl Reads {
    pub(super) fn new(service: &Service, users: &Users) -> anyhow::Result<Self> {
        let asked = users.spread.users.min(USERS_ASKED);
        let step = users.spread.users / asked;
        Ok(Self {
            pid: service.pid(),
            connections: (0..CONNECTIONS).map(|_| service.connection()).collect::<anyhow::Result<_>>()?,
            callers: (0..asked).map(|at| service.user(users.id(at * step))).collect::<anyhow::Result<_>>()?,
            entries: users.spread.entries,
        })
    }

    /// Processor microseconds of the service for a page of so many entries, wherever it begins.
    pub(super) async fn pages(&self, calls: usize, page_size: i32) -> anyhow::Result<f64> {
        self.measure(calls, |channel| async move {
            let newest = u32::try_from(page_size)?.min(self.entries);
            // From the newest entry down to where a full page is left.
            let below = rand::rng().random_range(newest..=self.entries);
            let request = ListHistoryRequest {
                page_size,
                until_time: Some(timestamp(END + i64::from(below) * GAP)),
                ..ListHistoryRequest::default()
            };
            let answer = HistoryServiceClient::new(channel).list_history(request).await?.into_inner();
            let whole = answer.entries.len() == newest as usize && answer.total_size >= i64::from(self.entries);
            anyhow::ensure!(whole, "{} entries of {}", answer.entries.len(), answer.total_size);
            Ok(())
        })
        .await
    }

    /// Processor microseconds of the service for GetCurrentUser.
    pub(super) async fn current_user(&self, calls: usize) -> anyhow::Result<f64> {
        let ask = |channel| async move {
            Ok(AuthServiceClient::new(channel).get_current_user(GetCurrentUserRequest {}).await.map(drop)?)
        };
        self.measure(calls, ask).await
    }

    async fn measure<F>(&self, calls: usize, call: impl Fn(SignedIn) -> F) -> anyhow::Result<f64>
    where
        F: Future<Output = anyhow::Result<()>>,
    {
        let before = cpu::used(self.pid)?;
        let each = calls.div_ceil(CLIENTS);
        let (call, done) = (&call, each * CLIENTS);
        try_join_all((0..CLIENTS).map(|client| async move {
            for number in 0..each {
                let caller = &self.callers[(client * each + number) % self.callers.len()];
                let connection = self.connections[client % CONNECTIONS].clone();
                call(InterceptedService::new(connection, caller.clone())).await?;
            }
            anyhow::Ok(())
        }))
        .await?;
        Ok((cpu::used(self.pid)? - before).as_secs_f64() * 1e6 / done as f64)
    }
}

/// Hands over entries.
pub(super) struct Writes {
    connections: Vec<SignedIn>,
    users: Vec<Uuid>,
    entry_bytes: usize,
    number: AtomicU64,
}

/// What came of a run, or of several.
#[derive(Default)]
pub(super) struct Written {
    pub(super) calls: usize,
    /// Calls that were not taken.
    pub(super) refused: usize,
    took: Duration,
}

impl Written {
    pub(super) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.refused += other.refused;
        self.took += other.took;
    }

    pub(super) fn per_sec(&self) -> f64 {
        self.calls as f64 / self.took.as_secs_f64()
    }
}

impl Writes {
    pub(super) fn new(service: &Service, entry_bytes: usize) -> anyhow::Result<Self> {
        Ok(Self {
            connections: (0..CONNECTIONS).map(|_| service.as_analysis()).collect::<anyhow::Result<_>>()?,
            users: (0..CLIENTS).map(|_| id::at(END)).collect(),
            entry_bytes,
            number: AtomicU64::new(0),
        })
    }

    /// One entry, to be copied.
    pub(super) async fn one(&self) -> anyhow::Result<Template> {
        let item = self.item(0);
        let entry_id = item.entry.as_ref().context("an entry")?.history_entry_id.parse()?;
        let template = Template { user_id: item.user_id.parse()?, entry_id };
        let request = RecordHistoryRequest { items: vec![item] };
        let answer = HistoryServiceClient::new(self.connections[0].clone()).record_history(request).await?;
        anyhow::ensure!(answer.into_inner().recorded == 1, "it was not new");
        Ok(template)
    }

    /// Entries, handed over one a call by so many clients and acknowledged.
    pub(super) async fn run(&self, clients: usize, calls: usize) -> anyhow::Result<Written> {
        let each = calls.div_ceil(clients);
        let start = Instant::now();
        let refused = try_join_all((0..clients).map(|client| async move {
            let mut history = HistoryServiceClient::new(self.connections[client % CONNECTIONS].clone());
            let mut refused = 0;
            for _ in 0..each {
                let items = vec![self.item(client)];
                match history.record_history(RecordHistoryRequest { items }).await {
                    Ok(answer) => anyhow::ensure!(answer.into_inner().recorded == 1, "an entry was not new"),
                    Err(status) if status.code() != Code::Internal => refused += 1,
                    Err(status) => return Err(status.into()),
                }
            }
            Ok(refused)
        }))
        .await?;
        Ok(Written { calls: each * clients, refused: refused.into_iter().sum(), took: start.elapsed() })
    }

    fn item(&self, client: usize) -> HistoryRecordItem {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let end = END - DAY + i64::try_from(number).unwrap_or_default() * 1_000;
        let dataset = HistoryDataset {
            dataset_id: Uuid::from_u128(u128::from(number % 5)).to_string(),
            name: "sales_2026_q3.xlsx".into(),
            variable_name: "df".into(),
        };
        let event = StreamEvent { name: StreamName::Stdout.into(), text: String::new() };
        let output = |event| OutputEvent { sequence: 1, time: Some(timestamp(end)), event: Some(Event::Stream(event)) };
        let mut item = HistoryRecordItem {
            user_id: self.users[client].to_string(),
            entry: Some(HistoryEntry {
                history_entry_id: id::at(end).to_string(),
                execution_id: id::at(end).to_string(),
                kernel_id: id::at(end).to_string(),
                title: TITLE.into(),
                code: "df.groupby(\"region\")[\"revenue\"].sum().sort_values(ascending=False)\n".repeat(6),
                outcome: 1,
                datasets: vec![dataset],
                start_time: Some(timestamp(end - 250_000)),
                end_time: Some(timestamp(end)),
                execution_duration: Some(duration(250_000)),
                result_preview: PREVIEW.into(),
                delete_time: None,
            }),
            outputs: vec![output(event.clone())],
        };
        let short = self.entry_bytes.saturating_sub(item.encoded_len() + 6);
        let mut text = (0..)
            .map(|line| format!("{line:>5} {:>12}\n", line * 7919 % 1_000_003))
            .take(short / 19 + 1)
            .collect::<String>();
        text.truncate(short);
        item.outputs = vec![output(StreamEvent { text, ..event })];
        item
    }
}
