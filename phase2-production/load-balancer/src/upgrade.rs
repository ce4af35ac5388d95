//! WebSockets: after `101 Switching Protocols` the balancer only copies bytes (RFC 9110
//! §7.8).
//!
//! Upgrades to other protocols are not passed on. HTTP/2 in clear text (`h2c`) would carry
//! requests past the checks in `forward` (request smuggling).

use crate::backends::Backend;
use crate::config::Limits;
use crate::exchange::Lease;
use crate::headers::connection_options;
use crate::tunnel;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The client's half of a tunnel, if the request asks for a WebSocket (RFC 6455 §4.1). One
/// with a body does not: its bytes would be read as frames.
pub(crate) fn websocket_request(request: &mut Request<Incoming>) -> Option<OnUpgrade> {
    let headers = request.headers();
    let is_upgrade = request.version() == Version::HTTP_11
        && *request.method() == Method::GET
        && request.body().is_end_stream()
        && connection_options(headers).any(|option| is(option, "upgrade"))
        && headers
            .get(UPGRADE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|protocol| is(protocol, "websocket"));
    is_upgrade.then(|| hyper::upgrade::on(request))
}

fn is(text: &str, token: &str) -> bool {
    text.eq_ignore_ascii_case(token)
}

/// Adds the headers of a WebSocket upgrade, to the request or to the response.
pub(crate) fn set_headers(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

/// The open tunnels. The drain of the server does not cover them, because hyper's
/// connection ends with the upgrade.
#[derive(Debug, Default)]
pub(crate) struct Tunnels {
    open: TaskTracker,
    /// Send close frames.
    close: CancellationToken,
    /// End now.
    abort: CancellationToken,
}

impl Tunnels {
    /// Connects client and backend once both have switched. `reply` is the backend's 101,
    /// before it is sent.
    pub(crate) fn open(
        &self,
        client: OnUpgrade,
        reply: &mut Response<Incoming>,
        mut lease: Lease,
        limits: Limits,
    ) {
        // For the switch, and for a backend that sends before the client reads.
        lease.spawn_driver();
        let backend = hyper::upgrade::on(reply);
        let (close, abort) = (self.close.clone(), self.abort.clone());
        let owner = Arc::clone(lease.backend());
        self.open.spawn(async move {
            // Counts as in flight, and keeps the connection, until the tunnel ends.
            let _lease = lease;
            tokio::select! {
                copied = copy(client, backend, &owner, &limits, &close) => {
                    if let Err(error) = copied {
                        tracing::debug!(%error, "tunnel ended early");
                    }
                }
                () = abort.cancelled() => {}
            }
        });
    }

    /// Closes all tunnels, also later ones, with close frames. The clients connect again, to
    /// another balancer or to the next process.
    pub(crate) fn close(&self) {
        self.close.cancel();
    }

    /// The number of open tunnels.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Waits for the tunnels until `deadline`, then aborts the rest.
    pub(crate) async fn finish(&self, deadline: Instant) {
        self.open.close();
        if tokio::time::timeout_at(deadline, self.open.wait()).await.is_err() {
            let tunnels = self.len();
            tracing::warn!(
                tunnels,
                "{tunnels} tunnels open at the drain deadline are aborted"
            );
            self.abort.cancel();
            self.open.wait().await;
        }
    }
}

/// Runs a tunnel once both ends have switched.
async fn copy(
    client: OnUpgrade,
    backend: OnUpgrade,
    owner: &Backend,
    limits: &Limits,
    close: &CancellationToken,
) -> anyhow::Result<()> {
    let (client, backend) = tokio::try_join!(client, backend)?;
    let (client, backend) = (TokioIo::new(client), TokioIo::new(backend));
    tunnel::run(client, backend, owner, limits, close).await?;
    Ok(())
}
