//! WebSockets: after `101 Switching Protocols` the balancer only moves bytes
//! (RFC 9110 §7.8).
//!
//! No other protocol is passed on. HTTP/2 in clear text (`h2c`) above all would carry
//! requests past everything that is decided in `forward`.

use crate::exchange::Lease;
use crate::headers::connection_options;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The client's half of a tunnel, if it asks for a WebSocket.
pub(crate) fn asked_for(request: &mut Request<Incoming>) -> Option<OnUpgrade> {
    let headers = request.headers();
    let asks = request.version() == Version::HTTP_11
        && connection_options(headers).any(|option| is(option, "upgrade"))
        && headers
            .get(UPGRADE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|protocol| is(protocol, "websocket"));
    asks.then(|| hyper::upgrade::on(request))
}

fn is(text: &str, word: &str) -> bool {
    text.eq_ignore_ascii_case(word)
}

/// Asks the next hop for what [`asked_for`] found, or grants it.
pub(crate) fn say_websocket(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

/// The open tunnels. A server's drain does not see them: for it, the connection is over
/// once it is upgraded.
#[derive(Debug, Default)]
pub(crate) struct Tunnels {
    open: TaskTracker,
    cut: CancellationToken,
}

impl Tunnels {
    /// Joins client and backend once both have switched. `reply` is the backend's 101,
    /// which is still to be sent.
    pub(crate) fn open(
        &self,
        client: OnUpgrade,
        reply: &mut Response<Incoming>,
        mut lease: Lease,
    ) {
        // The switch itself, and a backend that talks before the client listens.
        lease.go_on_alone();
        let backend = hyper::upgrade::on(reply);
        let cut = self.cut.clone();
        self.open.spawn(async move {
            // Counted as in flight, and connected, for as long as the tunnel lasts.
            let _lease = lease;
            tokio::select! {
                joined = join(client, backend) => if let Err(error) = joined {
                    tracing::debug!(%error, "tunnel ended early");
                },
                () = cut.cancelled() => {}
            }
        });
    }

    /// Waits for the tunnels until `deadline`, then cuts what is left.
    pub(crate) async fn finish(&self, deadline: Instant) {
        self.open.close();
        if tokio::time::timeout_at(deadline, self.open.wait()).await.is_err() {
            let left = self.open.len();
            tracing::warn!(
                left,
                "{left} tunnels still open at the drain deadline are cut"
            );
            self.cut.cancel();
            self.open.wait().await;
        }
    }
}

/// Moves bytes both ways until both ends have closed.
async fn join(client: OnUpgrade, backend: OnUpgrade) -> anyhow::Result<()> {
    let (client, backend) = tokio::try_join!(client, backend)?;
    let (mut client, mut backend) = (TokioIo::new(client), TokioIo::new(backend));
    tokio::io::copy_bidirectional(&mut client, &mut backend).await?;
    Ok(())
}
