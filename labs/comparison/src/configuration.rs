//! One design under test: a real cluster and the accounts of its users.

use crate::scenario::Scenario;
use crate::virtual_user::PreparedUser;
use crate::virtual_users::VirtualUsers;
use anyhow::Context;
use api_contract::LoginRequest;
use api_contract::design::Design;
use api_contract::secret::Secret;
use client::{Client, Upload};
use futures_util::future::try_join_all;
use launcher::commands::MemberAction;
use launcher::status::MemberStatus;
use launcher::{Backing, Cluster, Program, RunDir, Topology, Users};
use std::time::Duration;
use upload_domain::accounts::random_password;
use upload_domain::passwords::{self, HashCost};
use upload_domain::users_file::{self, User};

/// Replicas at the start of every scenario.
pub(crate) const REPLICAS: usize = 3;

/// Delay between two kills when all replicas are killed.
const KILL_INTERVAL: Duration = Duration::from_millis(300);

/// Attempts to start a replica before the scenario is given up.
const MAX_START_ATTEMPTS: usize = 3;

/// The administrator's account.
const ADMIN: &str = "admin";

/// The account that is revoked.
const REVOKED_USER: &str = "revoked";

/// All accounts, the same for every design.
#[derive(Debug)]
pub(crate) struct Accounts {
    pub(crate) virtual_users: Vec<LoginRequest>,
    pub(crate) admin: LoginRequest,
    pub(crate) revoked: LoginRequest,
    file: std::path::PathBuf,
}

impl Accounts {
    /// Creates the accounts and writes the users file. Passwords are hashed at the lowest
    /// cost: a user logs in again immediately after losing a login, and the comparison is
    /// about identifying callers, not about checking passwords.
    pub(crate) fn create(users: usize, folder: &RunDir) -> anyhow::Result<Self> {
        let account = |name: String| LoginRequest {
            username: name,
            password: Secret::new(random_password()),
        };
        let virtual_users: Vec<_> =
            (1..=users).map(|one| account(format!("user-{one}"))).collect();
        let (admin, revoked) =
            (account(ADMIN.to_owned()), account(REVOKED_USER.to_owned()));
        let all = virtual_users.iter().chain([&admin, &revoked]);
        let all = all.map(users_file_entry).collect::<anyhow::Result<Vec<_>>>()?;
        let file = folder.path().join("users.json");
        users_file::write_users(&file, all)?;
        Ok(Self { virtual_users, admin, revoked, file })
    }
}

fn users_file_entry(account: &LoginRequest) -> anyhow::Result<User> {
    let hash = passwords::hash(account.password.expose(), HashCost::Minimal)?;
    let admin = account.username == ADMIN;
    Ok(User { admin, ..User::new(&account.username, hash)? })
}

/// A design with its cluster.
pub(crate) struct Configuration {
    pub(crate) design: Design,
    pub(crate) cluster: Cluster,
    prepared_users: Vec<PreparedUser>,
    /// The initial replicas. A replica that a scenario adds is stopped afterwards.
    replicas: Vec<String>,
}

impl Configuration {
    /// Starts the cluster and uploads a file for every account.
    pub(crate) async fn start(
        design: Design,
        program: &Program,
        backing: Backing,
        accounts: &Accounts,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        // Limits that protect a real service must not throttle the load.
        let unlimited = [
            "--max-sessions=1000000",
            "--max-sessions-per-user=100000",
            "--requests-per-second=100000",
        ];
        // These replicas count their sessions in each sweep, so sweeps must be frequent.
        let sweep_flags: &[&str] = match design {
            Design::Replicated => &["--sweep-ms=250"],
            _ => &[],
        };
        let flags = unlimited.iter().chain(sweep_flags).chain(flags);
        let cluster = Cluster::start(Topology {
            replicas: REPLICAS,
            users: Users::File(accounts.file.clone()),
            backing,
            replica_args: flags.map(Into::into).collect(),
            ..Topology::on_loopback(program.clone(), design)
        });
        let cluster = cluster.await.with_context(|| design.to_string())?;
        let replicas = cluster.replica_ids();
        let mut configuration =
            Self { design, cluster, prepared_users: Vec::new(), replicas };
        for account in &accounts.virtual_users {
            configuration.prepared_users.push(configuration.prepare_user(account).await?);
        }
        Ok(configuration)
    }

    /// Uploads through one replica, because other replicas may not have the session.
    async fn prepare_user(&self, account: &LoginRequest) -> anyhow::Result<PreparedUser> {
        let client = self.clients().await?.swap_remove(0).1;
        let login = client.log_in(self.design.into(), account).await.done()?.body;
        let file = Upload::new("notes.txt", vec![b'.'; 2_048]);
        let file_id = client.upload(&login.credential, &file).await.done()?.body.file_id;
        Ok(PreparedUser { account: account.clone(), file_id })
    }

    /// All users, logged in.
    pub(crate) async fn log_in_all(&self, seed: u64) -> anyhow::Result<VirtualUsers> {
        VirtualUsers::log_in_all(
            self.design,
            &self.cluster.url(),
            &self.prepared_users,
            seed,
        )
        .await
    }

    /// Clients of the running replicas, without the balancer in between.
    pub(crate) async fn clients(&self) -> anyhow::Result<Vec<(String, Client)>> {
        let client = |member: MemberStatus| {
            let url = format!("http://{}", member.address?);
            Some((member.id, Client::new(&url)))
        };
        let clients: Vec<_> =
            self.members().await.into_iter().filter_map(client).collect();
        anyhow::ensure!(!clients.is_empty(), "{}: no replica runs", self.design);
        Ok(clients)
    }

    /// The replicas in the launcher's status.
    pub(crate) async fn members(&self) -> Vec<MemberStatus> {
        self.cluster.status().await.members.into_iter().skip(1).collect()
    }

    /// Injects the scenario's fault; returns the name of an added replica.
    pub(crate) async fn inject(
        &self,
        scenario: Scenario,
        target: &str,
    ) -> anyhow::Result<Option<String>> {
        match scenario {
            Scenario::SteadyLoad | Scenario::RevokeOne => {}
            Scenario::KillAReplica => {
                self.cluster.execute(target, MemberAction::Kill).await?
            }
            Scenario::KillReplicasInTurn => {
                for id in &self.replicas {
                    self.cluster.execute(id, MemberAction::Kill).await?;
                    tokio::time::sleep(KILL_INTERVAL).await;
                }
                self.start_all().await?;
            }
            Scenario::RollingRestart => {
                for id in &self.replicas {
                    self.cluster.execute(id, MemberAction::Restart).await?;
                }
            }
            Scenario::ScaleOut => return self.cluster.add().await.map(Some),
        }
        Ok(None)
    }

    async fn start_all(&self) -> anyhow::Result<()> {
        try_join_all(self.replicas.iter().map(|id| self.restart_with_retries(id)))
            .await
            .map(drop)
    }

    /// Starts are retried, as an operator would: all designs start all their replicas at once,
    /// and on a busy machine a store may answer too slowly for one of them.
    async fn restart_with_retries(&self, id: &str) -> anyhow::Result<()> {
        let mut last = self.cluster.execute(id, MemberAction::Restart).await;
        for _ in 1..MAX_START_ATTEMPTS {
            if last.is_ok() {
                break;
            }
            last = self.cluster.execute(id, MemberAction::Restart).await;
        }
        last
    }

    /// Restores the initial cluster.
    pub(crate) async fn restore(
        &self,
        scenario: Scenario,
        target: &str,
        added: Option<&str>,
    ) -> anyhow::Result<()> {
        if scenario == Scenario::KillAReplica {
            self.cluster.execute(target, MemberAction::Restart).await?;
        }
        if let Some(added) = added {
            self.cluster.execute(added, MemberAction::Drain).await?;
            self.cluster.execute(added, MemberAction::Stop).await?;
        }
        Ok(())
    }
}
