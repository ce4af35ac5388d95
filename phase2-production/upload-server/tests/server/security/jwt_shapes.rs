//! Texts that are hardly tokens: cut, doubled, spelled differently, or too long.

use crate::on::Stores;
use crate::security::forge::{Border, Mint, log_in, parts, unsigned};
use crate::security::people::Town;
use anyhow::{Context, ensure};
use api_contract::paths;
use http::Method;
use http::header::{AUTHORIZATION, HeaderValue};

/// Item 24. Cut, padded, with a dot too many or too few: each is refused like nonsense.
#[tokio::test]
async fn a_token_of_another_shape_is_refused() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "token", &[]).await?;
    let border = Border::of(&town).await?;
    let (genuine, _) = log_in(&town.client(), &town.alice).await?;
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
        border.refuses(&text).await.context(text)?;
    }
    for length in (1..genuine.len()).step_by(29) {
        let cut = border.refuses(&genuine[..length]).await;
        cut.with_context(|| format!("the first {length} bytes"))?;
    }
    border.accepts(genuine).await
}

/// Item 24. The real key under what is no JSON, or says something twice.
#[tokio::test]
async fn a_signed_token_that_cannot_be_read_in_one_way_only_is_refused()
-> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "token", &[]).await?;
    let border = Border::of(&town).await?;
    let mint = Mint::of(&town.world).await?;
    let (genuine, _) = log_in(&town.client(), &town.alice).await?;
    let (header, claims, _) = parts(&genuine)?;
    let (header, claims) = (header.to_string(), claims.to_string());
    border.accepts(&mint.sign(&header, &claims)?).await.context("the same, unchanged")?;
    let twice = |json: &str, member: &str| json.replacen('{', &format!("{{{member},"), 1);
    for member in
        [r#""sub":"bob""#, r#""exp":99999999999"#, r#""role":"admin""#, r#""aud":"x""#]
    {
        let refused = border.refuses(&mint.sign(&header, twice(&claims, member))?).await;
        refused.with_context(|| format!("{member} twice"))?;
    }
    for member in [r#""alg":"none""#, r#""kid":"other""#, r#""typ":"JWT""#] {
        let refused = border.refuses(&mint.sign(twice(&header, member), &claims)?).await;
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
        border.refuses(&mint.sign(&header, body)?).await.context("as claims")?;
        border.refuses(&mint.sign(body, &claims)?).await.context("as header")?;
    }
    border.refuses(&unsigned(&header, &claims)).await
}

/// Item 24. Bytes that are no text, and a header longer than any token, are answered and
/// break nothing.
#[tokio::test]
async fn a_header_that_holds_no_token_is_refused_and_breaks_nothing() -> anyhow::Result<()>
{
    let town = Town::new(Stores::Embedded, "token", &[]).await?;
    let border = Border::of(&town).await?;
    let (genuine, _) = log_in(&town.client(), &town.alice).await?;
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
        for target in
            town.replicas().iter().map(|one| one.client()).chain([town.client()])
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
    border.accepts(genuine.expose()).await
}
