//! A server in the test's process.

use axum::Router;
use http_edge::health::{self, Readiness};
use http_edge::reply::{Completed, Replies, UrlInLog};
use http_edge::serve::{Drain, serve};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a test waits before it fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) ended: JoinHandle<()>,
}

impl Running {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("it listens")
    }
}

/// Serves `routes` with the HTTP layer of the servers.
pub(crate) async fn start(
    routes: Router,
    grace: Duration,
    deadline: Duration,
) -> Running {
    start_with(routes, Readiness::default(), grace, deadline).await
}

/// As [`start`], with a given readiness.
pub(crate) async fn start_with(
    routes: Router,
    readiness: Readiness,
    grace: Duration,
    deadline: Duration,
) -> Running {
    http_edge::crypto::install_provider();
    let routes = routes.merge(health::routes(readiness.clone()));
    let app = Completed::new(routes, Replies::of("r7", UrlInLog::Path));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let stop = CancellationToken::new();
    let drain = Drain { readiness, grace, deadline };
    let ended = tokio::spawn(serve(listener, app, drain, stop.clone().cancelled_owned()));
    Running { address, stop, ended }
}
