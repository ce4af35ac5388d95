//! A replica with a clock that is wrong by more than a day removes nothing that another
//! replica still needs: not in its sweeps, and not in a request.

use crate::account_client::AccountClient;
use crate::stores::{StoreKind, TestStores, flush};
use anyhow::{Context, ensure};
use api_conformance::eventually::{eventually, wait_idle};
use api_conformance::fixture::Started;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use client::{Credential, Upload};
use http::{Method, StatusCode};
use sqlx::Executor;
use std::time::Duration;

/// Twenty-five hours: beyond the lifetime of everything that a sweep removes.
const AHEAD: &str = "90000000";
const BEHIND: &str = "-90000000";

/// A replica with frequent sweeps and a wrong clock.
async fn with_clock(
    stores: &TestStores,
    design: &str,
    offset: &str,
    more: &[&str],
) -> anyhow::Result<Started> {
    let mut flags = vec!["--clock-offset-ms", offset, "--sweep-ms", "100"];
    flags.extend(["--key-refresh-ms", "50", "--orphan-grace-ms", "30000"]);
    flags.extend(more);
    stores.replica(design, &flags).await
}

/// Waits until the replica has decided a number of times not to sweep, or has done the damage.
/// A program without the rule sweeps tokens after a minute.
async fn has_skipped_sweeps(
    replica: &Started,
    times: f64,
    undamaged: impl AsyncFn() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    const SKIPPED: &str = "upload_server_sweeps_skipped_total";
    let timeout = PROCESS_TIMEOUT + Duration::from_secs(40);
    eventually(timeout, "skipped sweeps", async || {
        undamaged().await?;
        let skipped = replica.server.metric(SKIPPED).await?.unwrap_or(0.0);
        Ok((skipped >= times).then_some(()))
    })
    .await?;
    undamaged().await
}

/// Empties Redis, so that the next answers come from the database.
async fn flush_redis(stores: &TestStores) -> anyhow::Result<()> {
    let Some(redis) = &stores.redis else { return Ok(()) };
    Ok(flush(redis).await?)
}

#[tokio::test]
async fn session_and_uploads_survive_a_wrong_clock() -> anyhow::Result<()> {
    for (kind, design) in [(StoreKind::Real, "central"), (StoreKind::Embedded, "memory")]
    {
        for offset in [AHEAD, BEHIND] {
            let stores = TestStores::new(kind, design == "central").await?;
            let right = stores.replica(design, &[]).await?;
            let alice = AccountClient::alice(&right).await?;
            let path = alice.create("a.bin", 1_000).await?;
            alice.append(&path, 0, &[7; 400]).await?;
            let file = Upload::new("b.txt".to_owned(), "hello".to_owned());
            let upload = async || {
                let done = alice.client.upload_with_key(&alice.credential, &file, "key");
                anyhow::Ok(done.await.done()?.body.file_id)
            };
            let stored = upload().await?;
            let wrong = with_clock(&stores, design, offset, &[]).await?;
            let undamaged = async || {
                flush_redis(&stores).await?;
                right.accepts(&alice.credential).await.context("the live session")?;
                let offset = alice.offset(&path).await.context("the open upload")?;
                ensure!(offset == 400, "the upload has {offset} bytes");
                ensure!(upload().await? == stored, "the key made a second file");
                Ok(())
            };
            let context = format!("{design}, {kind:?}, {offset} ms");
            // In `memory` only the janitor sweeps, at its start and then rarely.
            let times = if design == "memory" { 1.0 } else { 5.0 };
            has_skipped_sweeps(&wrong, times, undamaged).await.context(context)?;
        }
    }
    Ok(())
}

/// Its times are those of the database, so the sweeps of a right replica do not end it.
#[tokio::test]
async fn login_at_a_wrong_clock_is_not_swept() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Real, true).await?;
    let right = stores.replica("central", &["--sweep-ms", "50"]).await?;
    let wrong = with_clock(&stores, "central", BEHIND, &[]).await?;
    let alice = wrong.sign_in(&wrong.alice).await?;
    for _sweeps in 0..4 {
        wait_idle(Duration::from_millis(250)).await;
        flush_redis(&stores).await?;
        right.accepts(&alice).await?;
    }
    let flags = ["--refresh-ttl-ms", "3600000"];
    let right = stores.replica("token", &flags).await?;
    let wrong = with_clock(&stores, "token", BEHIND, &flags).await?;
    let issued = wrong.client().token(&wrong.alice).await.done()?.body;
    let first = issued.refresh_token.context("a refresh token")?;
    right.client().refresh(&first).await.done()?;
    Ok(())
}

#[tokio::test]
async fn denials_and_keys_survive_a_wrong_clock() -> anyhow::Result<()> {
    for offset in [AHEAD, BEHIND] {
        let stores = TestStores::new(StoreKind::Real, true).await?;
        let right = stores.replica("token", &["--key-refresh-ms", "50"]).await?;
        let client = right.client();
        let ended = client.token(&right.alice).await.done()?.body.access_token;
        let valid = client.token(&right.alice).await.done()?.body.access_token;
        client.revoke(&ended).await.done()?;
        // As after a rotation: the key that signed both is published for another hour.
        let retire = "UPDATE signing_keys SET retires_at = \
             CAST(EXTRACT(EPOCH FROM now()) * 1000 AS BIGINT) + 3600000";
        stores.owner().await?.execute(retire).await?;
        let wrong = with_clock(&stores, "token", offset, &[]).await?;
        let [ended, valid] = [ended, valid].map(Credential::Bearer);
        let undamaged = async || {
            flush_redis(&stores).await?;
            right.accepts(&valid).await.context("the valid token")?;
            right
                .refuses(&ended, ProblemKind::TokenInvalid)
                .await
                .context("the revoked one")
        };
        let skipped = has_skipped_sweeps(&wrong, 5.0, undamaged).await;
        skipped.with_context(|| offset.to_owned())?;
    }
    Ok(())
}

/// The reply to a refresh is lost, and the client repeats it at the replica with the wrong
/// clock, for which the grace is long over.
#[tokio::test]
async fn repeated_refresh_at_a_wrong_clock_ends_no_login() -> anyhow::Result<()> {
    for kind in [StoreKind::Real, StoreKind::Embedded] {
        let stores = TestStores::new(kind, true).await?;
        let right = stores.replica("token", &[]).await?;
        let wrong = with_clock(&stores, "token", AHEAD, &[]).await?;
        let issued = right.client().token(&right.alice).await.done()?.body;
        let first = issued.refresh_token.context("a refresh token")?;
        let next = right.client().refresh(&first).await.done()?.body;
        let _any_answer = wrong.client().refresh(&first).await;
        let next = next.refresh_token.context("a refresh token")?;
        right
            .client()
            .refresh(&next)
            .await
            .done()
            .with_context(|| format!("{kind:?}"))?;
    }
    Ok(())
}

/// By a clock that is behind, the denial would have ended before the token does, and the next
/// sweep of another replica would remove it.
#[tokio::test]
async fn logout_at_a_slow_clock_outlives_its_tokens() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Real, true).await?;
    let right = stores.replica("token", &["--revocation", "deny-list"]).await?;
    let more = ["--revocation", "deny-list"];
    let wrong = with_clock(&stores, "token", BEHIND, &more).await?;
    let issued = right.client().token(&right.alice).await.done()?.body;
    let refresh_token = issued.refresh_token.context("a refresh token")?;
    wrong.client().revoke(&refresh_token).await.done()?;
    let access = Credential::Bearer(issued.access_token);
    right.refuses(&access, ProblemKind::TokenInvalid).await?;
    // A replica with another --token-ttl-ms may have issued a token for a day.
    let lasting = "SELECT COUNT(*) FROM revoked_tokens \
         WHERE expires_at > EXTRACT(EPOCH FROM now() + INTERVAL '23 hours') * 1000";
    let lasting: i64 =
        sqlx::query_scalar(lasting).fetch_one(&mut stores.owner().await?).await?;
    ensure!(lasting == 1, "{lasting} denials outlive the token");
    Ok(())
}

/// A request that exceeds the quota removes expired uploads first.
#[tokio::test]
async fn full_quota_at_a_wrong_clock_removes_no_upload() -> anyhow::Result<()> {
    for kind in [StoreKind::Real, StoreKind::Embedded] {
        let stores = TestStores::new(kind, true).await?;
        let quota = ["--quota", "1000"];
        let right = stores.replica("central", &quota).await?;
        let alice = AccountClient::alice(&right).await?;
        let path = alice.create("a.bin", 1_000).await?;
        alice.append(&path, 0, &[7; 400]).await?;
        let wrong = with_clock(&stores, "central", AHEAD, &quota).await?;
        // A login there: the session of the other replica has expired by this clock.
        let there = AccountClient::alice(&wrong).await?;
        ensure!(there.create("b.bin", 1_000).await.is_err(), "the quota is full");
        let file = Upload::of_size("c.bin", 700);
        let full = there.client.upload(&there.credential, &file).await;
        ensure!(full.done().is_err(), "the quota is full");
        let offset = alice.offset(&path).await.with_context(|| format!("{kind:?}"))?;
        ensure!(offset == 400, "the upload has {offset} bytes");
    }
    Ok(())
}

/// The sweep of a right replica spares what a replica with a slow clock has stored.
#[tokio::test]
async fn data_stored_at_a_slow_clock_survives_the_sweeps() -> anyhow::Result<()> {
    const REMOVED: &str =
        "upload_server_gc_objects_removed_total{kind=\"expired_upload\"}";
    for kind in [StoreKind::Embedded, StoreKind::Real] {
        let stores = TestStores::new(kind, true).await?;
        let right = stores.replica("central", &["--upload-life-ms", "1000"]).await?;
        let alice = AccountClient::alice(&right).await?;
        alice.create("removed.bin", 1_000).await?;
        let slow = with_clock(&stores, "central", BEHIND, &[]).await?;
        let there = alice.at(&slow);
        let path = there.create("a.bin", 1_000).await?;
        there.append(&path, 0, &[7; 400]).await?;
        let file = Upload::new("b.txt".to_owned(), "hello".to_owned());
        let upload = async |at: &AccountClient| {
            let done = at.client.upload_with_key(&at.credential, &file, "key");
            anyhow::Ok(done.await.done()?.body.file_id)
        };
        let stored = upload(&there).await?;
        // One second, and the margin of the sweeps.
        wait_idle(Duration::from_secs(6)).await;
        let sweeper = stores.replica("central", &[]).await?;
        eventually(PROCESS_TIMEOUT, "a sweep", async || {
            let removed = sweeper.server.metric(REMOVED).await?.unwrap_or(0.0);
            Ok((removed >= 1.0).then_some(()))
        })
        .await?;
        let offset = alice.offset(&path).await.with_context(|| format!("{kind:?}"))?;
        ensure!(offset == 400, "{kind:?}: the upload has {offset} bytes");
        ensure!(upload(&alice).await? == stored, "{kind:?}: a second file");
    }
    Ok(())
}

/// The feeds of the replicas look back a few seconds by the database's clock.
#[tokio::test]
async fn logout_at_a_slow_clock_has_the_right_time() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Real, true).await?;
    let right = stores.replica("central", &[]).await?;
    let slow = with_clock(&stores, "central", BEHIND, &[]).await?;
    let one = AccountClient::alice(&right).await?;
    slow.client().end_session(&one.credential).await.done()?;
    let other = AccountClient::alice(&right).await?.at(&slow);
    let sign_out = other.request(Method::POST, paths::ACCOUNT_SIGN_OUT);
    let reply = other.client.send(sign_out).await?;
    ensure!(reply.status == StatusCode::OK, "{reply:?}");
    let recent = "SELECT COUNT(*) FROM sessions \
         WHERE revoked_at > EXTRACT(EPOCH FROM now() - INTERVAL '5 minutes') * 1000";
    let recent: i64 =
        sqlx::query_scalar(recent).fetch_one(&mut stores.owner().await?).await?;
    ensure!(recent == 2, "{recent} of two logouts have the right time");
    Ok(())
}
