//! Encrypts values in the database that a reader of the database must not use.
//!
//! These are the private half of a signing key, and the successor of a refresh token
//! during its grace. A stolen copy of the database is useless for both without the file
//! that all replicas share.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Length of the cipher's key in bytes.
const KEY_BYTES: usize = 32;

/// Long enough that random nonces never repeat.
const NONCE_BYTES: usize = 24;

/// Domain separation: other uses of the file's bytes get another key.
const PURPOSE: &[u8] = b"upload-server: sealed in the records, version 1\0";

/// The value was sealed with another key or for another place, or is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value cannot be opened: it was sealed with another --secret-file")]
pub(crate) struct CannotUnseal;

/// The key that seals. Clones share it.
#[derive(Clone)]
pub(crate) struct SealingKey(Arc<XChaCha20Poly1305>);

impl SealingKey {
    /// Derives the key by one hash, which is enough for 32 or more random bytes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let hash = Sha256::new().chain_update(PURPOSE).chain_update(bytes).finalize();
        let key: [u8; KEY_BYTES] = hash.into();
        Self(Arc::new(XChaCha20Poly1305::new(&Key::from(key))))
    }

    /// Seals for one place, such as a row's key. It cannot be opened for another place.
    pub(crate) fn seal(&self, place: &str, plain: &[u8]) -> String {
        let nonce: [u8; NONCE_BYTES] = random();
        let payload = Payload { msg: plain, aad: place.as_bytes() };
        let sealed = self
            .0
            .encrypt(&XNonce::from(nonce), payload)
            .expect("the cipher takes messages of up to 256 GiB");
        URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat())
    }

    /// Opens a sealed value.
    ///
    /// # Errors
    /// When the value was sealed with another key or for another place, or is damaged.
    pub(crate) fn unseal(
        &self,
        place: &str,
        sealed: &str,
    ) -> Result<Vec<u8>, CannotUnseal> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_no_base64| CannotUnseal)?;
        let (nonce, sealed) = bytes.split_first_chunk().ok_or(CannotUnseal)?;
        let nonce: [u8; NONCE_BYTES] = *nonce;
        let payload = Payload { msg: sealed, aad: place.as_bytes() };
        self.0.decrypt(&XNonce::from(nonce), payload).map_err(|_forged| CannotUnseal)
    }
}

/// Bytes from the operating system's generator.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).expect("the operating system's generator works");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_value_opens_only_with_its_key_and_place() {
        let key = SealingKey::from_bytes(&[7; 32]);
        let sealed = key.seal("row 1", b"secret");
        assert_ne!(sealed, key.seal("row 1", b"secret"), "the nonce is fresh");
        assert_eq!(key.unseal("row 1", &sealed).as_deref(), Ok(b"secret".as_slice()));
        assert_eq!(key.unseal("row 2", &sealed), Err(CannotUnseal));
        let other = SealingKey::from_bytes(&[8; 32]);
        assert_eq!(other.unseal("row 1", &sealed), Err(CannotUnseal));
        for damaged in ["", "A", &sealed[..40], &sealed[1..], &format!("{sealed}AA")] {
            assert_eq!(key.unseal("row 1", damaged), Err(CannotUnseal), "{damaged}");
        }
    }
}
