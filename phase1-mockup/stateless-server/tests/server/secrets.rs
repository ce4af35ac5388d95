//! Keys, tokens and passwords: what they are worth, and where they must not end up.

use crate::{PROGRAM, start};
use api_conformance::expect::{equal, refuses_to_start};
use api_conformance::fixture::{Fixture, Started};
use api_conformance::outcome::Outcome;
use api_conformance::proof::Proof;
use api_conformance::target::Way;
use api_conformance::usage::with;
use api_contract::files::FileList;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use http::Method;

/// A password that stands nowhere else, to be looked for in logs.
const CANARY: &str = "CANARY-pa55word";

/// Without a key file the process makes a key, and says what that means.
#[tokio::test]
async fn a_random_key_comes_with_a_warning() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let first = fixture.start(PROGRAM, Way::Token, &[]).await?;
    first.server.logged(&["WARN", "--token-key-file", "random"]).await?;
    let alice = first.sign_in(&first.alice).await?;
    first.accepts(&alice).await?;
    let second = fixture.start(PROGRAM, Way::Token, &[]).await?;
    second.refuses(&alice, ProblemKind::TokenInvalid).await
}

/// With one, there is nothing to warn of.
#[tokio::test]
async fn a_key_from_a_file_comes_without() -> anyhow::Result<()> {
    let mut server = start(&Fixture::new()?, &[]).await?;
    server.server.terminate().await?;
    equal("a warning", server.server.log().contains("WARN"), false)
}

/// A key that can be guessed signs for everybody.
#[tokio::test]
async fn a_key_that_is_short_or_missing_is_refused() -> anyhow::Result<()> {
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

/// The exhibit: what a password in a URL leads to, on most servers and by default.
#[tokio::test]
async fn a_password_in_the_url_stands_in_the_log() -> anyhow::Result<()> {
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

/// Without the flag the request is refused, and not even then is its query written down.
#[tokio::test]
async fn a_refused_password_in_the_url_is_written_down_nowhere() -> anyhow::Result<()> {
    let mut server = start(&Fixture::new()?, &[]).await?;
    let refused = list_with_password_in_url(&server, CANARY).await;
    refused.refused_as(ProblemKind::CredentialsInQuery)?;

    server.server.terminate().await?;
    let written = server.server.log() + &server.server.output();
    equal("the request is logged", written.contains(paths::FILES), true)?;
    equal("so is its password", written.contains("CANARY"), false)
}

/// The exhibit never leaves this machine.
#[tokio::test]
async fn passwords_in_urls_stay_on_this_machine() -> anyhow::Result<()> {
    let mut flags = with(&Fixture::new()?, "--listen", "0.0.0.0:0");
    flags.extend(["--insecure-remote", "--credentials-in-url"].map(str::to_owned));
    refuses_to_start(PROGRAM, &flags, &["--credentials-in-url", "127.0.0.1"]).await
}

/// Whoever reads the log can use nothing of it.
#[tokio::test]
async fn no_token_and_no_password_reaches_the_log() -> anyhow::Result<()> {
    let mut server = start(&Fixture::new()?, &[]).await?;
    let token = server.sign_in(&server.alice).await?;
    let password = Proof::Basic(server.alice.clone());
    let mut secrets = vec![server.alice.password.expose().to_owned()];
    for proof in [token, password] {
        server.accepts(&proof).await?;
        let (_, header) = proof.header().expect("a proof that fits into a header");
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
) -> Outcome<FileList> {
    let client = server.client();
    let query = [("username", "alice"), ("password", password)];
    client.json(client.request(Method::GET, paths::FILES).query(&query)).await
}
