//! Replies with every combination of `Content-Length`, `Transfer-Encoding`, status, method
//! and informational responses before them (RFC 9112 §6).
//!
//! For each, the client gets exactly the right body, a clear error, or a response that is
//! visibly incomplete; and the next request on the connection gets its own response. The
//! short form takes each informational prefix in turn; `LAB_FRAMING=full` takes all.

use crate::any_balancer::{AnyBalancer, Kind, ROUND_ROBIN, in_time};
use crate::scripted::Scripted;
use crate::wire::Wire;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt};

either!(reply_of_any_framing_is_right_or_an_error, second_reply_in_one_write_is_not_used);

/// The body that every backend means to send.
const BODY: &[u8] = b"hello";
const CHUNKED_BODY: &[u8] = b"5\r\nhello\r\n0\r\n\r\n";

const LENGTHS: [&[&str]; 9] =
    [&[], &["5"], &["2"], &["9"], &["5", "5"], &["5", "2"], &["abc"], &["+5"], &["0x5"]];

const CODINGS: [&[&str]; 9] = [
    &[],
    &["chunked"],
    &["Chunked"],
    &["gzip, chunked"],
    &["gzip", "chunked"],
    &["chunked, chunked"],
    &["identity"],
    &["xchunked"],
    &["chunked, gzip"],
];

/// The method and the status.
const KINDS: [(&str, u16); 4] = [("GET", 200), ("HEAD", 200), ("GET", 204), ("GET", 304)];

const PREFIXES: [&[u16]; 4] = [&[], &[100], &[103], &[100, 103, 102]];

/// One reply of a backend.
#[derive(Clone, Debug)]
struct Case {
    method: &'static str,
    status: u16,
    lengths: &'static [&'static str],
    codings: &'static [&'static str],
    prefix: &'static [u16],
    /// Whether the body is sent although the status or the method forbids it.
    stray_body: bool,
    /// Whether the backend closes after the reply.
    closes: bool,
}

impl Case {
    fn has_body(&self) -> bool {
        self.method != "HEAD" && ![204, 304].contains(&self.status)
    }

    fn is_chunked(&self) -> bool {
        self.codings.last().is_some_and(|last| last.to_lowercase().ends_with("chunked"))
            && self.codings != ["xchunked"]
    }

    /// The bytes that the backend sends.
    fn bytes(&self) -> Vec<u8> {
        let mut text = String::new();
        for code in self.prefix {
            text += &format!("HTTP/1.1 {code} Early\r\nX-Early: 1\r\n\r\n");
        }
        text += &format!("HTTP/1.1 {} Any\r\n", self.status);
        for length in self.lengths {
            text += &format!("Content-Length: {length}\r\n");
        }
        for coding in self.codings {
            text += &format!("Transfer-Encoding: {coding}\r\n");
        }
        let body = match self.has_body() || self.stray_body {
            true if self.is_chunked() => CHUNKED_BODY,
            true => BODY,
            false => b"",
        };
        [text.as_bytes(), b"\r\n", body].concat()
    }

    /// The body that RFC 9112 §6.3 gives; `None` if the framing is faulty or the body is cut
    /// short.
    fn right_body(&self) -> Option<&'static [u8]> {
        if !self.has_body() {
            return Some(b"");
        }
        if !self.codings.is_empty() {
            let plain = self.codings == ["chunked"] || self.codings == ["Chunked"];
            return plain.then_some(BODY);
        }
        match self.lengths {
            [] | ["5"] | ["5", "5"] => Some(BODY),
            ["2"] => Some(&BODY[..2]),
            _ => None,
        }
    }

    /// Whether the backend announces more bytes than it sends, which shows only at the end.
    fn is_cut_short(&self) -> bool {
        self.has_body() && self.codings.is_empty() && self.lengths == ["9"]
    }

    /// Whether the reply is faulty, also where its body is known to be empty. It may be
    /// refused, and its connection must not carry another request.
    fn is_doubtful(&self) -> bool {
        let too_many = self.has_body() && self.lengths == ["2"];
        let plain = self.codings == ["chunked"] || self.codings == ["Chunked"];
        let number = |length: &&str| length.bytes().all(|byte| byte.is_ascii_digit());
        let one_length = self.lengths.iter().all(number)
            && self.lengths.windows(2).all(|pair| pair[0] == pair[1]);
        self.right_body().is_none()
            || too_many
            || self.stray_body
            || !one_length
            || !(self.codings.is_empty() || plain && self.lengths.is_empty())
    }
}

fn cases() -> Vec<Case> {
    let full = std::env::var("LAB_FRAMING").is_ok_and(|value| value == "full");
    let mut cases = Vec::new();
    for (method, status) in KINDS {
        for lengths in LENGTHS {
            for codings in CODINGS {
                for stray_body in [false, true] {
                    for closes in [false, true] {
                        let turn = cases.len() % PREFIXES.len();
                        let prefixes =
                            if full { &PREFIXES[..] } else { &PREFIXES[turn..=turn] };
                        for prefix in prefixes {
                            let case = Case {
                                method,
                                status,
                                lengths,
                                codings,
                                prefix,
                                stray_body,
                                closes,
                            };
                            cases.extend(completed(case));
                        }
                    }
                }
            }
        }
    }
    cases
}

/// Leaves out combinations that say nothing new or never end.
fn completed(case: Case) -> Option<Case> {
    if case.has_body() {
        let ends_by_close = case.codings.is_empty() && case.lengths.is_empty()
            || case.is_cut_short()
            || !case.codings.is_empty() && !case.is_chunked();
        let never_ends = ends_by_close && !case.closes;
        return (!case.stray_body && !never_ends).then_some(case);
    }
    Some(case)
}

/// What a strict client makes of a response.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Whole(u16, Vec<u8>),
    /// It ends before the end that its own framing announces.
    CutShort,
    /// Closed before a response.
    Closed,
    /// Not readable without a guess.
    Ambiguous(String),
}

/// Reads one response as RFC 9112 §6.3 says, without any leniency.
async fn see(client: &mut Wire, method: &str) -> Seen {
    loop {
        if !client.read_head().await {
            return Seen::Closed;
        }
        let status: u16 = match client.first_line().split(' ').nth(1) {
            Some(code) if client.first_line().starts_with("HTTP/1.1 ") => {
                code.parse().unwrap()
            }
            _ => return Seen::Ambiguous(client.head.clone()),
        };
        if status / 100 == 1 {
            continue;
        }
        return body_of(client, method, status).await;
    }
}

async fn body_of(client: &mut Wire, method: &str, status: u16) -> Seen {
    let values = |name: &str| -> Vec<String> {
        let lines = client.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let named = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.trim().to_owned()).collect()
    };
    let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
    if method == "HEAD" || [204, 304].contains(&status) {
        let wrong = lengths.iter().any(|length| length.parse::<u64>().is_err())
            || lengths.len() > 1
            || status == 204 && !(lengths.is_empty() && codings.is_empty());
        return match wrong {
            true => Seen::Ambiguous(client.head.clone()),
            false => Seen::Whole(status, Vec::new()),
        };
    }
    match (&lengths[..], &codings[..]) {
        ([length], []) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
            let mut body = vec![0; length.parse().unwrap()];
            match client.stream.read_exact(&mut body).await {
                Ok(_) => Seen::Whole(status, body),
                Err(_) => Seen::CutShort,
            }
        }
        ([], [coding]) if coding.eq_ignore_ascii_case("chunked") => {
            match chunks(client).await {
                Some(body) => Seen::Whole(status, body),
                None => Seen::CutShort,
            }
        }
        ([], []) => {
            let mut body = Vec::new();
            match client.stream.read_to_end(&mut body).await {
                Ok(_) => Seen::Whole(status, body),
                Err(_) => Seen::CutShort,
            }
        }
        _ => Seen::Ambiguous(client.head.clone()),
    }
}

async fn chunks(client: &mut Wire) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        client.stream.read_line(&mut line).await.ok()?;
        let size = usize::from_str_radix(line.strip_suffix("\r\n")?, 16).ok()?;
        let mut chunk = vec![0; size + 2];
        client.stream.read_exact(&mut chunk).await.ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

/// The connection and the target of each request that the backend received.
type Requests = Arc<Mutex<Vec<(usize, String)>>>;

/// A backend that answers `/reply/N` with case N, and any other request with its target.
async fn backend_of(cases: Arc<Vec<Case>>) -> (Scripted, Requests) {
    let requests = Requests::default();
    let (all, connections) = (Arc::clone(&requests), Arc::new(AtomicUsize::new(0)));
    let backend = Scripted::start(move |mut wire, counter| {
        let (cases, all) = (Arc::clone(&cases), Arc::clone(&all));
        let connection = connections.fetch_add(1, Ordering::Relaxed);
        async move {
            loop {
                let target = wire.first_line().split(' ').nth(1).unwrap().to_owned();
                all.lock().unwrap().push((connection, target.clone()));
                let case = target.strip_prefix("/reply/");
                if let Some(case) =
                    case.map(|index| &cases[index.parse::<usize>().unwrap()])
                {
                    wire.send(&case.bytes()).await;
                    if case.closes {
                        return;
                    }
                } else {
                    let length = target.len();
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}");
                    wire.send(format!("{head}\r\n\r\n{target}").as_bytes()).await;
                }
                if !counter.read_head(&mut wire).await {
                    return;
                }
            }
        }
    })
    .await;
    (backend, requests)
}

async fn reply_of_any_framing_is_right_or_an_error(kind: Kind) {
    let cases = Arc::new(cases());
    let (backend, requests) = backend_of(Arc::clone(&cases)).await;
    let backends = [("r1", backend.address)];
    let balancer = AnyBalancer::start(kind, ROUND_ROBIN, &backends).await;
    let mut faults = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        let mut client = Wire::connect(balancer.address).await;
        let line = format!("{} /reply/{index} HTTP/1.1", case.method);
        client.send_head(&[&line, "Host: x"]).await;
        let seen = in_time(see(&mut client, case.method)).await;
        if let Some(fault) = fault_of(kind, case, &seen) {
            faults.push(format!("{case:?}: {fault}: {seen:?}"));
        }
        let next = format!("/after/{index}");
        client.send_head(&[&format!("GET {next} HTTP/1.1"), "Host: x"]).await;
        match in_time(see(&mut client, "GET")).await {
            Seen::Closed => {}
            Seen::Whole(200, body) if body == next.as_bytes() => {}
            // The backend closed without `Connection: close`, and the request was on its way.
            Seen::Whole(502, _) if case.closes => {}
            other => faults.push(format!("{case:?}: the next request got {other:?}")),
        }
        if case.is_doubtful() && !case.closes && reused(&requests, index) {
            faults.push(format!("{case:?}: the connection was used again"));
        }
    }
    assert!(faults.is_empty(), "{} of {}: {faults:#?}", faults.len(), cases.len());
}

/// Whether the requests of case `index` and after it came on one connection.
fn reused(requests: &Requests, index: usize) -> bool {
    let requests = requests.lock().unwrap();
    let connection = |target: String| {
        let found = requests.iter().find(|(_, found)| *found == target);
        found.map(|(connection, _)| *connection)
    };
    let (reply, after) = (format!("/reply/{index}"), format!("/after/{index}"));
    connection(after).is_some_and(|after| Some(after) == connection(reply))
}

/// How the response breaks the rule, if it does.
fn fault_of(kind: Kind, case: &Case, seen: &Seen) -> Option<&'static str> {
    let is_error = matches!(seen, Seen::Whole(400.., _));
    let right = case.right_body().is_some_and(
        |body| matches!(seen, Seen::Whole(status, got) if (*status, &got[..]) == (case.status, body)),
    );
    if kind == Kind::HaProxy && differs_on_haproxy(case, seen) {
        return None;
    }
    match case.right_body() {
        _ if case.is_cut_short() => (*seen != Seen::CutShort).then_some("not cut short"),
        Some(_) if right => None,
        // A contradiction may be refused or resolved.
        Some(_) if case.is_doubtful() && is_error => None,
        Some(_) => Some("not the right body"),
        None if is_error => None,
        None => Some("no error"),
    }
}

/// The differences of HAProxy 2.6: it passes transfer codings that it does not know to the
/// client, with their names, and reads `identity` and a body without `chunked` at its end up
/// to the close, as RFC 9112 §6.3 allows.
fn differs_on_haproxy(case: &Case, seen: &Seen) -> bool {
    let keeps_coding = matches!(seen, Seen::Ambiguous(head) if {
        let head = head.to_ascii_lowercase();
        head.contains("transfer-encoding") && !head.contains("content-length")
    });
    !case.codings.is_empty() && keeps_coding
}

/// A backend that sends more than it announces, in the same packet.
async fn second_reply_in_one_write_is_not_used(kind: Kind) {
    for first in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"[..],
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ] {
        let forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged";
        let both: &'static [u8] = Box::leak([first, forged].concat().into());
        let backend = Scripted::start(move |mut wire, counter| async move {
            wire.send(both).await;
            counter.read_head(&mut wire).await;
        })
        .await;
        let backends = [("r1", backend.address)];
        let balancer = AnyBalancer::start(kind, ROUND_ROBIN, &backends).await;
        let mut client = Wire::connect(balancer.address).await;
        for _ in 0..2 {
            client.send_head(&["GET / HTTP/1.1", "Host: x"]).await;
            let Seen::Whole(_, body) = in_time(see(&mut client, "GET")).await else {
                panic!("no response");
            };
            assert_ne!(body, b"forged");
        }
    }
}
