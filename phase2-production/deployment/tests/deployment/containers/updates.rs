//! A new version comes while people work.

use super::callers::{Caller, Standing, all_are_logged_in};
use super::fleet::{Fleet, Front, Plan, REPLICAS};
use anyhow::ensure;
use futures_util::future::try_join_all;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

behind_both!(
    a_rolling_update_under_load_breaks_no_request_off_and_costs_no_session,
    a_replica_killed_during_a_rolling_update_costs_no_acknowledged_upload_and_no_session,
);

/// What the replicas are called after the update.
const NEW: [&str; 3] = ["r1-new", "r2-new", "r3-new"];

/// Between two rounds of one caller: a load, not a siege.
const BREATH: Duration = Duration::from_millis(50);

/// Fewer requests than these, of all callers, were no load.
const A_LOAD: usize = 100;

/// What a replica says that had no answer of its stores in time: on a machine that is busy
/// building images and servers at once that happens with no update at all.
const COME_BACK: [&str; 2] = ["session-store-unavailable", "records-unavailable"];

/// Of so many requests one may be told to come back (503), and the caller has to ask again.
/// Any other failure, a connection that breaks off or a balancer without a replica, is one
/// too many.
const OF_SO_MANY: usize = 20;

/// What one caller has seen.
#[derive(Debug, Default)]
struct Seen {
    requests: usize,
    told_to_come_back: usize,
    failures: Vec<String>,
    logged_out: bool,
    uploaded: Vec<String>,
}

impl Seen {
    fn failed(&mut self, why: String) {
        if COME_BACK.iter().any(|problem| why.contains(problem)) {
            self.told_to_come_back += 1;
        } else {
            self.failures.push(why);
        }
    }
}

async fn a_rolling_update_under_load_breaks_no_request_off_and_costs_no_session(
    front: Front,
) -> anyhow::Result<()> {
    let mut fleet = Fleet::start(Plan::central(front)).await?;
    let callers = Caller::all(&fleet).await?;
    let enough = CancellationToken::new();
    let working = work(&callers, &enough);
    for (slot, new) in REPLICAS.into_iter().zip(NEW) {
        fleet.replace(slot, new).await?;
    }
    enough.cancel();
    let (mut requests, mut told_to_come_back) = (0, 0);
    for seen in try_join_all(working).await? {
        requests += seen.requests;
        told_to_come_back += seen.told_to_come_back;
        ensure!(seen.failures.is_empty(), "{:?}", seen.failures);
    }
    ensure!(requests > A_LOAD, "only {requests} requests: no load");
    let few = told_to_come_back * OF_SO_MANY <= requests;
    ensure!(few, "{told_to_come_back} of {requests} requests were told to come back");
    all_are_logged_in(&callers, &NEW).await?;
    fleet.promise_kept()
}

async fn a_replica_killed_during_a_rolling_update_costs_no_acknowledged_upload_and_no_session(
    front: Front,
) -> anyhow::Result<()> {
    let mut fleet = Fleet::start(Plan::central(front)).await?;
    let callers = Caller::all(&fleet).await?;
    let enough = CancellationToken::new();
    let working = work(&callers, &enough);
    fleet.replace("r1", "r1-new").await?;
    fleet.part("r3").kill().await?;
    fleet.replace("r2", "r2-new").await?;
    fleet.part("r3").start_again().await?;
    fleet.until_served_by(&["r1-new", "r2-new", "r3"]).await?;
    enough.cancel();
    for (caller, seen) in callers.iter().zip(try_join_all(working).await?) {
        ensure!(!seen.logged_out, "{} was logged out", caller.name);
        ensure!(!seen.uploaded.is_empty(), "{} had nothing to lose", caller.name);
        let listed = caller.files().await?;
        let lost = seen.uploaded.iter().find(|id| !listed.contains_key(*id));
        ensure!(lost.is_none(), "acknowledged and gone: {lost:?}");
    }
    fleet.promise_kept()
}

type Working = tokio::task::JoinHandle<Seen>;

/// Lets everybody work until it is enough.
fn work(callers: &[Caller], enough: &CancellationToken) -> Vec<Working> {
    let callers = callers.iter().cloned();
    callers.map(|caller| tokio::spawn(keep_working(caller, enough.clone()))).collect()
}

/// Looks and uploads by turns. Nothing is asked twice.
async fn keep_working(caller: Caller, enough: CancellationToken) -> Seen {
    let mut seen = Seen::default();
    while !enough.is_cancelled() {
        seen.requests += 2;
        match caller.look().await {
            Standing::In(_) => {}
            Standing::Out => {
                seen.logged_out = true;
                seen.failures.push("logged out".to_owned());
            }
            Standing::Unknown(why) => seen.failed(why),
        }
        match caller.upload("file", 10_000).await.done() {
            Ok(created) => seen.uploaded.push(created.body.file_id),
            Err(error) => seen.failed(format!("{error:#}")),
        }
        tokio::time::sleep(BREATH).await;
    }
    seen
}
