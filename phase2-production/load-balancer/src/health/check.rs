//! Health checks: `GET /readyz` at an interval, each over a new connection.
//!
//! A check over a pooled connection would not notice that the backend has stopped
//! accepting connections.

use super::CheckResult;
use crate::backends::Backend;
use api_contract::paths;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

/// Checks one backend until it is removed. The first check is made at once, so that a ready
/// backend gets requests within milliseconds of being added.
pub(crate) async fn run_checks(backend: Arc<Backend>) {
    let checking = async {
        loop {
            let result = check(&backend).await;
            backend.note(&result);
            backend.pool().drop_expired();
            tokio::time::sleep(backend.checks().interval).await;
        }
    };
    tokio::select! {
        () = checking => {}
        () = backend.removed() => {}
    }
}

async fn check(backend: &Backend) -> CheckResult {
    let limit = backend.checks().timeout;
    match tokio::time::timeout(limit, get_readyz(backend.address())).await {
        Ok(Ok(status)) if status.is_success() => CheckResult::Ready,
        Ok(Ok(StatusCode::SERVICE_UNAVAILABLE)) => CheckResult::NotReady,
        Ok(Ok(status)) => CheckResult::Failed(format!("/readyz answered {status}")),
        Ok(Err(error)) => CheckResult::Failed(format!("/readyz: {error}")),
        Err(_elapsed) => {
            CheckResult::Failed(format!("/readyz: no answer in {} ms", limit.as_millis()))
        }
    }
}

async fn get_readyz(
    address: SocketAddr,
) -> Result<StatusCode, Box<dyn Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let _driver = AbortOnDropHandle::new(tokio::spawn(connection));
    let request = Request::get(paths::READYZ)
        .header(header::HOST, address.to_string())
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    Ok(sender.send_request(request).await?.status())
}
