//! HTTPS between clients and the balancer, and clients without it.

use crate::fixture::{TIMEOUT, TestBalancer, args};
use crate::replica::Replica;
use crate::wire::Wire;
use futures_util::{SinkExt, StreamExt};
use load_balancer::Balancer;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;

const SELF_SIGNED: [&str; 2] = ["--tls", "self-signed"];

/// A balancer with one replica and its own certificate.
async fn https() -> (TestBalancer, Replica) {
    let replica = Replica::start("r1").await;
    let balancer = TestBalancer::start(&SELF_SIGNED, &[("r1", replica.address)]).await;
    (balancer, replica)
}

/// Makes a TLS handshake with `localhost` that trusts only `certificate`.
async fn handshake(
    balancer: &TestBalancer,
    certificate: &Path,
    protocols: &[&str],
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols =
        protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(balancer.address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

fn certificate_file(balancer: &TestBalancer) -> &Path {
    balancer.handle.certificate_file().unwrap()
}

#[tokio::test]
async fn client_that_trusts_written_certificate_is_served() {
    let (balancer, replica) = https().await;
    let pem = fs::read(certificate_file(&balancer)).unwrap();
    assert!(!String::from_utf8(pem.clone()).unwrap().contains("PRIVATE"));
    let trusted = reqwest::Certificate::from_pem(&pem).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([trusted]).build().unwrap();
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("https://{host}:{}/name", balancer.address.port());
        let request = client.get(url).header("x-forwarded-proto", "http");
        assert_eq!(request.send().await.unwrap().status(), 200, "{host}");
    }
    for received in replica.received() {
        let schemes: Vec<_> =
            received.headers.get_all("x-forwarded-proto").iter().collect();
        assert_eq!(schemes, ["https"]);
    }
}

#[tokio::test]
async fn client_that_trusts_other_certificate_rejects_balancer() {
    let (balancer, replica) = https().await;
    let (other, _) = https().await;
    handshake(&balancer, certificate_file(&other), &[]).await.unwrap_err();
    handshake(&balancer, certificate_file(&balancer), &[]).await.unwrap();
    assert!(replica.received().is_empty());
}

#[tokio::test]
async fn alpn_selects_http_1_1_and_rejects_h2_only() {
    let (balancer, _replica) = https().await;
    let stream = handshake(&balancer, certificate_file(&balancer), &["h2", "http/1.1"])
        .await
        .unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let error =
        handshake(&balancer, certificate_file(&balancer), &["h2"]).await.unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
}

#[tokio::test]
async fn plain_http_on_https_port_returns_400() {
    let (balancer, replica) = https().await;
    for body in ["", "password=hunter2"] {
        let mut client = Wire::connect(balancer.address).await;
        let length = format!("Content-Length: {}", body.len());
        client.send_head(&["POST /login HTTP/1.1", "Host: x", &length]).await;
        client.send(body.as_bytes()).await;
        assert!(client.read_head().await);
        assert_eq!(client.first_line(), "HTTP/1.1 400 Bad Request");
        assert_eq!(client.header("content-type"), Some("application/problem+json"));
        let problem = String::from_utf8(client.read_body().await).unwrap();
        assert!(problem.contains("/problems/malformed-request"), "{problem}");
        assert!(problem.contains("https://"), "{problem}");
        assert!(client.is_closed().await);
    }
    assert!(replica.received().is_empty());
}

#[tokio::test]
async fn slow_tls_handshake_times_out_without_delaying_others() {
    let replica = Replica::start("r1").await;
    let flags = [&SELF_SIGNED[..], &["--tls-handshake-timeout-ms", "300"]].concat();
    let balancer = TestBalancer::start(&flags, &[("r1", replica.address)]).await;
    let (mut silent, mut slow) =
        (Wire::connect(balancer.address).await, Wire::connect(balancer.address).await);
    slow.send(&[22, 3, 1]).await;
    handshake(&balancer, certificate_file(&balancer), &[]).await.unwrap();
    let closed = async { silent.is_closed().await && slow.is_closed().await };
    assert!(tokio::time::timeout(TIMEOUT, closed).await.unwrap());
}

#[tokio::test]
async fn websocket_passes_through_https() {
    let (balancer, _replica) = https().await;
    let stream =
        handshake(&balancer, certificate_file(&balancer), &["http/1.1"]).await.unwrap();
    let url = format!("wss://localhost:{}/ws", balancer.address.port());
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello"));
}

#[tokio::test]
async fn sticky_cookie_is_secure_only_over_https() {
    let replica = Replica::start("r1").await;
    let backends = [("r1", replica.address)];
    for (tls, attributes) in [
        (&SELF_SIGNED[..], "Path=/; Secure; HttpOnly; SameSite=Lax"),
        (&[], "Path=/; HttpOnly; SameSite=Lax"),
    ] {
        let balancer =
            TestBalancer::start(&[tls, &["--policy", "sticky"]].concat(), &backends)
                .await;
        let client = match balancer.handle.certificate_file() {
            Some(file) => {
                let pem = fs::read(file).unwrap();
                let trusted = reqwest::Certificate::from_pem(&pem).unwrap();
                reqwest::Client::builder().tls_certs_only([trusted]).build().unwrap()
            }
            None => reqwest::Client::new(),
        };
        let url = format!("{}://{}/name", balancer.handle.scheme(), balancer.address);
        let reply = client.get(url).send().await.unwrap();
        let cookie = reply.headers()["set-cookie"].to_str().unwrap();
        assert_eq!(cookie, format!("lab_replica=r1; {attributes}"));
    }
}

#[tokio::test]
async fn stopped_balancer_removes_its_certificate_file() {
    let (balancer, _replica) = https().await;
    let file = certificate_file(&balancer).to_owned();
    assert!(file.exists());
    assert_eq!(balancer.handle.scheme(), "https");
    balancer.signal_stop();
    balancer.stopped().await;
    assert!(!file.exists());
}

#[tokio::test]
async fn certificate_file_is_used_and_key_must_match() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name| folder.path().join(name).to_str().unwrap().to_owned();
    let generate = || generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let CertifiedKey { cert, signing_key } = generate();
    fs::write(path("cert.pem"), cert.pem()).unwrap();
    fs::write(path("key.pem"), signing_key.serialize_pem()).unwrap();
    fs::write(path("other.pem"), generate().signing_key.serialize_pem()).unwrap();

    let replica = Replica::start("r1").await;
    let flags = ["--tls", &path("cert.pem"), "--tls-key", &path("key.pem")];
    let balancer = TestBalancer::start(&flags, &[("r1", replica.address)]).await;
    assert_eq!(balancer.handle.certificate_file(), None);
    handshake(&balancer, Path::new(&path("cert.pem")), &[]).await.unwrap();

    for (wrong, says) in [
        (vec!["--tls", &path("cert.pem"), "--tls-key", &path("other.pem")], "together"),
        (vec!["--tls", &path("cert.pem")], "give --tls-key"),
        (vec!["--tls", &path("no.pem"), "--tls-key", &path("key.pem")], "no.pem"),
        (vec!["--tls", &path("key.pem"), "--tls-key", &path("key.pem")], "no PEM cert"),
        (vec!["--tls", "self-signed", "--tls-key", &path("key.pem")], "omit --tls-key"),
    ] {
        let error = Balancer::new(&args(&wrong)).map(|_| ()).unwrap_err();
        assert!(format!("{error:#}").contains(says), "{wrong:?}: {error:#}");
    }
}
