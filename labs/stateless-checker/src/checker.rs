//! A running check: the service, its users and the results so far. The experiments are functions
//! on it, in files of their own.

use crate::description::Description;
use crate::experiments::Experiments;
use crate::instances::Instances;
use crate::report::FailedControl;
use crate::user::Users;
use crate::user_run::UserRun;

/// The thoroughness of a check.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Determines the users and their values.
    pub seed: u64,
    /// Repeats of each experiment, each with another user. At least 1.
    pub rounds: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, rounds: 3 }
    }
}

/// A running check.
pub(crate) struct Checker<'a> {
    pub(crate) description: &'a Description,
    pub(crate) instances: &'a mut Instances,
    client: reqwest::Client,
    users: Users,
    pub(crate) experiments: Experiments,
    /// Controls that failed: after one, no experiment has a meaning.
    pub(crate) failed_controls: Vec<FailedControl>,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(
        description: &'a Description,
        instances: &'a mut Instances,
        seed: u64,
    ) -> Self {
        Self {
            description,
            instances,
            client: client::Options::with_new_connections().build(),
            users: Users::new(seed, description.values.clone()),
            experiments: Experiments::default(),
            failed_controls: Vec::new(),
        }
    }

    pub(crate) fn new_run(&mut self) -> UserRun {
        UserRun::new(self.users.next())
    }

    /// Sends further steps to one instance.
    pub(crate) async fn run_steps(
        &self,
        run: &mut UserRun,
        steps: std::ops::Range<usize>,
        at: usize,
    ) {
        for step in steps {
            let instance = &self.instances.list()[at];
            run.step(&self.client, self.description, step, instance).await;
        }
    }
}
