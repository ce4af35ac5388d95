//! Session ids: 256 random bits that mean nothing anywhere else.

use api_contract::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use sha2::{Digest, Sha256};

/// Bytes of randomness in an id: twice what OWASP ASVS 7.2.3 asks for.
const ID_BYTES: usize = 32;

/// What a client holds: a number that means nothing anywhere else.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionId(String);

impl SessionId {
    pub(super) fn random() -> Self {
        let mut bytes = [0_u8; ID_BYTES];
        getrandom::fill(&mut bytes).expect("the operating system's generator works");
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The id in a request's `X-Session-ID`. Looked for nowhere else: an id in a URL is
    /// an id in a log (OWASP Session Management, "Session ID in URL").
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let value = headers
            .get(api_contract::headers::SESSION_ID)?
            .to_str()
            .ok()?;
        Some(Self(value.to_owned()))
    }

    /// The id for its owner.
    #[must_use]
    pub fn secret(&self) -> Secret {
        Secret::new(self.0.clone())
    }

    /// A name for the log that cannot be used to log in.
    pub(super) fn label(&self) -> String {
        let hash = Sha256::digest(self.0.as_bytes());
        format!(
            "{:02x}{:02x}{:02x}{:02x}",
            hash[0], hash[1], hash[2], hash[3]
        )
    }
}
