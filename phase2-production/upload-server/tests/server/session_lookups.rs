//! A refusal costs no more than service: made-up session ids are counted and write nothing,
//! and a caller over its limit costs Redis no script.

use crate::stores::{REDIS_ATTEMPTS, StoreKind, TestStores, connection_to, flush};
use anyhow::ensure;
use api_conformance::eventually::eventually;
use api_conformance::fixture::Started;
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use api_contract::secret::Secret;
use backing_services::{Backing, redis};
use client::Credential;
use fault_proxy::{FaultProxy, Toxic};
use futures_util::future::join_all;
use http::StatusCode;
use sqlx::Connection;
use std::net::SocketAddr;
use std::time::Duration;

fn made_up(number: usize) -> Credential {
    Credential::Session(Secret::new(format!("{number:043}")))
}

async fn status(at: &Started, credential: &Credential) -> anyhow::Result<StatusCode> {
    at.client().list(credential, &ListQuery::default()).await.status()
}

/// Another process holds the write lock of the SQLite file: a lookup must not need it.
#[tokio::test]
async fn made_up_session_ids_write_nothing_and_block_no_user() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, true).await?;
    let replica = stores.replica("central", &[]).await?;
    let alice = replica.sign_in(&replica.alice).await?;
    replica.accepts(&alice).await?;
    let file = stores.fixture.data_dir().join("records.sqlite");
    let mut writer =
        sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await?;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut writer).await?;
    let unknown = join_all((0..12).map(|number| {
        let replica = &replica;
        async move { status(replica, &made_up(number)).await }
    }));
    let known = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        // Not in Redis: the database decides.
        let redis = stores.redis.as_ref().expect("central uses Redis");
        flush(redis).await?;
        status(&replica, &alice).await
    };
    let (unknown, known) = tokio::join!(unknown, known);
    sqlx::raw_sql("ROLLBACK").execute(&mut writer).await?;
    for answer in unknown {
        let answer = answer?;
        ensure!(answer == StatusCode::UNAUTHORIZED, "a made-up id got {answer}");
    }
    let known = known?;
    ensure!(known == StatusCode::OK, "a logged-in user got {known}");
    Ok(())
}

#[tokio::test]
async fn made_up_session_ids_are_counted_by_address() -> anyhow::Result<()> {
    let mut counted = Ok(());
    for _attempt in 0..REDIS_ATTEMPTS {
        let stores = TestStores::new(StoreKind::Real, true).await?;
        let limit = ["--attempts-per-address", "20"];
        let replica = stores.replica("central", &limit).await?;
        counted = count_made_up_ids(&replica).await;
        // On a busy machine Redis may be too slow to show that a session is known.
        let failures =
            replica.server.metric("upload_server_cache_failures_total").await?;
        if counted.is_ok() || failures.unwrap_or(0.0) == 0.0 {
            return counted;
        }
    }
    counted
}

async fn count_made_up_ids(replica: &Started) -> anyhow::Result<()> {
    let alice = replica.sign_in(&replica.alice).await?;
    let mut refused = 0;
    for number in 0..60 {
        let client = replica.client();
        let answer = client.list(&made_up(number), &ListQuery::default()).await;
        let answer_status = answer.status()?;
        match answer_status {
            StatusCode::UNAUTHORIZED => ensure!(number < 40, "{number} is not counted"),
            StatusCode::TOO_MANY_REQUESTS => refused += 1,
            other => anyhow::bail!("{number}: {other}"),
        }
        if number % 10 == 0 {
            replica.accepts(&alice).await?;
        }
    }
    ensure!(refused >= 20, "{refused} of 60 were refused");
    let client = replica.client();
    let refusal = client.list(&made_up(99), &ListQuery::default()).await;
    let refusal = refusal.refused_as(ProblemKind::TooManyAttempts)?;
    ensure!(refusal.header("retry-after").is_some(), "no Retry-After");
    // Another session of the same address logs in and is served.
    let bob = replica.sign_in(&replica.bob).await?;
    replica.accepts(&bob).await
}

/// Made-up ids until one is refused. The refusal is remembered for ten minutes.
async fn exhaust_unknown_ids(at: &Started) -> anyhow::Result<()> {
    for number in 0..200 {
        if status(at, &made_up(number)).await? == StatusCode::TOO_MANY_REQUESTS {
            return Ok(());
        }
    }
    anyhow::bail!("made-up ids are not counted")
}

async fn replica_that_counts(
    stores: &TestStores,
    id: &str,
    redis_url: &str,
) -> anyhow::Result<Started> {
    let mut flags = vec!["--replica-id", id, "--redis-url", redis_url];
    flags.extend(["--attempts-per-address", "20", "--attempts-window-ms", "600000"]);
    stores.replica("central", &flags).await
}

/// A failed call to Redis makes all older copies untrusted, and a failover loses them.
#[tokio::test]
async fn redis_hiccup_blocks_no_known_session() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Real, false).await?;
    let folder = tempfile::tempdir()?;
    let service = redis(Backing::Local, folder.path()).await?;
    let (head, address) = service.url.rsplit_once('@').unwrap_or_default();
    let proxy = FaultProxy::start(address.parse::<SocketAddr>()?, 1).await?;
    let url = format!("{head}@{}", proxy.address());
    let replica = replica_that_counts(&stores, "r1", &url).await?;
    let other = replica_that_counts(&stores, "r2", &service.url).await?;
    let alice = replica.sign_in(&replica.alice).await?;
    let bob = other.sign_in(&other.bob).await?;
    replica.accepts(&alice).await?;
    other.accepts(&bob).await?;
    exhaust_unknown_ids(&replica).await?;

    proxy.add_both(Toxic::Cut);
    let known = status(&replica, &alice).await?;
    ensure!(known == StatusCode::OK, "without Redis: {known}");
    let unknown = status(&replica, &made_up(1)).await?;
    ensure!(unknown == StatusCode::TOO_MANY_REQUESTS, "made up: {unknown}");
    proxy.heal();
    // This replica has never seen the session; the untrusted copy shows that it exists.
    eventually(Duration::from_secs(20), "an untrusted copy is verified", async || {
        Ok((status(&replica, &bob).await? == StatusCode::OK).then_some(()))
    })
    .await?;
    flush(&service).await?;
    for (name, session) in [("alice", &alice), ("bob", &bob)] {
        let known = status(&replica, session).await?;
        ensure!(known == StatusCode::OK, "{name}, after a loss of Redis' data: {known}");
    }
    let unknown = status(&replica, &made_up(1)).await?;
    ensure!(unknown == StatusCode::TOO_MANY_REQUESTS, "made up, afterwards: {unknown}");
    Ok(())
}

/// Scripts that Redis has run.
async fn scripts_run(stores: &TestStores) -> anyhow::Result<u64> {
    let redis = stores.redis.as_ref().expect("Redis is used");
    let mut connection = connection_to(redis).await?;
    let info: String =
        redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await?;
    let calls = info.lines().filter(|line| line.starts_with("cmdstat_eval"));
    let calls = calls.filter_map(|line| line.split("calls=").nth(1)?.split(',').next());
    Ok(calls.filter_map(|calls| calls.parse::<u64>().ok()).sum())
}

#[tokio::test]
async fn caller_over_the_limit_costs_redis_no_script() -> anyhow::Result<()> {
    for design in ["memory", "token"] {
        let stores = TestStores::new(StoreKind::Real, true).await?;
        // Otherwise the check of a token runs scripts, as it does in service.
        let flags = ["--requests-per-second", "1", "--revocation", "none"];
        let replica = stores.replica(design, &flags).await?;
        let alice = replica.sign_in(&replica.alice).await?;
        let (mut refused, before) = (0, scripts_run(&stores).await?);
        let began = std::time::Instant::now();
        while refused < 100 {
            let answer = status(&replica, &alice).await?;
            refused += u64::from(answer == StatusCode::TOO_MANY_REQUESTS);
        }
        let scripts = scripts_run(&stores).await? - before;
        // A heartbeat four times a second, and a few for each new window.
        let seconds = began.elapsed().as_secs() + 1;
        println!("{design}: {scripts} scripts for {refused} refusals in {seconds} s");
        ensure!(scripts < 8 * seconds + 8, "{design}: {scripts} scripts in {seconds} s");
    }
    Ok(())
}

/// The limit of refreshes has no counts that are given back, so its refusal is remembered too.
#[tokio::test]
async fn refresh_over_the_limit_costs_redis_few_scripts() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Real, true).await?;
    let replica = stores.replica("token", &["--refreshes-per-login", "1"]).await?;
    let client = replica.client();
    let issued = client.token(&replica.alice).await.done()?.body;
    let token = issued.refresh_token.expect("Phase 2 issues refresh tokens");
    let refresh = async || client.refresh(&token).await.status();
    let _first = refresh().await?;
    let before = scripts_run(&stores).await?;
    let began = std::time::Instant::now();
    for _ in 0..50 {
        let answer = refresh().await?;
        ensure!(answer == StatusCode::TOO_MANY_REQUESTS, "{answer}");
    }
    let scripts = scripts_run(&stores).await? - before;
    let heartbeats = 5 * (began.elapsed().as_secs() + 1);
    // Looking up a token takes a count and gives it back.
    println!(
        "{scripts} scripts for 50 refusals, {heartbeats} of them heartbeats at most"
    );
    ensure!(scripts <= 2 * 50 + heartbeats + 4, "{scripts} scripts");
    Ok(())
}
