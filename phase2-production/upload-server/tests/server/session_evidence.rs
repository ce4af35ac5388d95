//! `central`: the freshest evidence about a session decides, wherever it is kept. A use that
//! only Redis knows keeps a session alive; a logout that only the database knows ends it; and
//! a session dies when its idle time is over, not later.

use crate::PROGRAM;
use crate::stores::{StoreKind, TestStores, flush};
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use api_conformance::fixture::{Fixture, Started};
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use backing_services::{Backing, Service, database, redis};
use client::{AuthScheme, Credential, Upload};
use fault_proxy::{Direction, FaultProxy, Toxic};
use futures_util::future::{join_all, try_join_all};
use http::StatusCode;
use records::Records;
use report::statistics::median;
use sqlx::Connection;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

async fn status(at: &Started, credential: &Credential) -> anyhow::Result<StatusCode> {
    at.client().list(credential, &ListQuery::default()).await.status()
}

/// Waits until this share of the idle time has passed since `began`.
async fn until(began: Instant, idle: Duration, share: f64) {
    let at = tokio::time::Instant::from_std(began + idle.mul_f64(share));
    tokio::time::sleep_until(at).await;
}

/// How the database fails, shorter than the idle time.
#[derive(Clone, Copy, Debug)]
enum Outage {
    /// It answers nothing.
    Gone,
    /// It reads, and writes wait for a lock.
    Locked,
}

/// Used at 0 %, 61 % (in the outage) and 130 % of the idle time.
async fn pauses_never(outage: Outage, loses_redis: bool) -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Real, true).await?;
    let idle = Duration::from_secs(if matches!(outage, Outage::Gone) { 7 } else { 12 });
    let flag = idle.as_millis().to_string();
    let replica = stores.replica("central", &["--idle-timeout-ms", &flag]).await?;
    let alice = replica.sign_in(&replica.alice).await?;
    let began = Instant::now();
    replica.client().session_view(&alice).await.done()?;
    until(began, idle, 0.57).await;
    let mut owner = stores.owner().await?;
    match outage {
        Outage::Gone => {
            let lost = stores.disconnect_database().await?;
            until(began, idle, 0.61).await;
            replica.client().session_view(&alice).await.done()?;
            until(began, idle, 0.75).await;
            lost.reconnect().await?;
        }
        Outage::Locked => {
            let mut lock = owner.begin().await?;
            sqlx::raw_sql("LOCK TABLE sessions IN EXCLUSIVE MODE")
                .execute(&mut *lock)
                .await?;
            until(began, idle, 0.61).await;
            replica.client().session_view(&alice).await.done()?;
            // Longer than the timeout of a statement.
            until(began, idle, 0.95).await;
            lock.rollback().await?;
        }
    }
    if loses_redis {
        until(began, idle, 1.15).await;
        flush(stores.redis.as_ref().expect("central uses Redis")).await?;
    }
    until(began, idle, 1.3).await;
    let accepted = replica.accepts(&alice).await;
    accepted.with_context(|| format!("{outage:?}, flushed {loses_redis}"))?;
    // Growth of the session needs the row in the database.
    let file = Upload::new("late.txt", "x");
    replica.client().upload(&alice, &file).await.done()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn database_outage_logs_out_no_user_without_a_pause() -> anyhow::Result<()> {
    let cases = [Outage::Gone, Outage::Locked].into_iter().flat_map(|outage| {
        [false, true].map(|loses_redis| pauses_never(outage, loses_redis))
    });
    let results = join_all(cases).await;
    let failed: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    ensure!(failed.is_empty(), "{failed:#?}");
    Ok(())
}

/// The replica that accepted a use during the outage dies before it could write the use to the
/// database: another replica takes the word of Redis.
#[tokio::test(flavor = "multi_thread")]
async fn use_that_only_redis_knows_outlives_its_replica() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Real, true).await?;
    let idle = Duration::from_secs(8);
    let flags = ["--idle-timeout-ms", "8000"];
    let mut first = stores.replica("central", &flags).await?;
    let second = stores.replica("central", &flags).await?;
    let alice = first.sign_in(&first.alice).await?;
    let began = Instant::now();
    until(began, idle, 0.57).await;
    let lost = stores.disconnect_database().await?;
    until(began, idle, 0.61).await;
    first.client().session_view(&alice).await.done()?;
    first.server.kill_9()?;
    lost.reconnect().await?;
    until(began, idle, 1.3).await;
    let file = Upload::new("late.txt", "x");
    second.client().upload(&alice, &file).await.done()?;
    Ok(())
}

/// The long form: the write lock of a SQLite file is held for half of the idle time, longer
/// than a writer waits for it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute"]
async fn locked_sqlite_file_logs_out_no_user_without_a_pause() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, true).await?;
    let idle = Duration::from_secs(40);
    let replica = stores.replica("central", &["--idle-timeout-ms", "40000"]).await?;
    let alice = replica.sign_in(&replica.alice).await?;
    let began = Instant::now();
    replica.client().session_view(&alice).await.done()?;
    until(began, idle, 0.6).await;
    let file = stores.fixture.data_dir().join("records.sqlite");
    let mut writer =
        sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await?;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut writer).await?;
    until(began, idle, 0.67).await;
    replica.client().session_view(&alice).await.done()?;
    until(began, idle, 1.1).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut writer).await?;
    until(began, idle, 1.5).await;
    replica.accepts(&alice).await
}

/// The idle time ends a session exactly: with Redis, after its data was lost, without it, and
/// whether the last use is in the database or not.
#[tokio::test(flavor = "multi_thread")]
async fn idle_session_never_dies_late() -> anyhow::Result<()> {
    let idle = Duration::from_secs(3);
    let flags = ["--idle-timeout-ms", "3000"];
    let mut failed = Vec::new();
    for loss in ["nothing", "data", "redis"] {
        let stores = TestStores::new(StoreKind::Real, true).await?;
        let replica = stores.replica("central", &flags).await?;
        let redis = stores.redis.as_ref().expect("central uses Redis");
        let login_only = replica.sign_in(&replica.alice).await?;
        let used = replica.sign_in(&replica.bob).await?;
        let began = Instant::now();
        // Too early to be written to the database.
        until(began, idle, 0.05).await;
        replica.accepts(&used).await?;
        let last_use = Instant::now();
        match loss {
            "data" => flush(redis).await?,
            "redis" => redis.kill9().await?,
            _ => {}
        }
        until(last_use, idle, 1.01).await;
        for (name, session) in [("only logged in", &login_only), ("used", &used)] {
            let status = status(&replica, session).await?;
            if status != StatusCode::UNAUTHORIZED {
                let late = last_use.elapsed().saturating_sub(idle);
                failed.push(format!("{name}, lost {loss}: {status} {late:?} late"));
            }
        }
    }
    ensure!(failed.is_empty(), "{failed:#?}");
    Ok(())
}

/// A use shortly before the end of the idle time counts in full.
#[tokio::test(flavor = "multi_thread")]
async fn used_session_lives_for_the_whole_idle_time() -> anyhow::Result<()> {
    // The last tenth of it is a second, which a busy machine may need for the use.
    let idle = Duration::from_secs(10);
    let stores = TestStores::new(StoreKind::Real, true).await?;
    let replica = stores.replica("central", &["--idle-timeout-ms", "10000"]).await?;
    let alice = replica.sign_in(&replica.alice).await?;
    let mut last_use = Instant::now();
    for _ in 0..2 {
        until(last_use, idle, 0.9).await;
        replica.accepts(&alice).await?;
        last_use = Instant::now();
    }
    Ok(())
}

/// Replicas on a Postgres of their own, each with a proxy to Redis.
struct OutageCluster {
    replicas: Vec<Started>,
    proxies: Vec<FaultProxy>,
    postgres: Service,
    _redis: Service,
    _folders: [TempDir; 2],
}

impl OutageCluster {
    async fn start(design: &str, count: usize, more: &[&str]) -> anyhow::Result<Self> {
        let folders = [tempfile::tempdir()?, tempfile::tempdir()?];
        let postgres = database(Backing::Local, folders[0].path()).await?;
        let redis = redis(Backing::Local, folders[1].path()).await?;
        let url = Records::migrate(&postgres.url).await?.app_url;
        let (head, address) = redis.url.rsplit_once('@').unwrap_or_default();
        let address: SocketAddr = address.parse()?;
        let fixture = Fixture::new()?;
        let (mut replicas, mut proxies) = (Vec::new(), Vec::new());
        let scheme =
            if design == "token" { AuthScheme::Token } else { AuthScheme::Session };
        for number in 0..count {
            let proxy = FaultProxy::start(address, 1).await?;
            let redis = format!("{head}@{}", proxy.address());
            let id = format!("r{}", number + 1);
            let mut flags = vec!["--design", design, "--replica-id", &id];
            flags.extend(["--redis-url", &redis, "--database-url", &url]);
            flags.extend(more);
            replicas.push(fixture.start(PROGRAM, scheme, &flags).await?);
            proxies.push(proxy);
        }
        Ok(Self { replicas, proxies, postgres, _redis: redis, _folders: folders })
    }
}

fn signal(replica: &Started, name: &str) -> anyhow::Result<()> {
    let pid = replica.server.pid().to_string();
    ensure!(Command::new("kill").args([name, &pid]).status()?.success());
    Ok(())
}

/// The database is killed while Redis works: every session that Redis has is shown, with its
/// files, and without a wait for the database in each request.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_shown_quickly_while_the_database_is_down() -> anyhow::Result<()> {
    let cluster = OutageCluster::start("central", 1, &[]).await?;
    let replica = &cluster.replicas[0];
    let logins = (0..8).map(|_| replica.sign_in(&replica.alice));
    let sessions = try_join_all(logins).await?;
    // Two are never used, two were read, two have uploaded, two were read and have uploaded.
    for (number, session) in sessions.iter().enumerate() {
        if matches!(number / 2, 1 | 3) {
            replica.client().session_view(session).await.done()?;
        }
        if number / 2 >= 2 {
            let file = Upload::new(format!("{number}.txt"), "x");
            replica.client().upload(session, &file).await.done()?;
        }
    }
    cluster.postgres.kill9().await?;
    let (mut times, mut failed) = (Vec::new(), Vec::new());
    for round in 0..2 {
        for (number, session) in sessions.iter().enumerate() {
            let began = Instant::now();
            match replica.client().session_view(session).await.done() {
                Ok(view)
                    if (number / 2 >= 2) == (view.body.files_uploaded.len() == 1) => {}
                Ok(view) => failed.push(format!("{number}: {:?}", view.body)),
                Err(error) => failed.push(format!("round {round}, {number}: {error:#}")),
            }
            times.push(began.elapsed());
        }
    }
    println!("session views without the database: {times:?}");
    let failures = replica.server.metric("upload_server_cache_failures_total").await?;
    ensure!(failed.is_empty(), "{failed:#?}, {failures:?} failed calls to Redis");
    let median = median(times).context("a session view")?;
    ensure!(
        median < Duration::from_millis(800),
        "each waits for the database: {median:?}"
    );
    Ok(())
}

/// The only replica with the logout cannot reach Redis; the other one is paused, and the
/// database is gone when it resumes.
#[tokio::test(flavor = "multi_thread")]
async fn logout_before_an_outage_is_not_undone_by_it() -> anyhow::Result<()> {
    for (design, flags) in
        [("central", &[][..]), ("token", &["--revocation", "deny-list"][..])]
    {
        let cluster = OutageCluster::start(design, 2, flags).await?;
        let [paused, other] = &cluster.replicas[..] else { unreachable!() };
        let alice = other.sign_in(&other.alice).await?;
        paused.accepts(&alice).await?;
        other.accepts(&alice).await?;
        signal(paused, "-STOP")?;
        cluster.proxies[1].add(Direction::ToServer, Toxic::Cut);
        log_out(other, &alice).await?;
        cluster.postgres.kill9().await?;
        signal(paused, "-CONT")?;
        let watched = Instant::now();
        while watched.elapsed() < Duration::from_secs(4) {
            let status = status(paused, &alice).await?;
            ensure!(!status.is_success(), "{design}: {status} {:?}", watched.elapsed());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        cluster.postgres.restart().await?;
        eventually(PROCESS_TIMEOUT, "the final answer", async || {
            let status = status(paused, &alice).await?;
            ensure!(!status.is_success(), "{design}: {status}");
            Ok((status == StatusCode::UNAUTHORIZED).then_some(()))
        })
        .await?;
    }
    Ok(())
}

async fn log_out(at: &Started, credential: &Credential) -> anyhow::Result<StatusCode> {
    at.client().log_out(credential).await.status()
}

/// The database goes away while a replica without Redis waits for the others to receive its
/// logout: it must not say that the logout is done, or the others must know it.
#[tokio::test(flavor = "multi_thread")]
async fn unpublished_logout_is_not_acknowledged_in_an_outage() -> anyhow::Result<()> {
    for design in ["central", "token"] {
        let flags: &[&str] =
            if design == "token" { &["--revocation", "deny-list"] } else { &[] };
        let cluster = OutageCluster::start(design, 2, flags).await?;
        let [other, isolated] = &cluster.replicas[..] else { unreachable!() };
        let alice = other.sign_in(&other.alice).await?;
        other.accepts(&alice).await?;
        isolated.accepts(&alice).await?;
        // The other replica receives nothing, and the feed ends before it could ask again.
        signal(other, "-STOP")?;
        cluster.proxies[1].add(Direction::ToServer, Toxic::Cut);
        let logout = log_out(isolated, &alice);
        let outage = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            cluster.postgres.kill9().await
        };
        let (status, outage) = tokio::join!(logout, outage);
        outage?;
        let status = status?;
        ensure!(
            status == StatusCode::SERVICE_UNAVAILABLE,
            "{design}: the logout was answered with {status}"
        );
        signal(other, "-CONT")?;
        cluster.postgres.restart().await?;
        eventually(PROCESS_TIMEOUT, "a replica that answers", async || {
            Ok(other.refuses(&alice, refused_as(design)).await.ok())
        })
        .await?;
    }
    Ok(())
}

const fn refused_as(design: &str) -> ProblemKind {
    match design.as_bytes() {
        b"token" => ProblemKind::TokenInvalid,
        _ => ProblemKind::SessionUnknown,
    }
}
