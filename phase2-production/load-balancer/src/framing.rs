//! The framing of replies (RFC 9112 §6): made here, never copied.
//!
//! hyper has decoded the body, so `Content-Length` and `Transfer-Encoding` of the reply are
//! removed, and hyper frames the body anew for the client. A reply that can be read in two
//! ways ends its connection; one that cannot be read becomes a 502.

use crate::headers::connection_options;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_edge::transfer_coding::{codings, is_chunked_only};

/// Whether the connection may carry the next request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reuse {
    Allowed,
    Forbidden,
}

/// Removes the framing of a reply to a request with `method`. `Content-Length` stays where
/// it describes a body that is not sent, in a reply to `HEAD`.
///
/// # Errors
/// The reason why the reply cannot be passed on.
pub(crate) fn remake<B>(
    reply: &mut Response<B>,
    method: &Method,
    switches: bool,
) -> Result<Reuse, &'static str> {
    let status = reply.status();
    let headers = reply.headers();
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return match switches && names_websocket(headers) {
            true => Ok(Reuse::Forbidden),
            false => Err("it switches to a protocol that the request did not ask for"),
        };
    }
    let codings = codings(headers);
    let length = length(headers);
    let is_head = *method == Method::HEAD;
    let has_body =
        !is_head && ![StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
    if has_body && !codings.is_empty() && !is_chunked_only(&codings) {
        return Err("its Transfer-Encoding is not chunked alone");
    }
    let contradicts = headers.contains_key(CONTENT_LENGTH) && !codings.is_empty();
    let surplus = !has_body && !codings.is_empty()
        || status == StatusCode::NO_CONTENT && length.is_some_and(|length| length > 0);
    let unreadable = headers.contains_key(CONTENT_LENGTH) && length.is_none();
    let doubtful = contradicts || surplus || unreadable;
    let kept = length.filter(|_| is_head && codings.is_empty());
    let headers = reply.headers_mut();
    headers.remove(TRANSFER_ENCODING);
    headers.remove(CONTENT_LENGTH);
    if let Some(length) = kept {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(if doubtful { Reuse::Forbidden } else { Reuse::Allowed })
}

/// The length that all `Content-Length` values name; `None` if there is none, or they differ
/// or are not digits.
fn length(headers: &HeaderMap) -> Option<u64> {
    let values = headers.get_all(CONTENT_LENGTH).iter();
    let values = values.map(|value| value.to_str().unwrap_or_default());
    let mut lengths = values.flat_map(|value| value.split(',')).map(str::trim);
    let first = lengths.next()?;
    let digits = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
    (digits && lengths.all(|other| other == first)).then(|| first.parse().ok())?
}

fn names_websocket(headers: &HeaderMap) -> bool {
    let protocol = headers.get(UPGRADE).and_then(|value| value.to_str().ok());
    protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
        && connection_options(headers)
            .any(|option| option.eq_ignore_ascii_case("upgrade"))
}
