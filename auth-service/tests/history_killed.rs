//! The process is killed in the midst of its work. Whatever it acknowledged is there afterwards: sent again, it is known.

#![expect(clippy::expect_used, reason = "a helper of a test that cannot go on ends the test")]

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use fenxi_chassis::{
    client::{Bearer, channel},
    id,
};
use fenxi_proto::{
    history::v1::{
        HistoryEntry, HistoryRecordItem, RecordHistoryRequest, history_service_client::HistoryServiceClient,
    },
    time::timestamp,
};
use futures_util::future::join_all;
use tonic::{Code, service::interceptor::InterceptedService, transport::Channel};

#[path = "../../chassis/tests/support/port.rs"]
mod port;

use self::port::Port;

const END: i64 = 1_795_000_000_000_000;
/// Acknowledged entries after which the process dies.
const KILL_AFTER: usize = 300;
const CLIENTS: usize = 20;
const PATIENCE: Duration = Duration::from_secs(120);

type History = HistoryServiceClient<InterceptedService<Channel, Bearer>>;

/// A running auth-service, killed with its owner.
struct Service(Child, Port);

impl Service {
    fn start(folder: &Path) -> Self {
        let port = Port::free();
        let mut command = Command::new(env!("CARGO_BIN_EXE_auth-service"));
        command
            .args(["--log", "warn", "--listen", &port.address.to_string()])
            .arg("--data-dir")
            .arg(folder.join("data"));
        for name in ["gateway", "analysis"] {
            std::fs::write(folder.join(name), secret(name)).expect("written");
            command.arg(format!("--{name}-secret-file")).arg(folder.join(name));
        }
        Self(command.stdin(Stdio::null()).spawn().expect("started"), port)
    }

    /// A client, once the service answers.
    async fn history(&self) -> History {
        let bearer = Bearer::new(&secret("analysis")).expect("a header");
        let client = || {
            let channel = channel(&format!("http://{}", self.1.address)).expect("an address");
            HistoryServiceClient::new(InterceptedService::new(channel, bearer.clone()))
        };
        let ready = async {
            while client().record_history(RecordHistoryRequest::default()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ready).await.expect("auth-service answers");
        client()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn secret(name: &str) -> String {
    format!("fxs_{name:-<40}")
}

fn item(number: usize) -> HistoryRecordItem {
    let end = END + i64::try_from(number).expect("few") * 1_000;
    HistoryRecordItem {
        user_id: id::floor(END).to_string(),
        entry: Some(HistoryEntry {
            history_entry_id: id::at(end).to_string(),
            execution_id: id::at(end).to_string(),
            kernel_id: id::at(end).to_string(),
            code: "1 + 1".into(),
            outcome: 1,
            end_time: Some(timestamp(end)),
            ..HistoryEntry::default()
        }),
        outputs: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_the_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = Service::start(folder.path());
    let history = service.history().await;
    let (number, acknowledged) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (killed, mut kill) = tokio::sync::mpsc::channel(1);
    let clients = join_all((0..CLIENTS).map(|_| async {
        let (mut history, killed, mut kept) = (history.clone(), killed.clone(), Vec::new());
        loop {
            let item = item(number.fetch_add(1, Ordering::SeqCst));
            match history.record_history(RecordHistoryRequest { items: vec![item.clone()] }).await {
                Ok(answer) => {
                    assert_eq!(answer.into_inner().recorded, 1);
                    kept.push(item);
                    if acknowledged.fetch_add(1, Ordering::SeqCst) + 1 == KILL_AFTER {
                        killed.send(()).await.expect("somebody kills");
                    }
                }
                Err(status) => {
                    assert_ne!(status.code(), Code::InvalidArgument, "{status:?}");
                    return kept;
                }
            }
        }
    }));
    let kill = async {
        kill.recv().await.expect("enough was acknowledged");
        service.0.kill().expect("killed");
        service.0.wait().expect("ended");
    };
    let (kept, ()) = tokio::join!(clients, kill);
    let kept: Vec<_> = kept.into_iter().flatten().collect();
    assert!(kept.len() >= KILL_AFTER, "{} acknowledged", kept.len());

    let again = Service::start(folder.path());
    let mut history = again.history().await;
    for items in kept.chunks(100) {
        let answer = history.record_history(RecordHistoryRequest { items: items.to_vec() }).await.expect("answered");
        assert_eq!(answer.into_inner().recorded, 0, "an acknowledged entry was lost");
    }
    let answer = history.record_history(RecordHistoryRequest { items: vec![item(1_000_000)] }).await.expect("answered");
    assert_eq!(answer.into_inner().recorded, 1, "the service takes new ones");
}
