//! A correct replica: sends its name, records its requests, echoes WebSockets.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use http_edge::health::Readiness;
use http_edge::serve::{Drain, serve};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::sync::CancellationToken;

/// A request that the replica received.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A running replica.
pub(crate) struct Replica {
    pub(crate) address: SocketAddr,
    state: ReplicaState,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

#[derive(Clone)]
struct ReplicaState {
    id: Arc<str>,
    received: Arc<Mutex<Vec<Received>>>,
    readyz: Arc<AtomicU16>,
    checks: Arc<AtomicUsize>,
}

impl Replica {
    /// A ready replica on a free port.
    pub(crate) async fn start(id: &str) -> Self {
        Self::start_at(id, "127.0.0.1:0".parse().unwrap()).await
    }

    /// A ready replica at the address of an ended one.
    pub(crate) async fn start_at(id: &str, address: SocketAddr) -> Self {
        let state = ReplicaState {
            id: id.into(),
            received: Arc::default(),
            readyz: Arc::new(AtomicU16::new(200)),
            checks: Arc::default(),
        };
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let routes = Router::new().fallback(answer).with_state(state.clone());
        let now = Drain {
            readiness: Readiness::default(),
            grace: Duration::ZERO,
            deadline: Duration::ZERO,
        };
        let stopping = stop.clone().cancelled_owned();
        let running = tokio::spawn(serve(listener, routes, now, stopping));
        Self { address, state, stop, running }
    }

    /// The requests it received, without health checks.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// Forgets the requests so far.
    pub(crate) fn forget(&self) {
        self.state.received.lock().unwrap().clear();
    }

    /// The only request it received.
    pub(crate) fn only_received(&self) -> Received {
        let mut received = self.received();
        assert_eq!(received.len(), 1, "{received:?}");
        received.remove(0)
    }

    /// The health checks that it has received.
    pub(crate) fn checks(&self) -> usize {
        self.state.checks.load(Ordering::Relaxed)
    }

    /// Makes `/readyz` answer `status`.
    pub(crate) fn answer_readyz_with(&self, status: u16) {
        self.state.readyz.store(status, Ordering::Relaxed);
    }

    /// Ends it: the port and all connections are closed.
    pub(crate) async fn kill(self) -> SocketAddr {
        self.stop.cancel();
        self.running.await.unwrap();
        self.address
    }
}

async fn answer(State(state): State<ReplicaState>, mut request: Request) -> Response {
    if request.uri().path() == "/readyz" {
        state.checks.fetch_add(1, Ordering::Relaxed);
        let status = state.readyz.load(Ordering::Relaxed);
        return StatusCode::from_u16(status).unwrap().into_response();
    }
    let switched = request.headers().contains_key(UPGRADE).then(|| switch(&mut request));
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let received = Received {
        target: parts.uri.to_string(),
        headers: parts.headers,
        body: body.to_bytes(),
    };
    let mut reply = switched.unwrap_or_else(|| plain(&received));
    reply.headers_mut().insert("x-served-by", state.id.parse().unwrap());
    state.received.lock().unwrap().push(received);
    reply
}

/// `/status/N` answers N without a body, any other path 200 with the request's body.
fn plain(received: &Received) -> Response {
    let status =
        received.target.strip_prefix("/status/").map(|code| code.parse().unwrap());
    let body =
        if status.is_some() { Body::empty() } else { received.body.clone().into() };
    let mut reply = Response::new(body);
    *reply.status_mut() = status.unwrap_or(StatusCode::OK);
    for (name, value) in [
        ("connection", "x-for-the-balancer"),
        ("x-for-the-balancer", "hop"),
        ("keep-alive", "timeout=5"),
        ("x-for-the-client", "end"),
    ] {
        reply.headers_mut().insert(name, value.parse().unwrap());
    }
    reply
}

/// Switches to a WebSocket that echoes messages, and closes the connection at "die".
fn switch(request: &mut Request) -> Response {
    let accept = derive_accept_key(request.headers()[SEC_WEBSOCKET_KEY].as_bytes());
    let upgraded = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let stream = TokioIo::new(upgraded.await.unwrap());
        let mut socket =
            WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            let dies = message.to_text().is_ok_and(|text| text == "die");
            if dies || socket.send(message).await.is_err() {
                return;
            }
        }
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, accept)
        .body(Body::empty())
        .unwrap()
}
