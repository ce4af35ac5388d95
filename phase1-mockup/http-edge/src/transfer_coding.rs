//! The transfer codings of a message (RFC 9112 §6.1).
//!
//! hyper decodes `chunked` if it is the last coding, and ignores those before it. Stored as it
//! came, a body with another coding would be returned as if it were the file itself.

use crate::refusal::Refusal;
use api_contract::problem::ProblemKind;
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Request};

/// The codings that a message names, in order and as sent; a value that is no text counts as
/// an unknown coding.
#[must_use]
pub fn codings(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all(TRANSFER_ENCODING).iter();
    let values = values.map(|value| value.to_str().unwrap_or("?"));
    values.flat_map(|value| value.split(',')).map(str::trim).collect()
}

/// Whether the codings are exactly `chunked`, the only one that is decoded.
#[must_use]
pub fn is_chunked_only(codings: &[&str]) -> bool {
    matches!(codings, [one] if one.eq_ignore_ascii_case("chunked"))
}

/// Refuses a request with a transfer coding other than `chunked`, and closes its connection:
/// client and server may differ about the end of the request.
///
/// # Errors
/// With `malformed-request`.
pub fn check<B>(request: &Request<B>) -> Result<(), Refusal> {
    let codings = codings(request.headers());
    if codings.is_empty() || is_chunked_only(&codings) {
        return Ok(());
    }
    Err(Refusal::new(ProblemKind::MalformedRequest)
        .detail("The only transfer coding that is understood is chunked.")
        .header(CONNECTION, HeaderValue::from_static("close")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(lines: &[&str]) -> Result<(), Refusal> {
        let mut request = Request::builder();
        for line in lines {
            let value = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            request = request.header(TRANSFER_ENCODING, value);
        }
        check(&request.body(()).unwrap())
    }

    #[test]
    fn only_chunked_is_accepted() {
        let accepted: [&[&str]; 3] = [&[], &["chunked"], &[" Chunked "]];
        for lines in accepted {
            assert!(checked(lines).is_ok(), "{lines:?}");
        }
        let refused: [&[&str]; 8] = [
            &["gzip, chunked"],
            &["chunked, chunked"],
            &["identity, chunked"],
            &["gzip", "chunked"],
            &["chunked", "chunked"],
            &["xchunked"],
            &["é, chunked"],
            &[""],
        ];
        for lines in refused {
            assert!(checked(lines).is_err(), "{lines:?}");
        }
    }

    #[test]
    fn refusal_closes_the_connection() {
        let refused = checked(&["gzip, chunked"]).unwrap_err();
        let reply = refused.into_named_response("request-1");
        assert_eq!(reply.status(), 400);
        assert_eq!(reply.headers()[CONNECTION], "close");
    }
}
