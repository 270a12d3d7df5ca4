//! The relay against a history that refuses, fails, hangs, acknowledges and is gone, and comes back: nothing is lost,
//! nothing is doubled, and nothing stands in the way of the rest.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use fenxi_chassis::{client, id};
use fenxi_proto::history::v1::{
    DeleteHistoryEntryRequest, DeleteHistoryEntryResponse, GetHistoryEntryRequest, GetHistoryEntryResponse,
    GetStatisticsRequest, GetStatisticsResponse, HistoryEntry, HistoryRecordItem, ListHistoryRequest,
    ListHistoryResponse, RecordHistoryRequest, RecordHistoryResponse, UndeleteHistoryEntryRequest,
    UndeleteHistoryEntryResponse,
    history_service_client::HistoryServiceClient,
    history_service_server::{HistoryService, HistoryServiceServer},
};
use prost::Message as _;
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::watch,
    task::JoinHandle,
};
use tonic::{Request, Response, Status, transport::server::TcpIncoming};
use uuid::Uuid;

use super::*;
use crate::outbox::Item;

/// 2026-11-23 in microseconds.
const NOW: i64 = 1_795_392_000_000_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// What the fake does with the next calls, one each.
#[derive(Clone, Copy, Debug)]
enum Mood {
    /// Fails before it takes anything.
    Fail(tonic::Code),
    /// Takes everything and says that it failed.
    TakeAndFail,
    /// Never answers.
    Hang,
}

/// A history that takes an entry once, and refuses entries without code.
#[derive(Clone, Default)]
struct Fake {
    moods: Arc<Mutex<VecDeque<Mood>>>,
    taken: Arc<Mutex<BTreeMap<String, u32>>>,
    calls: watch::Sender<u32>,
}

impl Fake {
    fn feels(moods: impl IntoIterator<Item = Mood>) -> Self {
        let fake = Self::default();
        fake.moods.lock().expect("a lock").extend(moods);
        fake
    }

    async fn serve(&self, listener: TcpListener) -> JoinHandle<()> {
        let server = tonic::transport::Server::builder().add_service(HistoryServiceServer::new(self.clone()));
        tokio::spawn(async move { server.serve_with_incoming(TcpIncoming::from(listener)).await.expect("served") })
    }

    async fn until_called(&self, times: u32) {
        let mut calls = self.calls.subscribe();
        tokio::time::timeout(PATIENCE, calls.wait_for(|calls| *calls >= times)).await.expect("in time").expect("calls");
    }

    fn take(&self, items: &[HistoryRecordItem]) -> i32 {
        let mut taken = self.taken.lock().expect("a lock");
        let ids = items.iter().filter_map(|item| item.entry.as_ref()).map(|entry| entry.history_entry_id.clone());
        ids.for_each(|id| *taken.entry(id).or_default() += 1);
        i32::try_from(items.len()).expect("a count")
    }
}

#[tonic::async_trait]
impl HistoryService for Fake {
    async fn record_history(
        &self,
        request: Request<RecordHistoryRequest>,
    ) -> Result<Response<RecordHistoryResponse>, Status> {
        assert_eq!(request.metadata().get("authorization").expect("a credential"), "Bearer fxs_test");
        let items = request.into_inner().items;
        assert!(items.len() <= 256 && items.iter().map(prost::Message::encoded_len).sum::<usize>() < 4 << 20);
        self.calls.send_modify(|calls| *calls += 1);
        let mood = self.moods.lock().expect("a lock").pop_front();
        match mood {
            Some(Mood::Fail(code)) => return Err(Status::new(code, "on purpose")),
            Some(Mood::Hang) => std::future::pending().await,
            Some(Mood::TakeAndFail) => {
                self.take(&items);
                return Err(Status::unavailable("the answer was lost"));
            }
            None => {}
        }
        let entries = || items.iter().filter_map(|item| item.entry.as_ref());
        if entries().any(|entry| entry.code == "fails") {
            return Err(Status::internal("on purpose"));
        }
        if entries().any(|entry| entry.code.is_empty()) {
            return Err(Status::invalid_argument("an entry has no code"));
        }
        Ok(Response::new(RecordHistoryResponse { recorded: self.take(&items) }))
    }

    async fn list_history(&self, _: Request<ListHistoryRequest>) -> Result<Response<ListHistoryResponse>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn get_history_entry(
        &self,
        _: Request<GetHistoryEntryRequest>,
    ) -> Result<Response<GetHistoryEntryResponse>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn delete_history_entry(
        &self,
        _: Request<DeleteHistoryEntryRequest>,
    ) -> Result<Response<DeleteHistoryEntryResponse>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn undelete_history_entry(
        &self,
        _: Request<UndeleteHistoryEntryRequest>,
    ) -> Result<Response<UndeleteHistoryEntryResponse>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn get_statistics(
        &self,
        _: Request<GetStatisticsRequest>,
    ) -> Result<Response<GetStatisticsResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// An outbox with its relay.
struct Outbox {
    database: Database,
    clock: Clock,
    wake: Wake,
    lifecycle: Lifecycle,
    address: SocketAddr,
    folder: TempDir,
}

impl Outbox {
    async fn new(address: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = open(&folder).await;
        let (clock, wake, lifecycle) = (Clock::manual(NOW), Wake::default(), Lifecycle::new());
        Self { database, clock, wake, lifecycle, address, folder }
    }

    fn start(&self) {
        let channel = client::channel(&format!("http://{}", self.address)).expect("an address");
        let bearer = client::Bearer::new("fxs_test").expect("a credential");
        let history = HistoryServiceClient::with_interceptor(channel, bearer);
        let mut relay = Relay::new(self.database.clone(), history, self.clock.clone(), self.wake.clone());
        relay.answer_wait = Duration::from_millis(500);
        self.lifecycle.spawn(relay.run(self.lifecycle.clone()));
    }

    async fn add(&self, code: &str) -> String {
        self.add_of(NOW, code).await
    }

    /// The same, of this time.
    async fn add_of(&self, time: i64, code: &str) -> String {
        let history_entry_id = id::at(time);
        let entry = HistoryEntry {
            history_entry_id: history_entry_id.to_string(),
            code: code.to_owned(),
            ..HistoryEntry::default()
        };
        let item = HistoryRecordItem { user_id: Uuid::nil().to_string(), entry: Some(entry), outputs: Vec::new() };
        let item = Item { history_entry_id, item: item.encode_to_vec(), create_time: NOW };
        let written: Result<(), StoreError> = self
            .database
            .writer
            .write(move |tx| Box::pin(async move { Ok(crate::outbox::insert(tx, &[&item]).await?) }))
            .await;
        written.expect("written");
        self.wake.wake();
        history_entry_id.to_string()
    }

    async fn add_many(&self, count: usize, code: &str) -> Vec<String> {
        futures_util::future::join_all((0..count).map(|_| self.add(code))).await
    }

    async fn waiting(&self) -> super::super::store::Waiting {
        Store::new(self.database.clone()).waiting().await.expect("looked")
    }

    /// Waits until so many entries are left to be delivered, and set aside.
    async fn until(&self, entries: i64, set_aside: i64) {
        let reached = async {
            loop {
                let waiting = self.waiting().await;
                if (waiting.entries, waiting.set_aside) == (entries, set_aside) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        if tokio::time::timeout(PATIENCE, reached).await.is_err() {
            panic!("it stays at {:?}", self.waiting().await);
        }
    }
}

async fn open(folder: &TempDir) -> Database {
    Database::open(&folder.path().join("test.db"), &crate::executions::STEPS).await.expect("a database")
}

async fn listener() -> (TcpListener, SocketAddr) {
    let (reserved, address) = reserved();
    (listening(reserved), address)
}

/// A port that nobody listens on, and that nobody else is given while this is kept.
fn reserved() -> (TcpSocket, SocketAddr) {
    let socket = bound("127.0.0.1:0".parse().expect("an address"));
    let address = socket.local_addr().expect("an address");
    (socket, address)
}

/// Several may be bound to one address while none of them listens.
fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("set");
    socket.bind(address).expect("the port");
    socket
}

fn listening(reserved: TcpSocket) -> TcpListener {
    reserved.listen(16).expect("nobody else listens")
}

fn all_once(fake: &Fake, ids: &[String]) {
    let taken = fake.taken.lock().expect("a lock");
    for id in ids {
        assert!(taken.contains_key(id), "{id} was lost");
    }
    assert_eq!(taken.len(), ids.len(), "something was invented");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_though_the_other_side_fails_in_every_way() {
    let codes = [tonic::Code::Unavailable, tonic::Code::ResourceExhausted, tonic::Code::Unauthenticated];
    let moods = codes.map(Mood::Fail).into_iter().chain([Mood::TakeAndFail]);
    let fake = Fake::feels(moods);
    let (listener, address) = listener().await;
    let server = fake.serve(listener).await;
    let outbox = Outbox::new(address).await;
    outbox.start();
    let ids = outbox.add_many(600, "x").await;
    outbox.until(0, 0).await;
    all_once(&fake, &ids);
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_wait_for_a_history_that_is_not_there_yet() {
    let (reserved, address) = reserved();
    let outbox = Outbox::new(address).await;
    outbox.start();
    let ids = outbox.add_many(20, "x").await;
    assert_eq!(outbox.waiting().await.entries, 20);
    let fake = Fake::default();
    let server = fake.serve(listening(reserved)).await;
    outbox.until(0, 0).await;
    all_once(&fake, &ids);
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_dies_in_the_middle_of_a_call_gets_it_again() {
    let fake = Fake::feels([Mood::Hang]);
    let (first, address) = reserved();
    let second = bound(address);
    let server = fake.serve(listening(first)).await;
    let outbox = Outbox::new(address).await;
    outbox.start();
    let ids = outbox.add_many(5, "x").await;
    fake.until_called(1).await;
    server.abort();
    server.await.expect_err("aborted");
    let server = fake.serve(listening(second)).await;
    outbox.until(0, 0).await;
    all_once(&fake, &ids);
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_entry_is_set_aside_and_the_others_go_on() {
    let fake = Fake::default();
    let (listener, address) = listener().await;
    let server = fake.serve(listener).await;
    let outbox = Outbox::new(address).await;
    let mut ids = outbox.add_many(3, "x").await;
    outbox.add("").await;
    ids.extend(outbox.add_many(3, "x").await);
    outbox.start();
    outbox.until(0, 1).await;
    all_once(&fake, &ids);
    let sql = "SELECT refusal FROM outbox WHERE set_aside_time IS NOT NULL";
    let row = sqlx::query(sql).fetch_one(&outbox.database.reader).await.expect("a row");
    assert_eq!(sqlx::Row::get::<String, _>(&row, 0), "InvalidArgument: an entry has no code");
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_fails_is_put_off_and_the_others_go_on() {
    let fake = Fake::default();
    let (listener, address) = listener().await;
    let server = fake.serve(listener).await;
    let outbox = Outbox::new(address).await;
    outbox.add("fails").await;
    let ids = outbox.add_many(4, "x").await;
    outbox.start();
    outbox.until(1, 0).await;
    all_once(&fake, &ids);
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn neighbours_that_always_fail_are_put_off_and_the_others_go_on() {
    let fake = Fake::default();
    let (listener, address) = listener().await;
    let server = fake.serve(listener).await;
    let outbox = Outbox::new(address).await;
    for _ in 0..FAILED_IN_A_ROW_MAX {
        outbox.add_of(NOW - 10_000, "fails").await;
    }
    let ids = outbox.add_many(10, "x").await;
    outbox.start();
    outbox.until(FAILED_IN_A_ROW_MAX.into(), 0).await;
    all_once(&fake, &ids);
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_this_side_loses_nothing() {
    let (reserved, address) = reserved();
    let mut outbox = Outbox::new(address).await;
    outbox.start();
    let ids = outbox.add_many(10, "x").await;
    outbox.lifecycle.stop();
    assert!(outbox.lifecycle.ended().await);
    outbox.database.close(&outbox.lifecycle).await;
    outbox.database = open(&outbox.folder).await;
    outbox.lifecycle = Lifecycle::new();
    let fake = Fake::default();
    let server = fake.serve(listening(reserved)).await;
    outbox.start();
    outbox.until(0, 0).await;
    all_once(&fake, &ids);
    server.abort();
}
