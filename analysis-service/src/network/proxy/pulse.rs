//! Whether anything passes on a connection of a kernel, and how much.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use metrics::Counter;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, sleep_until},
};

/// When something passed last.
#[derive(Debug)]
pub(super) struct Pulse {
    begin: Instant,
    /// Milliseconds since then.
    last: AtomicU64,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self { begin: Instant::now(), last: AtomicU64::new(0) }
    }

    fn beat(&self) {
        let now = u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// Comes back once nothing has passed for so long.
    pub(super) async fn stops(&self, after: Duration) {
        loop {
            let at = self.begin + Duration::from_millis(self.last.load(Ordering::Relaxed)) + after;
            if at <= Instant::now() {
                return;
            }
            sleep_until(at).await;
        }
    }
}

/// The kernel's end of a connection.
#[derive(Debug)]
pub(super) struct Watched {
    stream: TcpStream,
    pulse: Arc<Pulse>,
    /// From the kernel, and to it.
    bytes: [Counter; 2],
}

impl Watched {
    pub(super) fn new(stream: TcpStream, pulse: Arc<Pulse>) -> Self {
        let bytes = ["out", "in"].map(|way| metrics::counter!("network_bytes_total", "direction" => way));
        Self { stream, pulse, bytes }
    }

    fn passed(&self, way: usize, bytes: usize) {
        if bytes > 0 {
            self.pulse.beat();
            self.bytes[way].increment(bytes as u64);
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.passed(0, buffer.filled().len() - before);
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(written)) = &written {
            self.passed(1, *written);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
