//! TLS on the port itself.

use std::{path::Path, sync::Arc};

use fenxi_proto::auth::v1::GetCurrentUserRequest;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

use crate::{house::House, raw};

fn file(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/door/tls").join(name).display().to_string()
}

#[tokio::test]
async fn with_a_certificate_both_versions_are_spoken_over_tls_and_nothing_plain() {
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let mut settings = vec!["--public-url=https://localhost:8080", "--hsts-max-age-secs=60"];
    settings.extend(["--tls-cert-file", &cert, "--tls-key-file", &key]);
    let house = House::start(&settings).await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("ca.pem")).expect("a certificate")).expect("an authority");
    for protocol in ["h2", "http/1.1"] {
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.into()];
        let stream = TcpStream::connect(house.gateway).await.expect("a connection");
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        let path = "https://localhost:8080/fenxi.auth.v1.AuthService/GetCurrentUser";
        let request = raw::web(path).header("host", "localhost:8080").header("cookie", raw::cookie("fxl_ann"));
        let request = request.body(Full::new(raw::frame(&GetCurrentUserRequest {}))).expect("a request");
        let answer = if protocol == "h2" {
            let io = TokioIo::new(stream);
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.expect("HTTP/2");
            tokio::spawn(connection);
            sender.send_request(request).await.expect("an answer")
        } else {
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
            tokio::spawn(connection);
            let mut request = request;
            *request.uri_mut() = "/fenxi.auth.v1.AuthService/GetCurrentUser".parse().expect("a path");
            sender.send_request(request).await.expect("an answer")
        };
        assert_eq!(answer.headers()["strict-transport-security"], "max-age=60");
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        assert!(String::from_utf8_lossy(&body).contains("grpc-status: 0"), "{body:?}");
    }
    let plain = raw::exchange(house.gateway, b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(!plain.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&plain));
}
