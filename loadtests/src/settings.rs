//! The command line, with the same flags for every scenario.

use crate::load_test::{Defaults, LoadTest};
use anyhow::ensure;
use clap::Args;
use comparison::Design;
use launcher::Backing;
use std::path::PathBuf;
use std::time::Duration;

/// The flags.
#[derive(Args, Clone, Debug)]
pub(crate) struct Flags {
    /// How callers are identified
    #[arg(long, value_enum, default_value_t = Design::Central)]
    design: Design,

    /// Number of replicas; if the scenario adds some, their number at the end
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=16))]
    replicas: Option<u16>,

    /// Number of users
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=2_000))]
    users: Option<u16>,

    /// Duration of the load; faults take additional time
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: Option<u64>,

    /// Requests a second of each user
    #[arg(long, value_name = "R", value_parser = rate)]
    rate: Option<f64>,

    /// Seed of the users' requests and of the choice of the killed replica
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Source of Redis and the database
    #[arg(long, value_enum, default_value_t)]
    backing: Backing,

    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write goose's own report as one page; its latencies count from the actual start
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Run a few users for a few seconds, as a function test
    #[arg(long)]
    smoke: bool,
}

/// The flags with the scenario's defaults.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) design: Design,
    pub(crate) replicas: usize,
    pub(crate) users: usize,
    pub(crate) seconds: u64,
    pub(crate) rate: f64,
    pub(crate) seed: u64,
    pub(crate) backing: Backing,
    pub(crate) json: Option<PathBuf>,
    pub(crate) html: Option<PathBuf>,
    pub(crate) smoke: bool,
}

impl Settings {
    /// Completes the flags with the scenario's defaults.
    pub(crate) fn of(load_test: &LoadTest, flags: Flags) -> anyhow::Result<Self> {
        let Defaults { replicas, users, seconds, rate } = match flags.smoke {
            true => load_test.smoke_defaults,
            false => load_test.defaults,
        };
        let replicas = flags.replicas.unwrap_or(replicas);
        let min_replicas = load_test.fault_schedule.min_replicas();
        ensure!(
            replicas >= min_replicas,
            "{} needs at least {min_replicas} replicas: --replicas {min_replicas}",
            load_test.name
        );
        let end_of = |path: &PathBuf| path.extension().is_some_and(|end| end == "html");
        ensure!(
            flags.html.as_ref().is_none_or(end_of),
            "goose takes the report format from the file name: --html must end with .html"
        );
        Ok(Self {
            design: flags.design,
            replicas: usize::from(replicas),
            users: usize::from(flags.users.unwrap_or(users)),
            seconds: flags.seconds.unwrap_or(seconds),
            rate: flags.rate.unwrap_or(rate),
            seed: flags.seed,
            backing: flags.backing,
            json: flags.json,
            html: flags.html,
            smoke: flags.smoke,
        })
    }

    /// Minimum duration of the load; faults may extend it.
    pub(crate) const fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Interval between the requests of a user.
    pub(crate) fn request_interval(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.rate)
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| format!("{text} is no number"))?;
    match rate.is_finite() && (0.01..=1_000.0).contains(&rate) {
        true => Ok(rate),
        false => Err("from 0.01 to 1000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load_test::{FaultSchedule, Workload};
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: Flags,
    }

    const LOAD_TEST: LoadTest = LoadTest {
        name: "a_load_test",
        purpose: "Tests the flags.",
        workload: Workload::Sessions,
        fault_schedule: FaultSchedule::KillAReplica,
        defaults: Defaults { replicas: 3, users: 20, seconds: 30, rate: 2.0 },
        smoke_defaults: Defaults::SMOKE,
    };

    fn settings(line: &str) -> anyhow::Result<Settings> {
        let words = std::iter::once("a_load_test").chain(line.split_whitespace());
        Settings::of(&LOAD_TEST, Line::try_parse_from(words)?.flags)
    }

    #[test]
    fn missing_flags_take_the_scenario_defaults() {
        let defaults = settings("").unwrap();
        assert_eq!((defaults.users, defaults.seconds), (20, 30));
        assert_eq!(defaults.request_interval(), Duration::from_millis(500));
        let smoke = settings("--smoke --users 7").unwrap();
        assert_eq!((smoke.users, smoke.seconds), (7, Defaults::SMOKE.seconds));
    }

    #[test]
    fn invalid_flags_are_rejected_with_a_suggestion() {
        let refused = settings("--replicas 1").unwrap_err().to_string();
        assert!(refused.contains("--replicas 2"), "{refused}");
        assert!(settings("--html report.txt").is_err());
        assert!(settings("--rate 0").is_err() && settings("--rate inf").is_err());
    }
}
