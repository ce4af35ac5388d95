//! The database crashes and hangs: faults 18 and 19 of the matrix.

use crate::testbed::{logged_in, with_shared_cluster};
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use launcher::Design;
use launcher::commands::MemberAction;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::time::Duration;
use workload::content::TestFile;
use workload::entry::OperationOutcome;

/// The longest time until an upload is stored after the database has recovered.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Fault 18: committed data survives the crash, and the connection pools recover by themselves.
#[test]
fn acknowledged_uploads_survive_a_database_kill_under_load() -> anyhow::Result<()> {
    for design in [Design::Central, Design::Token] {
        with_shared_cluster(design, async |fixture| {
            if !fixture.has("database").await {
                return Ok(());
            }
            let trial = fixture.trial("acknowledged_uploads_survive_a_database", 18, 4);
            let workload = trial.start_workload(&fixture.cluster.url());
            trial.until_all_are_served().await;
            let fault = trial.inject(fixture, "database", MemberAction::Kill).await?;
            trial.repair(fixture, fault, ("database", MemberAction::Restart)).await?;
            let users = trial.finish(workload).await;
            trial.check_history(fixture, &users).await.map(drop)
        })?;
    }
    Ok(())
}

/// Fault 19: requests that need no database are answered; the others soon get a 503.
#[test]
fn hanging_database_keeps_sessions_and_answers_uploads_with_503() -> anyhow::Result<()> {
    with_shared_cluster(Design::Central, async |fixture| {
        if !fixture.has("database").await || !fixture.has("redis").await {
            return Ok(());
        }
        let trial = fixture.trial("hanging_database", 19, 1);
        let mut alice = trial.user(0, &fixture.cluster.url());
        let credential = logged_in(&mut alice).await?;
        for _ in 0..6 {
            alice.view_session(&credential).await;
        }
        let fault = trial.inject(fixture, "database", MemberAction::Pause).await?;
        let mut rng = ChaCha8Rng::seed_from_u64(trial.seed);
        let content = TestFile::new(0, &alice.account.username, 1, 2_000, &mut rng);
        let (refused, _) = alice.upload(&credential, &content, Some("once")).await;
        ensure!(
            refused.outcome == OperationOutcome::Info,
            "the upload cannot have been stored: {refused:?}"
        );
        let last =
            trial.recorder.history().entries.pop().context("the upload was recorded")?;
        ensure!(last.status == Some(503), "the reply was not 503: {last:?}");
        ensure!(
            !alice.view_session(&credential).await.credential_refused,
            "the session was refused"
        );
        trial.repair(fixture, fault, ("database", MemberAction::Resume)).await?;
        let stored = eventually(UPLOAD_TIMEOUT, "the upload", async || {
            Ok(alice.upload(&credential, &content, Some("once")).await.1)
        });
        stored.await?;
        let user = super::lost_responses::final_state(alice, credential);
        trial
            .check_invariants(fixture, &[user], &super::lost_responses::FILES)
            .await
            .map(drop)
    })
}
