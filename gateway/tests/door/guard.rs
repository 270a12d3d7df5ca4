//! What a page of another site can make a browser send, with the victim's cookie: nothing of it is carried out.

use bytes::Bytes;
use fenxi_proto::{
    auth::v1::{GetCurrentUserRequest, LoginWithPasswordRequest},
    error::reason_of,
};
use http::{Request, StatusCode};
use tonic::Status;

use crate::{
    fakes::GATEWAY_SECRET,
    house::{House, ORIGIN},
    raw::{self, VERSIONS},
};

const CURRENT_USER: &str = "/fenxi.auth.v1.AuthService/GetCurrentUser";
const LOGIN: &str = "/fenxi.auth.v1.AuthService/LoginWithPassword";

#[tokio::test]
async fn the_browsers_own_call_is_carried_out_over_both_versions() {
    let house = House::start(&[]).await;
    for version in VERSIONS {
        let request = raw::web(CURRENT_USER).header("cookie", raw::cookie("fxl_ann"));
        let answer = raw::send(house.gateway, version, request, raw::frame(&GetCurrentUserRequest {})).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::OK, Some(0)), "{version:?} {answer:?}");
        assert_eq!(answer.header("content-type"), "application/grpc-web+proto");
        assert_eq!(answer.header("cache-control"), "no-store");
        let seen = house.state.last("GetCurrentUser").expect("called");
        assert_eq!(seen.get("authorization").expect("a Caller"), "Bearer jwt.ann.auth-service");
        assert!(seen.get("cookie").is_none() && seen.get("sec-fetch-site").is_none(), "{seen:?}");
        let by_origin = Request::post(CURRENT_USER)
            .header("content-type", "application/grpc-web")
            .header("x-grpc-web", "1")
            .header("origin", ORIGIN)
            .header("cookie", raw::cookie("fxl_ann"));
        let answer = raw::send(house.gateway, version, by_origin, raw::frame(&GetCurrentUserRequest {})).await;
        assert_eq!(answer.code(), Some(0));
    }
    assert_eq!(house.state.count("GetCurrentUser"), 4);
}

#[tokio::test]
async fn other_content_types_are_refused_and_nothing_is_carried_out() {
    let house = House::start(&[]).await;
    for version in VERSIONS {
        for kind in [
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("multipart/form-data; boundary=b"),
            Some("application/json"),
            Some("application/grpc-web+proto; charset=utf-8"),
            Some("application/grpc-web-text+proto"),
            Some("application/grpcx"),
            None,
        ] {
            let mut request = Request::post(CURRENT_USER)
                .header("cookie", raw::cookie("fxl_ann"))
                .header("x-grpc-web", "1")
                .header("sec-fetch-site", "same-origin");
            if let Some(kind) = kind {
                request = request.header("content-type", kind);
            }
            let answer = raw::send(house.gateway, version, request, raw::frame(&GetCurrentUserRequest {})).await;
            assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{version:?} {kind:?}");
        }
        for method in ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"] {
            let request = raw::web(CURRENT_USER).method(method).header("cookie", raw::cookie("fxl_ann"));
            let answer = raw::send(house.gateway, version, request, Bytes::new()).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
            assert!(!answer.headers.contains_key("access-control-allow-origin"));
        }
    }
    assert!(house.state.seen.lock().expect("sound").is_empty(), "something was carried out");
}

#[tokio::test]
async fn other_origins_are_refused_for_calls_and_for_logins() {
    let house = House::start(&[]).await;
    for version in VERSIONS {
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "none"),
            ("origin", "https://evil.example"),
            ("origin", "https://fenxi.example.evil.example"),
            ("origin", "null"),
            ("x-nothing", "at all"),
        ] {
            for path in [CURRENT_USER, LOGIN] {
                let request = Request::post(path)
                    .header("content-type", "application/grpc-web+proto")
                    .header("x-grpc-web", "1")
                    .header("cookie", raw::cookie("fxl_ann"))
                    .header(name, value);
                let answer = raw::send(house.gateway, version, request, raw::frame(&GetCurrentUserRequest {})).await;
                assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, Some(7)), "{name}: {value}");
                assert!(answer.cookies().is_empty());
                assert!(!answer.headers.contains_key("access-control-allow-origin"));
            }
        }
        let bare = Request::post(CURRENT_USER)
            .header("content-type", "application/grpc-web+proto")
            .header("sec-fetch-site", "same-origin")
            .header("cookie", raw::cookie("fxl_ann"));
        let answer = raw::send(house.gateway, version, bare, raw::frame(&GetCurrentUserRequest {})).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "without x-grpc-web");
    }
    assert!(house.state.seen.lock().expect("sound").is_empty(), "something was carried out");
}

#[tokio::test]
async fn cookies_prove_nothing_beside_authorization_or_in_native_calls() {
    let house = House::start(&[]).await;
    let request =
        raw::web(CURRENT_USER).header("cookie", raw::cookie("fxl_ann")).header("authorization", "Bearer fxt_bob");
    let answer = raw::send(house.gateway, VERSIONS[0], request, raw::frame(&GetCurrentUserRequest {})).await;
    assert_eq!(answer.code(), Some(0));
    let seen = house.state.last("GetCurrentUser").expect("called");
    assert_eq!(seen.get("authorization").expect("a Caller"), "Bearer jwt.bob.auth-service");

    let native = Request::post(CURRENT_USER)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("sec-fetch-site", "same-origin")
        .header("x-grpc-web", "1")
        .header("cookie", raw::cookie("fxl_ann"));
    let answer = raw::send(house.gateway, VERSIONS[1], native, raw::frame(&GetCurrentUserRequest {})).await;
    assert_eq!(answer.code(), Some(16), "a cookie was read from a native call");
    assert_eq!(house.state.count("GetCurrentUser"), 1);
}

#[tokio::test]
async fn a_login_sets_a_strict_cookie_for_a_browser_and_shows_the_secret_to_a_program_alone() {
    let house = House::start(&[]).await;
    let message = LoginWithPasswordRequest { username: "ann".into(), password: "a password".into() };
    for version in VERSIONS {
        let answer = raw::send(house.gateway, version, raw::web(LOGIN), raw::frame(&message)).await;
        assert_eq!(answer.code(), Some(0));
        let expected = "__Host-fenxi-session=fxl_ann; Path=/; Max-Age=3600; HttpOnly; SameSite=Strict; Secure";
        assert_eq!(answer.cookies(), [expected]);
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("fenxi-")), "{:?}", answer.headers);
        assert!(!String::from_utf8_lossy(&answer.body).contains("fxl_"));
    }
    let mut client = fenxi_proto::auth::v1::auth_service_client::AuthServiceClient::new(house.channel());
    let answer = client.login_with_password(message).await.expect("signed in");
    assert_eq!(answer.metadata().get("fenxi-login-session").expect("the secret"), "fxl_ann");
    assert!(answer.metadata().get("set-cookie").is_none());
    let out = raw::web("/fenxi.auth.v1.AuthService/Logout").header("cookie", raw::cookie("fxl_ann"));
    let out = raw::send(house.gateway, VERSIONS[0], out, raw::frame(&GetCurrentUserRequest {})).await;
    assert!(out.cookies()[0].starts_with("__Host-fenxi-session=; Path=/; Max-Age=0"), "{:?}", out.cookies());
}

/// Safari takes no `Secure` cookie over plain http, and no browser takes one from a host that is not this machine.
#[tokio::test]
async fn over_plain_http_the_cookie_is_one_that_every_browser_takes() {
    let house = House::start(&["--public-url=http://localhost:8080"]).await;
    let message = LoginWithPasswordRequest { username: "ann".into(), password: "a password".into() };
    let answer = raw::send(house.gateway, VERSIONS[0], raw::web(LOGIN), raw::frame(&message)).await;
    let expected = "fenxi-session=fxl_ann; Path=/; Max-Age=3600; HttpOnly; SameSite=Strict";
    assert_eq!(answer.cookies(), [expected]);
    let request = raw::web(CURRENT_USER).header("cookie", "fenxi-session=fxl_ann");
    let answer = raw::send(house.gateway, VERSIONS[0], request, raw::frame(&GetCurrentUserRequest {})).await;
    assert_eq!(answer.code(), Some(0), "{answer:?}");
}

#[tokio::test]
async fn internal_methods_and_unknown_ones_end_at_the_door() {
    let house = House::start(&[]).await;
    let resolved = house.state.resolved.load(std::sync::atomic::Ordering::SeqCst);
    for (path, code) in [
        ("/fenxi.auth.v1.CallerService/ResolveCredential", 7),
        ("/fenxi.auth.v1.CallerService/WatchRevocations", 7),
        ("/fenxi.history.v1.HistoryService/RecordHistory", 7),
        ("/fenxi.auth.v1.AuthService/Nothing", 12),
        ("/fenxi.nothing.v1.Service/Method", 12),
        ("/grpc.channelz.v1.Channelz/GetServers", 12),
    ] {
        for version in VERSIONS {
            // Not even the gateway's own secret opens these from outside.
            for proof in ["fxt_bob", "fxs_gateway_test"] {
                let request = raw::web(path).header("authorization", format!("Bearer {proof}"));
                let answer = raw::send(house.gateway, version, request, raw::frame(&GetCurrentUserRequest {})).await;
                let expected = if proof.starts_with("fxs_") { 16 } else { code };
                assert_eq!(answer.code(), Some(expected), "{path} {proof} {answer:?}");
                let status = Status::from_header_map(&answer.headers).expect("a status");
                assert!(reason_of(&status).is_some(), "{path} {proof}: no reason in {status:?}");
            }
        }
    }
    assert!(house.state.seen.lock().expect("sound").is_empty());
    assert_eq!(house.state.resolved.load(std::sync::atomic::Ordering::SeqCst), resolved, "auth-service was asked");
}

#[tokio::test]
async fn what_is_believed_inside_cannot_be_said_from_outside() {
    let house = House::start(&[]).await;
    let request = raw::web("/fenxi.auth.v1.AuthService/ListLoginMethods")
        .header("cookie", raw::cookie("fxl_ann"))
        .header("user-agent", "Test/1")
        .header("x-request-id", "my-id.1")
        .header("fenxi-client-address", "6.6.6.6")
        .header("fenxi-login-attempt", "forged")
        .header("x-forwarded-for", "6.6.6.6")
        .header("x-internal-role", "administrator");
    let answer = raw::send(house.gateway, VERSIONS[0], request, raw::frame(&GetCurrentUserRequest {})).await;
    assert_eq!(answer.code(), Some(0));
    assert_eq!(answer.header("x-request-id"), "my-id.1");
    let seen = house.state.last("ListLoginMethods").expect("called");
    assert_eq!(seen.get("fenxi-client-address").expect("said"), "127.0.0.1");
    assert_eq!(seen.get("fenxi-client-agent").expect("said"), "Test/1");
    assert_eq!(seen.get("x-request-id").expect("said"), "my-id.1");
    // auth-service believes the address from the gateway alone, which proves itself.
    assert_eq!(seen.get("authorization").expect("the gateway's proof"), &format!("Bearer {GATEWAY_SECRET}"));
    for name in ["cookie", "fenxi-login-attempt", "x-forwarded-for", "x-internal-role"] {
        assert!(seen.get(name).is_none(), "{name} went through");
    }
}
