//! The coding of a request's body (RFC 9110 §8.4).
//!
//! The servers decode no body. Stored as it came, a compressed file would be returned as if it
//! were the file itself.

use crate::refusal::Refusal;
use api_contract::problem::ProblemKind;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderValue, Request};
use http_body::Body;

const IDENTITY: &str = "identity";

/// Refuses a body with a coding, such as `Content-Encoding: gzip`.
///
/// # Errors
/// With `unsupported-media-type`, and with the accepted coding in `Accept-Encoding`
/// (RFC 9110 §15.5.16).
pub(crate) fn check<B: Body>(request: &Request<B>) -> Result<(), Refusal> {
    let mut codings = request.headers().get_all(CONTENT_ENCODING).iter();
    if request.body().is_end_stream() || codings.all(is_identity) {
        return Ok(());
    }
    Err(Refusal::new(ProblemKind::UnsupportedMediaType)
        .detail("Send the body without Content-Encoding.")
        .header(ACCEPT_ENCODING, HeaderValue::from_static(IDENTITY)))
}

fn is_identity(codings: &HeaderValue) -> bool {
    let mut codings = codings.to_str().unwrap_or("invalid").split(',').map(str::trim);
    codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(IDENTITY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{Empty, Full};

    fn accepted(codings: &[&str]) -> bool {
        let mut request = Request::builder();
        for coding in codings {
            let coding = HeaderValue::from_bytes(coding.as_bytes()).unwrap();
            request = request.header(CONTENT_ENCODING, coding);
        }
        check(&request.body(Full::new(&b"a body"[..])).unwrap()).is_ok()
    }

    #[test]
    fn body_with_a_coding_is_refused() {
        let without: [&[&str]; 4] =
            [&[], &[""], &["identity"], &["Identity, identity", ""]];
        for codings in without {
            assert!(accepted(codings), "{codings:?}");
        }
        let with: [&[&str]; 6] =
            [&["gzip"], &["x"], &["é"], &["identity, br"], &["identity", "br"], &["*"]];
        for codings in with {
            assert!(!accepted(codings), "{codings:?}");
        }
    }

    #[test]
    fn coding_without_a_body_is_ignored() {
        let request = Request::builder().header(CONTENT_ENCODING, "gzip");
        let request: Request<Empty<&[u8]>> = request.body(Empty::new()).unwrap();
        assert!(check(&request).is_ok());
    }
}
