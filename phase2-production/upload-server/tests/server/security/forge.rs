//! Tokens made by hand: signed with the server's own key, with another's, or not at all.

use crate::on::World;
use crate::security::people::Town;
use anyhow::{Context, bail};
use api_conformance::client::Client;
use api_conformance::expect::equal;
use api_conformance::outcome::Outcome;
use api_conformance::proof::Proof;
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use api_contract::secret::Secret;
use api_contract::tokens::{RefreshRequest, RevokeRequest, TokenIssued};
use api_contract::{Credentials, Message, paths};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use http::Method;
use http::header::WWW_AUTHENTICATE;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection, Row, SqliteConnection};
use std::time::{SystemTime, UNIX_EPOCH};

/// All that the server can be told to sign with.
pub(crate) const ALGORITHMS: [&str; 2] = ["eddsa", "rs256"];

/// What `src/tokens/sealing.rs` puts before the secret. A test that signs with the real
/// key has to open what is sealed, as whoever has both the records and the secret could.
const PURPOSE: &[u8] = b"upload-server: sealed in the records, version 1\0";

/// The key that the replicas sign with.
pub(crate) struct Mint {
    pub(crate) kid: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Mint {
    /// Unseals the newest key in the records.
    pub(crate) async fn of(world: &World) -> anyhow::Result<Self> {
        let (kid, algorithm, sealed) = newest_key(world).await?;
        let secret = std::fs::read(world.fixture.data_dir().join("secret"))?;
        let private = unseal(&secret, &kid, &sealed)?;
        let (algorithm, key) = match algorithm.as_str() {
            "EdDSA" => (Algorithm::EdDSA, EncodingKey::from_ed_der(&private)),
            "RS256" => (Algorithm::RS256, EncodingKey::from_rsa_der(&private)),
            other => bail!("a key for {other}"),
        };
        Ok(Self { kid, algorithm, key })
    }

    /// The header that the server writes.
    pub(crate) fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": format!("{:?}", self.algorithm), "kid": self.kid })
    }

    /// Claims of any kind, under the header that belongs there.
    pub(crate) fn token(&self, claims: &Value) -> anyhow::Result<String> {
        self.sign(self.header().to_string(), claims.to_string())
    }

    /// Any texts at all, signed.
    pub(crate) fn sign(
        &self,
        header: impl AsRef<[u8]>,
        claims: impl AsRef<[u8]>,
    ) -> anyhow::Result<String> {
        signed(header, claims, &self.key, self.algorithm)
    }
}

/// Header and claims as they are, and a signature that is right for this key.
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

/// The two parts that are signed.
pub(crate) fn unsigned(header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

/// Header, claims and signature of a genuine token. Reading needs no key.
pub(crate) fn parts(token: &Secret) -> anyhow::Result<(Value, Value, String)> {
    let parts: Vec<_> = token.expose().split('.').collect();
    let [header, claims, signature] = parts[..] else {
        bail!("expected: three parts\n  actual:   {}", parts.len());
    };
    let read = |part| anyhow::Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?);
    Ok((read(header)?, read(claims)?, signature.to_owned()))
}

/// A pair of tokens for somebody, from one replica or the balancer.
pub(crate) async fn log_in(
    client: &Client,
    who: &Credentials,
) -> anyhow::Result<(Secret, Secret)> {
    let issued = client.token(who).await.done()?.body;
    Ok((issued.access_token, issued.refresh_token.context("a refresh token")?))
}

/// Seconds since 1970.
pub(crate) fn now_s() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is past 1970");
    i64::try_from(now.as_secs()).expect("it is not that late")
}

async fn newest_key(world: &World) -> anyhow::Result<(String, String, String)> {
    const NEWEST: &str = "SELECT kid, algorithm, private_sealed FROM signing_keys \
                          ORDER BY signs_from DESC LIMIT 1";
    if let Some(url) = world.database_url() {
        let mut connection = PgConnection::connect(url).await?;
        let scope = "SELECT set_config('app.housekeeping', 'on', false)";
        sqlx::query(scope).execute(&mut connection).await?;
        let row = sqlx::query(NEWEST).fetch_one(&mut connection).await?;
        return Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    }
    let file = world.fixture.data_dir().join("records.sqlite");
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

/// The balancer, asked with one token after the other.
pub(crate) struct Border {
    client: Client,
    /// What is said to a token that is none at all.
    said_to_nonsense: String,
}

impl Border {
    pub(crate) async fn of(town: &Town) -> anyhow::Result<Self> {
        let mut border = Self { client: town.client(), said_to_nonsense: String::new() };
        border.said_to_nonsense = border.refusal("nonsense").await?;
        Ok(border)
    }

    /// Checks that the token is refused, in just the words in which nonsense is: the
    /// answer does not say which check failed.
    pub(crate) async fn refuses(&self, token: &str) -> anyhow::Result<()> {
        let said = self.refusal(token).await?;
        equal("what is said", said.as_str(), self.said_to_nonsense.as_str())
    }

    /// Checks that the token opens its holder's files.
    pub(crate) async fn accepts(&self, token: &str) -> anyhow::Result<()> {
        let proof = Proof::Bearer(Secret::new(token));
        self.client.list(&proof, &ListQuery::default()).await.done()?;
        Ok(())
    }

    async fn refusal(&self, token: &str) -> anyhow::Result<String> {
        let proof = Proof::Bearer(Secret::new(token));
        let listing = self.client.list(&proof, &ListQuery::default()).await;
        let refused = listing.refused_as(ProblemKind::TokenInvalid)?;
        let challenge = refused.header(WWW_AUTHENTICATE).unwrap_or_default();
        Ok(format!("{} ({challenge})", refused.body.detail))
    }
}

/// `POST /api/token/refresh`
pub(crate) async fn refresh(client: &Client, token: &Secret) -> Outcome<TokenIssued> {
    let body = RefreshRequest { refresh_token: token.clone() };
    client.json(client.request(Method::POST, paths::TOKEN_REFRESH).json(&body)).await
}

/// `POST /api/token/revoke`
pub(crate) async fn revoke(client: &Client, token: &Secret) -> Outcome<Message> {
    let body = RevokeRequest { token: token.clone() };
    client.json(client.request(Method::POST, paths::TOKEN_REVOKE).json(&body)).await
}
