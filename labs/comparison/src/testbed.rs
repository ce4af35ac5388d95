//! Runs a scenario for every design.

use crate::configuration::{Accounts, Configuration};
use crate::cpu_use::{CpuMeter, CpuUse};
use crate::revocation::{self, RevocationEffect};
use crate::scenario::Scenario;
use crate::series::Series;
use crate::trial::Trial;
use crate::virtual_users::{RunningLoad, VirtualUsers};
use api_contract::design::Design;
use futures_util::future::try_join_all;
use std::collections::BTreeSet;
use std::time::Duration;

/// Steady-load rounds of each design, and their length: enough requests for a p99 even of
/// `memory`, although most of its logins are lost.
const STEADY_ROUNDS: usize = 3;
const ROUND_DURATION: Duration = Duration::from_millis(1_200);

/// Factor of the request rate while a design has the machine to itself.
const STEADY_RATE_FACTOR: u32 = 6;

/// Answers of each user before a fault, and after it.
const BASELINE_ANSWERS: usize = 4;
const OBSERVED_ANSWERS: usize = 6;

/// All running clusters and accounts.
pub(crate) struct Testbed {
    pub(crate) configurations: Vec<Configuration>,
    /// Access tokens without a lookup, for the one scenario with revocation.
    pub(crate) without_lookup: Option<Configuration>,
    pub(crate) accounts: Accounts,
    /// Interval between requests of a user while all designs share the machine.
    pub(crate) pace: Duration,
}

/// The trials, and the CPU use meanwhile.
pub(crate) type ScenarioResult = (Vec<Trial>, CpuUse);

impl Testbed {
    pub(crate) async fn run_scenario(
        &self,
        scenario: Scenario,
        target: &str,
        seed: u64,
    ) -> anyhow::Result<ScenarioResult> {
        match scenario {
            Scenario::SteadyLoad => self.run_steady_load(seed).await,
            _ => self.run_fault(scenario, target, seed).await,
        }
    }

    async fn run_steady_load(&self, seed: u64) -> anyhow::Result<ScenarioResult> {
        let mut trials: Vec<_> = self.configurations.iter().map(empty_trial).collect();
        let watch = CpuMeter::start();
        for round in 0..STEADY_ROUNDS {
            for step in 0..self.configurations.len() {
                let at = (round + step) % self.configurations.len();
                let virtual_users = self.configurations[at]
                    .log_in_all(seed.wrapping_add(round as u64))
                    .await?;
                let load = virtual_users.start_load(self.pace / STEADY_RATE_FACTOR);
                tokio::time::sleep(ROUND_DURATION).await;
                let enough = load.wait_for_answers(1).await;
                trials[at].enough_answers &= enough;
                trials[at].series.append(load.stop().await);
            }
        }
        Ok((trials, watch.cpu_use()))
    }

    async fn run_fault(
        &self,
        scenario: Scenario,
        target: &str,
        seed: u64,
    ) -> anyhow::Result<ScenarioResult> {
        let all_users = self
            .configurations
            .iter()
            .map(|configuration| configuration.log_in_all(seed));
        let all_users = try_join_all(all_users).await?;
        let watch = CpuMeter::start();
        let without_lookup = self.revoke_without_lookup(scenario);
        let all = self.configurations.iter().zip(all_users);
        let all = all.map(|(configuration, virtual_users)| {
            self.run_trial(configuration, virtual_users, scenario, target)
        });
        let (mut trials, without_lookup) =
            tokio::try_join!(try_join_all(all), without_lookup)?;
        let cpu_use = watch.cpu_use();
        for (configuration, trial) in self.configurations.iter().zip(&trials) {
            configuration.restore(scenario, target, trial.new_replica.as_deref()).await?;
        }
        let token = |trial: &&mut Trial| trial.design == Design::Token;
        if let Some(trial) = trials.iter_mut().find(token) {
            trial.revocation_without_lookup = without_lookup;
        }
        Ok((trials, cpu_use))
    }

    /// One design: baseline, fault, observation.
    async fn run_trial(
        &self,
        configuration: &Configuration,
        virtual_users: VirtualUsers,
        scenario: Scenario,
        target: &str,
    ) -> anyhow::Result<Trial> {
        let login_replicas = virtual_users.login_replicas();
        let mut load = virtual_users.start_load(self.pace);
        let mut trial = empty_trial(configuration);
        trial.scenario = scenario;
        trial.enough_answers = load.wait_for_answers(BASELINE_ANSWERS).await;
        let revocation_trial = match scenario {
            Scenario::RevokeOne => Some(
                revocation::RevocationTrial::prepare(
                    configuration,
                    &self.accounts,
                    revocation::MIN_OBSERVATION,
                )
                .await?,
            ),
            _ => None,
        };
        load.fault_started();
        trial.new_replica = configuration.inject(scenario, target).await?;
        if let Some(revocation_trial) = revocation_trial {
            trial.revocation = Some(revocation_trial.run().await?);
        }
        load.fault_ended();
        trial.enough_answers &= load.wait_for_answers(OBSERVED_ANSWERS).await;
        trial.on_target = on_target(&login_replicas, target);
        trial.series = observe_until_quiesced(load).await;
        Ok(trial)
    }

    async fn revoke_without_lookup(
        &self,
        scenario: Scenario,
    ) -> anyhow::Result<Option<RevocationEffect>> {
        let Some(configuration) =
            self.without_lookup.as_ref().filter(|_| scenario == Scenario::RevokeOne)
        else {
            return Ok(None);
        };
        let timeout = revocation::timeout_without_lookup();
        let trial =
            revocation::RevocationTrial::prepare(configuration, &self.accounts, timeout)
                .await?;
        trial.run().await.map(Some)
    }
}

/// A trial without any event.
fn empty_trial(configuration: &Configuration) -> Trial {
    Trial {
        design: configuration.design,
        scenario: Scenario::SteadyLoad,
        series: Series::default(),
        on_target: BTreeSet::new(),
        new_replica: None,
        enough_answers: true,
        revocation: None,
        revocation_without_lookup: None,
    }
}

/// Keeps the load until requests no longer fail, or until the timeout.
async fn observe_until_quiesced(load: RunningLoad) -> Series {
    let _doubts_say_so = load.wait_until_quiesced().await;
    load.stop().await
}

fn on_target(login_replicas: &[Option<String>], target: &str) -> BTreeSet<usize> {
    let login_replicas = login_replicas.iter().enumerate();
    let own = login_replicas
        .filter(|(_, login_replica)| login_replica.as_deref() == Some(target));
    own.map(|(user, _)| user).collect()
}
