//! The session id of the client, and the hash that stores keep.

use api_contract::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use upload_domain::hex::hex;

/// Random bytes in an id: twice the minimum of OWASP ASVS 7.2.3.
const ID_BYTES: usize = 32;

/// Characters of an id.
const ID_LENGTH: usize = 43;

/// A session id: a random number without meaning.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionId(String);

impl SessionId {
    /// A new id from the operating system's random number generator.
    ///
    /// # Panics
    /// When the operating system gives no random numbers.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = [0_u8; ID_BYTES];
        getrandom::fill(&mut bytes).expect("the operating system's generator works");
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Parses an id from a client. A malformed id costs no lookup.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let fits = text.len() == ID_LENGTH && text.bytes().all(plain);
        fits.then(|| Self(text.to_owned()))
    }

    /// The id itself, to send to its owner.
    #[must_use]
    pub fn secret(&self) -> Secret {
        Secret::new(self.0.clone())
    }

    /// Hash that stores keep (SHA-256), so that a leaked store contains no usable id. The
    /// id is random enough to need no salt.
    #[must_use]
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.0.as_bytes()))
    }

    /// Short name for logs, which cannot be used as an id.
    #[must_use]
    pub fn label(&self) -> String {
        self.hash()[..8].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_id_has_one_form_and_differs_from_its_hash() {
        let id = SessionId::random();
        assert_eq!(
            SessionId::parse(id.secret().expose()).map(|id| id.hash()),
            Some(id.hash())
        );
        assert_ne!(id.secret().expose(), id.hash());
        for other in ["", "short", &"x".repeat(44), &"é".repeat(43), &" ".repeat(43)] {
            assert!(SessionId::parse(other).is_none(), "{other}");
        }
    }
}
