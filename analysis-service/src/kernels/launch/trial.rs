//! The trial of a fork server: a throw-away kernel is forked and has to do what kernels do, before a user's kernel comes
//! from it. A library that does not stand a fork hangs or crashes here.

use std::time::Duration;

use fenxi_proto::analysis::v1::KernelStart;
use fenxi_supervisor::{
    Channel,
    client::{ForkServer, Line},
};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Order, Workshop, fork, keeper};
use crate::kernels::connection::{Connection, Endpoint, Incoming};

/// How long the trial may take.
const TRIAL_MAX: Duration = Duration::from_secs(60);
/// Memory of the kernel on trial.
const MEMORY_BYTES: u64 = 1 << 30;
/// The largest file that it may write.
const FILE_BYTES: u64 = 1 << 20;

/// What has to work: the libraries, a computation, a picture, a table.
const CODE: &str = "\
import numpy, pandas, matplotlib.pyplot as plt, pyarrow
assert pandas.DataFrame({'a': [1, 2, 3]}).groupby('a').size().sum() == 3
assert abs(numpy.linalg.inv(numpy.eye(50)).sum() - 50) < 1e-9
plt.plot([1, 2]); plt.close('all')
";

#[derive(Deserialize)]
struct Reply {
    status: String,
    #[serde(default)]
    ename: String,
    #[serde(default)]
    evalue: String,
}

/// Forks a kernel and has it run code, until it is `closing`. Nothing of the kernel is left in any case.
///
/// # Errors
/// Why it did not, in words.
pub(super) async fn pass(
    workshop: &Workshop,
    server: &mut ForkServer,
    closing: &CancellationToken,
) -> Result<(), String> {
    let deadline = Instant::now() + TRIAL_MAX;
    let order = Order {
        kernel_id: Uuid::from_bytes(rand::random()),
        owner_user_id: None,
        generation: 0,
        memory_bytes: Some(MEMORY_BYTES),
        file_bytes: FILE_BYTES,
    };
    let prepared = workshop.prepare(order, true).await.map_err(|error| error.to_string())?;
    let body = fork::body(&prepared).and_then(|body| Ok(serde_json::to_vec(&body)?));
    let body = body.map_err(|error| error.to_string())?;
    let process = match keeper::forked(server, (body, prepared.birth()), deadline, closing).await {
        Ok(process) => process,
        Err(error) => {
            // First: it may have been forked without a word of it.
            keeper::end(server).await;
            let why = prepared.given_up(error).await.to_string();
            workshop.forget(order.kernel_id).await;
            return Err(why);
        }
    };
    let mut launched = prepared.launched(process, KernelStart::Forked).await;
    let (line, endpoint) = (launched.process.line(), launched.endpoint.clone());
    let passed = tokio::select! {
        passed = timeout_at(deadline, run(&line, &endpoint, deadline)) => passed.unwrap_or_else(|_| Err("it hangs".to_owned())),
        ended = launched.process.ended() => Err(format!("it ended ({ended:?})")),
        () = closing.cancelled() => Err("it is not wanted any more".to_owned()),
    };
    let log = launched.process.log().await;
    launched.clear().await;
    workshop.forget(order.kernel_id).await;
    passed.map_err(|why| format!("{why}: {log}"))
}

async fn run(line: &Line, endpoint: &Endpoint, deadline: Instant) -> Result<(), String> {
    let mut connection = Connection::open(line, endpoint, deadline).await.map_err(|error| error.to_string())?;
    let content = serde_json::json!({
        "code": CODE, "silent": true, "store_history": false, "user_expressions": {}, "allow_stdin": false,
        "stop_on_error": false,
    });
    connection.request("trial", "execute_request", &content).map_err(|error| error.to_string())?;
    while let Some(incoming) = connection.next().await {
        let Incoming::Message { channel: Channel::Shell, message, .. } = incoming else { continue };
        let reply: Reply = serde_json::from_slice(&message.content).map_err(|error| error.to_string())?;
        return if reply.status == "ok" { Ok(()) } else { Err(format!("{}: {}", reply.ename, reply.evalue)) };
    }
    Err("it closed its sockets".to_owned())
}
