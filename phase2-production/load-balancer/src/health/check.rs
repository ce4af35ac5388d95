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
use http_edge::descriptors::is_local_failure;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

/// Checks one backend until it is removed. The first check is made at once, so that a ready
/// backend gets requests within milliseconds of being added.
pub(crate) async fn run_checks(backend: Arc<Backend>) {
    let checking = async {
        let mut was_exhausted = false;
        loop {
            let result = check(&backend).await;
            // Without a descriptor or a port, nothing was asked.
            let exhausted = result.as_ref().err();
            if let Some(error) = exhausted.filter(|_| !was_exhausted) {
                let id = backend.id();
                tracing::warn!(id, %error, "cannot check {id} from this machine: {error}");
            }
            was_exhausted = exhausted.is_some();
            if let Ok(result) = &result {
                backend.note(result);
            }
            backend.pool().drop_expired();
            tokio::time::sleep(backend.checks().interval).await;
        }
    };
    tokio::select! {
        () = checking => {}
        () = backend.removed() => {}
    }
}

/// The result of one check; the error if this machine could not make it.
async fn check(backend: &Backend) -> io::Result<CheckResult> {
    let limit = backend.checks().timeout;
    let asked = tokio::time::timeout(limit, get_readyz(backend.address())).await;
    Ok(match asked {
        Ok(Ok(status)) if status.is_success() => CheckResult::Ready,
        Ok(Ok(StatusCode::SERVICE_UNAVAILABLE)) => CheckResult::NotReady,
        Ok(Ok(status)) => CheckResult::Failed(format!("/readyz answered {status}")),
        Ok(Err(error)) => match error.downcast::<io::Error>() {
            Ok(error) if is_local_failure(&error) => return Err(*error),
            Ok(error) => CheckResult::Failed(format!("/readyz: {error}")),
            Err(error) => CheckResult::Failed(format!("/readyz: {error}")),
        },
        Err(_elapsed) => {
            CheckResult::Failed(format!("/readyz: no answer in {} ms", limit.as_millis()))
        }
    })
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
