//! An id for each request, by which the log lines of several processes can be joined.

use http::{HeaderValue, Request};
use std::sync::Arc;

/// The request's id: the caller's if it is well-formed, else a random one. It is in the
/// request's extensions, in the response, in the log and in a problem's `instance`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The caller's `X-Request-ID` if it is 8 to 64 of `A-Z a-z 0-9 . _ -`. Any other value
    /// could forge log lines, so it is replaced.
    #[must_use]
    pub fn of<B>(request: &Request<B>) -> Self {
        request
            .headers()
            .get(api_contract::headers::REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|text| is_well_formed(text))
            .map_or_else(Self::make, |text| Self(text.into()))
    }

    fn make() -> Self {
        let mut text = uuid::Uuid::encode_buffer();
        let text: &str = uuid::Uuid::new_v4().simple().encode_lower(&mut text);
        Self(text.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as a header's value.
    #[must_use]
    pub fn header_value(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static("unnamed"))
    }
}

fn is_well_formed(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (8..=64).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(header: &str) -> String {
        let request = Request::builder().header("x-request-id", header).body(()).unwrap();
        RequestId::of(&request).as_str().to_owned()
    }

    #[test]
    fn well_formed_request_id_is_kept_others_are_replaced() {
        assert_eq!(id_for("class-7.demo_1"), "class-7.demo_1");
        for forged in ["short", "with space in it", "semi;colon;here", &"x".repeat(65)] {
            assert_ne!(id_for(forged), *forged);
        }
    }
}
