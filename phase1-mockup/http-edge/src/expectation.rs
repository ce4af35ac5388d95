//! The expectation `100-continue`: the client waits before it sends the body.

use http::header::EXPECT;
use http::{HeaderMap, HeaderValue, Version};

/// Whether hyper sends `100 Continue` before it reads the body of this request (RFC 9110
/// §10.1.1). It ignores other expectations and those of HTTP/1.0, and goes by the last of
/// several.
#[must_use]
pub fn expects_continue(version: Version, headers: &HeaderMap) -> bool {
    let expected = headers.get_all(EXPECT).iter().next_back().map(HeaderValue::as_bytes);
    version > Version::HTTP_10
        && expected.is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_expectations_that_delay_the_body_count() {
        let cases: [(Version, &[&str], bool); 7] = [
            (Version::HTTP_11, &["100-continue"], true),
            (Version::HTTP_11, &["100-Continue"], true),
            (Version::HTTP_11, &["foo", "100-continue"], true),
            (Version::HTTP_11, &["100-continue", "foo"], false),
            (Version::HTTP_11, &["foo"], false),
            (Version::HTTP_11, &[], false),
            (Version::HTTP_10, &["100-continue"], false),
        ];
        for (version, expected, delays) in cases {
            let mut headers = HeaderMap::new();
            for value in expected {
                headers.append(EXPECT, HeaderValue::from_static(value));
            }
            assert_eq!(expects_continue(version, &headers), delays, "{expected:?}");
        }
    }
}
