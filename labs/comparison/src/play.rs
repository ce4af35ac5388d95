//! Runs a scenario for every design.

use crate::lane::{Accounts, Lane};
use crate::load::{Busy, Stopwatch};
use crate::revocation::{self, Revoked};
use crate::scenario::Scenario;
use crate::series::Series;
use crate::trial::Trial;
use crate::virtual_users::{Load, VirtualUsers};
use api_contract::design::Design;
use futures_util::future::try_join_all;
use std::collections::BTreeSet;
use std::time::Duration;

/// Steady-load rounds of each design, and their length: enough requests for a p99 even of
/// `memory`, although most of its logins are lost.
const TURNS: usize = 3;
const TURN: Duration = Duration::from_millis(1_200);

/// Factor of the request rate while a design has the machine to itself.
const ALONE: u32 = 6;

/// Answers of each user before a fault, and after it.
const BASELINE_ANSWERS: usize = 4;
const OBSERVED_ANSWERS: usize = 6;

/// All running clusters and accounts.
pub(crate) struct Stage {
    pub(crate) lanes: Vec<Lane>,
    /// Access tokens without a lookup, for the one scenario with revocation.
    pub(crate) without_lookup: Option<Lane>,
    pub(crate) accounts: Accounts,
    /// Interval between requests of a user while all designs share the machine.
    pub(crate) pace: Duration,
}

/// The trials, and the CPU use meanwhile.
pub(crate) type Played = (Vec<Trial>, Busy);

impl Stage {
    pub(crate) async fn play(
        &self,
        scenario: Scenario,
        target: &str,
        seed: u64,
    ) -> anyhow::Result<Played> {
        match scenario {
            Scenario::SteadyLoad => self.steady(seed).await,
            _ => self.fault(scenario, target, seed).await,
        }
    }

    async fn steady(&self, seed: u64) -> anyhow::Result<Played> {
        let mut trials: Vec<_> = self.lanes.iter().map(quiet).collect();
        let watch = Stopwatch::start();
        for turn in 0..TURNS {
            for step in 0..self.lanes.len() {
                let at = (turn + step) % self.lanes.len();
                let virtual_users =
                    self.lanes[at].gather(seed.wrapping_add(turn as u64)).await?;
                let load = virtual_users.go(self.pace / ALONE);
                tokio::time::sleep(TURN).await;
                let enough = load.until_all_have(1).await;
                trials[at].enough &= enough;
                trials[at].series.append(load.end().await);
            }
        }
        Ok((trials, watch.read()))
    }

    async fn fault(
        &self,
        scenario: Scenario,
        target: &str,
        seed: u64,
    ) -> anyhow::Result<Played> {
        let crowds = self.lanes.iter().map(|lane| lane.gather(seed));
        let crowds = try_join_all(crowds).await?;
        let watch = Stopwatch::start();
        let unseen = self.revoke_without_lookup(scenario);
        let all = self.lanes.iter().zip(crowds);
        let all = all
            .map(|(lane, virtual_users)| self.one(lane, virtual_users, scenario, target));
        let (mut trials, unseen) = tokio::try_join!(try_join_all(all), unseen)?;
        let busy = watch.read();
        for (lane, trial) in self.lanes.iter().zip(&trials) {
            lane.mend(scenario, target, trial.new_replica.as_deref()).await?;
        }
        let token = |one: &&mut Trial| one.design == Design::Token;
        if let Some(trial) = trials.iter_mut().find(token) {
            trial.without_lookup = unseen;
        }
        Ok((trials, busy))
    }

    /// One design: baseline, fault, observation.
    async fn one(
        &self,
        lane: &Lane,
        virtual_users: VirtualUsers,
        scenario: Scenario,
        target: &str,
    ) -> anyhow::Result<Trial> {
        let homes = virtual_users.homes();
        let load = virtual_users.go(self.pace);
        let mut trial = quiet(lane);
        trial.scenario = scenario;
        trial.enough = load.until_all_have(BASELINE_ANSWERS).await;
        let revoking = match scenario {
            Scenario::RevokeOne => Some(
                revocation::Trial::prepare(lane, &self.accounts, revocation::WATCH)
                    .await?,
            ),
            _ => None,
        };
        load.fault_begins();
        trial.new_replica = lane.strike(scenario, target).await?;
        if let Some(revoking) = revoking {
            trial.revoked = Some(revoking.run().await?);
        }
        load.fault_is_done();
        trial.enough &= load.until_all_have(OBSERVED_ANSWERS).await;
        trial.on_target = on_target(&homes, target);
        trial.series = observed(load).await;
        Ok(trial)
    }

    async fn revoke_without_lookup(
        &self,
        scenario: Scenario,
    ) -> anyhow::Result<Option<Revoked>> {
        let Some(lane) =
            self.without_lookup.as_ref().filter(|_| scenario == Scenario::RevokeOne)
        else {
            return Ok(None);
        };
        let timeout = revocation::timeout_without_lookup();
        let trial = revocation::Trial::prepare(lane, &self.accounts, timeout).await?;
        trial.run().await.map(Some)
    }
}

/// A trial without any event.
fn quiet(lane: &Lane) -> Trial {
    Trial {
        design: lane.design,
        scenario: Scenario::SteadyLoad,
        series: Series::default(),
        on_target: BTreeSet::new(),
        new_replica: None,
        enough: true,
        revoked: None,
        without_lookup: None,
    }
}

/// Keeps the load until requests no longer fail, or until the timeout.
async fn observed(load: Load) -> Series {
    let _doubts_say_so = load.until_calm().await;
    load.end().await
}

fn on_target(homes: &[Option<String>], target: &str) -> BTreeSet<usize> {
    let homes = homes.iter().enumerate();
    let theirs = homes.filter(|(_, home)| home.as_deref() == Some(target));
    theirs.map(|(user, _)| user).collect()
}
