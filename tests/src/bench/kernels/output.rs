//! What arrives of a kernel's output: many lines, many small pieces to a reader that pauses, and a large picture.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use fenxi_proto::analysis::v1::{
    ExecuteRequest, MimeBundle, Outcome, ReadContentRequest, StreamName, mime_part::Content, output_event::Event,
};
use tokio::time::sleep;

use super::{
    Scale, delete, execute,
    peers::{Peers, Server},
    run,
};
use crate::{
    bench::figure::{Figure, median},
    client::{Client, Run, request_id},
};

/// Characters of a line.
pub const LINE_CHARS: usize = 80;
const SLOW_PAUSE: Duration = Duration::from_secs(4);
/// Bytes of the large output.
const DISPLAY_BYTES: usize = 20 << 20;
const DISPLAY_RUNS_MAX: usize = 5;

/// Lines that a cell prints, all different and all of [`LINE_CHARS`].
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// How many.
    pub count: usize,
    /// Whether each is flushed.
    pub flushed: bool,
    /// How long the reader pauses at the first.
    pub pause: Duration,
}

impl Lines {
    /// The code that prints them.
    #[must_use]
    pub fn code(&self) -> String {
        let (count, flush) = (self.count, if self.flushed { "True" } else { "False" });
        format!("for i in range({count}): print(f'{{i:07}} ' + '-' * {}, flush={flush})", LINE_CHARS - 8)
    }

    fn lost(&self, text: &str) -> usize {
        let whole: HashSet<_> = text.lines().filter(|line| line.len() == LINE_CHARS).collect();
        self.count - whole.len()
    }
}

/// `lines_*` and `display_20mb_ratio_direct`.
///
/// # Errors
/// A call failed, or a peer could not be measured.
pub async fn output(client: &Client, peers: &Peers, scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let count = |full: usize| if scale.runs > 1 { full } else { full / 10 };
    let many = Lines { count: count(100_000), flushed: false, pause: Duration::ZERO };
    let slow = Lines { count: count(20_000), flushed: true, pause: SLOW_PAUSE };
    let mut figures = Vec::new();
    for (name, lines) in [("lines_100k_lost", many), ("lines_slow_reader_lost", slow)] {
        let kernel_id = client.kernel(&[]).await?.kernel_id;
        run(client, &kernel_id, "1+1").await?;
        let read = read(client, &kernel_id, &lines).await?;
        ensure!(read.outcome() == Outcome::Ok, "{:?}", read.events.last());
        delete(client, &kernel_id).await?;
        let gateway = peers.lines(Server::KernelGateway, &lines).await?;
        let server = peers.lines(Server::Jupyter, &lines).await?;
        let against = format!("lines of {} lost by Kernel Gateway ({server} by Jupyter Server):", lines.count);
        let lost = lines.lost(&read.printed(StreamName::Stdout)) as f64;
        figures.push(Figure::median(name, "lines", &[lost]).at_most(0.0).against(against, gateway as f64));
    }
    figures.push(display(client, scale).await?);
    Ok(figures)
}

/// Reads the lines, with the pause.
async fn read(client: &Client, kernel_id: &str, lines: &Lines) -> anyhow::Result<Run> {
    let request = ExecuteRequest {
        kernel_id: kernel_id.into(),
        code: lines.code(),
        request_id: request_id(),
        ..ExecuteRequest::default()
    };
    let mut stream = client.executions().execute(request).await?.into_inner();
    let (mut run, mut paused) = (Run::default(), false);
    while let Some(message) = stream.message().await? {
        if !paused && matches!(message.event.as_ref().and_then(|event| event.event.as_ref()), Some(Event::Stream(_))) {
            paused = true;
            sleep(lines.pause).await;
        }
        run.events.extend(message.event);
    }
    run.check()?;
    Ok(run)
}

/// A large output until its last byte is here, over jupyter_client's on the same kernel.
async fn display(client: &Client, scale: Scale) -> anyhow::Result<Figure> {
    let code = format!(
        "import os; from IPython.display import display; display({{'text/html': os.urandom({}).hex()}}, raw=True)",
        DISPLAY_BYTES / 2
    );
    let runs = scale.runs.min(DISPLAY_RUNS_MAX);
    let kernel_id = client.kernel(&[]).await?.kernel_id;
    shown(client, &kernel_id, &code).await?;
    let (mut ours, mut direct) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        ours.push(shown(client, &kernel_id, &code).await?);
        direct.push(execute::directly(1, &code).await?);
    }
    delete(client, &kernel_id).await?;
    let ratio = median(&ours) / median(&direct);
    let figure = Figure { runs, ..Figure::median("display_20mb_ratio_direct", "ratio", &[ratio]) };
    Ok(figure.at_most(2.0).against("ms by jupyter_client on the same kernel:", median(&direct)))
}

/// Milliseconds until all of what is shown has come.
async fn shown(client: &Client, kernel_id: &str, code: &str) -> anyhow::Result<f64> {
    let start = Instant::now();
    let run = client.run(kernel_id, code).await?;
    let display = run.events.iter().find_map(|event| match &event.event {
        Some(Event::Display(display)) => display.bundle.as_ref(),
        _ => None,
    });
    let bytes = content(client, &run.execution_id, display.context("nothing is shown")?).await?;
    ensure!(bytes == DISPLAY_BYTES, "{bytes} bytes");
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// Bytes of the content of a display, fetched where it stands elsewhere.
async fn content(client: &Client, execution_id: &str, bundle: &MimeBundle) -> anyhow::Result<usize> {
    let part = bundle.parts.iter().find(|part| part.mime_type == "text/html").context("no text/html")?;
    match part.content.as_ref().context("no content")? {
        Content::Text(text) => Ok(text.len()),
        Content::Data(data) => Ok(data.len()),
        Content::Reference(reference) => {
            let sha256 = reference.sha256.clone();
            let request = ReadContentRequest { execution_id: execution_id.into(), sha256, offset: 0 };
            let mut stream = client.executions().read_content(request).await?.into_inner();
            let mut bytes = 0;
            while let Some(piece) = stream.message().await? {
                bytes += piece.data.len();
            }
            Ok(bytes)
        }
    }
}
