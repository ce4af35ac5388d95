//! One exchange: a request is sent once, and its reply is read to the end.

use crate::call_result::{CallError, Reply};
use bytes::{Bytes, BytesMut};
use reqwest::{RequestBuilder, Response};

/// Sends a request and reads the whole reply, with any status.
///
/// # Errors
/// When there is no complete reply, or its body has more than `max_body_bytes`.
pub(crate) async fn exchange(
    request: RequestBuilder,
    max_body_bytes: usize,
) -> Result<Reply<Bytes>, CallError> {
    read_body(read_head(request).await?, max_body_bytes).await
}

/// Sends a request and reads the head of its reply.
pub(crate) async fn read_head(request: RequestBuilder) -> Result<Response, CallError> {
    request.send().await.map_err(no_response)
}

/// Reads the body of a reply to its end.
pub(crate) async fn read_body(
    mut response: Response,
    max_body_bytes: usize,
) -> Result<Reply<Bytes>, CallError> {
    let (status, headers) = (response.status(), response.headers().clone());
    let head = Reply { status, headers, body: () };
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(head.map(|()| body.freeze())),
            Err(error) if error.is_timeout() => return Err(no_response(error)),
            Err(error) => return Err(truncated(&head, error)),
        }
        if body.len() > max_body_bytes {
            return Err(CallError::ContractViolation {
                status,
                problem: format!("the reply is longer than {} MiB", max_body_bytes >> 20),
            });
        }
    }
}

/// Removes the URL, because errors are printed and a URL may contain a password.
fn no_response(error: reqwest::Error) -> CallError {
    CallError::NoResponse(error.without_url())
}

fn truncated(head: &Reply<()>, error: reqwest::Error) -> CallError {
    CallError::Truncated {
        status: head.status,
        served_by: head.served_by().map(str::to_owned),
        cause: error.without_url(),
    }
}
