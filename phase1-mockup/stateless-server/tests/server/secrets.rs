//! Keys, tokens and passwords: their validity, and the places where they must not appear.

use crate::{PROGRAM, start};
use api_conformance::fixture::{Fixture, Started};
use api_conformance::process::refuses_to_start;
use api_conformance::usage::with;
use api_contract::files::FileList;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use client::expect::equal;
use client::{AuthScheme, CallResult, Credential};
use http::Method;

/// A password that occurs nowhere else, to search for in logs.
const CANARY: &str = "CANARY-pa55word";

/// Without a key file the process creates a key and logs a warning.
#[tokio::test]
async fn random_key_is_logged_as_a_warning() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let first = fixture.start(PROGRAM, AuthScheme::Token, &[]).await?;
    first.server.logged(&["WARN", "--token-key-file", "random"]).await?;
    let alice = first.sign_in(&first.alice).await?;
    first.accepts(&alice).await?;
    let second = fixture.start(PROGRAM, AuthScheme::Token, &[]).await?;
    second.refuses(&alice, ProblemKind::TokenInvalid).await
}

/// With a key file there is no warning.
#[tokio::test]
async fn key_file_causes_no_warning() -> anyhow::Result<()> {
    let mut server = start(&Fixture::new()?, &[]).await?;
    server.server.terminate().await?;
    equal("a warning", server.server.log().contains("WARN"), false)
}

/// An attacker who guesses the key can sign any token.
#[tokio::test]
async fn short_or_missing_key_is_refused() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let short = fixture.folder().join("short-key");
    std::fs::write(&short, "CANARY")?;
    let missing = fixture.folder().join("no-key");
    for (file, advice) in [(short, "32"), (missing, "--token-key-file")] {
        let file = file.to_string_lossy().into_owned();
        let flags = fixture.flags(&["--token-key-file", &file]);
        refuses_to_start(PROGRAM, &flags, &[&file, advice]).await?;
    }
    Ok(())
}

/// Demonstrates the leak of a password in a URL, which is the default of most servers.
#[tokio::test]
async fn password_in_the_url_reaches_the_log() -> anyhow::Result<()> {
    let mut server = start(&Fixture::new()?, &["--credentials-in-url"]).await?;
    let right = server.alice.password.expose().to_owned();
    list_with_password_in_url(&server, &right).await.done()?;
    let wrong = list_with_password_in_url(&server, CANARY).await;
    wrong.refused_as(ProblemKind::InvalidCredentials)?;

    server.server.terminate().await?;
    let log = server.server.log();
    for password in [right.as_str(), CANARY] {
        equal("the password is in the log", log.contains(password), true)?;
    }
    Ok(())
}

/// Without the flag the request is refused, and its query is not logged.
#[tokio::test]
async fn refused_password_in_the_url_is_not_logged() -> anyhow::Result<()> {
    let mut server = start(&Fixture::new()?, &[]).await?;
    let refused = list_with_password_in_url(&server, CANARY).await;
    refused.refused_as(ProblemKind::CredentialsInQuery)?;

    server.server.terminate().await?;
    let output = server.server.log() + &server.server.output();
    equal("the request is logged", output.contains(paths::FILES), true)?;
    equal("the password is logged", output.contains("CANARY"), false)
}

/// The demonstration flag works on loopback only.
#[tokio::test]
async fn credentials_in_url_requires_loopback() -> anyhow::Result<()> {
    let mut flags = with(&Fixture::new()?, "--listen", "0.0.0.0:0");
    flags.extend(["--insecure-remote", "--credentials-in-url"].map(str::to_owned));
    refuses_to_start(PROGRAM, &flags, &["--credentials-in-url", "127.0.0.1"]).await
}

/// The log contains no usable credential.
#[tokio::test]
async fn tokens_and_passwords_are_not_logged() -> anyhow::Result<()> {
    let mut server = start(&Fixture::new()?, &[]).await?;
    let token = server.sign_in(&server.alice).await?;
    let password = Credential::Basic(server.alice.clone());
    let mut secrets = vec![server.alice.password.expose().to_owned()];
    for credential in [token, password] {
        server.accepts(&credential).await?;
        let (_, header) = credential.header().expect("a valid header value");
        let (_scheme, sent) = header.to_str()?.split_once(' ').expect("two words");
        secrets.push(sent.to_owned());
    }
    server.server.terminate().await?;
    let log = server.server.log();
    equal("the requests are logged", log.contains(paths::TOKEN), true)?;
    for secret in secrets {
        equal("a secret is logged", log.contains(&secret), false)?;
    }
    Ok(())
}

async fn list_with_password_in_url(
    server: &Started,
    password: &str,
) -> CallResult<FileList> {
    let client = server.client();
    let query = [("username", "alice"), ("password", password)];
    client.json(client.request(Method::GET, paths::FILES).query(&query)).await
}
