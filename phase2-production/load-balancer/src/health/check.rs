//! Asking a backend how it is: `GET /readyz` over a fresh connection, again and again.
//!
//! A fresh connection each time, because a check over a pooled one would not notice
//! that the backend has stopped accepting.

use super::Finding;
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

/// Checks one backend until it is gone. The first check is made at once, so that a
/// backend that is ready gets requests within milliseconds of being added.
pub(crate) async fn keep_checking(backend: Arc<Backend>) {
    let asking = async {
        loop {
            let finding = check(&backend).await;
            backend.note(&finding);
            backend.pool().drop_expired();
            tokio::time::sleep(backend.checks().interval).await;
        }
    };
    tokio::select! {
        () = asking => {}
        () = backend.gone() => {}
    }
}

async fn check(backend: &Backend) -> Finding {
    let limit = backend.checks().timeout;
    match tokio::time::timeout(limit, ask(backend.address())).await {
        Ok(Ok(status)) if status.is_success() => Finding::Ready,
        Ok(Ok(StatusCode::SERVICE_UNAVAILABLE)) => Finding::NotReady,
        Ok(Ok(status)) => Finding::Failed(format!("/readyz answered {status}")),
        Ok(Err(error)) => Finding::Failed(format!("/readyz: {error}")),
        Err(_elapsed) => {
            Finding::Failed(format!("/readyz: no answer in {} ms", limit.as_millis()))
        }
    }
}

async fn ask(address: SocketAddr) -> Result<StatusCode, Box<dyn Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let _driver = AbortOnDropHandle::new(tokio::spawn(connection));
    let request = Request::get(paths::READYZ)
        .header(header::HOST, address.to_string())
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    Ok(sender.send_request(request).await?.status())
}
