//! Where one message ends and the next begins: the same for client, balancer and
//! replica, or nobody gets an answer.

use crate::replica::Replica;
use crate::rig::Rig;
use crate::scripted::{OK, Scripted};
use crate::wire::Wire;
use std::time::Duration;

/// A balancer with one replica, and a connection to it.
async fn one() -> (Rig, Replica, Wire) {
    let replica = Replica::start("r1").await;
    let rig = Rig::start(&[], &[("r1", replica.address)]).await;
    let client = Wire::connect(rig.address).await;
    (rig, replica, client)
}

#[tokio::test]
async fn conflicting_lengths_are_refused_and_the_connection_is_closed() {
    let (rig, replica, _) = one().await;
    for lines in [
        &["Content-Length: 1", "Content-Length: 2"][..],
        &["Content-Length: 1, 2"],
        &["Content-Length: +1"],
        &["Transfer-Encoding: xchunked"],
        &["Transfer-Encoding: chunked, identity"],
        &["Transfer-Encoding : chunked"],
    ] {
        let mut client = Wire::connect(rig.address).await;
        client.send_head(&[&["POST / HTTP/1.1", "Host: x"], lines].concat()).await;
        assert!(client.read_head().await, "{lines:?}");
        assert_eq!(client.first_line(), "HTTP/1.1 400 Bad Request", "{lines:?}");
        assert!(client.is_closed().await, "{lines:?}");
    }
    assert!(replica.seen().is_empty());
}

#[tokio::test]
async fn a_length_beside_chunks_is_dropped_and_nothing_after_them_is_answered() {
    for lines in [
        ["Content-Length: 4", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 4"],
    ] {
        let (_rig, replica, mut client) = one().await;
        client.send_head(&[&["POST /a HTTP/1.1", "Host: x"][..], &lines].concat()).await;
        client.send(b"3\r\nabc\r\n0\r\n\r\n").await;
        client.send_head(&["GET /smuggled HTTP/1.1", "Host: x"]).await;
        assert!(client.read_head().await);
        assert_eq!(client.read_body().await, b"abc");
        assert!(client.is_closed().await);
        let seen = replica.only_seen();
        assert_eq!((seen.target.as_str(), &seen.body[..]), ("/a", &b"abc"[..]));
        assert!(!seen.headers.contains_key("content-length"));
        assert_eq!(seen.headers["transfer-encoding"], "chunked");
    }
}

#[tokio::test]
async fn a_request_without_exactly_one_host_is_refused() {
    for lines in [&["GET / HTTP/1.1"][..], &["GET / HTTP/1.1", "Host: a", "Host: b"]] {
        let (_rig, replica, mut client) = one().await;
        client.send_head(lines).await;
        assert!(client.read_head().await);
        assert_eq!(client.first_line(), "HTTP/1.1 400 Bad Request");
        assert!(replica.seen().is_empty());
    }
}

#[tokio::test]
async fn a_tunnel_to_somewhere_else_is_not_opened() {
    let (_rig, replica, mut client) = one().await;
    client.send_head(&["CONNECT evil.example:443 HTTP/1.1", "Host: evil.example"]).await;
    assert!(client.read_head().await);
    assert_eq!(client.first_line(), "HTTP/1.1 405 Method Not Allowed");
    assert!(replica.seen().is_empty());
}

#[tokio::test]
async fn a_get_with_a_chunked_body_keeps_it() {
    let (_rig, replica, mut client) = one().await;
    client.send_head(&["GET / HTTP/1.1", "Host: x", "Transfer-Encoding: chunked"]).await;
    client.send(b"3\r\nabc\r\n0\r\n\r\n").await;
    assert!(client.read_head().await);
    assert_eq!(replica.only_seen().body, "abc");
}

#[tokio::test]
async fn an_absolute_target_names_the_host_and_goes_on_without_it() {
    let (_rig, replica, mut client) = one().await;
    client.send_head(&["GET http://lab.example/a?b HTTP/1.1", "Host: other"]).await;
    assert!(client.read_head().await);
    let seen = replica.only_seen();
    assert_eq!(
        (seen.target.as_str(), &seen.headers["host"]),
        ("/a?b", &"lab.example".parse().unwrap())
    );
}

#[tokio::test]
async fn a_client_of_http_1_0_is_served() {
    let (_rig, replica, mut client) = one().await;
    client.send_head(&["GET /old HTTP/1.0"]).await;
    assert!(client.read_head().await);
    assert!(client.first_line().ends_with("200 OK"));
    assert!(client.is_closed().await);
    assert_eq!(replica.only_seen().target, "/old");
}

#[tokio::test]
async fn replies_that_have_no_body_leave_the_connection_usable() {
    let (_rig, _replica, mut client) = one().await;
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
async fn a_head_reply_keeps_the_length_of_the_body_it_does_not_have() {
    let backend = Scripted::start(|mut wire, _| async move {
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n").await;
        wire.read_head().await;
    })
    .await;
    let rig = Rig::start(&[], &[("r1", backend.address)]).await;
    let mut client = Wire::connect(rig.address).await;
    client.send_head(&["HEAD / HTTP/1.1", "Host: x"]).await;
    assert!(client.read_head().await);
    assert_eq!(client.header("content-length"), Some("12345"));
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_a_failure_of_its_backend() {
    let backend = Scripted::start(|mut wire, _| async move {
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab").await;
    })
    .await;
    let rig = Rig::start(&[], &[("r1", backend.address)]).await;
    let reply = rig.client.get(rig.url("/")).send().await.unwrap();
    reply.bytes().await.unwrap_err();
    assert_eq!(rig.status("r1").failures, 1);
}

const EXPECT: [&str; 4] =
    ["POST / HTTP/1.1", "Host: x", "Content-Length: 5", "Expect: 100-continue"];

#[tokio::test]
async fn a_client_that_expects_100_continue_gets_the_backends() {
    let (_rig, replica, mut client) = one().await;
    client.send_head(&EXPECT).await;
    assert!(client.read_head().await);
    assert_eq!(client.first_line(), "HTTP/1.1 100 Continue");
    client.send(b"hello").await;
    assert!(client.read_head().await);
    assert_eq!(client.first_line(), "HTTP/1.1 200 OK");
    assert_eq!(replica.only_seen().body, "hello");
}

#[tokio::test]
async fn a_backend_that_refuses_before_the_body_is_heard_and_no_100_is_sent() {
    let backend = Scripted::start(|mut wire, _| async move {
        let refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n";
        wire.send(refusal).await;
        wire.read_head().await;
    })
    .await;
    let rig = Rig::start(&[], &[("r1", backend.address)]).await;
    let mut client = Wire::connect(rig.address).await;
    client.send_head(&EXPECT).await;
    assert!(client.read_head().await);
    assert_eq!(client.first_line(), "HTTP/1.1 413 Content Too Large");
    assert_eq!(client.header("connection"), Some("close"));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_backend_that_knows_no_100_continue_gets_the_body_anyway() {
    let backend = Scripted::start(|mut wire, _| async move {
        let body = wire.read_body().await;
        assert_eq!(body, b"hello");
        wire.send(OK).await;
    })
    .await;
    let rig = Rig::start(&[], &[("r1", backend.address)]).await;
    let mut client = Wire::connect(rig.address).await;
    let asked = std::time::Instant::now();
    client.send_head(&EXPECT).await;
    assert!(client.read_head().await);
    assert_eq!(client.first_line(), "HTTP/1.1 100 Continue");
    assert!(asked.elapsed() >= Duration::from_millis(900));
    client.send(b"hello").await;
    assert!(client.read_head().await);
    assert_eq!(client.first_line(), "HTTP/1.1 200 OK");
}
