//! Item 38: no secret is written down, whatever happens.

use super::deeds::disabled;
use super::overheard::{listen, logs, written_down};
use super::people::{Town, with_password};
use crate::PROGRAM;
use crate::on::Stores;
use anyhow::{Context, bail, ensure};
use api_conformance::client::Client;
use api_conformance::eventually::eventually;
use api_conformance::expect::equal;
use api_conformance::form::Upload;
use api_conformance::outcome::Outcome;
use api_conformance::process::{PATIENCE, run_to_end};
use api_conformance::proof::Proof;
use api_contract::files::ListQuery;
use api_contract::tokens::{RefreshRequest, RevokeRequest, TokenIssued};
use api_contract::{Message, paths};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::json;
use sha2::Digest;
use std::path::Path;

/// What must not be found, and what it is.
#[derive(Default)]
struct Secrets(Vec<(String, String)>);

impl Secrets {
    fn of(town: &Town) -> anyhow::Result<Self> {
        let mut secrets = Self::default();
        for who in [&town.alice, &town.bob, &town.carol, &town.root] {
            secrets.keep("a password", who.password.expose());
            let pair = format!("{}:{}", who.username, who.password.expose());
            secrets.keep("a password in base64", &STANDARD.encode(pair));
        }
        let urls = town.world.database_url().into_iter();
        for url in urls.chain(town.world.redis.as_ref().map(|redis| redis.url.as_str())) {
            let url = url::Url::parse(url)?;
            secrets.keep("a store's password", url.password().context("a password")?);
        }
        for user in users(town)? {
            let hash = user["password_hash"].as_str().context("a hash")?;
            secrets.keep("a password's hash", hash);
        }
        Ok(secrets)
    }

    fn keep(&mut self, what: &str, secret: &str) {
        self.0.push((what.to_owned(), secret.to_owned()));
    }

    fn keep_proof(&mut self, what: &str, proof: &Proof) {
        match proof {
            Proof::Session(secret) | Proof::Bearer(secret) => {
                self.keep(what, secret.expose());
            }
            Proof::Basic(_) | Proof::None => {}
        }
    }

    fn absent_from(&self, whose: &str, text: &str) -> anyhow::Result<()> {
        for (what, secret) in &self.0 {
            ensure!(!text.contains(secret.as_str()), "{whose}: {what} is in it");
        }
        Ok(())
    }
}

fn users(town: &Town) -> anyhow::Result<Vec<serde_json::Value>> {
    let file = std::fs::read(town.world.fixture.users_file())?;
    let file: serde_json::Value = serde_json::from_slice(&file)?;
    Ok(file["users"].as_array().context("users")?.clone())
}

/// Item 38. Logins that succeed and fail, proofs that live, die and are made up, stores that
/// go away: no password, id, token or URL of a store is in any log, metric or refusal. A
/// session has a name in the log with which nobody can log in.
#[tokio::test]
async fn no_secret_of_a_session_is_written_down() -> anyhow::Result<()> {
    listen();
    let town = Town::new(Stores::Real, "central", &[]).await?;
    let mut secrets = Secrets::of(&town)?;
    let alice = town.sign_in(&town.alice).await?;
    let ended = town.sign_in(&town.alice).await?;
    let proofs = [alice.clone(), ended.clone(), made_up_session()];
    proofs.iter().for_each(|proof| secrets.keep_proof("a session id", proof));
    town.client().end_session(&ended).await.done()?;
    use_everything(&town, &town.client(), &proofs, &mut secrets).await?;
    town.redis().kill9().await?;
    let lost = town.world.lose_the_records().await?;
    // The balancer sends nobody to a replica that lacks its stores.
    let past_it = town.replica(1).client();
    use_everything(&town, &past_it, &proofs, &mut secrets).await?;
    lost.bring_them_back().await?;
    town.redis().restart().await?;
    nothing_is_written_down(&town, Stores::Real, &secrets).await?;
    let Proof::Session(id) = &alice else { bail!("no session") };
    let label =
        upload_domain::hex::hex(&sha2::Sha256::digest(id.expose()))[..8].to_owned();
    let known = town.replicas().iter().any(|one| one.server.log().contains(&label));
    ensure!(known, "no log names the session {label}");
    Ok(())
}

/// Item 38. The same of tokens of both kinds, and of passwords that come with each request.
#[tokio::test]
async fn no_secret_of_a_token_is_written_down() -> anyhow::Result<()> {
    listen();
    let town = Town::new(Stores::Real, "token", &[]).await?;
    let mut secrets = Secrets::of(&town)?;
    let client = town.client();
    let issued = client.token(&town.alice).await.done()?.body;
    let first = issued.refresh_token.context("a refresh token")?;
    let refresh = || {
        let body = RefreshRequest { refresh_token: first.clone() };
        client.request(Method::POST, paths::TOKEN_REFRESH).json(&body)
    };
    let second = client.json::<TokenIssued>(refresh()).await.done()?.body;
    let refresh_token = second.refresh_token.context("its successor")?;
    secrets.keep("a refresh token", first.expose());
    secrets.keep("a refresh token", refresh_token.expose());
    let revoked = Proof::Bearer(issued.access_token.clone());
    let body = RevokeRequest { token: issued.access_token };
    let revoke = client.request(Method::POST, paths::TOKEN_REVOKE).json(&body);
    client.json::<Message>(revoke).await.done()?;
    let basic = Proof::Basic(town.alice.clone());
    let proofs = [Proof::Bearer(second.access_token), revoked, basic];
    proofs.iter().for_each(|proof| secrets.keep_proof("an access token", proof));
    use_everything(&town, &town.client(), &proofs, &mut secrets).await?;
    town.redis().kill9().await?;
    let lost = town.world.lose_the_records().await?;
    // The balancer sends nobody to a replica that lacks its stores.
    let past_it = town.replica(1).client();
    use_everything(&town, &past_it, &proofs, &mut secrets).await?;
    lost.bring_them_back().await?;
    town.redis().restart().await?;
    nothing_is_written_down(&town, Stores::Real, &secrets).await
}

fn made_up_session() -> Proof {
    Proof::Session("made-up-Canary-0123456789-0123456789-012345".to_owned().into())
}

/// One request of each kind with each proof; no refusal repeats a secret.
async fn use_everything(
    town: &Town,
    client: &Client,
    proofs: &[Proof],
    secrets: &mut Secrets,
) -> anyhow::Result<()> {
    let guess = format!("Canary-{}", uuid::Uuid::new_v4().simple());
    secrets.keep("a wrong password", &guess);
    let login = town.target().way.login_path();
    for body in [
        json!({ "username": "alice", "password": guess }),
        json!({ "username": guess, "password": guess }),
        json!({ "username": "alice", "password": [guess], "more": guess }),
        json!({ "refresh_token": guess }),
        json!({ "token": guess }),
    ] {
        for path in [login, paths::TOKEN_REFRESH, paths::TOKEN_REVOKE] {
            told(client, client.request(Method::POST, path).json(&body), secrets).await?;
        }
    }
    for proof in proofs {
        let proven = |method, path: &str| client.proven(proof, method, path);
        let new = with_password("alice", format!("{guess}-{guess}"));
        let change = json!({ "current": guess, "new": new.password });
        let paged = format!("{}?password={guess}", paths::FILES);
        let upload = Upload::new("a.txt", "a");
        for request in [
            proven(Method::GET, paths::SESSION),
            proven(Method::GET, &paged),
            proven(Method::GET, paths::ADMIN_USERS),
            proven(Method::PATCH, "/api/admin/users/bob").json(&disabled(true)),
            proven(Method::POST, paths::ACCOUNT_PASSWORD).json(&change),
            proven(Method::GET, paths::FILES).bearer_auth(&guess),
            proven(Method::GET, paths::FILES)
                .header("cookie", format!("session={guess}")),
            api_conformance::form::Form::of(&upload)
                .put_on(proven(Method::POST, paths::UPLOAD)),
        ] {
            told(client, request, secrets).await?;
        }
    }
    Ok(())
}

async fn told(
    client: &Client,
    request: reqwest::RequestBuilder,
    secrets: &Secrets,
) -> anyhow::Result<()> {
    let reply = client.send(request).await?;
    let text = format!("{:?} {}", reply.headers, String::from_utf8_lossy(&reply.body));
    secrets.absent_from("a reply", &text)
}

async fn nothing_is_written_down(
    town: &Town,
    stores: Stores,
    secrets: &Secrets,
) -> anyhow::Result<()> {
    let last = eventually(PATIENCE, "a replica refuses somebody unknown", async || {
        let listing = town.client().list(&Proof::None, &ListQuery::default()).await;
        let Outcome::Refused(last) = listing else {
            bail!("somebody unknown was let in")
        };
        Ok((last.status.as_u16() == 401).then_some(last))
    })
    .await?;
    written_down(town, last.request_id().context("an id")?).await?;
    let logs = logs(town, stores).await?;
    for (whose, log) in &logs {
        ensure!(whose.contains("output") || !log.is_empty(), "{whose} wrote nothing");
        secrets.absent_from(whose, log)?;
    }
    Ok(())
}

/// Item 38. A server that cannot start says why, and not with what it tried.
#[tokio::test]
async fn who_cannot_reach_a_store_does_not_show_its_password() -> anyhow::Result<()> {
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
        let ended = run_to_end(Path::new(PROGRAM), &flags.map(str::to_owned)).await?;
        equal("whether it started", ended.status.success(), false).context(flag)?;
        ensure!(!ended.stderr.is_empty(), "{flag}: no reason is given");
        ensure!(!ended.stderr.contains("CANARY"), "{flag} {url}: {}", ended.stderr);
    }
    Ok(())
}
