//! What the gateway's settings promise, and which of them are refused beside which.

use super::*;

fn config(args: &[&str]) -> Config {
    Config::from_args(["gateway"].iter().chain(args)).expect("good")
}

#[test]
fn plain_http_beyond_this_machine_is_refused_unless_allowed() {
    for good in ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:1", "https://fenxi.example"] {
        assert!(config(&["--public-url", good]).check().is_ok(), "{good}");
    }
    let plain = config(&["--public-url", "http://fenxi.example"]);
    let text = plain.check().expect_err("refused").to_string();
    assert!(text.contains("FENXI_GATEWAY_PUBLIC_URL") && text.contains("ALLOW_PLAIN_HTTP"), "{text}");
    assert!(config(&["--public-url", "http://fenxi.example", "--allow-plain-http"]).check().is_ok());
    assert!(config(&["--public-url", "https://fenxi.example/app"]).check().is_err());
    assert!(Config::from_args(["gateway", "--auth-url", "https://x:1"]).is_err());
}

#[test]
fn an_address_that_nobody_can_type_is_no_public_url() {
    for every in ["http://0.0.0.0:8080", "https://0.0.0.0", "http://[::]:8080"] {
        let text = config(&["--public-url", every, "--allow-plain-http"]).check().expect_err(every).to_string();
        assert!(text.contains("FENXI_GATEWAY_PUBLIC_URL") && text.contains("people type"), "{text}");
    }
    assert!(config(&["--listen=0.0.0.0:8080"]).check().is_ok(), "it can be listened on");
}

#[test]
fn https_alone_is_asked_for_this_host_where_nothing_else_can_suffer() {
    let hsts = |args: &[&str]| config(args).hsts().map(|value| value.to_str().expect("text").to_owned());
    let (https, other_port) = ("--public-url=https://fenxi.example", "--public-url=https://fenxi.example:8443");
    assert_eq!(hsts(&[https]).as_deref(), Some("max-age=31536000"));
    assert_eq!(hsts(&[other_port]), None);
    assert_eq!(hsts(&[other_port, "--hsts-max-age-secs=60"]).as_deref(), Some("max-age=60"));
    assert_eq!(hsts(&[https, "--hsts-max-age-secs=0", "--hsts-include-subdomains"]), None);
    let all = hsts(&[https, "--hsts-include-subdomains"]);
    assert_eq!(all.as_deref(), Some("max-age=31536000; includeSubDomains"));
    assert_eq!(hsts(&["--public-url=http://localhost:8080", "--hsts-max-age-secs=60"]), None, "over plain http");
}

/// nginx and most load balancers keep a connection for 60 s, and a request on one that was closed is lost.
#[test]
fn an_idle_connection_outlives_what_proxies_keep() {
    let Connections { headers_max_secs, idle_max_secs, .. } = config(&[]).connections;
    assert!(headers_max_secs > 60 && idle_max_secs > 60, "{headers_max_secs} {idle_max_secs}");
}

#[test]
fn tls_needs_a_certificate_and_its_key() {
    let mut config = config(&["--public-url=https://fenxi.example", "--tls-cert-file=a", "--tls-key-file=b"]);
    config.check().expect("both");
    config.tls_key_file = None;
    let text = config.check().expect_err("a port that is plain by mistake").to_string();
    assert!(text.contains("TLS_KEY_FILE"), "{text}");
}

#[test]
fn what_is_for_https_alone_is_refused_with_http() {
    let tls = ["--tls-cert-file=a", "--tls-key-file=b"];
    for (args, name) in [
        (&tls[..], "TLS_CERT_FILE"),
        (&["--hsts-max-age-secs=60"][..], "HSTS_MAX_AGE_SECS"),
        (&["--hsts-include-subdomains"][..], "HSTS_INCLUDE_SUBDOMAINS"),
    ] {
        let with = |url: &str| config(&[&[url], args].concat()).check();
        let text = with("--public-url=http://localhost:8443").expect_err(name).to_string();
        assert!(text.contains(&format!("FENXI_GATEWAY_{name} and FENXI_GATEWAY_PUBLIC_URL http:")), "{text}");
        with("--public-url=https://localhost:8443").expect(name);
    }
    config(&["--hsts-max-age-secs=0"]).check().expect("it is off");
}

#[test]
fn what_no_clock_can_add_and_what_serves_nobody_is_refused() {
    let mut command = <Config as clap::CommandFactory>::command();
    command.build();
    let timed = command.get_arguments().filter_map(clap::Arg::get_long).filter(|flag| flag.ends_with("-secs"));
    let timed: Vec<String> = timed.map(|flag| format!("--{flag}={}", u64::MAX)).collect();
    assert!(timed.len() > 10, "{timed:?}");
    let others =
        ["--age-max-secs=999999999999999999", "--connections-max=0", "--idle-max-secs=0", "--drain-max-secs=26"];
    for wrong in timed.into_iter().chain(others.map(String::from)) {
        let text = Config::from_args(["gateway", &wrong]).expect_err(&wrong).to_string();
        assert!(text.contains("is not in"), "{text}");
    }
    assert!(secs(DRAIN_MAX_SECS) < fenxi_chassis::lifecycle::STOP_MAX, "connections that drain are cut");
    config(&["--unary-max-secs=31536000", "--drain-max-secs=0", "--connections-max=1"]);
}

#[test]
fn the_origin_is_written_as_browsers_write_it() {
    assert_eq!(config(&["--public-url", "https://Fenxi.Example:443/"]).public_origin(), "https://fenxi.example");
    assert_eq!(config(&["--public-url", "http://127.0.0.1:8080"]).public_origin(), "http://127.0.0.1:8080");
}
