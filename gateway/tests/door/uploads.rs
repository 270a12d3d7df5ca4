//! Uploads in the shape of tus 1.0.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Method, Request, StatusCode, Version};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    fakes::until,
    house::House,
    raw::{self, Answer, VERSIONS},
};

fn tus(method: Method, path: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header("tus-resumable", "1.0.0")
        .header("authorization", "Bearer fxt_bob")
}

async fn create(house: &House, version: Version, size: usize, name: &str) -> Answer {
    let metadata = format!("filename {}", STANDARD.encode(name));
    let request = tus(Method::POST, "/uploads").header("upload-length", size).header("upload-metadata", metadata);
    raw::send(house.gateway, version, request, Bytes::new()).await
}

fn patch(path: &str, offset: usize) -> http::request::Builder {
    tus(Method::PATCH, path).header("upload-offset", offset).header("content-type", "application/offset+octet-stream")
}

#[tokio::test]
async fn an_upload_is_made_written_in_pieces_told_and_dropped() {
    let house = House::start(&[]).await;
    for version in VERSIONS {
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| u8::try_from(at % 251).expect("small")).collect();
        let made = create(&house, version, bytes.len(), "销售.csv").await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        assert_eq!(made.header("tus-resumable"), "1.0.0");
        assert_eq!(made.header("upload-expires"), "Wed, 18 Nov 2026 11:06:40 GMT");
        let path = made.header("location").to_owned();
        let mut at = 0;
        for piece in bytes.chunks(1_400_000) {
            let answer = raw::send(house.gateway, version, patch(&path, at), Bytes::copy_from_slice(piece)).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
            at += piece.len();
            assert_eq!(answer.header("upload-offset"), at.to_string());
        }
        let told = raw::send(house.gateway, version, tus(Method::HEAD, &path), Bytes::new()).await;
        assert_eq!((told.status, told.header("upload-offset")), (StatusCode::OK, bytes.len().to_string().as_str()));
        assert_eq!(told.header("upload-length"), bytes.len().to_string());
        assert_eq!(told.header("cache-control"), "no-store");
        assert_eq!(told.header("upload-metadata"), format!("filename {}", STANDARD.encode("销售.csv")));
        let id = path.rsplit('/').next().expect("an id").to_owned();
        let kept = house.state.uploads.lock().expect("sound").get(&id).cloned().expect("kept");
        assert!(kept.0 == "销售.csv" && kept.2 == bytes);
        let dropped = raw::send(house.gateway, version, tus(Method::DELETE, &path), Bytes::new()).await;
        assert_eq!(dropped.status, StatusCode::NO_CONTENT);
        let gone = raw::send(house.gateway, version, tus(Method::HEAD, &path), Bytes::new()).await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND);
    }
    let seen = house.state.last("WriteUpload").expect("called");
    assert_eq!(seen.get("authorization").expect("a Caller"), "Bearer jwt.bob.analysis-service");
}

#[tokio::test]
async fn an_upload_that_breaks_off_keeps_what_arrived() {
    let house = House::start(&[]).await;
    let made = create(&house, Version::HTTP_11, 1_000_000, "big.csv").await;
    let path = made.header("location").to_owned();
    let mut stream = TcpStream::connect(house.gateway).await.expect("a connection");
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nhost: x\r\ntus-resumable: 1.0.0\r\nauthorization: Bearer fxt_bob\r\n\
         upload-offset: 0\r\ncontent-type: application/offset+octet-stream\r\ncontent-length: 1000000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(&[7; 300_000]).await.expect("sent");
    let id = path.rsplit('/').next().expect("an id").to_owned();
    let received = || house.state.uploads.lock().expect("sound").get(&id).map_or(0, |upload| upload.2.len());
    until("everything sent has arrived", || received() == 300_000).await;
    drop(stream);
    until("the piece was brought to its end", || house.state.count("WroteUpload") == 1).await;
    let told = raw::send(house.gateway, Version::HTTP_11, tus(Method::HEAD, &path), Bytes::new()).await;
    assert_eq!(told.header("upload-offset"), "300000");
    let rest = Bytes::from(vec![7; 700_000]);
    let answer = raw::send(house.gateway, Version::HTTP_11, patch(&path, 300_000), rest).await;
    assert_eq!(answer.header("upload-offset"), "1000000");
}

/// Of 16 KiB, the default, a large body would need thousands (RFC 9113, 6.5.2).
#[tokio::test]
async fn an_upload_over_http_2_may_come_in_large_frames() {
    let house = House::start(&[]).await;
    let mut stream = TcpStream::connect(house.gateway).await.expect("a connection");
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.expect("sent");
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.expect("a frame");
    assert_eq!(head[3], 4, "the first frame is SETTINGS");
    let mut settings = vec![0; usize::from(head[2])];
    stream.read_exact(&mut settings).await.expect("settings");
    let frame_max = settings.chunks(6).find(|setting| setting[..2] == [0, 5]).expect("SETTINGS_MAX_FRAME_SIZE");
    assert_eq!(frame_max[2..], (256_u32 << 10).to_be_bytes());
}

#[tokio::test]
async fn what_is_wrong_is_said_in_http() {
    let house = House::start(&[]).await;
    let made = create(&house, Version::HTTP_11, 10, "a.csv").await;
    let path = made.header("location").to_owned();
    let bytes = Bytes::from_static(b"12345");
    let post = || tus(Method::POST, "/uploads");
    let cases = [
        (patch(&path, 3), StatusCode::CONFLICT, "UPLOAD_OFFSET"),
        (patch("/uploads/other", 0), StatusCode::NOT_FOUND, "NOT_FOUND"),
        (tus(Method::PATCH, &path).header("upload-offset", 0), StatusCode::UNSUPPORTED_MEDIA_TYPE, "INVALID_FIELD"),
        (
            tus(Method::PATCH, &path).header("content-type", "application/offset+octet-stream"),
            StatusCode::BAD_REQUEST,
            "INVALID_FIELD",
        ),
        (post(), StatusCode::BAD_REQUEST, "INVALID_FIELD"),
        (post().header("upload-length", "x"), StatusCode::BAD_REQUEST, "INVALID_FIELD"),
        (post().header("upload-length", "9999999999"), StatusCode::PAYLOAD_TOO_LARGE, "QUOTA_EXCEEDED"),
        (tus(Method::PUT, &path), StatusCode::METHOD_NOT_ALLOWED, "INVALID_FIELD"),
        (
            Request::post("/uploads").header("authorization", "Bearer fxt_bob"),
            StatusCode::PRECONDITION_FAILED,
            "INVALID_FIELD",
        ),
        (
            Request::post("/uploads").header("tus-resumable", "1.0.0").header("authorization", "Bearer fxt_unknown"),
            StatusCode::UNAUTHORIZED,
            "UNAUTHENTICATED",
        ),
    ];
    for (request, status, reason) in cases {
        let answer = raw::send(house.gateway, Version::HTTP_11, request, bytes.clone()).await;
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!((answer.status, body["reason"].as_str()), (status, Some(reason)), "{answer:?}");
        assert!(body["message"].as_str().is_some_and(|text| !text.is_empty()));
        assert_eq!(answer.header("tus-resumable"), "1.0.0");
    }
}

#[tokio::test]
async fn with_a_cookie_only_the_app_itself_can_upload() {
    let house = House::start(&[]).await;
    let post = || {
        Request::post("/uploads")
            .header("tus-resumable", "1.0.0")
            .header("upload-length", 5)
            .header("cookie", raw::cookie("fxl_ann"))
    };
    for version in VERSIONS {
        for request in [
            post(),
            post().header("x-fenxi", "1"),
            post().header("sec-fetch-site", "same-origin"),
            post().header("x-fenxi", "1").header("sec-fetch-site", "cross-site"),
            post().header("x-fenxi", "1").header("origin", "https://evil.example"),
        ] {
            let answer = raw::send(house.gateway, version, request, Bytes::new()).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN);
        }
    }
    assert!(house.state.seen.lock().expect("sound").is_empty());
    let good = post().header("x-fenxi", "1").header("sec-fetch-site", "same-origin");
    assert_eq!(raw::send(house.gateway, Version::HTTP_11, good, Bytes::new()).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_creation_can_bring_its_bytes_and_repeats_by_its_key() {
    let house = House::start(&[]).await;
    let request = tus(Method::POST, "/uploads")
        .header("upload-length", 5)
        .header("content-type", "application/offset+octet-stream");
    let made = raw::send(house.gateway, Version::HTTP_2, request, Bytes::from_static(b"a,b\n1")).await;
    assert_eq!((made.status, made.header("upload-offset")), (StatusCode::CREATED, "5"));
    let keyed = || tus(Method::POST, "/uploads").header("upload-length", 5).header("idempotency-key", "once only");
    let first = raw::send(house.gateway, Version::HTTP_11, keyed(), Bytes::new()).await;
    let second = raw::send(house.gateway, Version::HTTP_11, keyed(), Bytes::new()).await;
    assert_eq!(first.header("location"), second.header("location"));
    let abilities = Request::builder().method(Method::OPTIONS).uri("/uploads");
    let abilities = raw::send(house.gateway, Version::HTTP_11, abilities, Bytes::new()).await;
    assert_eq!((abilities.status, abilities.header("tus-version")), (StatusCode::NO_CONTENT, "1.0.0"));
    assert!(abilities.header("tus-extension").contains("termination"));
}

#[tokio::test]
async fn how_large_a_file_may_be_is_told_before_it_is_sent() {
    for (setting, told) in
        [(&[][..], "4294967296"), (&["--upload-file-max-bytes=5"], "5"), (&["--upload-file-max-bytes=0"], "")]
    {
        let house = House::start(setting).await;
        let abilities = Request::builder().method(Method::OPTIONS).uri("/uploads");
        let abilities = raw::send(house.gateway, Version::HTTP_11, abilities, Bytes::new()).await;
        assert_eq!((abilities.status, abilities.header("tus-max-size")), (StatusCode::NO_CONTENT, told));
    }
}

/// A creation with bytes that breaks off after the first three of its five.
async fn break_off(house: &House, key: &str) {
    let mut stream = TcpStream::connect(house.gateway).await.expect("a connection");
    let head = format!(
        "POST /uploads HTTP/1.1\r\nhost: x\r\ntus-resumable: 1.0.0\r\nauthorization: Bearer fxt_bob\r\n\
         idempotency-key: {key}\r\nupload-length: 10\r\ncontent-type: application/offset+octet-stream\r\n\
         content-length: 5\r\n\r\nabc"
    );
    let wrote = house.state.count("WroteUpload");
    let received = || house.state.uploads.lock().expect("sound").get(key).map_or(0, |upload| upload.2.len());
    stream.write_all(head.as_bytes()).await.expect("sent");
    until("everything sent has arrived", || received() == 3).await;
    drop(stream);
    until("the piece was brought to its end", || house.state.count("WroteUpload") == wrote + 1).await;
}

#[tokio::test]
async fn a_creation_that_is_repeated_never_writes_its_bytes_twice() {
    let house = House::start(&[]).await;
    for (version, key) in
        VERSIONS.into_iter().zip(["01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a8058"])
    {
        break_off(&house, key).await;
        let again = || {
            tus(Method::POST, "/uploads")
                .header("upload-length", 10)
                .header("idempotency-key", key)
                .header("content-type", "application/offset+octet-stream")
        };
        let made = raw::send(house.gateway, version, again(), Bytes::from_static(b"abcde")).await;
        assert_eq!((made.status, made.header("upload-offset")), (StatusCode::CREATED, "3"), "{made:?}");
        let path = made.header("location").to_owned();
        let rest = Bytes::from_static(b"defghij");
        let whole = raw::send(house.gateway, version, patch(&path, 3), rest).await;
        assert_eq!(whole.header("upload-offset"), "10", "{whole:?}");
        let kept = house.state.uploads.lock().expect("sound").get(key).cloned().expect("kept");
        assert_eq!(kept.2, b"abcdefghij");
    }
}

/// Bytes that nobody reads would break the connection, and the answer with it.
#[tokio::test]
async fn a_body_that_is_left_does_not_cost_its_client_the_answer() {
    let house = House::start(&[]).await;
    let key = "01890a5d-ac96-774b-bcce-b302099a8057";
    break_off(&house, key).await;
    let full = create(&house, Version::HTTP_11, 9_000_000, "full").await;
    let full = full.header("location");
    let by_bob = "authorization: Bearer fxt_bob\r\ncontent-type: application/offset+octet-stream\r\n";
    let kept = format!("/uploads/{key} HTTP/1.1\r\n{by_bob}");
    for (status, head) in [
        (201, format!("POST /uploads HTTP/1.1\r\n{by_bob}idempotency-key: {key}\r\nupload-length: 10\r\n")),
        (400, format!("PATCH {kept}upload-offset: x\r\n")),
        (401, format!("PATCH /uploads/{key} HTTP/1.1\r\nauthorization: Bearer fxt_unknown\r\n")),
        (403, format!("PATCH /uploads/{key} HTTP/1.1\r\n")),
        (404, format!("PATCH /uploads/none HTTP/1.1\r\n{by_bob}upload-offset: 0\r\n")),
        (405, format!("PUT {kept}")),
        (409, format!("PATCH {kept}upload-offset: 5\r\n")),
        (415, format!("PATCH /uploads/{key} HTTP/1.1\r\nauthorization: Bearer fxt_bob\r\n")),
        (503, format!("PATCH {full} HTTP/1.1\r\n{by_bob}upload-offset: 0\r\n")),
    ] {
        let answers = raw::send_before_reading(house.gateway, &format!("{head}tus-resumable: 1.0.0\r\n")).await;
        let told = answers.starts_with(&format!("HTTP/1.1 {status}")) && answers.contains("HTTP/1.1 204");
        assert!(told, "{status}: {answers}");
    }
}

#[tokio::test]
async fn a_client_that_waits_to_be_told_to_send_is_refused_before_it_does() {
    let house = House::start(&[]).await;
    let mut stream = TcpStream::connect(house.gateway).await.expect("a connection");
    let head = "PATCH /uploads/none HTTP/1.1\r\nhost: x\r\ntus-resumable: 1.0.0\r\nexpect: 100-continue\r\n\
        authorization: Bearer fxt_unknown\r\ncontent-length: 8000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("sent");
    let answers = String::from_utf8_lossy(&raw::read_to_close(&mut stream).await).into_owned();
    assert!(answers.starts_with("HTTP/1.1 401"), "{answers}");
}

#[tokio::test]
async fn a_creation_whose_bytes_fail_still_tells_of_its_upload() {
    let house = House::start(&[]).await;
    for version in VERSIONS {
        let request = tus(Method::POST, "/uploads")
            .header("upload-length", 10)
            .header("upload-metadata", format!("filename {}", STANDARD.encode("full")))
            .header("content-type", "application/offset+octet-stream");
        let made = raw::send(house.gateway, version, request, Bytes::from_static(b"abc")).await;
        assert_eq!((made.status, made.header("upload-offset")), (StatusCode::CREATED, "3"), "{made:?}");
        let told = raw::send(house.gateway, version, tus(Method::HEAD, made.header("location")), Bytes::new()).await;
        assert_eq!((told.status, told.header("upload-offset")), (StatusCode::OK, "3"));
    }
}
