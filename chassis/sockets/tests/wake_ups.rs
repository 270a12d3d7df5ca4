//! What these sockets are for: who waits for news is not woken when the other end reads. Counted in the times that the
//! runtime went to wait; the runtime's own socket shows that such a wake-up is counted.

#![expect(clippy::expect_used, reason = "what cannot be is the test's failure")]

use std::{
    io::{Read as _, Write as _},
    os::unix::net,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use fenxi_sockets::Stream;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::UnixStream,
    runtime::{Builder, RuntimeMetrics},
};

/// Short messages, all of which have room.
const MESSAGES: usize = 100;
/// Nothing here takes as long on any machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Waits until the runtime has gone to wait so often.
fn until_waited(metrics: &RuntimeMetrics, times: u64) {
    let begun = Instant::now();
    while metrics.worker_park_count(0) < times {
        assert!(begun.elapsed() < LIMIT, "the runtime does not wait");
        thread::yield_now();
    }
}

/// How often the runtime goes to wait until news comes, while the other end reads what it was sent; that end says the news
/// once it was `expected` times.
fn waits<S: AsyncRead + AsyncWrite + Unpin>(open: impl FnOnce(UnixStream) -> S, expected: u64) -> u64 {
    let runtime = Builder::new_current_thread().enable_io().build().expect("a runtime");
    runtime.block_on(async move {
        let metrics = tokio::runtime::Handle::current().metrics();
        let (ours, mut other) = net::UnixStream::pair().expect("a pair");
        ours.set_nonblocking(true).expect("set");
        let mut ours = open(UnixStream::from_std(ours).expect("a socket"));
        let (go, begin) = mpsc::channel::<u64>();
        let told = metrics.clone();
        let other = thread::spawn(move || {
            other.write_all(b"1").expect("written");
            let before = begin.recv().expect("a beginning");
            until_waited(&told, before + 1);
            for _ in 0..MESSAGES {
                other.read_exact(&mut [0]).expect("read");
                thread::yield_now();
            }
            until_waited(&told, before + expected);
            other.write_all(b"2").expect("written");
        });
        // The socket's first readiness is told with this.
        assert_eq!(ours.read_u8().await.expect("the first"), b'1');
        for _ in 0..MESSAGES {
            ours.write_all(b"x").await.expect("written");
        }
        let before = metrics.worker_park_count(0);
        go.send(before).expect("somebody waits");
        assert_eq!(ours.read_u8().await.expect("the news"), b'2');
        let waited = metrics.worker_park_count(0) - before;
        other.join().expect("an end");
        waited
    })
}

#[test]
fn who_waits_for_news_is_not_woken_when_the_other_end_reads() {
    assert_eq!(waits(|socket| Stream::new(socket).expect("a stream"), 1), 1, "it was woken for nothing");
}

#[test]
fn the_runtimes_own_socket_is_woken() {
    assert!(waits(|socket| socket, 2) >= 2);
}
