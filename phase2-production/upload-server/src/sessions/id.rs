//! The session id: what the client holds, and what the stores know it by.

use api_contract::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use upload_domain::hex::hex;

/// Bytes of randomness in an id: twice what OWASP ASVS 7.2.3 asks for.
const ID_BYTES: usize = 32;

/// Characters of an id.
const ID_LENGTH: usize = 43;

/// What a client holds: a number that means nothing anywhere else.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionId(String);

impl SessionId {
    /// A new one, from the operating system's generator.
    ///
    /// # Panics
    /// When the operating system has no random numbers to give.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = [0_u8; ID_BYTES];
        getrandom::fill(&mut bytes).expect("the operating system's generator works");
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads what a client sent. Anything that this server cannot have made is nobody's id
    /// and costs no lookup.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let fits = text.len() == ID_LENGTH && text.bytes().all(plain);
        fits.then(|| Self(text.to_owned()))
    }

    /// The id for its owner.
    #[must_use]
    pub fn secret(&self) -> Secret {
        Secret::new(self.0.clone())
    }

    /// What stores know it by: its SHA-256, so that whoever reads a store can log in as
    /// nobody. The id is random enough to need no salt.
    #[must_use]
    pub fn proof(&self) -> String {
        hex(&Sha256::digest(self.0.as_bytes()))
    }

    /// A name for the log that cannot be used to log in.
    #[must_use]
    pub fn label(&self) -> String {
        self.proof()[..8].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_form_and_its_proof_does_not_give_it_away() {
        let id = SessionId::random();
        assert_eq!(
            SessionId::parse(id.secret().expose()).map(|id| id.proof()),
            Some(id.proof())
        );
        assert_ne!(id.secret().expose(), id.proof());
        for other in ["", "short", &"x".repeat(44), &"é".repeat(43), &" ".repeat(43)] {
            assert!(SessionId::parse(other).is_none(), "{other}");
        }
    }
}
