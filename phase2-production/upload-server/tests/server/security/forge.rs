//! Forged tokens: signed with the key of the server, with another key, or unsigned.

use crate::security::test_app::TestApp;
use crate::stores::TestStores;
use anyhow::{Context, bail};
use api_contract::LoginRequest;
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use api_contract::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use client::expect::equal;
use client::{Client, Credential};
use http::header::WWW_AUTHENTICATE;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection, Row, SqliteConnection};
use std::time::{SystemTime, UNIX_EPOCH};

/// The signing algorithms of the server.
pub(crate) const ALGORITHMS: [&str; 2] = ["eddsa", "rs256"];

/// The prefix that `src/tokens/sealing.rs` hashes before the secret. A test that signs
/// with the real key has to unseal it, as an attacker with both the database and the
/// secret could.
const PURPOSE: &[u8] = b"upload-server: sealed in the records, version 1\0";

/// The signing key of the replicas.
pub(crate) struct TokenSigner {
    pub(crate) kid: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl TokenSigner {
    /// Unseals the newest key in the database.
    pub(crate) async fn of(stores: &TestStores) -> anyhow::Result<Self> {
        let (kid, algorithm, sealed) = newest_key(stores).await?;
        let secret = std::fs::read(stores.fixture.data_dir().join("secret"))?;
        let private = unseal(&secret, &kid, &sealed)?;
        let (algorithm, key) = match algorithm.as_str() {
            "EdDSA" => (Algorithm::EdDSA, EncodingKey::from_ed_der(&private)),
            "RS256" => (Algorithm::RS256, EncodingKey::from_rsa_der(&private)),
            other => bail!("a key for {other}"),
        };
        Ok(Self { kid, algorithm, key })
    }

    /// The JOSE header of the server.
    pub(crate) fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": format!("{:?}", self.algorithm), "kid": self.kid })
    }

    /// Signs any claims under the header of the server.
    pub(crate) fn token(&self, claims: &Value) -> anyhow::Result<String> {
        self.sign(self.header().to_string(), claims.to_string())
    }

    /// Signs any header and claims, valid JSON or not.
    pub(crate) fn sign(
        &self,
        header: impl AsRef<[u8]>,
        claims: impl AsRef<[u8]>,
    ) -> anyhow::Result<String> {
        signed(header, claims, &self.key, self.algorithm)
    }
}

/// Header and claims unchanged, with a valid signature of this key.
pub(crate) fn signed(
    header: impl AsRef<[u8]>,
    claims: impl AsRef<[u8]>,
    key: &EncodingKey,
    algorithm: Algorithm,
) -> anyhow::Result<String> {
    let message = unsigned(header, claims);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm)?;
    Ok(format!("{message}.{signature}"))
}

/// The signing input: header and claims.
pub(crate) fn unsigned(header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

/// Header, claims and signature of a genuine token. Decoding needs no key.
pub(crate) fn parts(token: &Secret) -> anyhow::Result<(Value, Value, String)> {
    let parts: Vec<_> = token.expose().split('.').collect();
    let [header, claims, signature] = parts[..] else {
        bail!("expected: three parts\n  actual:   {}", parts.len());
    };
    let read = |part| anyhow::Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?);
    Ok((read(header)?, read(claims)?, signature.to_owned()))
}

/// Logs in at a replica or the balancer; returns access and refresh token.
pub(crate) async fn log_in(
    client: &Client,
    account: &LoginRequest,
) -> anyhow::Result<(Secret, Secret)> {
    let issued = client.token(account).await.done()?.body;
    Ok((issued.access_token, issued.refresh_token.context("a refresh token")?))
}

/// Seconds since 1970.
pub(crate) fn now_s() -> i64 {
    let now =
        SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
    i64::try_from(now.as_secs()).expect("the time fits into an i64")
}

async fn newest_key(stores: &TestStores) -> anyhow::Result<(String, String, String)> {
    const NEWEST: &str = "SELECT kid, algorithm, private_sealed FROM signing_keys \
                          ORDER BY signs_from DESC LIMIT 1";
    if let Some(url) = stores.database_url() {
        let mut connection = PgConnection::connect(url).await?;
        let scope = "SELECT set_config('app.housekeeping', 'on', false)";
        sqlx::query(scope).execute(&mut connection).await?;
        let row = sqlx::query(NEWEST).fetch_one(&mut connection).await?;
        return Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    }
    let file = stores.fixture.data_dir().join("records.sqlite");
    let url = format!("sqlite://{}", file.display());
    let mut connection = SqliteConnection::connect(&url).await?;
    let row = sqlx::query(NEWEST).fetch_one(&mut connection).await?;
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

fn unseal(secret: &[u8], place: &str, sealed: &str) -> anyhow::Result<Vec<u8>> {
    let hash = Sha256::new().chain_update(PURPOSE).chain_update(secret).finalize();
    let key: [u8; 32] = hash.into();
    let bytes = URL_SAFE_NO_PAD.decode(sealed)?;
    let (nonce, sealed) = bytes.split_first_chunk::<24>().context("a nonce")?;
    let payload = Payload { msg: sealed, aad: place.as_bytes() };
    let cipher = XChaCha20Poly1305::new(&Key::from(key));
    let opened = cipher.decrypt(&XNonce::from(*nonce), payload);
    opened.map_err(|_forged| anyhow::anyhow!("the sealed key does not open"))
}

/// Sends tokens through the balancer and checks the answers.
pub(crate) struct TokenProbe {
    client: Client,
    /// The refusal of a text that is no token.
    garbage_refusal: String,
}

impl TokenProbe {
    pub(crate) async fn of(app: &TestApp) -> anyhow::Result<Self> {
        let mut probe = Self { client: app.client(), garbage_refusal: String::new() };
        probe.garbage_refusal = probe.refusal("garbage").await?;
        Ok(probe)
    }

    /// Checks that the token is refused with the same text as garbage: the response does
    /// not reveal the failed check.
    pub(crate) async fn refuses(&self, token: &str) -> anyhow::Result<()> {
        let refusal = self.refusal(token).await?;
        equal("the refusal", refusal.as_str(), self.garbage_refusal.as_str())
    }

    /// Checks that the token gives access to the files of its subject.
    pub(crate) async fn accepts(&self, token: &str) -> anyhow::Result<()> {
        let credential = Credential::Bearer(Secret::new(token));
        self.client.list(&credential, &ListQuery::default()).await.done()?;
        Ok(())
    }

    async fn refusal(&self, token: &str) -> anyhow::Result<String> {
        let credential = Credential::Bearer(Secret::new(token));
        let listing = self.client.list(&credential, &ListQuery::default()).await;
        let refused = listing.refused_as(ProblemKind::TokenInvalid)?;
        let challenge = refused.header(WWW_AUTHENTICATE).unwrap_or_default();
        Ok(format!("{} ({challenge})", refused.body.detail))
    }
}
