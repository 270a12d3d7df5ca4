//! Clients that send what no library would: requests header by header, and gRPC-web frames by hand.

use std::net::SocketAddr;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Both versions that the gateway speaks.
pub(crate) const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

impl Answer {
    /// The gRPC status, from headers, trailers, or the trailer frame of gRPC-web.
    pub(crate) fn code(&self) -> Option<i32> {
        let from = |headers: &HeaderMap| headers.get("grpc-status")?.to_str().ok()?.parse().ok();
        from(&self.headers).or_else(|| from(&self.trailers)).or_else(|| {
            let text = String::from_utf8_lossy(web_frames(&self.body).last()?.1.as_ref()).into_owned();
            text.lines().find_map(|line| line.strip_prefix("grpc-status: ")?.parse().ok())
        })
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Every cookie that is set.
    pub(crate) fn cookies(&self) -> Vec<&str> {
        self.headers.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok()).collect()
    }
}

/// The frames of a gRPC-web body: flag and content.
pub(crate) fn web_frames(body: &[u8]) -> Vec<(u8, Bytes)> {
    let (mut frames, mut rest) = (Vec::new(), body);
    while rest.len() >= 5 {
        let length = u32::from_be_bytes(rest[1..5].try_into().expect("four")) as usize;
        let end = (5 + length).min(rest.len());
        frames.push((rest[0], Bytes::copy_from_slice(&rest[5..end])));
        rest = &rest[end..];
    }
    frames
}

/// A message with its prefix.
pub(crate) fn frame(message: &impl Message) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.encoded_len()).expect("small"));
    message.encode(&mut frame).expect("room");
    frame.freeze()
}

/// Sends one request on a connection of its own; the answer's body is not read yet.
pub(crate) async fn open(
    gateway: SocketAddr,
    version: Version,
    request: http::request::Builder,
    body: Bytes,
) -> Result<Response<Incoming>, hyper::Error> {
    let io = TokioIo::new(TcpStream::connect(gateway).await.expect("a connection"));
    let mut request = request.version(version).body(Full::new(body)).expect("a request");
    if version == Version::HTTP_2 {
        let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
        tokio::spawn(connection);
        let target = format!("http://{gateway}{}", request.uri());
        *request.uri_mut() = target.parse().expect("a target");
        return sender.send_request(request).await;
    }
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
    tokio::spawn(connection);
    let host = gateway.to_string().parse().expect("a value");
    request.headers_mut().entry("host").or_insert(host);
    sender.send_request(request).await
}

/// Sends one request and reads the answer to its end.
pub(crate) async fn send(
    gateway: SocketAddr,
    version: Version,
    request: http::request::Builder,
    body: Bytes,
) -> Answer {
    let (parts, body) = open(gateway, version, request, body).await.expect("an answer").into_parts();
    let collected = body.collect().await.expect("a whole body");
    let trailers = collected.trailers().cloned().unwrap_or_default();
    Answer { status: parts.status, headers: parts.headers, body: collected.to_bytes(), trailers }
}

/// A gRPC-web call as the browser app makes it, from the right origin.
pub(crate) fn web(path: &str) -> http::request::Builder {
    Request::post(path)
        .header("content-type", "application/grpc-web+proto")
        .header("x-grpc-web", "1")
        .header("sec-fetch-site", "same-origin")
}

/// The cookie of a session.
pub(crate) fn cookie(secret: &str) -> String {
    format!("__Host-fenxi-session={secret}")
}

/// Writes bytes and reads until the other end closes.
pub(crate) async fn exchange(gateway: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(gateway).await.expect("a connection");
    // The other end may close before it has read everything.
    let _ = stream.write_all(bytes).await;
    read_to_close(&mut stream).await
}

/// Sends these headers and 8 MB over HTTP/1.1 before anything is read, and then asks for something else.
pub(crate) async fn send_before_reading(gateway: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(gateway).await.expect("a connection");
    let head = format!("{head}host: x\r\ncontent-length: 8000000\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(&vec![7; 8_000_000]).await.expect("everything is taken");
    let next = "OPTIONS /uploads HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(next.as_bytes()).await.expect("sent");
    String::from_utf8_lossy(&read_to_close(&mut stream).await).into_owned()
}

/// Reads until the other end closes, in whatever way.
pub(crate) async fn read_to_close(stream: &mut TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    let ended = tokio::time::timeout(std::time::Duration::from_secs(30), stream.read_to_end(&mut read)).await;
    let _ = ended.expect("the connection was not closed");
    read
}
