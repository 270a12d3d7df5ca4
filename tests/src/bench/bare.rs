//! The least that a hop can cost: an HTTP/2 proxy that knows nothing, asks nothing, counts nothing and limits nothing. It
//! stands on the same library as the gateway, at one thread, and is what the gateway is held against.

use std::net::SocketAddr;

use anyhow::Context as _;
use bytes::Bytes;
use h2::{
    RecvStream, SendStream,
    client::SendRequest,
    server::{self, SendResponse},
};
use http::{Request, Response, Uri};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

/// The argument by which the bench starts itself as this proxy.
pub const ARGUMENT: &str = "--as-bare-proxy=";

/// A proxy as a process of its own; it ends when this is dropped.
#[derive(Debug)]
pub struct Bare {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process.
    pub pid: u32,
    _child: Child,
}

impl Bare {
    /// Starts one before a service.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(target: SocketAddr) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(format!("{ARGUMENT}{target}")).stdout(std::process::Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let said = BufReader::new(child.stdout.take().context("no output")?).lines().next_line().await?;
        let address = said.context("it said nothing")?.parse()?;
        Ok(Self { address, pid: child.id().context("it has ended")?, _child: child })
    }
}

/// Is the proxy, until the process is killed.
///
/// # Errors
/// It cannot listen.
pub fn run(target: SocketAddr) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve(target))
}

async fn serve(target: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    #[expect(clippy::print_stdout, reason = "how whoever started it learns where it listens")]
    {
        println!("{}", listener.local_addr()?);
    }
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move { connection(stream, target).await });
    }
}

async fn connection(client: TcpStream, target: SocketAddr) -> anyhow::Result<()> {
    client.set_nodelay(true)?;
    let backend = TcpStream::connect(target).await?;
    backend.set_nodelay(true)?;
    let (sender, driver) = h2::client::handshake(backend).await?;
    tokio::spawn(driver);
    let mut calls = server::handshake(client).await?;
    while let Some(call) = calls.accept().await {
        let (request, respond) = call?;
        let sender = sender.clone();
        tokio::spawn(async move { forward(request, respond, sender, target).await });
    }
    Ok(())
}

async fn forward(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    sender: SendRequest<Bytes>,
    target: SocketAddr,
) -> anyhow::Result<()> {
    let (mut head, body) = request.into_parts();
    head.uri = Uri::builder()
        .scheme("http")
        .authority(target.to_string())
        .path_and_query(head.uri.path().to_owned())
        .build()?;
    let (answer, sending) = sender.ready().await?.send_request(Request::from_parts(head, ()), false)?;
    relay(body, sending).await?;
    let (head, body) = answer.await?.into_parts();
    let sending = respond.send_response(Response::from_parts(head, ()), false)?;
    relay(body, sending).await
}

async fn relay(mut from: RecvStream, mut to: SendStream<Bytes>) -> anyhow::Result<()> {
    while let Some(data) = from.data().await {
        let data = data?;
        from.flow_control().release_capacity(data.len())?;
        let ends = from.is_end_stream();
        to.send_data(data, ends)?;
        if ends {
            return Ok(());
        }
    }
    match from.trailers().await? {
        Some(trailers) => to.send_trailers(trailers)?,
        None => to.send_data(Bytes::new(), true)?,
    }
    Ok(())
}
