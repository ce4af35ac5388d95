//! HTTPS in front of a cluster: the certificate of the balancer, and the effect on replicas.

use crate::support::{start_over, topology};
use client::Options;
use launcher::commands::MemberAction;
use launcher::{Cluster, Design, ServerKind, Tls};
use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use reqwest::multipart::{Form, Part};
use reqwest::{Certificate, Client, Response};
use serde_json::json;

/// A client that trusts only the cluster's current certificate.
fn trusting(cluster: &Cluster) -> Client {
    let file = cluster.certificate().expect("the balancer created a certificate");
    let pem = std::fs::read(file).expect("a readable file");
    let certificate = Certificate::from_pem(&pem).expect("a valid certificate");
    let client = Options::default().builder().tls_certs_only([certificate]);
    client.build().expect("a client")
}

async fn log_in(client: &Client, cluster: &Cluster) -> Response {
    let given = json!({"username": "alice", "password": "correct-horse"});
    let call = client.post(format!("{}/api/session/start", cluster.url()));
    call.json(&given).send().await.expect("an answer")
}

#[tokio::test]
async fn https_cookie_is_secure_and_foreign_origins_are_refused() {
    let cluster = start_over(Design::Central, 2, Some(Tls::SelfSigned)).await;
    let (url, client) = (cluster.url(), trusting(&cluster));
    let port = url.strip_prefix("https://127.0.0.1:").expect("HTTPS, on loopback");
    let reply = log_in(&client, &cluster).await;
    let cookie = reply.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-session="), "{cookie}");
    assert_eq!(attributes, "Path=/; Secure; HttpOnly; SameSite=Lax");
    for (origin, status) in [
        (url.clone(), 201),
        (format!("https://localhost:{port}"), 201),
        (format!("http://127.0.0.1:{port}"), 403),
        ("https://127.0.0.1:1".to_owned(), 403),
        ("https://evil.test".to_owned(), 403),
    ] {
        // Twice, so that each replica gets a request.
        for _ in 0..2 {
            let file = Part::bytes("kept".as_bytes()).file_name("kept.txt");
            let call = client.post(format!("{url}/api/upload"));
            let call = call.header(COOKIE, pair).header(ORIGIN, &origin);
            let reply = call.multipart(Form::new().part("file", file)).send().await;
            assert_eq!(reply.unwrap().status(), status, "{origin}");
        }
    }
    cluster.down().await;
}

#[tokio::test]
async fn restarted_balancer_keeps_its_address_with_a_new_certificate() {
    let cluster = start_over(ServerKind::Stateful, 1, Some(Tls::SelfSigned)).await;
    let (url, before) = (cluster.url(), trusting(&cluster));
    assert_eq!(log_in(&before, &cluster).await.status(), 200);
    cluster.execute("lb", MemberAction::Restart).await.unwrap();
    assert_eq!(cluster.url(), url);
    assert_eq!(log_in(&trusting(&cluster), &cluster).await.status(), 200);
    let login = before.get(format!("{url}/livez")).send().await;
    assert!(login.unwrap_err().is_connect(), "the old certificate must not be accepted");
    cluster.down().await;
}

#[tokio::test]
async fn public_url_is_used_by_clients_and_replicas() {
    let mut topology = topology(Design::Central, 1);
    topology.backing = launcher::Backing::Embedded;
    topology.public_url = Some("https://lab.example/".to_owned());
    let cluster = Cluster::start(topology).await.unwrap();
    assert_eq!(cluster.url(), "https://lab.example");
    let status = cluster.status().await;
    // As a proxy that terminates TLS would send it.
    let balancer = status.member("lb").and_then(|lb| lb.address).unwrap();
    let call =
        Options::default().build().post(format!("http://{balancer}/api/session/start"));
    let call = call.header(ORIGIN, "https://lab.example");
    let given = json!({"username": "alice", "password": "correct-horse"});
    let reply = call.json(&given).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    assert!(reply.headers()[SET_COOKIE].to_str().unwrap().contains("; Secure;"));
    cluster.down().await;
}

/// The unusable data folder would be the next error.
#[tokio::test]
async fn invalid_certificate_is_reported_before_other_services_start() {
    let mut topology = topology(Design::Central, 1);
    topology.data_dir = Some("/dev/null/data".into());
    let next_error = Cluster::start(topology.clone()).await.unwrap_err();
    assert!(format!("{next_error:#}").contains("data folder"), "{next_error:#}");
    let (chain, key) = ("/nonexistent/cert.pem".into(), "/nonexistent/key.pem".into());
    topology.tls = Some(Tls::Given { chain, key });
    let error = Cluster::start(topology).await.unwrap_err();
    assert!(format!("{error:#}").contains("--tls /nonexistent/cert.pem"), "{error:#}");
}
