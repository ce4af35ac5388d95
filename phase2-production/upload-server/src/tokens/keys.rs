//! Signing keys: generate, store, load, publish.
//!
//! EdDSA is the default. RS256 is here because it is the most widely used, and to show
//! its cost: a key of 3072 bits (ASVS 11.2.3 asks for 128 bits of strength) takes seconds
//! to make and 384 bytes per signature, where Ed25519 takes 64.

use super::sealing::{CannotUnseal, SealingKey, random};
use crate::config::credentials::SigningAlgorithm;
use ed25519_dalek::pkcs8::{EncodePrivateKey, KeypairBytes};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::rand_core::OsRng;

/// Bits of an RSA modulus; equivalent to 128-bit strength (NIST SP 800-57).
const RSA_BITS: usize = 3072;

impl SigningAlgorithm {
    pub(crate) const fn jwt(self) -> Algorithm {
        match self {
            Self::Eddsa => Algorithm::EdDSA,
            Self::Rs256 => Algorithm::RS256,
        }
    }

    /// Spelling in `alg` of a JWK and in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Eddsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Eddsa, Self::Rs256].into_iter().find(|known| known.as_str() == text)
    }
}

/// Reasons why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadKey {
    /// It was sealed with another secret file.
    #[error(transparent)]
    Sealed(#[from] CannotUnseal),
    /// Its algorithm is not supported by this version.
    #[error("a signing key uses {0}, which this version does not support")]
    Algorithm(String),
    /// The library cannot read or make it.
    #[error("a signing key cannot be used")]
    Library(#[from] jsonwebtoken::errors::Error),
    /// The stored public key is not a JSON Web Key.
    #[error("a signing key's public half is not a JSON Web Key")]
    NoJwk(#[from] serde_json::Error),
    /// It could not be generated.
    #[error("a signing key cannot be made: {0}")]
    Make(String),
}

/// A key as the database stores it: the public half readable, the private one sealed.
#[derive(Clone, Debug)]
pub(crate) struct StoredKey {
    /// RFC 7638 thumbprint: a unique id without meaning.
    pub(crate) kid: String,
    pub(crate) algorithm: SigningAlgorithm,
    /// JSON Web Key (RFC 7517).
    pub(crate) public_jwk: String,
    pub(crate) sealed_private: String,
}

impl StoredKey {
    /// Makes a new key. RSA takes seconds: call it where blocking is allowed.
    ///
    /// # Errors
    /// When the random number generator fails or the library refuses the key.
    pub(crate) fn make(
        algorithm: SigningAlgorithm,
        sealing: &SealingKey,
    ) -> Result<Self, BadKey> {
        let private = match algorithm {
            SigningAlgorithm::Eddsa => make_ed25519()?,
            SigningAlgorithm::Rs256 => make_rsa()?,
        };
        let signing = encoding_key(algorithm, &private);
        let mut jwk = Jwk::from_encoding_key(&signing, algorithm.jwt())?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self {
            algorithm,
            public_jwk: serde_json::to_string(&jwk)?,
            sealed_private: sealing.seal(&kid, &private),
            kid,
        })
    }

    /// The public half, ready to verify.
    ///
    /// # Errors
    /// When the public half cannot be read.
    pub(crate) fn verifying(&self) -> Result<VerifyingKey, BadKey> {
        let jwk: Jwk = serde_json::from_str(&self.public_jwk)?;
        let key = DecodingKey::from_jwk(&jwk)?;
        Ok(VerifyingKey { algorithm: self.algorithm, key, jwk })
    }

    /// The private half, ready to sign.
    ///
    /// # Errors
    /// When it was sealed with another secret file.
    pub(crate) fn signing(&self, sealing: &SealingKey) -> Result<SigningKey, BadKey> {
        let private = sealing.unseal(&self.kid, &self.sealed_private)?;
        let key = encoding_key(self.algorithm, &private);
        Ok(SigningKey { kid: self.kid.clone(), algorithm: self.algorithm, key })
    }
}

/// The private half.
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pub(crate) algorithm: SigningAlgorithm,
    pub(crate) key: EncodingKey,
}

/// The public half. The algorithm is the key's; a token cannot choose it (RFC 8725 §3.1).
pub(crate) struct VerifyingKey {
    pub(crate) algorithm: SigningAlgorithm,
    pub(crate) key: DecodingKey,
    pub(crate) jwk: Jwk,
}

fn encoding_key(algorithm: SigningAlgorithm, private: &[u8]) -> EncodingKey {
    match algorithm {
        SigningAlgorithm::Eddsa => EncodingKey::from_ed_der(private),
        SigningAlgorithm::Rs256 => EncodingKey::from_rsa_der(private),
    }
}

fn make_ed25519() -> Result<Vec<u8>, BadKey> {
    let pair = KeypairBytes { secret_key: random(), public_key: None };
    let der = pair.to_pkcs8_der().map_err(|error| BadKey::Make(error.to_string()))?;
    Ok(der.as_bytes().to_vec())
}

fn make_rsa() -> Result<Vec<u8>, BadKey> {
    let key = rsa::RsaPrivateKey::new(&mut OsRng, RSA_BITS)
        .map_err(|error| BadKey::Make(error.to_string()))?;
    let der = key.to_pkcs1_der().map_err(|error| BadKey::Make(error.to_string()))?;
    Ok(der.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealing() -> SealingKey {
        SealingKey::from_bytes(&[1; 32])
    }

    /// RFC 8037, appendix A.3: the thumbprint of the key of appendix A.2.
    #[test]
    fn kid_matches_the_rfc_8037_thumbprint() {
        let jwk: Jwk = serde_json::from_str(
            r#"{"kty":"OKP","crv":"Ed25519",
                "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        )
        .unwrap();
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).unwrap();
        assert_eq!(kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn jwk_and_stored_key_hide_the_private_half() {
        for algorithm in [SigningAlgorithm::Eddsa, SigningAlgorithm::Rs256] {
            let key = StoredKey::make(algorithm, &sealing()).unwrap();
            let jwk: serde_json::Value = serde_json::from_str(&key.public_jwk).unwrap();
            let mut names: Vec<_> = jwk.as_object().unwrap().keys().collect();
            names.sort();
            let parameters: &[&str] = match algorithm {
                SigningAlgorithm::Eddsa => &["alg", "crv", "kid", "kty", "use", "x"],
                SigningAlgorithm::Rs256 => &["alg", "e", "kid", "kty", "n", "use"],
            };
            assert_eq!(names, parameters);
            assert_eq!(jwk["alg"], algorithm.as_str());
            assert_eq!(jwk["kid"], key.kid.as_str());
            let private = sealing().unseal(&key.kid, &key.sealed_private).unwrap();
            assert!(private.len() >= 48, "the whole key is stored");
            assert!(key.signing(&SealingKey::from_bytes(&[2; 32])).is_err());
        }
    }

    #[test]
    fn rsa_modulus_has_3072_bits() {
        let key = StoredKey::make(SigningAlgorithm::Rs256, &sealing()).unwrap();
        let jwk: serde_json::Value = serde_json::from_str(&key.public_jwk).unwrap();
        use base64::Engine;
        let modulus = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(jwk["n"].as_str().unwrap())
            .unwrap();
        assert_eq!(modulus.len() * 8, RSA_BITS);
        assert!(modulus[0] >= 0x80, "the first bit is set");
    }
}
