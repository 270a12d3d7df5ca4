//! What a browser gets beside RPCs: the app, its policies, and the way back from a login.

use bytes::Bytes;
use http::{Request, StatusCode};

use crate::{
    house::House,
    raw::{self, VERSIONS},
};

#[tokio::test]
async fn every_page_carries_its_policies() {
    let house = House::start(&["--public-url=http://localhost:8080"]).await;
    for version in VERSIONS {
        let page = raw::send(house.gateway, version, Request::get("/login?next=/n/1"), Bytes::new()).await;
        assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"), "{page:?}");
        assert!(page.header("content-security-policy").contains("require-trusted-types-for 'script'"));
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert!(page.header("permissions-policy").contains("camera=()"));
        assert_eq!(page.header("strict-transport-security"), "", "not over plain http");
        assert!(!page.header("x-request-id").is_empty());
        let sandbox = raw::send(house.gateway, version, Request::get("/sandbox.html"), Bytes::new()).await;
        assert!(sandbox.header("content-security-policy").starts_with("sandbox allow-scripts;"));
        let missing = raw::send(house.gateway, version, Request::get("/assets/none.js"), Bytes::new()).await;
        assert!([StatusCode::NOT_FOUND, StatusCode::SERVICE_UNAVAILABLE].contains(&missing.status));
    }
    let https = House::start(&[]).await;
    let page = raw::send(https.gateway, VERSIONS[0], Request::get("/"), Bytes::new()).await;
    assert!(page.header("strict-transport-security").starts_with("max-age="));
}

#[tokio::test]
async fn a_health_check_that_asks_the_wrong_port_does_not_pass() {
    let house = House::start(&[]).await;
    for path in ["/livez", "/readyz", "/metrics"] {
        let answer = raw::send(house.gateway, VERSIONS[0], Request::get(path), Bytes::new()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(said.contains("admin port") && said.contains(path), "{said}");
    }
}

#[tokio::test]
async fn the_way_back_from_a_login_signs_in_and_leads_into_the_app_only() {
    let house = House::start(&[]).await;
    let callback = |state: &str, cookie: &str| {
        Request::get(format!("/auth/feishu/callback?code=c-1&state={state}"))
            .header("cookie", cookie)
            .header("sec-fetch-site", "cross-site")
            .header("user-agent", "Browser/1")
    };
    let attempt = "__Host-fenxi-attempt=attempt-1";
    for (return_to, location) in [
        ("%2Fn%2F1", "/n/1"),
        ("%2F%25E5%2588%2586%23cell-3", "/%E5%88%86#cell-3"),
        ("%2F%2Fevil.example", "/"),
        ("https:evil", "/"),
        ("%2F%5Cevil", "/"),
        ("%2F%2509%2Fevil", "/"),
    ] {
        let answer = raw::send(house.gateway, VERSIONS[0], callback(return_to, attempt), Bytes::new()).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, location), "{return_to}");
        let cookies = answer.cookies();
        assert!(cookies[0].starts_with("__Host-fenxi-session=fxl_feishu; ") && cookies[0].contains("SameSite=Strict"));
        assert!(cookies[1].starts_with("__Host-fenxi-attempt=; ") && cookies[1].contains("Max-Age=0"), "{cookies:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("fenxi-")));
    }
    let seen = house.state.last("CompleteLogin").expect("called");
    assert_eq!(seen.get("fenxi-client-agent").expect("said"), "Browser/1");

    for cookie in ["", "__Host-fenxi-attempt=another", "fenxi-attempt=attempt-1"] {
        let answer = raw::send(house.gateway, VERSIONS[1], callback("s", cookie), Bytes::new()).await;
        assert_eq!(answer.header("location"), "/login?error=LOGIN_ATTEMPT_INVALID", "{cookie}");
        assert!(answer.cookies().is_empty(), "a login that is under way was ended: {cookie}");
    }
    let forged = callback("s", "").header("fenxi-login-attempt", "attempt-1");
    let answer = raw::send(house.gateway, VERSIONS[0], forged, Bytes::new()).await;
    assert_eq!(answer.header("location"), "/login?error=LOGIN_ATTEMPT_INVALID", "a header proved an attempt");
    let posted = Request::post("/auth/feishu/callback?code=c-1&state=s").header("cookie", attempt);
    let answer = raw::send(house.gateway, VERSIONS[0], posted, Bytes::new()).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_refused_login_leads_to_a_page_that_knows_where_one_wanted_to_go() {
    let house = House::start(&[]).await;
    for (wanted, location) in [
        ("%2Fn%2F1%3Fa%3Db%23cell-3", "/login?error=LOGIN_REFUSED_BY_USER&return_to=%2Fn%2F1%3Fa%3Db%23cell-3"),
        ("%2F", "/login?error=LOGIN_REFUSED_BY_USER"),
        ("%2F%2Fevil.example", "/login?error=LOGIN_REFUSED_BY_USER"),
    ] {
        let back = Request::get(format!("/auth/feishu/callback?error=access_denied&state={wanted}"))
            .header("cookie", "__Host-fenxi-attempt=attempt-1");
        let answer = raw::send(house.gateway, VERSIONS[0], back, Bytes::new()).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, location));
        assert!(answer.cookies()[0].starts_with("__Host-fenxi-attempt=; "), "it is used up: {:?}", answer.cookies());
    }
}

#[tokio::test]
async fn whoever_comes_back_from_a_login_too_soon_sees_a_page_and_can_come_again() {
    let house = House::start(&["--address-rate-per-sec=1", "--address-rate-burst=1"]).await;
    let back = || {
        let request = Request::get("/auth/feishu/callback?code=c-1&state=s");
        raw::send(house.gateway, VERSIONS[0], request.header("cookie", "__Host-fenxi-attempt=attempt-1"), Bytes::new())
    };
    let limited = loop {
        let answer = back().await;
        if !answer.cookies().iter().any(|cookie| cookie.contains("-session=")) {
            break answer;
        }
    };
    assert_eq!((limited.status, limited.header("location")), (StatusCode::SEE_OTHER, "/login?error=RATE_LIMITED"));
    assert!(limited.cookies().is_empty(), "the attempt was taken away unused: {:?}", limited.cookies());
}
