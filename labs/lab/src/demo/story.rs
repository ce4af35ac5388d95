//! A demo with one user: trials side by side, and the statements that they stand or fall by.

use crate::commands::program;
use crate::demo::DemoArgs;
use crate::demo::verdict::Verdict;
use crate::screen::{remark, say, table, wrapped};
use api_contract::Credentials;
use api_contract::secret::Secret;
use cluster::{Cluster, Design, Topology, Users};
use serde::Serialize;
use upload_domain::accounts::random_password;

/// One statement about one trial, with the figure that it stands or falls by.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Statement {
    pub(crate) trial: &'static str,
    pub(crate) says: &'static str,
    pub(crate) expected: String,
    pub(crate) measured: String,
    pub(crate) holds: bool,
}

impl Statement {
    /// A figure that has to be one in particular.
    pub(crate) fn equal<T: ToString + PartialEq>(
        trial: &'static str,
        says: &'static str,
        (expected, measured): (&T, &T),
    ) -> Self {
        let holds = expected == measured;
        let (expected, measured) = (expected.to_string(), measured.to_string());
        Self { trial, says, expected, measured, holds }
    }
}

/// Something to be shown as a row of a table.
pub(crate) trait Trial: Serialize {
    /// The names of the columns; the first is empty.
    const COLUMNS: &'static [&'static str];

    /// The cells.
    fn row(&self) -> Vec<String>;
}

/// A run: what was tried, and what that says.
#[derive(Debug, Serialize)]
pub(crate) struct Story<T> {
    pub(crate) scenario: &'static str,
    pub(crate) seed: u64,
    pub(crate) trials: Vec<T>,
    pub(crate) statements: Vec<Statement>,
    /// Why the run could not tell.
    pub(crate) reasons: Vec<String>,
    pub(crate) verdict: Verdict,
    pub(crate) seconds: f64,
}

impl<T: Trial> Story<T> {
    /// Judges: a reason for doubt takes the word from every statement.
    pub(crate) fn judge(mut self) -> Self {
        let all_hold = self.statements.iter().all(|statement| statement.holds);
        self.verdict = match (self.reasons.is_empty(), all_hold) {
            (false, _) => Verdict::CouldNotTell,
            (true, true) => Verdict::Pass,
            (true, false) => Verdict::Fail,
        };
        self
    }

    /// Shows it, with one sentence for each thing to be learnt.
    pub(crate) fn show(&self, args: &DemoArgs, lessons: &[&str]) -> anyhow::Result<()> {
        if args.json {
            say(serde_json::to_string_pretty(self)?);
            self.judgement().into_iter().for_each(remark);
            return Ok(());
        }
        let rows = self.trials.iter().map(Trial::row).collect();
        say(format!("\n{}\n", table(T::COLUMNS, rows)));
        say("Why:");
        for lesson in lessons {
            say(wrapped(lesson, 2));
        }
        say("");
        self.judgement().into_iter().for_each(say);
        say(format!("seed {} ({:.0} s)", self.seed, self.seconds));
        Ok(())
    }

    fn judgement(&self) -> Vec<String> {
        if self.verdict == Verdict::Pass {
            let all = self.statements.len();
            return vec![format!(
                "All {all} statements of the concepts hold for this run."
            )];
        }
        let broken = self.statements.iter().filter(|statement| !statement.holds);
        let broken = broken.map(|one| {
            let Statement { trial, says, expected, measured, .. } = one;
            format!("NOT AS THE CONCEPTS SAY: {trial}: {says}: expected {expected}, measured {measured}")
        });
        let reasons = self.reasons.iter().map(|why| format!("COULD NOT TELL: {why}"));
        let again = self.verdict == Verdict::CouldNotTell;
        let again = again.then(|| "Run it again.".to_owned());
        broken.chain(reasons).chain(again).collect()
    }
}

/// A cluster with one user, alice.
pub(crate) async fn cluster_for_alice(
    design: Design,
    replicas: usize,
    replica_args: &[String],
) -> anyhow::Result<(Cluster, Credentials)> {
    let password = random_password();
    let cluster = Cluster::start(Topology {
        replicas,
        users: Users::WithPassword(Secret::new(password.clone())),
        replica_args: replica_args.iter().map(Into::into).collect(),
        ..Topology::on_loopback(program()?, design)
    })
    .await?;
    let password = Secret::new(password);
    Ok((cluster, Credentials { username: "alice".to_owned(), password }))
}
