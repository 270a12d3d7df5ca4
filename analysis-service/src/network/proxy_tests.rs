//! A proxy with kernels of all kinds before it, and servers behind it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicUsize, Ordering},
};

use futures_util::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::network::entry::Entry;

/// No story takes as long on any machine; reaching it is the failure.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) struct House {
    proxy: SocketAddr,
    rules: watch::Sender<InForceNow>,
    lookups: Arc<AtomicUsize>,
    shared: Arc<Shared>,
    _served: Proxy,
}

pub(super) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(LIMIT, future).await.expect("it takes too long")
}

fn in_force(entries: &[String]) -> InForceNow {
    let entries = entries.iter().map(|entry| Entry::parse(entry).expect(entry));
    InForceNow::of(entries.collect())
}

impl House {
    pub(super) fn new(entries: &[String]) -> Self {
        Self::with(entries, Limits::DEFAULT, &[])
    }

    /// Every name has these addresses.
    pub(super) fn with(entries: &[String], limits: Limits, addresses: &[&str]) -> Self {
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().expect("an address")).collect();
        let lookups = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&lookups);
        let upstream = Upstream::new(Arc::new(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            let addresses = addresses.clone();
            async move { Ok(addresses) }.boxed()
        }));
        let (rules, _) = watch::channel(in_force(entries));
        Self::on(rules, lookups, Arc::new(Shared::new(limits, upstream)), Uuid::nil())
    }

    /// The proxy of another kernel, which may do the same.
    pub(super) fn beside(&self, user_id: Uuid) -> Self {
        Self::on(self.rules.clone(), Arc::clone(&self.lookups), Arc::clone(&self.shared), user_id)
    }

    fn on(rules: watch::Sender<InForceNow>, lookups: Arc<AtomicUsize>, shared: Arc<Shared>, user_id: Uuid) -> Self {
        let listener = StdListener::bind("127.0.0.1:0").expect("a port");
        let proxy = listener.local_addr().expect("an address");
        let whose = Whose { user_id, kernel_id: Uuid::nil() };
        let served = Proxy::start(listener, rules.subscribe(), whose, Arc::clone(&shared)).expect("a proxy");
        Self { proxy, rules, lookups, shared, _served: served }
    }

    pub(super) async fn connect(&self) -> TcpStream {
        soon(TcpStream::connect(self.proxy)).await.expect("a connection")
    }

    /// Sends bytes, and gives all that comes until the other end closes.
    pub(super) async fn say(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        // It may close before it has read all of it.
        let _ = soon(stream.write_all(bytes)).await;
        read_all(&mut stream).await
    }

    pub(super) async fn tunnel(&self, to: &str) -> (TcpStream, String) {
        let mut stream = self.asked(to).await;
        let head = read_head(&mut stream).await;
        (stream, head)
    }

    /// A tunnel was asked for, and nothing was read yet.
    pub(super) async fn asked(&self, to: &str) -> TcpStream {
        let mut stream = self.connect().await;
        soon(stream.write_all(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n").as_bytes())).await.expect("sent");
        stream
    }
}

pub(super) async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = soon(stream.read_u8()).await else { break };
        head.push(byte);
    }
    String::from_utf8(head).expect("text")
}

pub(super) async fn read_all(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    // A reset is an end as well.
    let _ = soon(stream.read_to_end(&mut said)).await;
    String::from_utf8_lossy(&said).into_owned()
}

/// A server that takes one connection after the other: what it was sent comes back.
pub(super) async fn echo() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, taken) = (listener.local_addr().expect("an address"), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&taken);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
                let _ = writer.shutdown().await;
            });
        }
    });
    (address, taken)
}

/// A web server that answers one request with the head that it was sent.
async fn mirror() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { break };
                head.push(byte);
            }
            let answer = format!(
                "HTTP/1.1 200 OK\r\nConnection: x-hop\r\nX-Hop: 1\r\nX-Kept: 1\r\nContent-Length: {}\r\n\r\n",
                head.len()
            );
            let _ = stream.write_all(&[answer.as_bytes(), &head].concat()).await;
        }
    });
    address
}

#[tokio::test]
async fn a_request_is_sent_on_as_its_own_line_says() {
    let server = mirror().await;
    let house = House::new(&[server.to_string()]);
    let request = format!(
        "GET http://{server}/a%20b?q=1 HTTP/1.1\r\nHost: other.example\r\nProxy-Authorization: Basic eA==\r\n\
         Proxy-Connection: close\r\nConnection: close, x-mine\r\nX-Mine: 1\r\nX-Kept: 1\r\n\r\n"
    );
    let answer = house.say(request.as_bytes()).await;
    let (head, sent) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("x-kept: 1") && !head.contains("x-hop"), "{head}");
    let sent = sent.to_ascii_lowercase();
    assert!(sent.starts_with("get /a%20b?q=1 http/1.1\r\n"), "{sent}");
    assert!(sent.contains(&format!("host: {server}\r\n")) && !sent.contains("other.example"), "{sent}");
    assert!(sent.contains("x-kept: 1") && !sent.contains("x-mine") && !sent.contains("proxy-"), "{sent}");
}

#[tokio::test]
async fn a_tunnel_carries_bytes_both_ways_to_each_end() {
    let (server, _) = echo().await;
    let house = House::new(&[format!("127.0.0.1/32:{}", server.port())]);
    let (mut stream, head) = house.tunnel(&server.to_string()).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let bytes = vec![7; 300_000];
    let (mut reader, mut writer) = stream.split();
    let write = async {
        writer.write_all(&bytes).await.expect("written");
        writer.shutdown().await.expect("half closed");
    };
    let mut back = Vec::new();
    let (_, read) = soon(async { tokio::join!(write, reader.read_to_end(&mut back)) }).await;
    assert_eq!(read.expect("an end"), bytes.len());
    assert!(back == bytes, "other bytes came back");
}

#[tokio::test]
async fn what_is_not_granted_is_refused_in_words_and_not_touched() {
    let (server, taken) = echo().await;
    let house = House::with(&["a.example:443".into()], Limits::DEFAULT, &["127.0.0.1"]);
    for to in [server.to_string(), format!("localhost:{}", server.port()), format!("b.example:{}", server.port())] {
        let (mut stream, head) = house.tunnel(&to).await;
        let said = read_all(&mut stream).await;
        let words = format!("{to} is not granted to this kernel; ask an administrator of Fenxi to grant it");
        assert!(head.starts_with(&format!("HTTP/1.1 403 {words}\r\n")) && said == format!("{words}\n"), "{head}{said}");
        let answer = house.say(format!("GET http://{to}/secret HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 403") && !answer.contains("secret"), "{answer}");
    }
    assert_eq!(taken.load(Ordering::SeqCst), 0);
    assert_eq!(house.lookups.load(Ordering::SeqCst), 0, "a name was looked up that is not granted");
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_unless_its_address_is_granted_too() {
    let (server, taken) = echo().await;
    let (name, port) = (format!("a.example:{}", server.port()), server.port());
    for inside in ["127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", "::1", "169.254.169.254", "10.0.0.1"] {
        let house = House::with(std::slice::from_ref(&name), Limits::DEFAULT, &[inside]);
        let (_, head) = house.tunnel(&name).await;
        assert!(head.starts_with("HTTP/1.1 403"), "{inside}: {head}");
    }
    assert_eq!(taken.load(Ordering::SeqCst), 0);
    // One bad address beside a good one is left out; the name is looked up once, and nowhere else.
    let entries = [name.clone(), format!("127.0.0.1:{port}")];
    let house = House::with(&entries, Limits::DEFAULT, &["169.254.169.254", "127.0.0.1"]);
    let (_, head) = house.tunnel(&name).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!((house.lookups.load(Ordering::SeqCst), taken.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
async fn a_change_of_the_rules_holds_at_once() {
    let (server, _) = echo().await;
    let house = House::new(&[server.to_string()]);
    let (mut stream, head) = house.tunnel(&server.to_string()).await;
    assert!(head.starts_with("HTTP/1.1 200"));
    // A change that leaves it allowed does not touch it.
    house.rules.send_replace(in_force(&[server.to_string(), "a.example".into()]));
    soon(stream.write_all(b"x")).await.expect("written");
    assert_eq!(soon(stream.read_u8()).await.expect("an echo"), b'x');
    house.rules.send_replace(in_force(&["a.example".into()]));
    assert_eq!(read_all(&mut stream).await, "", "it is open still");
    let (_, head) = house.tunnel(&server.to_string()).await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    house.rules.send_replace(in_force(&[server.to_string()]));
    let (_, head) = house.tunnel(&server.to_string()).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}

#[tokio::test]
async fn hostile_requests_are_refused_and_lead_nowhere() {
    let (server, taken) = echo().await;
    let port = server.port();
    // All of the internet is granted, so that only the guards are left.
    let all = [format!("0.0.0.0/0:{port}"), format!("[::/0]:{port}"), format!("*.example.com:{port}")];
    let house = House::with(&all, Limits::DEFAULT, &["127.0.0.1"]);
    for host in [
        "127.0.0.1",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "0.0.0.0",
        "[::]",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "localhost",
        "LOCALHOST.",
        "a.example.com",
        "a.example.com.",
        "169.254.169.254",
        "255.255.255.255",
        "224.0.0.1",
        "[fe80::1]",
    ] {
        let (_, head) = house.tunnel(&format!("{host}:{port}")).await;
        assert!(head.starts_with("HTTP/1.1 403"), "CONNECT {host}: {head}");
        let answer = house.say(format!("GET http://{host}:{port}/ HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "GET {host}: {answer}");
    }
    let long = "x".repeat(20_000);
    let headers: String = (0..200).map(|number| format!("x-{number}: 1\r\n")).collect();
    for (request, status) in [
        ("CONNECT a.example.com:0 HTTP/1.1\r\n\r\n".into(), "403"),
        ("CONNECT a.example.com HTTP/1.1\r\n\r\n".into(), "400"),
        ("CONNECT a.example.com:99999 HTTP/1.1\r\n\r\n".into(), "400"),
        (format!("CONNECT user@a.example.com:{port} HTTP/1.1\r\n\r\n"), "400"),
        ("GET / HTTP/1.1\r\nHost: a.example.com\r\n\r\n".into(), "400"),
        (format!("GET https://a.example.com:{port}/ HTTP/1.1\r\n\r\n"), "400"),
        (format!("GET http://user:pw@a.example.com:{port}/ HTTP/1.1\r\n\r\n"), "400"),
        ("GET ftp://a.example.com/ HTTP/1.1\r\n\r\n".into(), "400"),
        (format!("GET http://a.example.com:{port}/{long} HTTP/1.1\r\n\r\n"), "4"),
        (format!("GET http://a.example.com:{port}/ HTTP/1.1\r\nX: {long}\r\n\r\n"), "431"),
        (format!("GET http://a.example.com:{port}/ HTTP/1.1\r\n{headers}\r\n"), "431"),
        ("\u{0}\u{1}\u{2}garbage\r\n\r\n".into(), "400"),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\r\n\r\n".into(), "400"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), ""),
        (format!("CONNECT a.example.com\u{0}:{port} HTTP/1.1\r\n\r\n"), "400"),
        (format!("GET http://a.example.com:{port}/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), "400"),
    ] {
        let shown: String = request.chars().take(60).collect();
        let answer = house.say(request.as_bytes()).await;
        let refused = format!("HTTP/1.1 {status}");
        assert!(
            answer.starts_with(&refused) || (status.is_empty() && !answer.contains(" 200 ")),
            "{shown:?}: {answer}"
        );
    }
    assert_eq!(taken.load(Ordering::SeqCst), 0, "something came through");
}

#[tokio::test]
async fn a_change_of_the_rules_ends_a_request_that_waits_for_its_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let server = listener.local_addr().expect("an address");
    let house = House::new(&[server.to_string()]);
    let mut stream = house.connect().await;
    stream.write_all(format!("GET http://{server}/ HTTP/1.1\r\n\r\n").as_bytes()).await.expect("sent");
    let (mut there, _) = soon(listener.accept()).await.expect("a connection");
    read_head(&mut there).await;
    house.rules.send_replace(in_force(&["a.example".into()]));
    assert_eq!(read_all(&mut stream).await, "", "it is open still");
    assert_eq!(read_all(&mut there).await, "", "its way is open still");
}

#[tokio::test]
async fn an_address_may_end_with_its_host() {
    let server = mirror().await;
    let house = House::new(&[server.to_string()]);
    for (end, path) in [("", "/"), ("?q=1", "/?q=1")] {
        let answer =
            house.say(format!("GET http://{server}{end} HTTP/1.1\r\nConnection: close\r\n\r\n").as_bytes()).await;
        assert!(answer.contains(&format!("\r\nGET {path} HTTP/1.1\r\n")), "{answer}");
    }
}

#[tokio::test]
async fn what_is_open_ends_with_the_proxy() {
    let (server, _) = echo().await;
    let house = House::new(&[server.to_string()]);
    let (mut stream, head) = house.tunnel(&server.to_string()).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let proxy = house.proxy;
    drop(house);
    assert_eq!(read_all(&mut stream).await, "");
    assert!(soon(TcpStream::connect(proxy)).await.is_err(), "it listens still");
}
