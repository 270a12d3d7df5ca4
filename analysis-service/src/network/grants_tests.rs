//! Grants made, listed, ended and taken back.

use fenxi_chassis::{clock::Clock, lifecycle::Lifecycle};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

const START: i64 = 1_795_392_000_000_000;
const ADMINISTRATOR: Uuid = Uuid::from_u128(1);
const USER: Uuid = Uuid::from_u128(2);

struct House {
    networks: Networks,
    database: Database,
    clock: Clock,
    folder: tempfile::TempDir,
}

/// No story takes as long on any machine; reaching it is the failure.
async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it takes too long")
}

async fn open(folder: &std::path::Path, clock: Clock) -> (Networks, Database) {
    let database = Database::open(&folder.join("test.db"), STEPS).await.expect("a database");
    (Networks::open(database.clone(), clock).await.expect("grants"), database)
}

impl House {
    async fn new() -> Self {
        let (folder, clock) = (tempfile::tempdir().expect("a folder"), Clock::manual(START));
        let (networks, database) = open(folder.path(), clock.clone()).await;
        Self { networks, database, clock, folder }
    }
}

fn new(entries: &[&str]) -> NewGrant {
    NewGrant {
        user_id: USER,
        entries: entries.iter().map(|entry| (*entry).to_owned()).collect(),
        note: String::new(),
        expire_time: None,
        request_id: fenxi_chassis::id::at(START),
    }
}

#[tokio::test]
async fn grants_add_up_and_are_kept() {
    let house = House::new().await;
    assert!(!house.networks.granted(USER) && house.networks.entries(USER).is_empty());
    let first = house.networks.create(ADMINISTRATOR, new(&["B.example", "a.example", "b.example:443"])).await;
    assert_eq!(first.as_ref().expect("granted").texts(), ["a.example:443", "b.example:443"]);
    // Ids of one millisecond have no order.
    house.clock.advance(Duration::from_millis(1));
    house.networks.create(ADMINISTRATOR, new(&["10.0.0.0/8:80"])).await.expect("granted");
    let all = ["a.example:443", "b.example:443", "10.0.0.0/8:80"];
    assert_eq!(house.networks.entries(USER), all);
    assert!(house.networks.granted(USER) && !house.networks.granted(ADMINISTRATOR));
    let (again, _) = open(house.folder.path(), house.clock.clone()).await;
    assert_eq!(again.entries(USER), all, "not there after a restart");
    let listed = again.list(Some(USER), None, 10).await.expect("a list");
    assert_eq!((listed.len(), &listed[1]), (2, &first.expect("granted")));
    assert!(again.list(Some(ADMINISTRATOR), None, 10).await.expect("a list").is_empty());
    assert_eq!(again.list(None, Some(listed[0].grant_id), 10).await.expect("a list").len(), 1);
}

#[tokio::test]
async fn what_is_taken_back_holds_no_more() {
    let house = House::new().await;
    let grant = house.networks.create(ADMINISTRATOR, new(&["a.example"])).await.expect("granted");
    let request_id = Some(fenxi_chassis::id::at(START));
    for _ in 0..2 {
        house.networks.delete(ADMINISTRATOR, grant.grant_id, request_id).await.expect("the same call again");
        assert!(!house.networks.granted(USER));
    }
    let gone = house.networks.delete(ADMINISTRATOR, grant.grant_id, None).await;
    assert!(matches!(gone, Err(NetworkError::NotFound)), "{gone:?}");
}

#[tokio::test]
async fn a_grant_ends_when_its_time_has_come() {
    let house = House::new().await;
    let expire_time = Some(START + 60_000_000);
    house.networks.create(ADMINISTRATOR, NewGrant { expire_time, ..new(&["a.example"]) }).await.expect("granted");
    house.networks.create(ADMINISTRATOR, new(&["b.example"])).await.expect("granted");
    house.clock.advance(Duration::from_secs(59));
    house.networks.end_expired();
    assert_eq!(house.networks.entries(USER), ["a.example:443", "b.example:443"]);
    house.clock.advance(Duration::from_secs(1));
    house.networks.end_expired();
    assert_eq!(house.networks.entries(USER), ["b.example:443"]);
    let late = house.networks.create(ADMINISTRATOR, NewGrant { expire_time, ..new(&["a.example"]) }).await;
    assert!(matches!(late, Err(NetworkError::Invalid { field: "expire_time", .. })), "{late:?}");
}

#[tokio::test]
async fn what_is_open_ends_with_its_grant() {
    let house = House::new().await;
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let entry = server.local_addr().expect("an address").to_string();
    let expire_time = Some(START + 60_000_000);
    house.networks.create(ADMINISTRATOR, NewGrant { expire_time, ..new(&[&entry]) }).await.expect("granted");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let proxy = listener.local_addr().expect("an address");
    let _served = house.networks.serve(USER, Uuid::nil(), listener).expect("a proxy");
    let mut stream = tokio::net::TcpStream::connect(proxy).await.expect("a connection");
    stream.write_all(format!("CONNECT {entry} HTTP/1.1\r\n\r\n").as_bytes()).await.expect("sent");
    let (mut there, _) = soon(server.accept()).await.expect("a connection");
    house.clock.advance(Duration::from_secs(60));
    house.networks.end_expired();
    let mut said = String::new();
    soon(stream.read_to_string(&mut said)).await.expect("an end");
    assert_eq!(soon(there.read(&mut [0])).await.expect("an end"), 0);
}

#[tokio::test]
async fn a_grant_ends_though_the_database_is_gone() {
    let house = House::new().await;
    let expire_time = Some(START + 60_000_000);
    house.networks.create(ADMINISTRATOR, NewGrant { expire_time, ..new(&["a.example"]) }).await.expect("granted");
    house.networks.create(ADMINISTRATOR, new(&["b.example"])).await.expect("granted");
    house.database.close(&Lifecycle::new()).await;
    house.clock.advance(Duration::from_secs(60));
    house.networks.end_expired();
    assert_eq!(house.networks.entries(USER), ["b.example:443"]);
}

#[tokio::test]
async fn a_change_holds_though_its_caller_has_gone() {
    let house = House::new().await;
    let mut followed = house.networks.users().entry(USER).or_default().subscribe();
    let mut call = Box::pin(house.networks.create(ADMINISTRATOR, new(&["a.example"])));
    assert!(futures_util::poll!(&mut call).is_pending());
    drop(call);
    soon(followed.changed()).await.expect("granted");
    assert_eq!(house.networks.entries(USER), ["a.example:443"]);
    let grant_id = house.networks.list(None, None, 1).await.expect("a list")[0].grant_id;
    let mut call = Box::pin(house.networks.delete(ADMINISTRATOR, grant_id, None));
    assert!(futures_util::poll!(&mut call).is_pending());
    drop(call);
    soon(followed.changed()).await.expect("taken back");
    assert!(!house.networks.granted(USER), "it holds still");
}

#[tokio::test]
async fn a_repeated_change_holds_though_the_first_was_not_told_of() {
    let house = House::new().await;
    let (networks, asked) = (&house.networks, new(&["a.example"]));
    let once = |what: &str, content: &str| {
        let fingerprint = fingerprint(what, content);
        Once { user_id: ADMINISTRATOR, request_id: asked.request_id, fingerprint }
    };
    let content = format!("{:?}", (asked.user_id, &asked.entries, &asked.note, asked.expire_time));
    let grant = networks.checked(ADMINISTRATOR, asked.clone()).expect("a grant");
    networks.0.store.create(grant.clone(), once("create", &content), 1).await.expect("written");
    assert!(!networks.granted(USER), "this is what is to be made good");
    assert_eq!(networks.create(ADMINISTRATOR, asked.clone()).await.expect("the same"), grant);
    assert!(networks.granted(USER), "written, and not in force");
    let request_id = fenxi_chassis::id::at(START);
    let once = Once { request_id, ..once("delete", &grant.grant_id.to_string()) };
    networks.0.store.delete(grant.grant_id, Some(once), START).await.expect("written");
    assert!(networks.granted(USER), "this is what is to be made good");
    networks.delete(ADMINISTRATOR, grant.grant_id, Some(request_id)).await.expect("the same");
    assert!(!networks.granted(USER), "taken back, and in force");
}

#[tokio::test]
async fn a_repeated_request_is_not_judged_anew() {
    let house = House::new().await;
    let asked = NewGrant { expire_time: Some(START + 1_000_000), ..new(&["a.example"]) };
    let first = house.networks.create(ADMINISTRATOR, asked.clone()).await.expect("granted");
    house.clock.advance(Duration::from_secs(2));
    house.networks.refuse_for(|| Some("a net namespace: EPERM".into()));
    assert_eq!(house.networks.create(ADMINISTRATOR, asked).await.expect("the same"), first);
}

#[tokio::test]
async fn a_request_is_carried_out_once() {
    let house = House::new().await;
    let asked = new(&["a.example"]);
    let first = house.networks.create(ADMINISTRATOR, asked.clone()).await.expect("granted");
    assert_eq!(house.networks.create(ADMINISTRATOR, asked.clone()).await.expect("the same"), first);
    let other = house.networks.create(ADMINISTRATOR, NewGrant { note: "x".into(), ..asked }).await;
    assert!(matches!(other, Err(NetworkError::RequestIdReused)), "{other:?}");
    assert_eq!(house.networks.list(None, None, 10).await.expect("a list").len(), 1);
}

#[tokio::test]
async fn limits_and_mistakes_are_said() {
    let house = House::new().await;
    for (entries, wrong) in [(&[][..], "give 1 to 100"), (&["a.example", "*.com"], "\"*.com\", which would allow")] {
        let refused = house.networks.create(ADMINISTRATOR, new(entries)).await.expect_err("refused");
        assert!(refused.to_string().contains(wrong), "{refused}");
    }
    let long = NewGrant { note: "x".repeat(201), ..new(&["a.example"]) };
    assert!(matches!(
        house.networks.create(ADMINISTRATOR, long).await,
        Err(NetworkError::Invalid { field: "note", .. })
    ));
    let nobody = NewGrant { user_id: Uuid::nil(), ..new(&["a.example"]) };
    let refused = house.networks.create(ADMINISTRATOR, nobody).await;
    assert!(matches!(refused, Err(NetworkError::Invalid { field: "user_id", .. })), "{refused:?}");
    for _ in 0..GRANTS_PER_USER_MAX {
        house.networks.create(ADMINISTRATOR, new(&["a.example"])).await.expect("granted");
    }
    let full = house.networks.create(ADMINISTRATOR, new(&["a.example"])).await;
    assert!(matches!(full, Err(NetworkError::Full)), "{full:?}");
}

#[tokio::test]
async fn where_a_kernel_cannot_be_kept_to_it_nothing_is_granted() {
    let house = House::new().await;
    house.networks.refuse_for(|| Some("a net namespace: EPERM".into()));
    let refused = house.networks.create(ADMINISTRATOR, new(&["a.example"])).await.expect_err("refused");
    assert!(refused.to_string().ends_with("lacks a net namespace: EPERM"), "{refused}");
}

#[tokio::test]
async fn what_is_lacking_may_come() {
    let house = House::new().await;
    let lacking = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let looked = Arc::clone(&lacking);
    let missing = move || looked.load(std::sync::atomic::Ordering::SeqCst).then(|| "a supervisor".into());
    house.networks.refuse_for(missing);
    house.networks.create(ADMINISTRATOR, new(&["a.example"])).await.expect_err("refused");
    lacking.store(false, std::sync::atomic::Ordering::SeqCst);
    house.networks.create(ADMINISTRATOR, new(&["a.example"])).await.expect("granted");
}
