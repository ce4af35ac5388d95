//! A test under way: its people, its history, its faults, and the judgement in the end.

use crate::stage::Scene;
use crate::stage::scene::ORPHAN_GRACE_MS;
use anyhow::bail;
use api_conformance::target::Way;
use api_contract::Credentials;
use cluster::orders::Order;
use ledger::crowd::Left;
use ledger::entry::{Answered, Entry};
use ledger::history::History;
use ledger::person::{Held, Person};
use ledger::recorder::FaultNumber;
use ledger::{Crowd, Header, Invariant, Recorder, Report, Verdict, check, read_back};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often, and for how long at most, a condition is looked at.
const LOOK: Duration = Duration::from_millis(100);
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
    name: &'static str,
    pub(crate) seed: u64,
    pub(crate) recorder: Recorder,
    accounts: Vec<Credentials>,
    way: Way,
    began: SystemTime,
    blobs: PathBuf,
}

impl Trial {
    pub(super) fn new(
        name: &'static str,
        seed: u64,
        scene: &Scene,
        accounts: Vec<Credentials>,
    ) -> Self {
        let users = accounts.iter().map(|account| account.username.clone()).collect();
        let header = Header::new(seed, users)
            .with("test", &name)
            .with("design", &scene.design.as_str());
        Self {
            name,
            seed,
            recorder: Recorder::new(header),
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

    /// Waits until each user has had some answers since now.
    pub(crate) async fn until_all_are_served(&self) -> anyhow::Result<()> {
        let since = self.recorder.now_ms();
        let began = tokio::time::Instant::now();
        loop {
            let users = 0..self.accounts.len();
            let all = self.recorder.with_entries(|entries| {
                users.clone().all(|user| is_served(entries, user, since))
            });
            if all || began.elapsed() > PATIENCE {
                // If not, the checker says who was not, with the operations.
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Reads everything back and judges the history by what the design promises.
    ///
    /// # Errors
    /// When a promise was broken; the message has the report, the seed and the history's
    /// file.
    pub(crate) async fn judge(
        self,
        scene: &Scene,
        left: &[Left],
    ) -> anyhow::Result<History> {
        let doors = scene.doors().await?;
        read_back::read_back(left, &doors, &self.recorder).await;
        self.look_for_leftovers().await;
        let history = self.recorder.history();
        let report = check(&history, &scene.promises());
        let must_stand = [Invariant::Kept, Invariant::Once, Invariant::Owners];
        let stands = |one: &Invariant| report.verdict(*one) == Verdict::Pass;
        if report.broken().is_empty() && must_stand.iter().all(stands) {
            return Ok(history);
        }
        self.refuse(&history, &report)
    }

    fn refuse<T>(&self, history: &History, report: &Report) -> anyhow::Result<T> {
        let design = &history.header.parameters["design"];
        let file = format!("lab-history-{}-{design}-{}.jsonl", self.name, self.seed);
        let file = std::env::temp_dir().join(file);
        history.write(&file)?;
        bail!(
            "{} on {design}, seed {}\n{report}history: {}\nrerun: LAB_SEED={} cargo test \
             -p cluster --test cluster {}",
            self.name,
            self.seed,
            file.display(),
            self.seed,
            self.name,
        );
    }

    /// Waits until no bytes of this trial lie about that no file needs, or the janitor has
    /// had its time, and writes down what is left.
    async fn look_for_leftovers(&self) {
        let needed: BTreeSet<String> = self.recorder.with_entries(|entries| {
            entries.iter().filter(|entry| entry.read_back).flat_map(listed).collect()
        });
        let began = tokio::time::Instant::now();
        let janitor = Duration::from_millis(ORPHAN_GRACE_MS * 2);
        let count = loop {
            let left = self.new_blobs().into_iter();
            let count = left.filter(|name| !needed.contains(name)).count();
            if count == 0 || began.elapsed() > janitor {
                break count;
            }
            tokio::time::sleep(LOOK).await;
        };
        self.recorder.looked_for("bytes that no file needs", count as u64);
    }

    /// The names of files' bytes, and of what is on its way there, written since the trial
    /// began. Pieces of unfinished uploads are not among them: they may stay.
    fn new_blobs(&self) -> Vec<String> {
        let mut found = Vec::new();
        for place in ["files", "incoming"] {
            new_files_below(&self.blobs.join(place), self.began, &mut found);
        }
        found
    }
}

fn new_files_below(folder: &Path, since: SystemTime, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            new_files_below(&path, since, found);
        } else if entry.metadata().and_then(|it| it.modified()).is_ok_and(|at| at > since)
        {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
}

fn listed(entry: &Entry) -> Vec<String> {
    match &entry.said {
        ledger::entry::Said::Files { files } => {
            files.iter().map(|file| file.file.clone()).collect()
        }
        _ => Vec::new(),
    }
}

fn is_served(entries: &[Entry], user: usize, since: u64) -> bool {
    let since = |entry: &&Entry| entry.user == user && entry.began_ms >= since;
    let mut last = entries.iter().rev().filter(since).take(IN_A_ROW).peekable();
    let served = |entry: &Entry| {
        matches!(entry.answered, Answered::Done | Answered::Problem)
            && entry.status.is_some_and(|status| status < 500)
    };
    let mut count = 0;
    last.by_ref().all(|entry| {
        count += 1;
        served(entry)
    }) && count == IN_A_ROW
}
