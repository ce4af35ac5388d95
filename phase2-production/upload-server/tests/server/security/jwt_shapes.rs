//! Malformed tokens: truncated, duplicated, re-encoded, or too long.

use crate::security::forge::{TokenProbe, TokenSigner, log_in, parts, unsigned};
use crate::security::test_app::TestApp;
use crate::stores::StoreKind;
use anyhow::{Context, ensure};
use api_contract::paths;
use http::Method;
use http::header::{AUTHORIZATION, HeaderValue};

/// Item 24. A truncated or padded token, or one with too many or too few dots, is refused
/// like garbage.
#[tokio::test]
async fn malformed_token_is_refused() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "token", &[]).await?;
    let probe = TokenProbe::of(&app).await?;
    let (genuine, _) = log_in(&app.client(), &app.alice).await?;
    let genuine = genuine.expose();
    let (message, signature) = genuine.rsplit_once('.').context("dots")?;
    let (header, claims) = message.split_once('.').context("dots")?;
    for text in [
        format!("{message}.{signature}.{signature}.{signature}"),
        format!("{message}.{signature}."),
        format!(".{message}.{signature}"),
        format!("{claims}.{header}.{signature}"),
        format!("{header}..{signature}"),
        format!(".{claims}.{signature}"),
        format!("{header}.{claims}{signature}"),
        format!("{message}.{signature}=="),
        format!("{header}=.{claims}.{signature}"),
        format!("{header}.{claims}=.{signature}"),
        format!("{genuine},{genuine}"),
        "..".to_owned(),
        "....".to_owned(),
        "e30.e30.e30".to_owned(),
    ] {
        probe.refuses(&text).await.context(text)?;
    }
    for length in (1..genuine.len()).step_by(29) {
        let cut = probe.refuses(&genuine[..length]).await;
        cut.with_context(|| format!("the first {length} bytes"))?;
    }
    probe.accepts(genuine).await
}

/// Item 24. Content signed with the real key is refused if it is not JSON or has
/// duplicate members.
#[tokio::test]
async fn signed_token_with_ambiguous_content_is_refused() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "token", &[]).await?;
    let probe = TokenProbe::of(&app).await?;
    let signer = TokenSigner::of(&app.stores).await?;
    let (genuine, _) = log_in(&app.client(), &app.alice).await?;
    let (header, claims, _) = parts(&genuine)?;
    let (header, claims) = (header.to_string(), claims.to_string());
    probe
        .accepts(&signer.sign(&header, &claims)?)
        .await
        .context("the same, unchanged")?;
    let twice = |json: &str, member: &str| json.replacen('{', &format!("{{{member},"), 1);
    for member in
        [r#""sub":"bob""#, r#""exp":99999999999"#, r#""role":"admin""#, r#""aud":"x""#]
    {
        let refused = probe.refuses(&signer.sign(&header, twice(&claims, member))?).await;
        refused.with_context(|| format!("{member} twice"))?;
    }
    for member in [r#""alg":"none""#, r#""kid":"other""#, r#""typ":"JWT""#] {
        let refused = probe.refuses(&signer.sign(twice(&header, member), &claims)?).await;
        refused.with_context(|| format!("{member} twice"))?;
    }
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    for body in [
        &b"\xff\xfe\xfd"[..],
        br#"{"sub":"al\xc3"}"#,
        b"",
        b"null",
        b"[]",
        b"\"text\"",
        b"{",
        deep.as_bytes(),
        format!("{claims}{claims}").as_bytes(),
    ] {
        probe.refuses(&signer.sign(&header, body)?).await.context("as claims")?;
        probe.refuses(&signer.sign(body, &claims)?).await.context("as header")?;
    }
    probe.refuses(&unsigned(&header, &claims)).await
}

/// Item 24. Bytes that are not text, and a header longer than any token, are refused; the
/// server keeps working.
#[tokio::test]
async fn invalid_authorization_header_is_refused() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "token", &[]).await?;
    let probe = TokenProbe::of(&app).await?;
    let (genuine, _) = log_in(&app.client(), &app.alice).await?;
    let long = [b"Bearer ", genuine.expose().as_bytes(), &[b'A'; 100_000]].concat();
    for value in [
        &b"Bearer \xff\xfe\x80"[..],
        b"Bearer",
        b"Bearer  ",
        b"Bearer\ta.b.c",
        b"bearer: a.b.c",
        b"Basic \xff",
        b"Basic Zm9v",
        b"Negotiate abc",
        &long,
    ] {
        for target in app.replicas().iter().map(|one| one.client()).chain([app.client()])
        {
            let request = target.request(Method::GET, paths::FILES);
            let request = request.header(AUTHORIZATION, HeaderValue::from_bytes(value)?);
            let status = target.send(request).await?.status.as_u16();
            ensure!(
                matches!(status, 401 | 431),
                "{:.40}: expected 401 or 431\n  actual:   {status}",
                String::from_utf8_lossy(value)
            );
        }
    }
    probe.accepts(genuine.expose()).await
}
