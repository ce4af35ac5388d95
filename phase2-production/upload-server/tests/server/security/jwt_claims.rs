//! Tokens signed with the real key but with claims that the server never issues: invalid
//! times, another issuer, another token type.

use crate::security::forge::{
    ALGORITHMS, TokenProbe, TokenSigner, log_in, now_s, parts, signed,
};
use crate::security::test_app::TestApp;
use crate::stores::StoreKind;
use anyhow::Context;
use api_conformance::eventually::eventually;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::problem::ProblemKind;
use api_contract::secret::Secret;
use client::Credential;
use client::expect::equal;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

/// Clock leeway in seconds, as documented in `docs/api.md`.
const LEEWAY_S: i64 = 2;

/// A test application, its signing key, and the claims of a genuine token.
struct SignerFixture {
    app: TestApp,
    probe: TokenProbe,
    signer: TokenSigner,
    claims: Value,
}

impl SignerFixture {
    async fn new(algorithm: &str) -> anyhow::Result<Self> {
        let flags = ["--signing-algorithm", algorithm];
        let app = TestApp::new(StoreKind::Embedded, "token", &flags).await?;
        let probe = TokenProbe::of(&app).await?;
        let signer = TokenSigner::of(&app.stores).await?;
        let (genuine, _) = log_in(&app.client(), &app.alice).await?;
        let claims = parts(&genuine)?.1;
        let fixture = Self { app, probe, signer, claims };
        // Unchanged claims must be accepted.
        fixture.probe.accepts(&fixture.signer.token(&fixture.claims)?).await?;
        Ok(fixture)
    }

    /// A token with one changed claim.
    fn with(&self, claim: &str, value: Value) -> anyhow::Result<String> {
        let mut claims = self.claims.clone();
        claims[claim] = value;
        self.signer.token(&claims)
    }

    fn without(&self, claim: &str) -> anyhow::Result<String> {
        let mut claims = self.claims.clone();
        claims.as_object_mut().context("claims")?.remove(claim);
        self.signer.token(&claims)
    }

    /// A token with raw text as the value of a claim, valid JSON or not.
    fn with_text(&self, claim: &str, text: &str) -> anyhow::Result<String> {
        let mut claims = self.claims.clone();
        claims[claim] = json!("HERE");
        let claims = claims.to_string().replace("\"HERE\"", text);
        self.signer.sign(self.signer.header().to_string(), claims)
    }
}

/// Item 19. A token is valid from `nbf` to `exp`, with two seconds of leeway for clock
/// skew instead of the sixty of the library.
#[tokio::test]
async fn token_is_refused_outside_its_validity_period() -> anyhow::Result<()> {
    for algorithm in ALGORITHMS {
        before_and_after(&SignerFixture::new(algorithm).await?)
            .await
            .context(algorithm)?;
    }
    Ok(())
}

async fn before_and_after(fixture: &SignerFixture) -> anyhow::Result<()> {
    let SignerFixture { app, probe, .. } = fixture;
    for late in [LEEWAY_S + 1, 30, 59, 3_600] {
        let token = fixture.with("exp", json!(now_s() - late))?;
        let credential = Credential::Bearer(Secret::new(token));
        app.all_refuse(&credential, ProblemKind::TokenExpired).await.context(late)?;
    }
    for early in [30, 59, 3_600] {
        let token = fixture.with("nbf", json!(now_s() + early))?;
        probe.refuses(&token).await.with_context(|| format!("{early} s early"))?;
    }
    probe.accepts(&fixture.with("nbf", json!(now_s() + LEEWAY_S))?).await?;
    // The request takes time, so a slow machine may need another attempt.
    eventually(PROCESS_TIMEOUT, "a token a second late", async || {
        let token = fixture.with("exp", json!(now_s() - LEEWAY_S + 1))?;
        Ok(probe.accepts(&token).await.ok())
    })
    .await
}

/// Item 19. A time must be a whole number of seconds (CVE-2026-25537), and a missing time
/// does not mean "for ever".
#[tokio::test]
async fn token_with_missing_or_invalid_times_is_refused() -> anyhow::Result<()> {
    for algorithm in ALGORITHMS {
        invalid_times(&SignerFixture::new(algorithm).await?).await.context(algorithm)?;
    }
    Ok(())
}

async fn invalid_times(fixture: &SignerFixture) -> anyhow::Result<()> {
    let probe = &fixture.probe;
    for claim in ["exp", "nbf", "iat"] {
        probe
            .refuses(&fixture.without(claim)?)
            .await
            .with_context(|| claim.to_owned())?;
        let good = &fixture.claims[claim];
        for text in [
            "null".to_owned(),
            "true".to_owned(),
            "{}".to_owned(),
            "\"\"".to_owned(),
            "1e400".to_owned(),
            "-1e400".to_owned(),
            "NaN".to_owned(),
            "-1".to_owned(),
            "18446744073709551616".to_owned(),
            format!("\"{good}\""),
            format!("[{good}]"),
            format!("{good}.5"),
            format!("{good}.0"),
            format!("{good}e0"),
            format!("-{good}"),
        ] {
            let refused = probe.refuses(&fixture.with_text(claim, &text)?).await;
            refused.with_context(|| format!("{claim}: {text}"))?;
        }
    }
    Ok(())
}

/// Item 20. Issuer, audience and subject must each match exactly: a list that contains
/// the right value is refused, and so is a missing claim.
#[tokio::test]
async fn token_with_another_issuer_audience_or_subject_is_refused() -> anyhow::Result<()>
{
    for algorithm in ALGORITHMS {
        other_values(&SignerFixture::new(algorithm).await?).await.context(algorithm)?;
    }
    Ok(())
}

async fn other_values(fixture: &SignerFixture) -> anyhow::Result<()> {
    for claim in ["iss", "aud", "sub", "org", "role", "ver", "sid", "jti"] {
        let probe = &fixture.probe;
        probe
            .refuses(&fixture.without(claim)?)
            .await
            .with_context(|| claim.to_owned())?;
        let good = &fixture.claims[claim];
        let mut others = vec![Value::Null, json!([]), json!([good, "x"]), json!([good])];
        others.extend([json!({ "0": good }), json!("mallory"), json!(""), json!(0)]);
        if let Some(good) = good.as_str() {
            others.push(json!(format!("{good} ")));
            others.push(json!(format!("{good}\u{0}")));
            others.push(json!(good.to_uppercase()));
            others.push(json!(format!("https://{good}/")));
        }
        // The server accepts any token or session id in a token, and any organisation
        // that it signed.
        let is_free = |value: &Value| match claim {
            "sid" | "jti" => value.is_string(),
            "org" => value == "mallory",
            _ => false,
        };
        for other in others.iter().filter(|value| !is_free(value)) {
            let refused = probe.refuses(&fixture.with(claim, other.clone())?).await;
            refused.with_context(|| format!("{claim}: {other}"))?;
        }
    }
    Ok(())
}

/// Item 21. Token types are separate: a refresh token does not give access to files, an
/// access token cannot be refreshed, and neither a token of Phase 1 nor any other JWT
/// signed by our key is an access token.
#[tokio::test]
async fn token_types_are_not_interchangeable() -> anyhow::Result<()> {
    let fixture = SignerFixture::new("eddsa").await?;
    let SignerFixture { app, probe, signer, claims } = &fixture;
    let client = app.client();
    let (access, renewal) = log_in(&client, &app.alice).await?;
    equal("typ", &parts(&access)?.0["typ"], "at+jwt")?;
    probe
        .refuses(renewal.expose())
        .await
        .context("a refresh token gave access to files")?;
    client.refresh(&access).await.refused_as(ProblemKind::TokenInvalid)?;

    for typ in ["JWT", "at-jwt", "AT+JWT ", "rt+jwt", "id_token+jwt", "dpop+jwt", ""] {
        let mut header = signer.header();
        header["typ"] = json!(typ);
        let token = signer.sign(header.to_string(), claims.to_string())?;
        probe.refuses(&token).await.with_context(|| typ.to_owned())?;
    }
    let untyped = json!({ "alg": signer.header()["alg"], "kid": signer.kid });
    probe.refuses(&signer.sign(untyped.to_string(), claims.to_string())?).await?;
    let phase_1 = json!({
        "iss": "stateless-server", "aud": "upload-api", "sub": "alice", "jti": "1",
        "iat": claims["iat"], "nbf": claims["nbf"], "exp": claims["exp"],
    });
    probe.refuses(&signer.token(&phase_1)?).await?;
    let key = std::fs::read(app.stores.fixture.token_key_file())?;
    let header = json!({ "typ": "at+jwt", "alg": "HS256" }).to_string();
    let key = EncodingKey::from_secret(&key);
    let old = signed(header, phase_1.to_string(), &key, Algorithm::HS256)?;
    probe.refuses(&old).await.context("a token of Phase 1")
}
