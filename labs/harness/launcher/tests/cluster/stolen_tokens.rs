//! How long a stolen token stays valid after its owner has logged out, for each revocation
//! mode.

use crate::testbed::{TestCluster, in_runtime, logged_in};
use anyhow::ensure;
use launcher::Design;
use std::time::{Duration, Instant};
use workload::virtual_user::{LoginCredential, VirtualUser};

/// The time for which the thief keeps trying after the token should have expired.
const EXTRA_TIME: Duration = Duration::from_secs(20);

/// The lifetime of a token in this test. The default of minutes is too long.
const TOKEN_TTL: Duration = Duration::from_secs(6);

/// The interval between two attempts of the thief.
const ATTEMPT_INTERVAL: Duration = Duration::from_millis(50);

/// A user logs out, and a thief uses the token on every replica until all refuse it. Returns the
/// time from the logout to the last accepted request.
async fn valid_after_logout(revocation: &str) -> anyhow::Result<Duration> {
    let ttl = TOKEN_TTL.as_millis().to_string();
    let flags = ["--revocation", revocation, "--token-ttl-ms", &ttl];
    let fixture = TestCluster::start_with(Design::Token, &flags).await?;
    let trial = fixture.trial("stolen_token", 1, 1);
    let mut owner = trial.user(0, &fixture.cluster.url());
    let credential = logged_in(&mut owner).await?;
    let urls = fixture.replica_urls().await?;
    let thieves: Vec<VirtualUser> = urls.iter().map(|url| owner.at_url(url)).collect();
    ensure!(owner.log_out(&credential).await.is_ok(), "the logout failed");
    let logged_out = Instant::now();
    let mut last = Duration::ZERO;
    while logged_out.elapsed() < TOKEN_TTL + EXTRA_TIME {
        let tried = logged_out.elapsed();
        match is_accepted(&thieves, &credential).await {
            true => last = logged_out.elapsed(),
            // All replicas refused it, and a revoked token stays revoked.
            false if tried > last => break,
            false => {}
        }
        tokio::time::sleep(ATTEMPT_INTERVAL).await;
    }
    fixture.cluster.down().await;
    Ok(last)
}

async fn is_accepted(thieves: &[VirtualUser], credential: &LoginCredential) -> bool {
    let mut any = false;
    for thief in thieves {
        any |= thief.list(credential).await.0.is_ok();
    }
    any
}

#[test]
fn stolen_token_survives_logout_without_a_revocation_check() -> anyhow::Result<()> {
    for revocation in ["none", "short-lived"] {
        let valid_for = in_runtime(valid_after_logout(revocation))?;
        println!(
            "--revocation {revocation}: stolen, valid for {valid_for:?} of {TOKEN_TTL:?}"
        );
        ensure!(valid_for > TOKEN_TTL / 3, "{revocation}: valid for only {valid_for:?}");
        ensure!(valid_for < TOKEN_TTL + EXTRA_TIME, "{revocation}: it never expired");
    }
    Ok(())
}

#[test]
fn logout_revokes_a_stolen_token_with_a_revocation_check() -> anyhow::Result<()> {
    for revocation in ["deny-list", "token-version", "combined"] {
        let valid_for = in_runtime(valid_after_logout(revocation))?;
        println!("--revocation {revocation}: stolen, valid for {valid_for:?}");
        ensure!(valid_for == Duration::ZERO, "{revocation}: valid for {valid_for:?}");
    }
    Ok(())
}
