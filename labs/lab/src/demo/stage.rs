//! The acts of a demo. Each waits for something to be so, never for time to pass.

use crate::commands::program;
use crate::demo::Scenario;
use crate::demo::crowd::Crowd;
use crate::demo::facts::{Verdict, facts};
use crate::demo::figures::{CALM, LaneReport};
use crate::demo::lane::Lane;
use crate::demo::ledger::Outcome;
use crate::demo::predict::{self, Prediction};
use crate::demo::progress::Step;
use crate::demo::report::Report;
use anyhow::Context;
use api_contract::Credentials;
use api_contract::secret::Secret;
use cluster::status::ProcessState;
use cluster::{Cluster, RunDir, Topology, Users};
use futures_util::future::{join_all, try_join_all};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use upload_domain::accounts::random_password;
use upload_domain::passwords::HashCost;
use upload_domain::users_file;

/// Replicas in each lane.
const REPLICAS: usize = 3;

/// Requests of each user before the fault, and after it.
const BASELINE_REQUESTS: usize = 10;
const OBSERVED_REQUESTS: usize = 30;

/// How long an act may take before the demo goes on without it; the verdict is then
/// "could not tell".
const PATIENCE: Duration = Duration::from_secs(30);

const ACTS: usize = 6;

/// Everything that a demo has started.
pub(crate) struct Stage {
    scenario: Scenario,
    seed: u64,
    users: usize,
    victim: String,
    began: Instant,
    lanes: Vec<RunningLane>,
    /// Last, so that the processes are gone before the users file is.
    folder: Option<RunDir>,
}

struct RunningLane {
    crowd: Crowd,
    cluster: Cluster,
    struck_ms: u64,
}

impl Stage {
    pub(crate) fn new(scenario: Scenario, seed: u64, users: usize) -> Self {
        let victim = format!("r{}", seed % REPLICAS as u64 + 1);
        let (lanes, folder) = (Vec::new(), None);
        Self { scenario, seed, users, victim, began: Instant::now(), lanes, folder }
    }

    /// Says what is about to happen, and asks what will come of it.
    pub(crate) fn predict(&mut self, asks: bool) -> Vec<Prediction> {
        let fault = self.scenario.fault(&self.victim);
        eprintln!("{}: {fault}.", self.scenario.title());
        eprintln!(
            "Three lanes of {REPLICAS} servers each; {} users before each lane.",
            self.users
        );
        let predictions = if asks { predict::ask(self.users) } else { Vec::new() };
        self.began = Instant::now();
        predictions
    }

    /// Starts the clusters and lets the users log in and begin.
    pub(crate) async fn set_up(&mut self) -> anyhow::Result<()> {
        let step = Step::begin(1, ACTS, "starting real servers");
        let program = program()?;
        let folder = RunDir::create(&program)?;
        let accounts = accounts(self.users);
        let named: Vec<_> = accounts
            .iter()
            .map(|account| (account.username.as_str(), account.password.expose()))
            .collect();
        let users_file = folder.path().join("users.json");
        users_file::write(&users_file, &named, HashCost::Owasp)?;
        let start = |lane: Lane| {
            Cluster::start(Topology {
                program: program.clone(),
                design: lane.design(),
                replicas: REPLICAS,
                policy: lane.policy(),
                listen: SocketAddr::from(([127, 0, 0, 1], 0)),
                users: Users::File(users_file.clone()),
                data_dir: None,
                supervise: false,
                replica_args: Vec::new(),
            })
        };
        let clusters = try_join_all(Lane::ALL.map(start)).await?;
        let seed = self.seed;
        let begin = |(lane, cluster): (Lane, Cluster)| {
            let crowd = Crowd::start(lane, cluster.url(), accounts.clone(), seed);
            RunningLane { crowd, cluster, struck_ms: 0 }
        };
        self.lanes = Lane::ALL.into_iter().zip(clusters).map(begin).collect();
        self.folder = Some(folder);
        step.end(&format!("{} processes", Lane::ALL.len() * (REPLICAS + 1)));
        Ok(())
    }

    /// Lets everybody work while nothing is wrong.
    pub(crate) async fn baseline(&self) {
        let step = Step::begin(2, ACTS, "baseline: nothing is wrong");
        self.until_each_user_has_made(BASELINE_REQUESTS, &step).await;
        step.end(&self.so_far());
    }

    /// Waits until somebody at the keyboard wants the fault; the users go on meanwhile.
    pub(crate) async fn wait_for_enter(&self) {
        let fault = self.scenario.fault(&self.victim);
        predict::wait_for_enter(format!("Press Enter to {fault} ")).await;
    }

    /// The fault, in all lanes at once.
    pub(crate) async fn strike(&mut self) -> anyhow::Result<()> {
        let fault = self.scenario.fault(&self.victim);
        let step = Step::begin(3, ACTS, &format!("fault: {fault}"));
        for lane in &self.lanes {
            lane.crowd.ledger().fault_begins();
        }
        let (scenario, victim) = (self.scenario, &self.victim);
        let strike = |lane: &'static str, cluster| async move {
            scenario.strike(cluster, victim).await.with_context(|| lane.to_owned())
        };
        let all = self.lanes.iter();
        try_join_all(all.map(|lane| strike(lane.crowd.lane().title(), &lane.cluster)))
            .await?;
        for lane in &mut self.lanes {
            let now = lane.crowd.ledger().now_ms();
            lane.struck_ms = now;
        }
        step.end("done in every lane");
        Ok(())
    }

    /// Lets everybody work until it is over, or long enough to see that it never is.
    pub(crate) async fn observe(&mut self) {
        let step = Step::begin(4, ACTS, "observing");
        self.until_each_user_has_made(OBSERVED_REQUESTS, &step).await;
        let calm = |lane: &RunningLane| {
            let ledger = lane.crowd.ledger();
            ledger.each_ends_with(CALM, |ended| ended != Outcome::Failed)
        };
        wait_until(|| self.lanes.iter().all(calm)).await;
        join_all(self.lanes.iter_mut().map(|lane| lane.crowd.stop())).await;
        step.end(&self.so_far());
    }

    /// Reads every upload back, counts, and judges.
    pub(crate) async fn compare(&self) -> anyhow::Result<Report> {
        let step = Step::begin(5, ACTS, "reading every acknowledged upload back");
        let lanes = try_join_all(self.lanes.iter().map(|lane| self.report(lane))).await?;
        let facts = facts(self.scenario, self.users, &lanes);
        let there: usize = lanes.iter().map(|lane| lane.uploads_there).sum();
        step.end(&format!("{there} are there"));
        Ok(Report {
            scenario: self.scenario,
            seed: self.seed,
            victim: self.victim.clone(),
            users: self.users,
            verdict: Verdict::of(&lanes, &facts),
            lanes,
            facts,
            seconds: self.began.elapsed().as_secs_f64(),
        })
    }

    /// Stops everything.
    pub(crate) async fn reset(self) {
        let step = Step::begin(6, ACTS, "stopping everything");
        join_all(self.lanes.iter().map(|lane| lane.cluster.down())).await;
        step.end("nothing is left running");
    }

    async fn report(&self, lane: &RunningLane) -> anyhow::Result<LaneReport> {
        let status = lane.cluster.status().await;
        let mut replicas = status.members.iter().skip(1);
        let living = replicas.find(|member| member.state == ProcessState::Up);
        let address = living.and_then(|member| member.address);
        let address = address.context("no replica is left to read uploads from")?;
        let there = lane.crowd.read_back(address).await;
        let newcomer = format!("r{}", REPLICAS + 1);
        let ledger = lane.crowd.ledger();
        Ok(LaneReport::of(lane.crowd.lane(), &ledger, &self.victim, &newcomer, there))
    }

    async fn until_each_user_has_made(&self, requests: usize, step: &Step) {
        let made = |lane: &RunningLane| {
            let made = lane.crowd.ledger().fewest_requests_since(lane.struck_ms);
            made.min(requests)
        };
        wait_until(|| {
            let made = self.lanes.iter().map(made).min().unwrap_or(0);
            step.note(&format!("{made} of {requests} requests of each user"));
            made >= requests
        })
        .await;
    }

    fn so_far(&self) -> String {
        let count = |lane: &RunningLane| lane.crowd.ledger().entries.len();
        let requests: usize = self.lanes.iter().map(count).sum();
        format!("{requests} requests so far")
    }
}

/// Polls until something is so, or patience ends; the figures then show that it was not.
async fn wait_until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn accounts(users: usize) -> Vec<Credentials> {
    let account = |number| Credentials {
        username: format!("user-{number}"),
        password: Secret::new(random_password()),
    };
    (1..=users).map(account).collect()
}
