//! Tests with a peer that says what they tell it to.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixListener,
    task::JoinHandle,
};

use super::{
    partial::MESSAGE_MAX_FRAMES,
    wire::{FLAG_LONG, GREETING_BYTES, greeting, ready},
    *,
};
use crate::room::Common;

fn journal() -> Arc<Journal> {
    Arc::new(Journal::new(Common::new()))
}

/// The next message, with its room given back.
async fn received(reader: &mut Reader) -> io::Result<Option<Received>> {
    Ok(reader.receive(&journal()).await?.map(|(received, _)| received))
}

/// The peer of the next who connects, after the handshake.
pub(crate) async fn peer(listener: &UnixListener) -> UnixStream {
    let (mut stream, _) = listener.accept().await.expect("a client");
    stream.write_all(&greeting()).await.expect("sent");
    // All that the client says: a socket closed with something unread in it would reset the other end.
    stream.read_exact(&mut [0; GREETING_BYTES]).await.expect("a greeting");
    let (_, length) = (stream.read_u8().await, stream.read_u8().await.expect("a length"));
    stream.read_exact(&mut vec![0; length.into()]).await.expect("a handshake");
    stream.write_all(&ready(Socket::Subscriber)).await.expect("sent");
    stream
}

/// A reader, and its peer after the handshake.
async fn pair() -> (Reader, UnixStream) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("s");
    let listener = UnixListener::bind(&path).expect("a socket");
    let (client, stream) = tokio::join!(connect(&path, Socket::Dealer { identity: "me" }), peer(&listener));
    (client.expect("connected").0, stream)
}

/// What a reader gives.
type Taken = io::Result<Option<(Received, Room)>>;

/// Takes the next message beside what a test does.
fn receiving(mut reader: Reader, journal: &Arc<Journal>) -> JoinHandle<(Taken, Reader)> {
    let journal = Arc::clone(journal);
    tokio::spawn(async move { (reader.receive(&journal).await, reader) })
}

const LARGE: usize = 8 << 20;
const LARGE_KIB: usize = LARGE >> 10;

async fn until_taken(journal: &Journal, kib: usize) {
    while journal.taken_kib() != kib {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_message_has_room_before_it_is_whole_and_as_much_as_it_is_long() {
    let ((reader, mut peer), journal) = (pair().await, journal());
    let (large, small) = (vec![7; LARGE], vec![8; 300 << 10]);
    let bytes = message(&[b"head", &large]);
    let (first, rest) = bytes.split_at(LARGE / 2);
    let reading = receiving(reader, &journal);
    peer.write_all(first).await.expect("sent");
    until_taken(&journal, LARGE_KIB + 1).await;
    peer.write_all(rest).await.expect("sent");
    let (Ok(Some((Received::Message(frames), room))), mut reader) = reading.await.expect("no panic") else {
        panic!("no message")
    };
    assert_eq!((frames.len(), journal.taken_kib()), (2, LARGE_KIB + 1));
    drop(room);
    // Of how many frames more there will be nothing is known.
    let bytes = message(&[&small, b"tail"]);
    let (sent, received) = tokio::join!(peer.write_all(&bytes), reader.receive(&journal));
    sent.expect("sent");
    let Ok(Some((Received::Message(frames), _room))) = received else { panic!("no message") };
    assert_eq!((frames.len(), journal.taken_kib()), (2, 301));
}

#[tokio::test]
async fn what_has_no_room_is_not_read() {
    let ((one, mut says), (mut two, mut waits), journal) = (pair().await, pair().await, journal());
    let most = usize::try_from(MESSAGE_MAX_BYTES).expect("fits");
    let head = [&[FLAG_LONG][..], &MESSAGE_MAX_BYTES.to_be_bytes()].concat();
    says.write_all(&head).await.expect("sent");
    let reading = receiving(one, &journal);
    until_taken(&journal, most >> 10).await;
    let sending = tokio::spawn(async move {
        waits.write_all(&[head, vec![0; most]].concat()).await.expect("sent");
        waits
    });
    let also = tokio::time::timeout(Duration::from_millis(300), two.receive(&journal)).await;
    assert!(also.is_err(), "two longest messages of one kernel are kept");
    assert!(!sending.is_finished(), "it is read without room");
    sending.abort();
    reading.abort();
}

#[tokio::test]
async fn what_was_announced_and_does_not_come_keeps_nobody_waiting() {
    let ((reader, mut peer), common) = (pair().await, Common::new());
    let journal = Arc::new(Journal::new(common.clone()));
    journal.allowance().belongs_to("a");
    let most = usize::try_from(MESSAGE_MAX_BYTES >> 10).expect("fits");
    let head = [&[FLAG_LONG][..], &MESSAGE_MAX_BYTES.to_be_bytes()].concat();
    let reading = receiving(reader, &journal);
    peer.write_all(&[head, vec![0; LARGE]].concat()).await.expect("sent");
    let step = usize::try_from(STEP_MAX_BYTES >> 10).expect("fits");
    while common.taken_kib("a") != (LARGE_KIB + step, most) {
        tokio::task::yield_now().await;
    }
    reading.abort();
}

#[tokio::test]
async fn a_kernel_that_stops_in_a_message_loses_it_and_no_other() {
    let ((mut reader, mut peer), journal) = (pair().await, journal());
    reader.patience = Patience { time: Duration::from_millis(100), bytes_per_sec: u64::MAX };
    let bytes = message(&[b"head", &vec![7; LARGE]]);
    // So little that it is written before the patience can end.
    let (first, rest) = bytes.split_at(100);
    let reading = receiving(reader, &journal);
    peer.write_all(first).await.expect("sent");
    until_taken(&journal, LARGE_KIB + 1).await;
    until_taken(&journal, 0).await;
    peer.write_all(&[rest, &message(&[b"next"])].concat()).await.expect("sent");
    let (Ok(Some((Received::Oversized { frames, dropped_bytes }, _))), mut reader) = reading.await.expect("no panic")
    else {
        panic!("taken")
    };
    assert_eq!((frames, dropped_bytes), (vec![Bytes::from_static(b"head")], LARGE as u64));
    let next = received(&mut reader).await;
    assert!(matches!(next, Ok(Some(Received::Message(frames))) if frames == ["next"]));
}

#[tokio::test]
async fn what_is_too_long_holds_no_room_while_it_is_read_past() {
    let ((reader, mut peer), journal) = (pair().await, journal());
    let announced = [&[FLAG_LONG][..], &MESSAGE_MAX_BYTES.to_be_bytes()].concat();
    let bytes = message(&[b"head", &vec![7; LARGE], b""]);
    let reading = receiving(reader, &journal);
    // Without its last frame, which is the one that does not fit any more.
    peer.write_all(&bytes[..bytes.len() - 2]).await.expect("sent");
    until_taken(&journal, usize::try_from(MESSAGE_MAX_BYTES >> 10).expect("fits")).await;
    peer.write_all(&announced).await.expect("sent");
    until_taken(&journal, 0).await;
    assert!(!reading.is_finished(), "the rest is still to come");
    reading.abort();
}

#[tokio::test]
async fn commands_in_the_middle_of_a_message_win_no_time() {
    let ((mut reader, mut peer), journal) = (pair().await, journal());
    reader.patience = Patience { time: Duration::from_millis(100), bytes_per_sec: u64::MAX };
    // Room is made, and patience begins, at the frame after the most that comes without: there is nothing left to write.
    let without_room = vec![7; 256 << 10];
    let bytes = message(&[&without_room, b"more", b""]);
    let reading = receiving(reader, &journal);
    peer.write_all(&bytes[..bytes.len() - 2]).await.expect("sent");
    until_taken(&journal, usize::try_from(MESSAGE_MAX_BYTES >> 10).expect("fits")).await;
    // There is always one to be read.
    let talking =
        tokio::spawn(async move { while peer.write_all(&[FLAG_COMMAND, 1, 0].repeat(1000)).await.is_ok() {} });
    until_taken(&journal, 0).await;
    talking.abort();
    reading.abort();
}

/// A peer that shakes hands and then writes `bytes`, whatever they are.
async fn peer_that_writes(bytes: Vec<u8>) -> Reader {
    let (reader, mut peer) = pair().await;
    peer.write_all(&bytes).await.expect("sent");
    reader
}

fn message(frames: &[&[u8]]) -> Vec<u8> {
    let frames: Vec<_> = frames.iter().map(|frame| Bytes::copy_from_slice(frame)).collect();
    super::message(&frames)
}

#[tokio::test]
async fn messages_arrive_whole_and_then_the_end() {
    let long = vec![7; 70_000];
    let mut reader = peer_that_writes([message(&[b"a", &long]), message(&[b""])].concat()).await;
    let Ok(Some(Received::Message(frames))) = received(&mut reader).await else { panic!("no message") };
    assert_eq!(frames, [&b"a"[..], &long]);
    assert!(matches!(received(&mut reader).await, Ok(Some(Received::Message(frames))) if frames == [""]));
    assert!(matches!(received(&mut reader).await, Ok(None)));
}

#[tokio::test]
async fn an_announced_length_takes_no_memory() {
    for len in [MESSAGE_MAX_BYTES, u64::MAX] {
        let mut reader = peer_that_writes([&[FLAG_LONG][..], &len.to_be_bytes(), b"few"].concat()).await;
        assert!(received(&mut reader).await.is_err(), "the end inside of a frame went unnoticed");
    }
    let mut reader = peer_that_writes(vec![0xff; 100]).await;
    assert!(received(&mut reader).await.is_err(), "noise was taken for frames");
}

#[tokio::test]
async fn a_message_over_the_limit_is_dropped_and_the_next_arrives() {
    let large = vec![0; usize::try_from(MESSAGE_MAX_BYTES).expect("fits")];
    let listener = tempfile::tempdir().expect("a directory");
    let path = listener.path().join("s");
    let socket = UnixListener::bind(&path).expect("a socket");
    let writer = tokio::spawn(async move {
        let (mut stream, _) = socket.accept().await.expect("a client");
        let mut greeted = [0; GREETING_BYTES];
        stream.read_exact(&mut greeted).await.expect("a greeting");
        let bytes = [&greeting()[..], &ready(Socket::Subscriber), &message(&[b"head", &large]), &message(&[b"next"])];
        stream.write_all(&bytes.concat()).await.expect("sent");
    });
    let (mut reader, _writer) = connect(&path, Socket::Subscriber).await.expect("connected");
    let Ok(Some(Received::Oversized { frames, dropped_bytes })) = received(&mut reader).await else { panic!("taken") };
    assert_eq!((frames, dropped_bytes), (vec![Bytes::from_static(b"head")], MESSAGE_MAX_BYTES));
    assert!(matches!(received(&mut reader).await, Ok(Some(Received::Message(frames))) if frames == ["next"]));
    writer.await.expect("the peer ended well");
}

#[tokio::test]
async fn a_message_of_too_many_frames_is_cut() {
    let frames = vec![&b"x"[..]; 1000];
    let mut reader = peer_that_writes(message(&frames)).await;
    let Ok(Some(Received::Oversized { frames, .. })) = received(&mut reader).await else { panic!("taken") };
    assert_eq!(frames.len(), MESSAGE_MAX_FRAMES);
}
