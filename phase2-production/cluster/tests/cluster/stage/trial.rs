//! A test under way: its people, its history, its faults, and the judgement in the end.

use crate::stage::{Run, Scene};
use anyhow::{bail, ensure};
use api_conformance::target::Way;
use api_contract::Credentials;
use cluster::orders::Order;
use ledger::crowd::Left;
use ledger::entry::{Act, Ended, Entry};
use ledger::history::History;
use ledger::person::{Held, Person};
use ledger::recorder::FaultNumber;
use ledger::{Crowd, Invariant, Recorder, Verdict, check, read_back};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// How often, and for how long at most, a condition is looked at.
pub(super) const LOOK: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(40);

/// Answers in a row after which a user counts as served.
const IN_A_ROW: usize = 4;

/// Logs somebody in; a busy server may say "come back".
pub(crate) async fn logged_in(person: &mut Person) -> anyhow::Result<Held> {
    let began = tokio::time::Instant::now();
    loop {
        match person.log_in().await {
            Some(held) => return Ok(held),
            None if began.elapsed() > PATIENCE => {
                bail!("{} cannot log in", person.account.username)
            }
            None => tokio::time::sleep(LOOK).await,
        }
    }
}

/// A test under way.
pub(crate) struct Trial {
    pub(crate) seed: u64,
    pub(crate) recorder: Recorder,
    test: &'static str,
    accounts: Vec<Credentials>,
    way: Way,
    pub(super) began: SystemTime,
    pub(super) blobs: PathBuf,
}

impl Trial {
    pub(super) fn new(run: &Run, scene: &Scene, accounts: Vec<Credentials>) -> Self {
        let users = accounts.iter().map(|account| account.username.clone()).collect();
        Self {
            seed: run.seed,
            recorder: Recorder::new(run.header(scene.design.as_str(), users)),
            test: run.test,
            accounts,
            way: scene.way(),
            began: SystemTime::now(),
            blobs: scene.cluster.run_dir().join("data/blobs"),
        }
    }

    /// One of its people, at a door.
    pub(crate) fn person(&self, user: usize, door: &str) -> Person {
        let account = self.accounts[user].clone();
        Person::new(user, account, self.way, door, self.recorder.clone())
    }

    /// All of its people, doing what their habits say, at a door.
    pub(crate) fn crowd(&self, door: &str) -> Crowd {
        Crowd::start(&self.accounts, self.way, door, self.seed, &self.recorder)
    }

    /// Lets a fault strike, and writes it down.
    pub(crate) async fn strike(
        &self,
        scene: &Scene,
        victim: &str,
        order: Order,
    ) -> anyhow::Result<FaultNumber> {
        let fault = self.recorder.fault_ordered(victim, order.as_str());
        scene.order(victim, order).await?;
        self.recorder.fault_struck(fault);
        Ok(fault)
    }

    /// Mends it, and writes that down.
    pub(crate) async fn mend(
        &self,
        scene: &Scene,
        fault: FaultNumber,
        (victim, order): (&str, Order),
    ) -> anyhow::Result<()> {
        self.recorder.mending_ordered(fault);
        scene.order(victim, order).await?;
        self.recorder.fault_mended(fault);
        Ok(())
    }

    /// Waits until each user has had some answers since now. If not, the checker says who
    /// has not, with the operations.
    pub(crate) async fn until_all_are_served(&self) {
        let since = self.recorder.now_ms();
        let users = 0..self.accounts.len();
        self.until(|entries| users.clone().all(|user| is_served(entries, user, since)))
            .await;
    }

    /// Lets a crowd go on until it has shown what is asked of it, and stops it: everybody
    /// is served, and somebody has logged out and may be found to be in all the same.
    pub(crate) async fn finish(&self, crowd: Crowd) -> Vec<Left> {
        self.until_all_are_served().await;
        self.until(|entries| entries.iter().any(is_logged_out)).await;
        crowd.stop().await
    }

    async fn until(&self, enough: impl Fn(&[Entry]) -> bool) {
        let began = tokio::time::Instant::now();
        while !self.recorder.with_entries(&enough) && began.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Reads everything back and judges the history by all that the design promises: for a
    /// run of a crowd, which shows everything but what nobody can know (I7).
    ///
    /// # Errors
    /// When a promise was broken, or the run does not show that it was kept.
    pub(crate) async fn judge(
        self,
        scene: &Scene,
        left: &[Left],
    ) -> anyhow::Result<History> {
        let promises = scene.promises();
        let promised = |one: &Invariant| match one {
            Invariant::Honest => false,
            Invariant::Dead => promises.ends_hold,
            Invariant::Logins => promises.logins_survive,
            _ => true,
        };
        let all: Vec<_> = Invariant::ALL.into_iter().filter(promised).collect();
        self.judge_by(scene, left, &all).await
    }

    /// The same for a run that can show some of it: these must stand, and none may be
    /// broken. Whoever shares the stores with another trial cannot show what is left.
    ///
    /// # Errors
    /// When a promise was broken, or the run does not show that one of these was kept.
    pub(crate) async fn judge_by(
        self,
        scene: &Scene,
        left: &[Left],
        must_stand: &[Invariant],
    ) -> anyhow::Result<History> {
        let doors = scene.doors().await?;
        read_back::read_back(left, &doors, &self.recorder).await;
        if must_stand.contains(&Invariant::Cleared) {
            self.look_for_leftovers().await?;
        }
        let history = self.recorder.history();
        let report = check(&history, &scene.promises());
        let stands = |one: &Invariant| report.verdict(*one) == Verdict::Pass;
        let all_stand = report.broken().is_empty() && must_stand.iter().all(stands);
        ensure!(all_stand, "{}, seed {}\n{report}", self.test, self.seed);
        Ok(history)
    }
}

fn is_served(entries: &[Entry], user: usize, since: u64) -> bool {
    let since = |entry: &&Entry| entry.user == user && entry.began_ms >= since;
    let last: Vec<_> = entries.iter().rev().filter(since).take(IN_A_ROW).collect();
    last.len() == IN_A_ROW && last.iter().all(|entry| entry.served())
}

fn is_logged_out(entry: &Entry) -> bool {
    matches!(entry.act, Act::End { .. }) && entry.ended == Ended::Ok
}
