//! A running configuration: its cluster, its users, and whether every act got its requests.

use crate::demo::configuration::Configuration;
use crate::demo::figures::{ConfigurationReport, QUIESCED_REQUESTS};
use crate::demo::scenario::Scenario;
use crate::demo::virtual_users::VirtualUsers;
use anyhow::{Context, bail};
use api_contract::LoginRequest;
use launcher::status::{ProcessState, ServiceStatus};
use launcher::{Cluster, Kind, Program, Topology, Users};
use std::path::Path;

/// The scenario needs something that this machine does not have. The run is inconclusive.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct MissingService(&'static str);

/// Replicas of each configuration.
pub(crate) const REPLICAS: usize = 3;

/// The replica that a scenario may add.
const NEW_REPLICA: &str = "r4";

/// A running configuration.
pub(crate) struct RunningConfiguration {
    pub(crate) users: VirtualUsers,
    pub(crate) cluster: Cluster,
    /// Requests since this moment of the history count for the present act.
    step_started_us: u64,
    /// Whether each user got the answers that every act so far waited for.
    enough_answers: bool,
}

impl RunningConfiguration {
    /// Starts the servers.
    pub(crate) async fn start_servers(
        configuration: Configuration,
        program: &Program,
        users_file: &Path,
    ) -> anyhow::Result<Cluster> {
        Cluster::start(Topology {
            replicas: REPLICAS,
            policy: configuration.policy(),
            users: Users::File(users_file.to_owned()),
            replica_args: configuration.replica_args(),
            ..Topology::on_loopback(program.clone(), configuration.design())
        })
        .await
        .context(configuration.title())
    }

    /// Starts the users.
    pub(crate) fn start_users(
        configuration: Configuration,
        cluster: Cluster,
        accounts: &[LoginRequest],
        seed: u64,
    ) -> Self {
        let users = VirtualUsers::start(configuration, &cluster.url(), accounts, seed);
        Self { users, cluster, step_started_us: 0, enough_answers: true }
    }

    /// The services that its replicas share; [`None`] if there is none.
    pub(crate) async fn shared_services(&self) -> Option<String> {
        let services = self.cluster.status().await.services;
        let named: Vec<_> = services
            .iter()
            .filter_map(|one| Some(format!("{} ({})", one.id, one.kind?.as_str())))
            .collect();
        (!named.is_empty()).then(|| named.join(" and "))
    }

    /// Requires a database server: a file has no process to kill.
    ///
    /// # Errors
    /// [`MissingService`] when the database is a file.
    pub(crate) async fn require_database_process(&self) -> anyhow::Result<()> {
        let services = self.cluster.status().await.services;
        let server = |one: &ServiceStatus| {
            one.id == "database" && one.kind.is_some_and(|kind| kind != Kind::Embedded)
        };
        if services.iter().any(server) {
            return Ok(());
        }
        bail!(MissingService(
            "this scenario kills Postgres, and Postgres is not installed: install your \
             system's package postgresql (cargo lab doctor shows the searched places)"
        ))
    }

    /// Starts the count of requests for the next act.
    pub(crate) fn begin_step(&mut self) {
        self.step_started_us = self.users.now_us();
    }

    /// Records whether each user got the answers that the act waited for.
    pub(crate) fn end_step(&mut self, answers: usize) {
        self.enough_answers &= self.fewest_answers() >= answers;
    }

    /// The number of answers of the user with the fewest in this act.
    pub(crate) fn fewest_answers(&self) -> usize {
        self.users.fewest_answers_since(self.step_started_us)
    }

    /// Whether the requests of all users succeed again.
    pub(crate) fn is_quiesced(&self) -> bool {
        self.users.is_quiesced(QUIESCED_REQUESTS)
    }

    pub(crate) async fn inject(
        &self,
        scenario: Scenario,
        target: &str,
    ) -> anyhow::Result<()> {
        let title = self.users.configuration.title();
        scenario.inject(&self.cluster, target).await.context(title)
    }

    /// Makes the verification reads, and counts.
    pub(crate) async fn report(
        &self,
        target: &str,
    ) -> anyhow::Result<ConfigurationReport> {
        let status = self.cluster.status().await;
        let mut replicas = status.members.iter().skip(1);
        let running = replicas.find(|member| member.state == ProcessState::Up);
        let address = running.and_then(|member| member.address);
        let address = address.context("no replica is up for the verification reads")?;
        let found = self.users.read_uploads(address).await;
        let (configuration, ledger) = (self.users.configuration, self.users.ledger());
        Ok(ConfigurationReport::of(
            configuration,
            &ledger,
            (target, NEW_REPLICA),
            found,
            self.enough_answers,
        ))
    }
}
