//! What the proxy is held to: times, places and bytes, and who feels them.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    tests::{House, echo, read_all, read_head, soon},
    *,
};

/// Long enough for an answer that comes at once; one that is still missing then was not given.
async fn hears_nothing(stream: &TcpStream) -> bool {
    tokio::time::timeout(Duration::from_millis(300), stream.readable()).await.is_err()
}

#[tokio::test]
async fn who_is_slow_or_silent_is_let_go() {
    let (server, _) = echo().await;
    let wait = Duration::from_millis(200);
    let limits = Limits { head_wait: wait, idle: Duration::from_secs(3600), ..Limits::DEFAULT };
    let house = House::with(&[server.to_string()], limits, &[]);
    let answer = house.say(b"CONNECT ").await;
    assert!(!answer.contains(" 200 "), "{answer}");
    let limits = Limits { idle: wait, ..Limits::DEFAULT };
    let house = House::with(&[server.to_string()], limits, &[]);
    let (mut stream, head) = house.tunnel(&server.to_string()).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(read_all(&mut stream).await, "");
}

#[tokio::test]
async fn a_kernel_with_many_connections_holds_up_itself_alone() {
    let (server, _) = echo().await;
    let to = server.to_string();
    let house = House::with(std::slice::from_ref(&to), Limits { connections: 4, ..Limits::DEFAULT }, &[]);
    let mut held = Vec::new();
    for _ in 0..4 {
        let (stream, head) = house.tunnel(&to).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        held.push(stream);
    }
    let mut fifth = house.asked(&to).await;
    assert!(hears_nothing(&fifth).await, "more were served than one kernel may have");
    let (_, head) = house.beside(Uuid::nil()).tunnel(&to).await;
    assert!(head.starts_with("HTTP/1.1 200"), "another kernel: {head}");
    held.pop();
    let head = read_head(&mut fifth).await;
    assert!(head.starts_with("HTTP/1.1 200"), "its turn has come: {head}");
}

#[tokio::test]
async fn a_user_with_many_connections_holds_up_nobody_else() {
    let (server, _) = echo().await;
    let to = server.to_string();
    let limits = Limits { connections_of_user: 2, ..Limits::DEFAULT };
    let one = House::with(std::slice::from_ref(&to), limits, &[]);
    // Silent ones count, too.
    let (silent, (_tunnel, head)) = (one.connect().await, one.tunnel(&to).await);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let same = one.beside(Uuid::nil());
    let mut third = same.asked(&to).await;
    assert!(hears_nothing(&third).await, "more were served than one user may have");
    let (_, head) = one.beside(Uuid::from_u128(2)).tunnel(&to).await;
    assert!(head.starts_with("HTTP/1.1 200"), "another user: {head}");
    drop(silent);
    let head = read_head(&mut third).await;
    assert!(head.starts_with("HTTP/1.1 200"), "its turn has come: {head}");
}

#[tokio::test]
async fn more_ways_than_all_may_have_are_told_so() {
    let (server, _) = echo().await;
    let (to, limits) = (server.to_string(), Limits { ways_of_all: 1, ..Limits::DEFAULT });
    let house = House::with(std::slice::from_ref(&to), limits, &[]);
    // Who asks for nothing, or for what is not granted, takes no place.
    let _silent = (house.connect().await, house.connect().await);
    let (_refused, head) = house.tunnel("b.example:443").await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    let (first, head) = house.tunnel(&to).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let (_, head) = house.tunnel(&to).await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    let answer = house.say(format!("GET http://{to}/ HTTP/1.1\r\n\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    let (_, head) = house.tunnel("b.example:443").await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    drop(first);
    soon(async {
        while !house.tunnel(&to).await.1.starts_with("HTTP/1.1 200") {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[test]
fn connections_leave_descriptors_for_the_rest_of_the_service() {
    for descriptors in [64, 1_024, 4_096, 1 << 20, u64::MAX] {
        let Limits { connections_of_all, ways_of_all, .. } = Limits::DEFAULT.within(descriptors);
        assert!((connections_of_all + ways_of_all) as u64 <= descriptors / 2, "{descriptors}");
        // Those that lead nowhere cannot keep the others out.
        assert!(0 < ways_of_all && ways_of_all < connections_of_all, "{descriptors}");
    }
    let many = Limits::DEFAULT.within(1 << 20);
    assert_eq!((many.connections_of_all, many.ways_of_all), (2_048, 1_024));
}

#[tokio::test]
async fn a_server_that_reads_nothing_stops_the_kernel_and_fills_no_memory() {
    /// More than the system's own buffers hold on the way.
    const TAKEN_MAX_BYTES: usize = 64 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let server = listener.local_addr().expect("an address");
    let house = House::new(&[server.to_string()]);
    let (mut stream, head) = house.tunnel(&server.to_string()).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let (bytes, mut taken) = (vec![0; 64 << 10], 0);
    // Until nothing is taken for a while.
    while let Ok(written) = tokio::time::timeout(Duration::from_secs(1), stream.write(&bytes)).await {
        taken += written.expect("open");
        assert!(taken < TAKEN_MAX_BYTES, "{taken} bytes were taken for a server that reads nothing");
    }
}

#[tokio::test]
async fn a_body_may_take_longer_than_an_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let server = listener.local_addr().expect("an address");
    let limits = Limits { answer_wait: Duration::from_millis(500), ..Limits::DEFAULT };
    let house = House::with(&[server.to_string()], limits, &[]);
    let mut stream = house.connect().await;
    let head = format!("POST http://{server}/ HTTP/1.1\r\nConnection: close\r\nContent-Length: 10\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let (mut there, _) = soon(listener.accept()).await.expect("a connection");
    read_head(&mut there).await;
    for _ in 0..10 {
        tokio::time::sleep(limits.answer_wait / 5).await;
        stream.write_all(b"x").await.expect("sent");
        soon(there.read_u8()).await.expect("sent on");
    }
    there.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("answered");
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    // What has come whole is to be answered in time.
    let answer = house.say(head.replace("10", "0").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
}
