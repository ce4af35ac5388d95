//! Tokens that are signed with the real key and still say what no token of ours says:
//! times that are none, another issuer, another kind of token.

use crate::on::Stores;
use crate::security::forge::{
    ALGORITHMS, Border, Mint, log_in, now_s, parts, refresh, signed,
};
use crate::security::people::Town;
use anyhow::Context;
use api_conformance::eventually::eventually;
use api_conformance::expect::equal;
use api_conformance::process::PATIENCE;
use api_conformance::proof::Proof;
use api_contract::problem::ProblemKind;
use api_contract::secret::Secret;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

/// Seconds of leeway that `docs/api.md` promises.
const LEEWAY_S: i64 = 2;

/// Somebody who has the real key, and the claims of a genuine token to start from.
struct Insider {
    town: Town,
    border: Border,
    mint: Mint,
    claims: Value,
}

impl Insider {
    async fn new(algorithm: &str) -> anyhow::Result<Self> {
        let flags = ["--signing-algorithm", algorithm];
        let town = Town::new(Stores::Embedded, "token", &flags).await?;
        let border = Border::of(&town).await?;
        let mint = Mint::of(&town.world).await?;
        let (genuine, _) = log_in(&town.client(), &town.alice).await?;
        let claims = parts(&genuine)?.1;
        let this = Self { town, border, mint, claims };
        // What is signed here is good as long as nothing is changed in it.
        this.border.accepts(&this.mint.token(&this.claims)?).await?;
        Ok(this)
    }

    /// The claims with one that is another.
    fn with(&self, claim: &str, value: Value) -> anyhow::Result<String> {
        let mut claims = self.claims.clone();
        claims[claim] = value;
        self.mint.token(&claims)
    }

    fn without(&self, claim: &str) -> anyhow::Result<String> {
        let mut claims = self.claims.clone();
        claims.as_object_mut().context("claims")?.remove(claim);
        self.mint.token(&claims)
    }

    /// With a text in the place of a value, also one that is no JSON.
    fn with_text(&self, claim: &str, text: &str) -> anyhow::Result<String> {
        let mut claims = self.claims.clone();
        claims[claim] = json!("HERE");
        let claims = claims.to_string().replace("\"HERE\"", text);
        self.mint.sign(self.mint.header().to_string(), claims)
    }
}

/// Item 19. A token lives from `nbf` to `exp`, give or take the two seconds that clocks
/// may differ by, and not the library's sixty.
#[tokio::test]
async fn a_token_is_refused_before_and_after_its_time() -> anyhow::Result<()> {
    for algorithm in ALGORITHMS {
        before_and_after(&Insider::new(algorithm).await?).await.context(algorithm)?;
    }
    Ok(())
}

async fn before_and_after(insider: &Insider) -> anyhow::Result<()> {
    let Insider { town, border, .. } = insider;
    for late in [LEEWAY_S + 1, 30, 59, 3_600] {
        let token = insider.with("exp", json!(now_s() - late))?;
        let proof = Proof::Bearer(Secret::new(token));
        town.refuse(&proof, ProblemKind::TokenExpired).await.context(late)?;
    }
    for early in [30, 59, 3_600] {
        let token = insider.with("nbf", json!(now_s() + early))?;
        border.refuses(&token).await.with_context(|| format!("{early} s early"))?;
    }
    border.accepts(&insider.with("nbf", json!(now_s() + LEEWAY_S))?).await?;
    // The clock runs on while the request travels, so a slow machine may try again.
    eventually(PATIENCE, "a token a second late", async || {
        let token = insider.with("exp", json!(now_s() - LEEWAY_S + 1))?;
        Ok(border.accepts(&token).await.ok())
    })
    .await
}

/// Item 19. What is no whole number of seconds is no time (CVE-2026-25537), and a time
/// that is missing does not mean for ever.
#[tokio::test]
async fn a_token_whose_times_are_missing_or_no_times_is_refused() -> anyhow::Result<()> {
    for algorithm in ALGORITHMS {
        no_times(&Insider::new(algorithm).await?).await.context(algorithm)?;
    }
    Ok(())
}

async fn no_times(insider: &Insider) -> anyhow::Result<()> {
    let border = &insider.border;
    for claim in ["exp", "nbf", "iat"] {
        border
            .refuses(&insider.without(claim)?)
            .await
            .with_context(|| claim.to_owned())?;
        let good = &insider.claims[claim];
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
            let refused = border.refuses(&insider.with_text(claim, &text)?).await;
            refused.with_context(|| format!("{claim}: {text}"))?;
        }
    }
    Ok(())
}

/// Item 20. A token is for us, from us, and about somebody, each exactly once: not "us
/// among others", and not by leaving it open.
#[tokio::test]
async fn a_token_of_another_issuer_audience_or_subject_is_refused() -> anyhow::Result<()>
{
    for algorithm in ALGORITHMS {
        of_others(&Insider::new(algorithm).await?).await.context(algorithm)?;
    }
    Ok(())
}

async fn of_others(insider: &Insider) -> anyhow::Result<()> {
    for claim in ["iss", "aud", "sub", "org", "role", "ver", "sid", "jti"] {
        let border = &insider.border;
        border
            .refuses(&insider.without(claim)?)
            .await
            .with_context(|| claim.to_owned())?;
        let good = &insider.claims[claim];
        let mut others = vec![Value::Null, json!([]), json!([good, "x"]), json!([good])];
        others.extend([json!({ "0": good }), json!("mallory"), json!(""), json!(0)]);
        if let Some(good) = good.as_str() {
            others.push(json!(format!("{good} ")));
            others.push(json!(format!("{good}\u{0}")));
            others.push(json!(good.to_uppercase()));
            others.push(json!(format!("https://{good}/")));
        }
        // A token's own names are ours to choose, and so is the organisation that we sign
        // for: any that could be one is as good as another.
        let is_free = |value: &Value| match claim {
            "sid" | "jti" => value.is_string(),
            "org" => value == "mallory",
            _ => false,
        };
        for other in others.iter().filter(|value| !is_free(value)) {
            let refused = border.refuses(&insider.with(claim, other.clone())?).await;
            refused.with_context(|| format!("{claim}: {other}"))?;
        }
    }
    Ok(())
}

/// Item 21. What is good for one thing is not good for another: a refresh token opens no
/// files, an access token buys no new one, and neither Phase 1's nor any other JWT of our
/// own key is an access token.
#[tokio::test]
async fn a_token_of_one_kind_is_not_taken_for_another() -> anyhow::Result<()> {
    let insider = Insider::new("eddsa").await?;
    let Insider { town, border, mint, claims } = &insider;
    let client = town.client();
    let (access, renewal) = log_in(&client, &town.alice).await?;
    equal("typ", &parts(&access)?.0["typ"], "at+jwt")?;
    border.refuses(renewal.expose()).await.context("a refresh token opens files")?;
    refresh(&client, &access).await.refused_as(ProblemKind::TokenInvalid)?;

    for typ in ["JWT", "at-jwt", "AT+JWT ", "rt+jwt", "id_token+jwt", "dpop+jwt", ""] {
        let mut header = mint.header();
        header["typ"] = json!(typ);
        let token = mint.sign(header.to_string(), claims.to_string())?;
        border.refuses(&token).await.with_context(|| typ.to_owned())?;
    }
    let untyped = json!({ "alg": mint.header()["alg"], "kid": mint.kid });
    border.refuses(&mint.sign(untyped.to_string(), claims.to_string())?).await?;
    let phase_1 = json!({
        "iss": "stateless-server", "aud": "upload-api", "sub": "alice", "jti": "1",
        "iat": claims["iat"], "nbf": claims["nbf"], "exp": claims["exp"],
    });
    border.refuses(&mint.token(&phase_1)?).await?;
    let key = std::fs::read(town.world.fixture.token_key_file())?;
    let header = json!({ "typ": "at+jwt", "alg": "HS256" }).to_string();
    let key = EncodingKey::from_secret(&key);
    let old = signed(header, phase_1.to_string(), &key, Algorithm::HS256)?;
    border.refuses(&old).await.context("a token of Phase 1")
}
