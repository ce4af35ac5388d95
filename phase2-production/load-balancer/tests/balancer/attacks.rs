//! Requests that are invalid, or valid in an unusual way. The invalid ones are answered with
//! an error and reach no backend.

use crate::any_balancer::{AnyBalancer, Kind, ROUND_ROBIN, in_time};
use crate::fixture::TestBalancer;
use crate::replica::Replica;
use crate::scripted::Scripted;
use crate::wire::Wire;

either!(
    bytes_that_are_no_request_reach_no_backend,
    pipelined_requests_are_answered_in_order,
);

/// The status code that answers `bytes`, 0 if the connection is closed without an answer.
async fn status_of(client: &mut Wire, bytes: &[u8]) -> u16 {
    client.send(bytes).await;
    if !in_time(client.read_head()).await {
        return 0;
    }
    client.first_line().split(' ').nth(1).unwrap().parse().unwrap()
}

async fn one_replica() -> (TestBalancer, Replica) {
    let replica = Replica::start("r1").await;
    let balancer = TestBalancer::start(&[], &[("r1", replica.address)]).await;
    (balancer, replica)
}

const INVALID_HOSTS: &[&str] = &[
    "",
    ":80",
    "a b",
    "user@x",
    "user:secret@x",
    "@x",
    "x/y",
    "/",
    "x?y",
    "x#y",
    "x\\y",
    "[::1",
    "::1]",
    "[::1]x",
    "[zz]",
    "[]",
    "[::1]:x",
    "x:99999",
    "x:-1",
    "x:+1",
    "x:80:80",
    "x:8o",
    "::1",
    "\"x\"",
    "<x>",
    "x{y}",
    "%zz",
    "%4",
    "x|y",
    "x^y",
    "http://x",
];

const VALID_HOSTS: &[&str] = &[
    "x",
    "x:80",
    "X.Example.",
    "x:",
    "[::1]",
    "[::1]:8080",
    "127.0.0.1:1",
    "a_b-c",
    "%41.b",
    "a~!$&'()*+;=b",
];

#[tokio::test]
async fn invalid_host_is_refused_and_valid_one_passes() {
    let (balancer, replica) = one_replica().await;
    for host in INVALID_HOSTS {
        let mut client = Wire::connect(balancer.address).await;
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(status_of(&mut client, request.as_bytes()).await, 400, "{host}");
        let problem = String::from_utf8(client.read_body().await).unwrap();
        assert!(problem.contains("/problems/malformed-request"), "{host}: {problem}");
    }
    assert!(replica.received().is_empty(), "{:?}", replica.received());
    for host in VALID_HOSTS {
        let mut client = Wire::connect(balancer.address).await;
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(status_of(&mut client, request.as_bytes()).await, 200, "{host}");
        let received = replica.received().pop().unwrap();
        assert_eq!(received.headers["host"].as_bytes(), host.as_bytes());
    }
}

#[tokio::test]
async fn target_of_other_form_or_with_userinfo_is_refused() {
    let (balancer, replica) = one_replica().await;
    for target in [
        "http://user@x/",
        "http://user:secret@x/",
        "http://@x/",
        "http://x:99999/",
        "ftp://x/",
        "x:80",
        "*",
        "http://x%zz/",
    ] {
        let mut client = Wire::connect(balancer.address).await;
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(status_of(&mut client, request.as_bytes()).await, 400, "{target}");
    }
    assert!(replica.received().is_empty(), "{:?}", replica.received());
    for (line, target) in [
        ("OPTIONS * HTTP/1.1", "*"),
        ("GET http://x HTTP/1.1", "/"),
        ("GET http://x?a HTTP/1.1", "/?a"),
        ("GET http://x#f HTTP/1.1", "/"),
        ("GET http://x?a#f HTTP/1.1", "/?a"),
        ("GET /b#f HTTP/1.1", "/b"),
        ("GET HTTP://X:80/b HTTP/1.1", "/b"),
    ] {
        let mut client = Wire::connect(balancer.address).await;
        let request = format!("{line}\r\nHost: x\r\n\r\n");
        assert_eq!(status_of(&mut client, request.as_bytes()).await, 200, "{line}");
        assert_eq!(replica.received().pop().unwrap().target, target);
    }
}

/// Requests with a head that is not HTTP, or more of it than a server has to read.
fn invalid_heads() -> Vec<(&'static str, String)> {
    let headers = [
        ("NUL in a value", "Host: x\r\nX-A: a\0b"),
        ("NUL in a name", "Host: x\r\nX\0A: b"),
        ("CR in a value", "Host: x\r\nX-A: a\rb"),
        ("obs-fold", "Host: x\r\nX-A: a\r\n b"),
        ("space before colon", "Host : x"),
        ("no name", "Host: x\r\n: b"),
        ("no colon", "Host: x\r\nHello"),
        ("no Host", "X-A: b"),
    ];
    let lines = [
        ("no version", "GET /"),
        ("other version", "GET / HTTP/3.7"),
        ("HTTP/2", "PRI * HTTP/2.0"),
        ("space in target", "GET /a b HTTP/1.1"),
        ("CONNECT", "CONNECT x:1 HTTP/1.1"),
    ];
    let many = format!("Host: x\r\n{}X: 1", "X-Many: 1\r\n".repeat(300));
    let long = format!("Host: x\r\nX-Long: {}", "x".repeat(500_000));
    let sizes = [("many headers", many.as_str()), ("long header", long.as_str())];
    let headers = headers.into_iter().chain(sizes);
    let with_headers =
        headers.map(|(name, text)| (name, format!("GET / HTTP/1.1\r\n{text}\r\n\r\n")));
    let with_lines =
        lines.map(|(name, line)| (name, format!("{line}\r\nHost: x\r\n\r\n")));
    with_headers.chain(with_lines).collect()
}

/// Requests with a body that is not chunked coding.
fn invalid_chunks() -> Vec<(&'static str, String)> {
    let long = format!("5;{}\r\nhello", "x".repeat(100_000));
    let bodies = [
        ("chunk size", "z\r\nhello"),
        ("sign", "+5\r\nhello"),
        ("0x", "0x5\r\nhello"),
        ("space", "5 5\r\nhello"),
        ("overflow", "fffffffffffffffff\r\nhello"),
        ("too long", "4\r\nhello"),
        ("extension", long.as_str()),
        ("LF in extension", "5;\nhello"),
    ];
    let head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let request = |(name, body)| (name, format!("{head}{body}\r\n0\r\n\r\n"));
    bodies.map(request).into()
}

/// Each is refused with 4xx or 501, or the connection is closed.
async fn bytes_that_are_no_request_reach_no_backend(kind: Kind) {
    let replica = Replica::start("r1").await;
    let backends = [("r1", replica.address)];
    let balancer = AnyBalancer::start(kind, ROUND_ROBIN, &backends).await;
    let mut faults = Vec::new();
    for (name, bytes) in invalid_heads().into_iter().chain(invalid_chunks()) {
        let mut client = Wire::connect(balancer.address).await;
        let status = status_of(&mut client, bytes.as_bytes()).await;
        let refused = [0, 400, 405, 413, 414, 431, 501, 505].contains(&status);
        let differs = kind == Kind::HaProxy && differs_on_haproxy(name, status);
        if !refused && !differs {
            faults.push((name, status));
        }
    }
    assert!(faults.is_empty(), "{faults:?}");
    let received = replica.received();
    assert!(kind == Kind::HaProxy || received.is_empty(), "{received:?}");
}

/// HAProxy 2.6 replaces obs-fold by spaces, which RFC 9112 §5.2 allows too, reads other
/// versions of HTTP/1 as 1.1, passes requests without `Host` on, and reads long chunk
/// extensions and such as end with LF alone.
/// It streams the start of a body before it finds the fault in it; the replica then answers
/// 400, or HAProxy 502.
fn differs_on_haproxy(name: &str, status: u16) -> bool {
    let lenient =
        ["obs-fold", "other version", "no Host", "extension", "LF in extension"];
    (lenient.contains(&name) && status == 200) || status == 502
}

async fn pipelined_requests_are_answered_in_order(kind: Kind) {
    let replica = Replica::start("r1").await;
    let backends = [("r1", replica.address)];
    let balancer = AnyBalancer::start(kind, ROUND_ROBIN, &backends).await;
    let mut client = Wire::connect(balancer.address).await;
    let mut all = String::new();
    for number in 0..30 {
        let body = "x".repeat(number);
        all += &format!("POST /{number} HTTP/1.1\r\nHost: x\r\nContent-Length: {number}");
        all += &format!("\r\n\r\n{body}");
    }
    client.send(all.as_bytes()).await;
    for number in 0..30 {
        assert!(in_time(client.read_head()).await, "{number}");
        assert_eq!(client.read_body().await.len(), number);
    }
    let targets: Vec<_> = replica.received().into_iter().map(|one| one.target).collect();
    assert_eq!(targets, (0..30).map(|number| format!("/{number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn connection_options_cannot_remove_framing_or_added_headers() {
    let (balancer, replica) = one_replica().await;
    for option in [
        "content-length",
        "host",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-request-id",
        "transfer-encoding",
        "close, content-length",
        "Content-Length\r\nConnection: Host",
    ] {
        let mut client = Wire::connect(balancer.address).await;
        let head = format!(
            "POST / HTTP/1.1\r\nHost: x\r\nConnection: {option}\r\nContent-Length: 5\r\n"
        );
        let bytes = format!("{head}\r\nhello");
        assert_eq!(status_of(&mut client, bytes.as_bytes()).await, 200, "{option}");
        let received = replica.received().pop().unwrap();
        assert_eq!(received.body, "hello", "{option}");
        for name in ["host", "x-forwarded-for", "x-forwarded-proto", "x-request-id"] {
            assert!(received.headers.contains_key(name), "{option}: {name}");
        }
        assert!(!received.headers.contains_key("connection"), "{option}");
    }
}

#[tokio::test]
async fn http_1_0_keep_alive_serves_further_requests() {
    let (balancer, _replica) = one_replica().await;
    let mut client = Wire::connect(balancer.address).await;
    for number in 0..3 {
        client.send_head(&["GET /old HTTP/1.0", "Connection: keep-alive"]).await;
        assert!(in_time(client.read_head()).await, "{number}");
        assert_eq!(client.first_line(), "HTTP/1.0 200 OK");
        assert_eq!(client.header("transfer-encoding"), None);
        client.read_body().await;
    }
    client.send_head(&["GET /old HTTP/1.0"]).await;
    assert!(in_time(client.read_head()).await);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn unfinished_head_is_refused_at_64_kib() {
    let (balancer, replica) = one_replica().await;
    for start in ["GET / HTTP/1.1\r\nHost: x\r\nX-Long: ", "GET /"] {
        let mut client = Wire::connect(balancer.address).await;
        let bytes = [start.as_bytes(), &vec![b'x'; 80 * 1024]].concat();
        let status = status_of(&mut client, &bytes).await;
        assert!([414, 431].contains(&status), "{status}");
        assert!(client.is_closed().await);
    }
    let mut client = Wire::connect(balancer.address).await;
    let cookie = format!("Cookie: a={}", "x".repeat(30_000));
    client.send_head(&["GET /ordinary HTTP/1.1", "Host: x", &cookie]).await;
    assert!(in_time(client.read_head()).await);
    assert_eq!(client.first_line(), "HTTP/1.1 200 OK");
    assert_eq!(replica.received().len(), 1);
}

const WEBSOCKET: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";

#[tokio::test]
async fn unasked_or_wrong_101_is_replaced_by_502() {
    let switched = "HTTP/1.1 101 Switching Protocols\r\n";
    for (request, reply) in [
        (String::new(), format!("{switched}{WEBSOCKET}")),
        (String::new(), switched.to_owned()),
        (String::new(), format!("{switched}Connection: Upgrade\r\nUpgrade: h2c\r\n")),
        (
            "Connection: Upgrade\r\nUpgrade: h2c\r\n".to_owned(),
            format!("{switched}Connection: Upgrade\r\nUpgrade: h2c\r\n"),
        ),
        (
            WEBSOCKET.to_owned(),
            format!("{switched}Connection: Upgrade\r\nUpgrade: h2c\r\n"),
        ),
        (WEBSOCKET.to_owned(), switched.to_owned()),
        ("Content-Length: 0\r\n".to_owned(), format!("{switched}{WEBSOCKET}")),
    ] {
        let text =
            format!("{reply}\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged");
        let text: &'static str = Box::leak(text.into());
        let backend = Scripted::start(move |mut wire, counter| async move {
            wire.send(text.as_bytes()).await;
            counter.read_head(&mut wire).await;
        })
        .await;
        let balancer = TestBalancer::start(&[], &[("r1", backend.address)]).await;
        let mut client = Wire::connect(balancer.address).await;
        let bytes = format!("GET /ws HTTP/1.1\r\nHost: x\r\n{request}\r\n");
        assert_eq!(status_of(&mut client, bytes.as_bytes()).await, 502, "{text}");
        let problem = String::from_utf8(client.read_body().await).unwrap();
        assert!(problem.contains("/problems/replica-failed"), "{problem}");
        assert_eq!(balancer.status("r1").in_flight, 0);
        let again = status_of(&mut client, b"GET /2 HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert_eq!(again, 502, "{text}: the connection was used again");
        assert_eq!(backend.requests(), 2);
    }
}

/// After the switch, the body would be read as frames.
#[tokio::test]
async fn upgrade_with_body_or_other_method_is_no_upgrade() {
    let (balancer, replica) = one_replica().await;
    for (line, body) in [
        ("POST / HTTP/1.1", "Content-Length: 5\r\n\r\nhello"),
        ("GET / HTTP/1.1", "Content-Length: 5\r\n\r\nhello"),
        ("GET / HTTP/1.1", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        ("PUT / HTTP/1.1", "\r\n"),
        ("GET / HTTP/1.0", "\r\n"),
    ] {
        let mut client = Wire::connect(balancer.address).await;
        let bytes = format!("{line}\r\nHost: x\r\n{WEBSOCKET}{body}");
        assert_eq!(status_of(&mut client, bytes.as_bytes()).await, 200, "{line} {body}");
        let received = replica.received().pop().unwrap();
        assert!(!received.headers.contains_key("upgrade"), "{line} {body}");
    }
}

/// `Connection: close` of a backend in all its forms: the next request gets a new connection.
#[tokio::test]
async fn backend_that_announces_close_gets_no_further_request() {
    for head in [
        "HTTP/1.1 200 OK\r\nConnection: close",
        "HTTP/1.1 200 OK\r\nConnection: Close",
        "HTTP/1.1 200 OK\r\nConnection: keep-alive, close",
        "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nConnection: close",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nConnection: keep-alive",
        "HTTP/1.0 200 OK",
    ] {
        let text = format!("{head}\r\nContent-Length: 2\r\n\r\nok");
        let text: &'static str = Box::leak(text.into());
        let backend = Scripted::start(move |mut wire, counter| async move {
            wire.send(text.as_bytes()).await;
            // It stays open, and must stay unused.
            while counter.read_head(&mut wire).await {
                wire.send(b"HTTP/1.1 500 Reused\r\nContent-Length: 0\r\n\r\n").await;
            }
        })
        .await;
        let balancer = TestBalancer::start(&[], &[("r1", backend.address)]).await;
        let mut client = Wire::connect(balancer.address).await;
        for number in 0..5 {
            let status = status_of(&mut client, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
            assert_eq!(status.await, 200, "{head}: request {number}");
            assert_eq!(client.header("connection"), None, "{head}");
            assert_eq!(client.read_body().await, b"ok");
        }
        assert_eq!(backend.requests(), 5);
    }
}
