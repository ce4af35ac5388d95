//! Requests with every combination of `Content-Length`, `Transfer-Encoding` and method, each
//! followed by a second request in the same packet (request smuggling, RFC 9112 §11.2).

use crate::any_balancer::{AnyBalancer, Kind, ROUND_ROBIN, in_time};
use crate::replica::{Received, Replica};
use crate::wire::Wire;

either!(request_of_any_framing_is_read_alike_by_all, body_may_hold_text_of_a_request);

const BODY: &[u8] = b"hello";
const CHUNKED_BODY: &[u8] = b"5\r\nhello\r\n0\r\n\r\n";

const LENGTHS: [&[&str]; 11] = [
    &[],
    &["5"],
    &["2"],
    &["9"],
    &["5", "5"],
    &["5, 5"],
    &["5", "2"],
    &["abc"],
    &["+5"],
    &["0x5"],
    &["-1"],
];

const CODINGS: [&[&str]; 11] = [
    &[],
    &["chunked"],
    &["Chunked"],
    &["gzip, chunked"],
    &["gzip", "chunked"],
    &["chunked, chunked"],
    &["chunked", "chunked"],
    &["identity"],
    &["identity, chunked"],
    &["xchunked"],
    &["chunked, gzip"],
];

/// One request.
#[derive(Clone, Copy, Debug)]
struct Case {
    method: &'static str,
    lengths: &'static [&'static str],
    codings: &'static [&'static str],
    expects: bool,
}

/// What has to happen to it.
#[derive(Debug, PartialEq, Eq)]
enum Right {
    /// This body, and then the next request.
    Body(&'static [u8]),
    /// An error, or this body and the end of the connection.
    Doubtful(&'static [u8]),
    /// An error.
    Error,
}

impl Case {
    fn is_chunked(self) -> bool {
        self.codings.last().is_some_and(|last| last.to_lowercase().ends_with("chunked"))
            && self.codings != ["xchunked"]
    }

    fn bytes(self) -> Vec<u8> {
        let mut text = format!("{} /first HTTP/1.1\r\nHost: x\r\n", self.method);
        for length in self.lengths {
            text += &format!("Content-Length: {length}\r\n");
        }
        for coding in self.codings {
            text += &format!("Transfer-Encoding: {coding}\r\n");
        }
        if self.expects {
            text += "Expect: 100-continue\r\n";
        }
        let body = match (self.codings, self.lengths) {
            ([], []) => b"",
            _ if self.is_chunked() => CHUNKED_BODY,
            _ => BODY,
        };
        let after = b"GET /after HTTP/1.1\r\nHost: x\r\n\r\n";
        [text.as_bytes(), b"\r\n", body, after].concat()
    }

    fn right(self) -> Right {
        match (self.codings, self.lengths) {
            ([], []) => Right::Body(b""),
            ([], ["5"]) => Right::Body(BODY),
            // What follows is the client's own nonsense.
            ([], ["2"]) => Right::Doubtful(b"he"),
            ([], ["9"]) => Right::Doubtful(b"helloGET "),
            ([], ["5", "5"] | ["5, 5"]) => Right::Doubtful(BODY),
            ([], _) => Right::Error,
            (["chunked" | "Chunked"], []) => Right::Body(BODY),
            (["chunked" | "Chunked"], _) => Right::Doubtful(BODY),
            _ => Right::Error,
        }
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for method in ["POST", "GET", "HEAD", "DELETE"] {
        for lengths in LENGTHS {
            for codings in CODINGS {
                for expects in [false, true] {
                    cases.push(Case { method, lengths, codings, expects });
                }
            }
        }
    }
    cases
}

/// Reads final responses until the balancer closes or has sent two.
async fn statuses(client: &mut Wire, method: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    while client.read_head().await {
        let status: u16 = client.first_line().split(' ').nth(1).unwrap().parse().unwrap();
        if status == 100 {
            continue;
        }
        statuses.push(status);
        if statuses.len() > 1 || method != "HEAD" {
            client.read_body().await;
        }
        if status >= 400 || statuses.len() == 2 {
            break;
        }
    }
    statuses
}

async fn request_of_any_framing_is_read_alike_by_all(kind: Kind) {
    let replica = Replica::start("r1").await;
    let backends = [("r1", replica.address)];
    let balancer = AnyBalancer::start(kind, ROUND_ROBIN, &backends).await;
    let mut faults = Vec::new();
    for case in cases() {
        replica.forget();
        let mut client = Wire::connect(balancer.address).await;
        client.send(&case.bytes()).await;
        let statuses = in_time(statuses(&mut client, case.method)).await;
        let received = replica.received();
        if let Some(fault) = fault_of(kind, case, &statuses, &received) {
            let seen: Vec<_> =
                received.iter().map(|one| (&one.target, &one.body)).collect();
            faults.push(format!("{case:?}: {fault}: {statuses:?}, received {seen:?}"));
        }
    }
    assert!(faults.is_empty(), "{}: {faults:#?}", faults.len());
}

fn fault_of(
    kind: Kind,
    case: Case,
    statuses: &[u16],
    received: &[Received],
) -> Option<&'static str> {
    let framed = received.iter().all(|one| {
        let lengths = one.headers.get_all("content-length").iter().count();
        let codings = one.headers.get_all("transfer-encoding").iter().count();
        lengths + codings <= 1
    });
    if !framed {
        return Some("framed twice for the replica");
    }
    let first = received.first().map(|first| &first.body[..]);
    let refused = statuses.first().is_none_or(|status| *status >= 400);
    match case.right() {
        Right::Body(body) if first == Some(body) && statuses == [200, 200] => None,
        Right::Body(_) => Some("not the right body and the next request"),
        Right::Doubtful(_) if refused && received.is_empty() => None,
        Right::Doubtful(body) if first == Some(body) => {
            let smuggled = received.iter().skip(1).any(|one| one.target == "/smuggled");
            smuggled.then_some("a second request")
        }
        Right::Doubtful(_) => Some("another body"),
        Right::Error if refused && received.is_empty() => None,
        // HAProxy passes codings that it does not know on, with their names, and the
        // replica refuses or reads them.
        Right::Error if kind == Kind::HaProxy && !case.codings.is_empty() => {
            let alike = first.is_none_or(|body| body == BODY);
            (!alike).then_some("another body")
        }
        Right::Error => Some("no error"),
    }
}

async fn body_may_hold_text_of_a_request(kind: Kind) {
    let replica = Replica::start("r1").await;
    let backends = [("r1", replica.address)];
    let balancer = AnyBalancer::start(kind, ROUND_ROBIN, &backends).await;
    let inner = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    let length = inner.len();
    let chunked = format!("{length:x}\r\n{inner}\r\n0\r\n\r\n");
    for (framing, body) in [
        (format!("Content-Length: {length}"), inner.to_owned()),
        ("Transfer-Encoding: chunked".to_owned(), chunked),
    ] {
        let mut client = Wire::connect(balancer.address).await;
        client.send_head(&["POST /outer HTTP/1.1", "Host: x", &framing]).await;
        client.send(body.as_bytes()).await;
        assert!(in_time(client.read_head()).await);
        assert_eq!(client.read_body().await, inner.as_bytes());
    }
    assert!(replica.received().iter().all(|one| one.target == "/outer"));
}
