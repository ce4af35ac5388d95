//! A replica is killed after a commit and before its response arrives (faults 4 and 25 of the
//! matrix), and clients disconnect (fault 9).
//!
//! The proxy replaces a failpoint in the server: it holds the response back until the replica
//! is killed.

use crate::testbed::{TestCluster, Trial, logged_in, with_shared_cluster};
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use fault_proxy::{Direction, FaultProxy, Toxic};
use launcher::Design;
use launcher::commands::MemberAction;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::{Duration, Instant};
use workload::Invariant;
use workload::content::TestFile;
use workload::entry::OperationOutcome;
use workload::virtual_user::{LoginCredential, VirtualUser};
use workload::workload::{Credentials, UserFinalState};

/// The longest time until a response is held back.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);

/// The number of uploads of the client that disconnects during some of them.
const UPLOADS: usize = 120;

/// The invariants that a run without logouts and without requests after the fault can test.
pub(super) const FILES: [Invariant; 4] = [
    Invariant::DurableUploads,
    Invariant::AtomicUploads,
    Invariant::Isolation,
    Invariant::NoOrphans,
];

/// A logged-in user of one replica, behind a proxy that can hold responses back.
struct ProxiedUser {
    proxy: FaultProxy,
    virtual_user: VirtualUser,
    credential: LoginCredential,
}

impl ProxiedUser {
    async fn of_first_replica(
        fixture: &TestCluster,
        trial: &Trial,
    ) -> anyhow::Result<Self> {
        let url = fixture.replica_urls().await?[0].clone();
        let target = url.trim_start_matches("http://").parse()?;
        let proxy = FaultProxy::start(target, trial.seed).await?;
        let mut virtual_user = trial.user(0, &format!("http://{}", proxy.address()));
        let credential = logged_in(&mut virtual_user).await?;
        Ok(Self { proxy, virtual_user, credential })
    }

    /// Executes a call, and kills the replica before its response arrives.
    async fn lose_response<T>(
        &self,
        (fixture, trial): (&TestCluster, &Trial),
        call: impl Future<Output = T>,
    ) -> anyhow::Result<T> {
        let fault = trial.recorder.fault_start_invoked("proxy", "cut");
        self.proxy.add(Direction::ToClient, Toxic::Cut);
        let kill = async {
            eventually(RESPONSE_TIMEOUT, "a response that is held back", async || {
                Ok((self.proxy.buffered_bytes(Direction::ToClient) > 0).then_some(()))
            })
            .await?;
            fixture.execute("r1", MemberAction::Kill).await?;
            self.proxy.reset_connections();
            trial.recorder.fault_start_completed(fault);
            anyhow::Ok(())
        };
        let (result, killed) = tokio::join!(call, kill);
        killed?;
        trial.recorder.fault_stop_invoked(fault);
        self.proxy.heal();
        trial.recorder.fault_stop_completed(fault);
        Ok(result)
    }
}

/// The final state of a user, for the verification reads.
pub(super) fn final_state(
    virtual_user: VirtualUser,
    credential: LoginCredential,
) -> UserFinalState {
    UserFinalState {
        virtual_user,
        credentials: Credentials { current: Some(credential), revoked: Vec::new() },
    }
}

/// Fault 4: a kill after the commit and before the response.
#[test]
fn upload_retried_after_a_lost_response_is_stored_once() -> anyhow::Result<()> {
    with_shared_cluster(Design::Central, async |fixture| {
        let trial = fixture.trial("upload_retried_after_a_lost_response", 4, 1);
        let proxied = ProxiedUser::of_first_replica(fixture, &trial).await?;
        let (alice, credential) = (&proxied.virtual_user, &proxied.credential);
        let mut rng = ChaCha8Rng::seed_from_u64(trial.seed);
        let content = TestFile::new(0, &alice.account.username, 1, 9_000, &mut rng);
        let upload = alice.upload(credential, &content, Some("once"));
        let (first, _) = proxied.lose_response((fixture, &trial), upload).await?;
        ensure!(
            first.outcome == OperationOutcome::Info,
            "the response arrived: {first:?}"
        );
        let after = alice.at_url(&fixture.running_replica_urls().await[0]);
        let (_, files) = after.list(credential).await;
        ensure!(files.len() == 1, "the upload was not stored before the kill: {files:?}");
        let (second, file) = after.upload(credential, &content, Some("once")).await;
        ensure!(second.is_ok(), "the retry was refused: {second:?}");
        ensure!(
            file.as_ref() == Some(&files[0].file_id),
            "the retry got another response"
        );
        let user = final_state(after, credential.clone());
        fixture.restore().await?;
        trial.check_invariants(fixture, &[user], &FILES).await.map(drop)
    })
}

/// Fault 25: a kill after the rotation and before the response. The client has only the old
/// refresh token then.
#[test]
fn old_refresh_token_works_when_the_response_was_lost() -> anyhow::Result<()> {
    with_shared_cluster(Design::Token, async |fixture| {
        let trial = fixture.trial("old_refresh_token_works", 25, 1);
        let mut proxied = ProxiedUser::of_first_replica(fixture, &trial).await?;
        let mut refreshing = proxied.virtual_user.clone();
        let refresh = refreshing.refresh(&proxied.credential);
        let lost = proxied.lose_response((fixture, &trial), refresh).await?;
        ensure!(lost.is_none(), "the response arrived");
        proxied.virtual_user =
            proxied.virtual_user.at_url(&fixture.running_replica_urls().await[0]);
        let next = proxied.virtual_user.refresh(&proxied.credential).await;
        let next = next.context("the old refresh token was refused")?;
        ensure!(proxied.virtual_user.list(&next).await.0.is_ok());
        let again = proxied.virtual_user.refresh(&next).await;
        ensure!(again.is_some(), "the token family was revoked");
        Ok(())
    })
}

/// Fault 9: clients disconnect at any point of a request. A later acknowledged upload must not
/// be part of an abandoned transaction, which is never committed.
#[test]
fn client_disconnects_lose_no_acknowledged_upload() -> anyhow::Result<()> {
    with_shared_cluster(Design::Central, async |fixture| {
        let trial = fixture.trial("client_disconnects", 9, 2);
        let url = fixture.cluster.url();
        let (mut hasty, mut patient) = (trial.user(0, &url), trial.user(1, &url));
        let hasty_credential = logged_in(&mut hasty).await?;
        let patient_credential = logged_in(&mut patient).await?;
        let mut rng = ChaCha8Rng::seed_from_u64(trial.seed);
        let mut duration = Duration::ZERO;
        let mut disconnected = 0;
        for number in 0..UPLOADS {
            let content = |user: usize,
                           virtual_user: &VirtualUser,
                           rng: &mut ChaCha8Rng|
             -> TestFile {
                TestFile::new(user, &virtual_user.account.username, number, 3_000, rng)
            };
            if number % 4 == 0 {
                let own = content(1, &patient, &mut rng);
                let began = Instant::now();
                patient.upload(&patient_credential, &own, None).await;
                duration = began.elapsed();
            }
            let theirs = content(0, &hasty, &mut rng);
            // From the first moment to long after the response, on any machine.
            let timeout = duration.mul_f64(rng.random_range(0.01..2.0));
            let upload = hasty.upload(&hasty_credential, &theirs, Some(&theirs.name));
            let answer = tokio::time::timeout(timeout, upload).await;
            disconnected += usize::from(answer.is_err());
        }
        let in_between = UPLOADS / 10..UPLOADS * 9 / 10;
        ensure!(
            in_between.contains(&disconnected),
            "{disconnected} of {UPLOADS} uploads were disconnected"
        );
        let users = [
            final_state(hasty, hasty_credential),
            final_state(patient, patient_credential),
        ];
        trial.check_invariants(fixture, &users, &FILES).await.map(drop)
    })
}
