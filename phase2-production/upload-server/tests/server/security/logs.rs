//! Item 38: no secret is logged.

use super::audited_actions::disabled;
use super::captured_logs::{capture, logs, wait_until_logged};
use super::test_app::{TestApp, with_password};
use crate::PROGRAM;
use crate::stores::StoreKind;
use anyhow::{Context, bail, ensure};
use api_conformance::eventually::eventually;
use api_conformance::process::{PROCESS_TIMEOUT, run_to_end};
use api_contract::files::ListQuery;
use api_contract::paths;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::expect::equal;
use client::{CallResult, Client, Credential, Upload};
use http::Method;
use serde_json::json;
use sha2::Digest;
use std::path::Path;

/// Secrets that must not be logged, each with a description.
#[derive(Default)]
struct Secrets(Vec<(String, String)>);

impl Secrets {
    fn of(app: &TestApp) -> anyhow::Result<Self> {
        let mut secrets = Self::default();
        for account in [&app.alice, &app.bob, &app.carol, &app.root] {
            secrets.keep("a password", account.password.expose());
            let pair = format!("{}:{}", account.username, account.password.expose());
            secrets.keep("a password in base64", &STANDARD.encode(pair));
        }
        let urls = app.stores.database_url().into_iter();
        for url in urls.chain(app.stores.redis.as_ref().map(|redis| redis.url.as_str())) {
            let url = url::Url::parse(url)?;
            secrets.keep("a store's password", url.password().context("a password")?);
        }
        for user in users(app)? {
            let hash = user["password_hash"].as_str().context("a hash")?;
            secrets.keep("a password's hash", hash);
        }
        Ok(secrets)
    }

    fn keep(&mut self, name: &str, secret: &str) {
        self.0.push((name.to_owned(), secret.to_owned()));
    }

    fn keep_credential(&mut self, name: &str, credential: &Credential) {
        match credential {
            Credential::Session(secret) | Credential::Bearer(secret) => {
                self.keep(name, secret.expose());
            }
            Credential::Basic(_) | Credential::None => {}
        }
    }

    fn absent_from(&self, source: &str, text: &str) -> anyhow::Result<()> {
        for (name, secret) in &self.0 {
            ensure!(!text.contains(secret.as_str()), "{source} contains {name}");
        }
        Ok(())
    }
}

fn users(app: &TestApp) -> anyhow::Result<Vec<serde_json::Value>> {
    let file = std::fs::read(app.stores.fixture.users_file())?;
    let file: serde_json::Value = serde_json::from_slice(&file)?;
    Ok(file["users"].as_array().context("users")?.clone())
}

/// Item 38. Logins that succeed and fail, credentials that are valid, revoked and
/// invalid, and stores that are down: no password, id, token or URL of a store is in a
/// log, metric or refusal. The log names a session by a prefix of its hash, which cannot
/// be used to log in.
#[tokio::test]
async fn session_secrets_are_never_logged() -> anyhow::Result<()> {
    capture();
    let app = TestApp::new(StoreKind::Real, "central", &[]).await?;
    let mut secrets = Secrets::of(&app)?;
    let alice = app.sign_in(&app.alice).await?;
    let revoked = app.sign_in(&app.alice).await?;
    let credentials = [alice.clone(), revoked.clone(), invalid_session()];
    credentials
        .iter()
        .for_each(|credential| secrets.keep_credential("a session id", credential));
    app.client().end_session(&revoked).await.done()?;
    use_everything(&app, &app.client(), &credentials, &mut secrets).await?;
    app.redis().kill9().await?;
    let lost = app.stores.disconnect_database().await?;
    // The balancer sends no request to a replica without its stores.
    let direct = app.replica(1).client();
    use_everything(&app, &direct, &credentials, &mut secrets).await?;
    lost.reconnect().await?;
    app.redis().restart().await?;
    check_logs(&app, StoreKind::Real, &secrets).await?;
    let Credential::Session(id) = &alice else { bail!("no session") };
    let label =
        upload_domain::hex::hex(&sha2::Sha256::digest(id.expose()))[..8].to_owned();
    let known = app.replicas().iter().any(|one| one.server.log().contains(&label));
    ensure!(known, "no log names the session {label}");
    Ok(())
}

/// Item 38. The same for access and refresh tokens, and for passwords sent with each
/// request.
#[tokio::test]
async fn token_secrets_are_never_logged() -> anyhow::Result<()> {
    capture();
    let app = TestApp::new(StoreKind::Real, "token", &[]).await?;
    let mut secrets = Secrets::of(&app)?;
    let client = app.client();
    let issued = client.token(&app.alice).await.done()?.body;
    let first = issued.refresh_token.context("a refresh token")?;
    let second = client.refresh(&first).await.done()?.body;
    let refresh_token = second.refresh_token.context("its successor")?;
    secrets.keep("a refresh token", first.expose());
    secrets.keep("a refresh token", refresh_token.expose());
    let revoked = Credential::Bearer(issued.access_token.clone());
    client.revoke(&issued.access_token).await.done()?;
    let basic = Credential::Basic(app.alice.clone());
    let credentials = [Credential::Bearer(second.access_token), revoked, basic];
    credentials
        .iter()
        .for_each(|credential| secrets.keep_credential("an access token", credential));
    use_everything(&app, &app.client(), &credentials, &mut secrets).await?;
    app.redis().kill9().await?;
    let lost = app.stores.disconnect_database().await?;
    // The balancer sends no request to a replica without its stores.
    let direct = app.replica(1).client();
    use_everything(&app, &direct, &credentials, &mut secrets).await?;
    lost.reconnect().await?;
    app.redis().restart().await?;
    check_logs(&app, StoreKind::Real, &secrets).await
}

fn invalid_session() -> Credential {
    Credential::Session("made-up-Canary-0123456789-0123456789-012345".to_owned().into())
}

/// Sends one request of each kind with each credential; no response repeats a secret.
async fn use_everything(
    app: &TestApp,
    client: &Client,
    credentials: &[Credential],
    secrets: &mut Secrets,
) -> anyhow::Result<()> {
    let guess = format!("Canary-{}", uuid::Uuid::new_v4().simple());
    secrets.keep("a wrong password", &guess);
    let login = app.target().auth_scheme.login_path();
    for body in [
        json!({ "username": "alice", "password": guess }),
        json!({ "username": guess, "password": guess }),
        json!({ "username": "alice", "password": [guess], "more": guess }),
        json!({ "refresh_token": guess }),
        json!({ "token": guess }),
    ] {
        for path in [login, paths::TOKEN_REFRESH, paths::TOKEN_REVOKE] {
            let request = client.request(Method::POST, path).json(&body);
            send_and_check(client, request, secrets).await?;
        }
    }
    for credential in credentials {
        let authenticated =
            |method, path: &str| client.authenticated(credential, method, path);
        let new = with_password("alice", format!("{guess}-{guess}"));
        let change = json!({ "current": guess, "new": new.password });
        let paged = format!("{}?password={guess}", paths::FILES);
        let (upload, cookie) = (Upload::new("a.txt", "a"), format!("session={guess}"));
        for request in [
            authenticated(Method::GET, paths::SESSION),
            authenticated(Method::GET, &paged),
            authenticated(Method::GET, paths::ADMIN_USERS),
            authenticated(Method::PATCH, "/api/admin/users/bob").json(&disabled(true)),
            authenticated(Method::POST, paths::ACCOUNT_PASSWORD).json(&change),
            authenticated(Method::GET, paths::FILES).bearer_auth(&guess),
            authenticated(Method::GET, paths::FILES).header("cookie", &cookie),
            client::Form::of(&upload)
                .apply_to(authenticated(Method::POST, paths::UPLOAD)),
        ] {
            send_and_check(client, request, secrets).await?;
        }
    }
    Ok(())
}

async fn send_and_check(
    client: &Client,
    request: reqwest::RequestBuilder,
    secrets: &Secrets,
) -> anyhow::Result<()> {
    let reply = client.send(request).await?;
    let text = format!("{:?} {}", reply.headers, String::from_utf8_lossy(&reply.body));
    secrets.absent_from("a reply", &text)
}

async fn check_logs(
    app: &TestApp,
    kind: StoreKind,
    secrets: &Secrets,
) -> anyhow::Result<()> {
    let last =
        eventually(PROCESS_TIMEOUT, "a refusal of an anonymous request", async || {
            let listing =
                app.client().list(&Credential::None, &ListQuery::default()).await;
            let CallResult::Refused(last) = listing else {
                bail!("an anonymous request was accepted")
            };
            Ok((last.status.as_u16() == 401).then_some(last))
        })
        .await?;
    wait_until_logged(app, last.request_id().context("an id")?).await?;
    let logs = logs(app, kind).await?;
    for (source, log) in &logs {
        ensure!(source.contains("output") || !log.is_empty(), "{source} is empty");
        secrets.absent_from(source, log)?;
    }
    Ok(())
}

/// Item 38. A server that cannot start prints the reason without the password.
#[tokio::test]
async fn startup_error_does_not_show_a_store_password() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().to_string_lossy().into_owned();
    for (flag, url) in [
        ("--redis-url", "redis://:CANARY@127.0.0.1:1"),
        ("--redis-url", "redis://CANARY@[::1"),
        ("--redis-url", "CANARY"),
        ("--database-url", "postgres://app:CANARY@127.0.0.1:1/records"),
        ("--database-url", "postgres://app:CANARY@:x/records"),
        ("--database-url", "mysql://app:CANARY@127.0.0.1/records"),
        ("--database-owner-url", "postgres://lab:CANARY@127.0.0.1:1/records"),
        ("--files-url", "s3://KEY:CANARY@127.0.0.1:1/files?region=x&tls=maybe"),
        ("--files-url", "s4://KEY:CANARY@127.0.0.1:1/files"),
    ] {
        let flags = ["--design", "token", "--data-dir", &data, flag, url];
        let exit = run_to_end(Path::new(PROGRAM), &flags.map(str::to_owned)).await?;
        equal("whether it started", exit.status.success(), false).context(flag)?;
        ensure!(!exit.stderr.is_empty(), "{flag}: no reason is given");
        ensure!(!exit.stderr.contains("CANARY"), "{flag} {url}: {}", exit.stderr);
    }
    Ok(())
}
