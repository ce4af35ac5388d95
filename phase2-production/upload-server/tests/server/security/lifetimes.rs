//! Items 5, 6 and 11: the lifetime of a session, and the number of sessions per account.

use super::test_app::TestApp;
use crate::stores::{StoreKind, connection_to};
use anyhow::{bail, ensure};
use api_conformance::eventually::wait_idle;
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use client::expect::equal;
use client::{CallResult, Credential};
use futures_util::future::try_join_all;
use redis::aio::MultiplexedConnection;
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};
use upload_domain::hex::hex;

/// Tolerance for clocks that are read one after the other.
const CLOCK_TOLERANCE: Duration = Duration::from_millis(100);

/// Item 5. A read counts as use: a request within the idle timeout extends the session on
/// any replica. After a longer inactivity, every replica refuses it.
#[tokio::test]
async fn reads_extend_a_session_and_inactivity_ends_it() -> anyhow::Result<()> {
    let check = async |design: &'static str| {
        let clocks = ["--idle-timeout-ms", "2500", "--absolute-timeout-ms", "60000"];
        let app = TestApp::new(StoreKind::Embedded, design, &clocks).await?;
        let alice = app.sign_in(&app.alice).await?;
        let client = app.client();
        for _ in 0..3 {
            wait_idle(Duration::from_millis(1500)).await;
            client.list(&alice, &ListQuery::default()).await.done()?;
        }
        wait_idle(Duration::from_millis(3200)).await;
        app.all_refuse(&alice, ProblemKind::SessionExpired).await
    };
    tokio::try_join!(check("central"), check("replicated"))?;
    Ok(())
}

/// Item 6. A session in constant use ends at the absolute timeout by the clock of the
/// server. Redis never keeps it longer than either of its remaining times.
#[tokio::test]
async fn busy_session_ends_at_the_absolute_timeout() -> anyhow::Result<()> {
    let (idle, absolute) = (Duration::from_millis(2000), Duration::from_millis(4000));
    let clocks = ["--idle-timeout-ms", "2000", "--absolute-timeout-ms", "4000"];
    let app = TestApp::new(StoreKind::Real, "central", &clocks).await?;
    let mut redis = connection_to(app.redis()).await?;
    let earliest_birth = Instant::now();
    let alice = app.sign_in(&app.alice).await?;
    let latest_birth = Instant::now();
    loop {
        let sent_at = Instant::now();
        match app.client().list(&alice, &ListQuery::default()).await {
            CallResult::Done(_) => {
                let age = sent_at - latest_birth;
                ensure!(
                    age < absolute + CLOCK_TOLERANCE,
                    "still valid at the age of {age:?}"
                );
            }
            refused => {
                refused.refused_as(ProblemKind::SessionExpired)?;
                let age = earliest_birth.elapsed();
                ensure!(
                    age + CLOCK_TOLERANCE > absolute,
                    "expired at the age of {age:?}"
                );
                break;
            }
        }
        let remaining = absolute.saturating_sub(latest_birth.elapsed()) + CLOCK_TOLERANCE;
        let kept = kept(&mut redis, &alice).await?;
        ensure!(
            kept <= remaining.min(idle),
            "Redis keeps it for {kept:?}, not {remaining:?}"
        );
        wait_idle(Duration::from_millis(200)).await;
    }
    app.all_refuse(&alice, ProblemKind::SessionExpired).await
}

/// The remaining time for which Redis keeps a session.
async fn kept(
    redis: &mut MultiplexedConnection,
    credential: &Credential,
) -> anyhow::Result<Duration> {
    let Credential::Session(id) = credential else {
        bail!("{credential:?} is no session");
    };
    let pattern = format!("*:session:{}", hex(&Sha256::digest(id.expose())));
    let keys: Vec<String> = redis::cmd("KEYS").arg(pattern).query_async(redis).await?;
    let Some(key) = keys.first() else { return Ok(Duration::ZERO) };
    let remaining: i64 = redis::cmd("PTTL").arg(key).query_async(redis).await?;
    ensure!(remaining != -1, "Redis keeps a session without expiry");
    Ok(Duration::from_millis(u64::try_from(remaining).unwrap_or(0)))
}

/// Item 11. A login beyond the limit ends the oldest session of the account, and no
/// session of another account.
#[tokio::test]
async fn login_beyond_the_limit_ends_the_oldest_session() -> anyhow::Result<()> {
    let app = app_with_three_sessions().await?;
    let bob = app.sign_in(&app.bob).await?;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(app.sign_in(&app.alice).await?);
    }
    app.all_refuse(&sessions[0], ProblemKind::SessionUnknown).await?;
    for living in [&sessions[1], &sessions[2], &sessions[3], &bob] {
        app.all_accept(living).await?;
    }
    Ok(())
}

/// Item 11. Concurrent logins on different replicas never exceed the limit.
#[tokio::test]
async fn concurrent_logins_never_exceed_the_session_limit() -> anyhow::Result<()> {
    let app = app_with_three_sessions().await?;
    let mut sessions = Vec::new();
    for round in 0..8 {
        let concurrent = (0..4).map(|number| {
            let replica = app.replica(round + number);
            replica.sign_in(&app.alice)
        });
        sessions.extend(try_join_all(concurrent).await?);
        for replica in app.replicas() {
            let (client, mut living) = (replica.client(), 0);
            for session in &sessions {
                let listing = client.list(session, &ListQuery::default()).await;
                living += usize::from(listing.status()?.is_success());
            }
            equal("living sessions", living, 3)?;
        }
    }
    Ok(())
}

async fn app_with_three_sessions() -> anyhow::Result<TestApp> {
    TestApp::new(StoreKind::Real, "central", &["--max-sessions-per-user", "3"]).await
}
