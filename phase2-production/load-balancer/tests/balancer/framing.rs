//! Message framing: client, balancer and replica must agree on the end of each message, or
//! the request is refused (request smuggling).

use crate::fixture::TestBalancer;
use crate::replica::Replica;
use crate::scripted::{OK, Scripted};
use crate::wire::Wire;
use std::time::Duration;

/// A balancer with one replica, and a connection to it.
async fn connected() -> (TestBalancer, Replica, Wire) {
    let replica = Replica::start("r1").await;
    let balancer = TestBalancer::start(&[], &[("r1", replica.address)]).await;
    let client = Wire::connect(balancer.address).await;
    (balancer, replica, client)
}

#[tokio::test]
async fn conflicting_lengths_are_refused_and_connection_closed() {
    let (balancer, replica, _) = connected().await;
    for lines in [
        &["Content-Length: 1", "Content-Length: 2"][..],
        &["Content-Length: 1, 2"],
        &["Content-Length: +1"],
        &["Transfer-Encoding: xchunked"],
        &["Transfer-Encoding: chunked, identity"],
        &["Transfer-Encoding : chunked"],
    ] {
        let mut client = Wire::connect(balancer.address).await;
        client.send_head(&[&["POST / HTTP/1.1", "Host: x"], lines].concat()).await;
        assert!(client.read_head().await, "{lines:?}");
        assert_eq!(client.first_line(), "HTTP/1.1 400 Bad Request", "{lines:?}");
        assert!(client.is_closed().await, "{lines:?}");
    }
    assert!(replica.received().is_empty());
}

#[tokio::test]
async fn length_beside_chunks_is_dropped_and_connection_closed() {
    for lines in [
        ["Content-Length: 4", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 4"],
    ] {
        let (_rig, replica, mut client) = connected().await;
        client.send_head(&[&["POST /a HTTP/1.1", "Host: x"][..], &lines].concat()).await;
        client.send(b"3\r\nabc\r\n0\r\n\r\n").await;
        client.send_head(&["GET /smuggled HTTP/1.1", "Host: x"]).await;
        assert!(client.read_head().await);
        assert_eq!(client.read_body().await, b"abc");
        assert!(client.is_closed().await);
        let received = replica.only_received();
        assert_eq!((received.target.as_str(), &received.body[..]), ("/a", &b"abc"[..]));
        assert!(!received.headers.contains_key("content-length"));
        assert_eq!(received.headers["transfer-encoding"], "chunked");
    }
}

#[tokio::test]
async fn request_without_exactly_one_host_is_refused() {
    for lines in [&["GET / HTTP/1.1"][..], &["GET / HTTP/1.1", "Host: a", "Host: b"]] {
        let (_rig, replica, mut client) = connected().await;
        client.send_head(lines).await;
        assert!(client.read_head().await);
        assert_eq!(client.first_line(), "HTTP/1.1 400 Bad Request");
        assert!(replica.received().is_empty());
    }
}

#[tokio::test]
async fn connect_request_is_refused() {
    let (_rig, replica, mut client) = connected().await;
    client.send_head(&["CONNECT evil.example:443 HTTP/1.1", "Host: evil.example"]).await;
    assert!(client.read_head().await);
    assert_eq!(client.first_line(), "HTTP/1.1 405 Method Not Allowed");
    let allowed = client.header("allow").unwrap();
    assert!(allowed.contains("GET") && !allowed.contains("CONNECT"), "{allowed}");
    assert_eq!(client.header("connection"), Some("close"));
    client.read_body().await;
    assert!(client.is_closed().await);
    assert!(replica.received().is_empty());
}

#[tokio::test]
async fn get_keeps_its_chunked_body() {
    let (_rig, replica, mut client) = connected().await;
    client.send_head(&["GET / HTTP/1.1", "Host: x", "Transfer-Encoding: chunked"]).await;
    client.send(b"3\r\nabc\r\n0\r\n\r\n").await;
    assert!(client.read_head().await);
    assert_eq!(replica.only_received().body, "abc");
}

#[tokio::test]
async fn absolute_uri_sets_host_and_becomes_origin_form() {
    let (_rig, replica, mut client) = connected().await;
    client.send_head(&["GET http://lab.example/a?b HTTP/1.1", "Host: other"]).await;
    assert!(client.read_head().await);
    let received = replica.only_received();
    assert_eq!(
        (received.target.as_str(), &received.headers["host"]),
        ("/a?b", &"lab.example".parse().unwrap())
    );
}

#[tokio::test]
async fn http_1_0_client_is_served() {
    let (_rig, replica, mut client) = connected().await;
    client.send_head(&["GET /old HTTP/1.0"]).await;
    assert!(client.read_head().await);
    assert!(client.first_line().ends_with("200 OK"));
    assert!(client.is_closed().await);
    assert_eq!(replica.only_received().target, "/old");
}

#[tokio::test]
async fn connection_is_usable_after_responses_without_body() {
    let (_rig, _replica, mut client) = connected().await;
    for (request, status) in [
        ("HEAD /anything HTTP/1.1", "HTTP/1.1 200 OK"),
        ("GET /status/204 HTTP/1.1", "HTTP/1.1 204 No Content"),
        ("GET /status/304 HTTP/1.1", "HTTP/1.1 304 Not Modified"),
        ("GET /last HTTP/1.1", "HTTP/1.1 200 OK"),
    ] {
        client.send_head(&[request, "Host: x"]).await;
        assert!(client.read_head().await, "{request}");
        assert_eq!(client.first_line(), status, "{request}");
    }
}

#[tokio::test]
async fn head_response_keeps_content_length() {
    let backend = Scripted::start(|mut wire, _| async move {
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n").await;
        wire.read_head().await;
    })
    .await;
    let balancer = TestBalancer::start(&[], &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    client.send_head(&["HEAD / HTTP/1.1", "Host: x"]).await;
    assert!(client.read_head().await);
    assert_eq!(client.header("content-length"), Some("12345"));
}

#[tokio::test]
async fn aborted_response_counts_as_backend_failure() {
    let backend = Scripted::start(|mut wire, _| async move {
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab").await;
    })
    .await;
    let balancer = TestBalancer::start(&[], &[("r1", backend.address)]).await;
    let reply = balancer.client.get(balancer.url("/")).send().await.unwrap();
    reply.bytes().await.unwrap_err();
    assert_eq!(balancer.status("r1").failures, 1);
}

const EXPECT: [&str; 4] =
    ["POST / HTTP/1.1", "Host: x", "Content-Length: 5", "Expect: 100-continue"];

#[tokio::test]
async fn expect_continue_gets_100_from_backend() {
    let (_rig, replica, mut client) = connected().await;
    client.send_head(&EXPECT).await;
    assert!(client.read_head().await);
    assert_eq!(client.first_line(), "HTTP/1.1 100 Continue");
    client.send(b"hello").await;
    assert!(client.read_head().await);
    assert_eq!(client.first_line(), "HTTP/1.1 200 OK");
    assert_eq!(replica.only_received().body, "hello");
}

#[tokio::test]
async fn refusal_before_body_is_passed_on_without_100() {
    let backend = Scripted::start(|mut wire, _| async move {
        let refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n";
        wire.send(refusal).await;
        wire.read_head().await;
    })
    .await;
    let balancer = TestBalancer::start(&[], &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    client.send_head(&EXPECT).await;
    assert!(client.read_head().await);
    assert_eq!(client.first_line(), "HTTP/1.1 413 Content Too Large");
    assert_eq!(client.header("connection"), Some("close"));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn backend_without_100_continue_gets_body_after_timeout() {
    let backend = Scripted::start(|mut wire, _| async move {
        let body = wire.read_body().await;
        assert_eq!(body, b"hello");
        wire.send(OK).await;
    })
    .await;
    let balancer = TestBalancer::start(&[], &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    let started = std::time::Instant::now();
    client.send_head(&EXPECT).await;
    assert!(client.read_head().await);
    assert_eq!(client.first_line(), "HTTP/1.1 100 Continue");
    assert!(started.elapsed() >= Duration::from_millis(900));
    client.send(b"hello").await;
    assert!(client.read_head().await);
    assert_eq!(client.first_line(), "HTTP/1.1 200 OK");
}
