//! Replicas crash, stop and hang under load: faults 1, 2 and 3 of the matrix.

use crate::testbed::{TestCluster, Trial, logged_in, with_shared_cluster};
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use fault_proxy::{Direction, FaultProxy, Toxic};
use launcher::Design;
use launcher::commands::MemberAction;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::time::Duration;
use workload::Invariant;
use workload::content::TestFile;
use workload::entry::{Operation, OperationOutcome};
use workload::virtual_user::{LoginCredential, VirtualUser};

/// The longest time until a resumed replica has received the missed revocations.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(20);

/// Fault 1: a kill during uploads, in one request and in chunks. A kill may miss the uploads of
/// the workload, so a slow sender has one in flight at each kill.
#[test]
fn upload_interrupted_by_a_kill_is_atomic() -> anyhow::Result<()> {
    with_shared_cluster(Design::Token, async |fixture| {
        let trial = fixture.trial("upload_interrupted_by_a_kill", 1, 4);
        let workload = trial.start_workload(&fixture.cluster.url());
        for id in ["r2", "r3"] {
            trial.until_all_are_served().await;
            let sender = SlowSender::of_replica(fixture, id).await?;
            let fault =
                sender.send_until(trial.inject(fixture, id, MemberAction::Kill)).await?;
            trial.until_all_are_served().await;
            trial.repair(fixture, fault, (id, MemberAction::Restart)).await?;
            sender.check_nothing_is_stored(fixture).await?;
        }
        let users = trial.finish(workload).await;
        trial.check_history(fixture, &users).await.map(drop)
    })
}

/// The bytes of the slow upload. At [`SLOW`] it takes ten seconds.
const SIZE: usize = 200_000;
/// The bytes that must have arrived before the kill.
const BYTES_BEFORE_KILL: usize = 30_000;
/// The bandwidth of the slow sender.
const SLOW: Toxic = Toxic::Bandwidth { bytes_per_second: 20_000 };

/// A user with a slow connection to one replica.
struct SlowSender {
    trial: Trial,
    proxy: FaultProxy,
    virtual_user: VirtualUser,
    credential: LoginCredential,
    content: TestFile,
}

impl SlowSender {
    async fn of_replica(fixture: &TestCluster, id: &str) -> anyhow::Result<Self> {
        let trial = fixture.trial("upload_interrupted_by_a_kill", 1, 1);
        let at = fixture.cluster.replica_ids().iter().position(|known| known == id);
        let url = &fixture.replica_urls().await?[at.context("a replica of that name")?];
        let target = url.trim_start_matches("http://").parse()?;
        let proxy = FaultProxy::start(target, trial.seed).await?;
        let mut virtual_user = trial.user(0, &format!("http://{}", proxy.address()));
        let credential = logged_in(&mut virtual_user).await?;
        let mut rng = ChaCha8Rng::seed_from_u64(trial.seed);
        let content = TestFile::new(0, &virtual_user.account.username, 1, SIZE, &mut rng);
        Ok(Self { trial, proxy, virtual_user, credential, content })
    }

    /// Awaits `kill`, which kills the replica, when part of the upload has arrived.
    async fn send_until<T>(
        &self,
        kill: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        self.proxy.add(Direction::ToServer, SLOW);
        let fault =
            self.trial.recorder.fault_start_invoked("proxy", "the replica is killed");
        let killed = async {
            let mut buffered_max = 0;
            eventually(CATCH_UP_TIMEOUT, "an upload in flight", async || {
                let buffered = self.proxy.buffered_bytes(Direction::ToServer);
                buffered_max = buffered_max.max(buffered);
                let arrived =
                    buffered > 0 && buffered + BYTES_BEFORE_KILL <= buffered_max;
                Ok(arrived.then_some(()))
            })
            .await?;
            kill.await
        };
        let upload = self.virtual_user.upload(&self.credential, &self.content, None);
        let ((result, _), killed) = tokio::join!(upload, killed);
        self.trial.recorder.fault_start_completed(fault);
        self.trial.recorder.fault_stop_invoked(fault);
        self.trial.recorder.fault_stop_completed(fault);
        ensure!(
            result.outcome == OperationOutcome::Info,
            "the upload was not interrupted: {result:?}"
        );
        killed
    }

    /// The upload is incomplete, so it must not be listed as a file. The trial of the workload
    /// checks that its bytes are removed.
    async fn check_nothing_is_stored(self, fixture: &TestCluster) -> anyhow::Result<()> {
        let virtual_user = self.virtual_user.at_url(&fixture.replica_urls().await?[0]);
        let (result, files) = virtual_user.list(&self.credential).await;
        ensure!(result.is_ok(), "the listing was refused: {result:?}");
        ensure!(files.is_empty(), "an incomplete upload became a file: {files:?}");
        let user = super::lost_responses::final_state(virtual_user, self.credential);
        self.trial
            .check_invariants(fixture, &[user], &[Invariant::AtomicUploads])
            .await
            .map(drop)
    }
}

/// Fault 2: orderly stops, one replica after the other.
#[test]
fn rolling_restart_interrupts_no_request() -> anyhow::Result<()> {
    with_shared_cluster(Design::Central, async |fixture| {
        let trial = fixture.trial("rolling_restart", 2, 3);
        let workload = trial.start_workload(&fixture.cluster.url());
        trial.until_all_are_served().await;
        for id in fixture.cluster.replica_ids() {
            let fault = trial.inject(fixture, &id, MemberAction::Stop).await?;
            trial.repair(fixture, fault, (&id, MemberAction::Restart)).await?;
        }
        let users = trial.finish(workload).await;
        let history = trial.check_history(fixture, &users).await?;
        let unknown =
            history.entries.iter().find(|one| one.outcome == OperationOutcome::Info);
        ensure!(unknown.is_none(), "a request was interrupted: {unknown:?}");
        Ok(())
    })
}

/// Fault 3: a replica hangs while one of its sessions is ended on another replica.
#[test]
fn resumed_replica_rejects_sessions_ended_during_its_pause() -> anyhow::Result<()> {
    for design in [Design::Replicated, Design::Central, Design::Token] {
        with_shared_cluster(design, resume_after_logout)
            .map_err(|error| error.context(design.as_str()))?;
    }
    Ok(())
}

async fn resume_after_logout(fixture: &TestCluster) -> anyhow::Result<()> {
    let trial = fixture.trial("resumed_replica", 3, 1);
    let urls = fixture.replica_urls().await?;
    let mut alice = trial.user(0, &urls[2]);
    let credential = logged_in(&mut alice).await?;
    let at_paused = alice.at_url(&urls[2]);
    ensure!(
        at_paused.list(&credential).await.0.is_ok(),
        "the session is valid before the pause"
    );
    let fault = trial.inject(fixture, "r3", MemberAction::Pause).await?;
    let ended = alice.at_url(&urls[0]).log_out(&credential).await;
    ensure!(ended.is_ok(), "the logout on another replica failed: {ended:?}");
    trial.repair(fixture, fault, ("r3", MemberAction::Resume)).await?;
    if fixture.design == Design::Replicated {
        // It receives the revocation by gossip only after it has resumed.
        eventually(CATCH_UP_TIMEOUT, "the revocation", async || {
            at_paused.list(&credential).await;
            let refused = trial.recorder.history().entries.pop();
            anyhow::Ok(refused.filter(|one| one.credential_refused()))
        })
        .await?;
    }
    for _ in 0..20 {
        let (result, _) = at_paused.list(&credential).await;
        ensure!(!result.is_ok(), "the resumed replica accepted the session");
    }
    let history = trial.recorder.history();
    let refused = history.entries.iter().filter(|one| one.credential_refused());
    ensure!(
        refused.count() > 0,
        "the resumed replica never answered: {:?}",
        history.entries.last()
    );
    ensure!(matches!(history.entries[2].operation, Operation::LogOut { .. }));
    Ok(())
}
