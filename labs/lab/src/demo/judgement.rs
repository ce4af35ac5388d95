//! The outcome of a run, with the reasons for doubt.
//!
//! A run on a busy machine is inconclusive. A failed check that no slowness explains fails
//! the run all the same.

use crate::demo::checks::Check;
use crate::demo::configuration::Configuration;
use crate::demo::figures::ConfigurationReport;
use crate::demo::scenario::Scenario;
use outcome::Outcome;
use report::text::counted;
use serde::Serialize;

/// The advice after an inconclusive run.
pub(crate) const RERUN_ADVICE: &str = "Run it again. If it happens often, the machine is \
     too busy: stop other programs, or try --users 6.";

/// The outcome of a run. With a doubt about any figure, only an inexcusable check fails it.
pub(crate) fn outcome_of(
    checks: &[Check],
    inconclusive_reasons: &[InconclusiveReason],
) -> Outcome {
    let mut failed = checks.iter().filter(|check| !check.holds).peekable();
    match (failed.peek().is_some(), inconclusive_reasons.is_empty()) {
        (false, true) => Outcome::Pass,
        (true, true) => Outcome::Fail,
        (_, false) if failed.any(|check| check.inexcusable) => Outcome::Fail,
        (_, false) => Outcome::Inconclusive,
    }
}

/// A reason to doubt the figures of a configuration.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct InconclusiveReason {
    pub(crate) configuration: Configuration,
    pub(crate) reason: String,
}

/// Every reason to doubt the figures of a run.
pub(crate) fn inconclusive_reasons(
    scenario: Scenario,
    configurations: &[ConfigurationReport],
) -> Vec<InconclusiveReason> {
    let of_configuration = |configuration: &ConfigurationReport| {
        let (configuration, reasons) =
            (configuration.configuration, reasons(scenario, configuration));
        reasons
            .into_iter()
            .map(move |reason| InconclusiveReason { configuration, reason })
    };
    configurations.iter().flat_map(of_configuration).collect()
}

fn reasons(scenario: Scenario, report: &ConfigurationReport) -> Vec<String> {
    let target_matters =
        scenario.has_target() && report.configuration == Configuration::MemorySticky;
    let (failed, unanswered_reads) =
        (report.failed_before_fault, report.unanswered_reads);
    let all = [
        (
            !report.enough_answers,
            "an act reached its time limit: not every user got enough answers".into(),
        ),
        (!report.quiesced, "requests failed, or were missing, until the end".into()),
        (failed > 0, format!("{} failed before the fault", counted(failed, "request"))),
        (
            unanswered_reads > 0,
            format!("{} got no answer", counted(unanswered_reads, "verification read")),
        ),
        (report.uploads_acknowledged == 0, "no upload was acknowledged".into()),
        (
            target_matters && report.on_target == 0,
            "no user had a session on the target replica".into(),
        ),
    ];
    all.into_iter().filter_map(|(applies, reason)| applies.then_some(reason)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::checks::checks;
    use crate::demo::fixture::{USERS, expected_report};

    /// The outcome of a killed replica after a change to the figures of one configuration.
    fn outcome(of: Configuration, change: impl Fn(&mut ConfigurationReport)) -> Outcome {
        let scenario = Scenario::KillAReplica;
        let mut configurations = Configuration::PHASE_1
            .map(|configuration| expected_report(scenario, configuration));
        configurations
            .iter_mut()
            .filter(|configuration| configuration.configuration == of)
            .for_each(change);
        outcome_of(
            &checks(scenario, USERS, &configurations),
            &inconclusive_reasons(scenario, &configurations),
        )
    }

    fn lost_upload(report: &mut ConfigurationReport) {
        report.uploads_present -= 1;
        report.uploads_lost += 1;
    }

    fn logged_out(report: &mut ConfigurationReport) {
        report.logged_out_users.insert(2);
    }

    const TOO_SLOW: fn(&mut ConfigurationReport) =
        |configuration| configuration.enough_answers = false;

    #[test]
    fn run_with_the_expected_figures_passes() {
        assert_eq!(outcome(Configuration::Token, |_| {}), Outcome::Pass);
    }

    #[test]
    fn failed_check_fails_a_run_without_doubts() {
        for configuration in Configuration::PHASE_1 {
            assert_eq!(
                outcome(configuration, lost_upload),
                Outcome::Fail,
                "{configuration:?}"
            );
        }
        assert_eq!(outcome(Configuration::MemorySticky, logged_out), Outcome::Fail);
    }

    #[test]
    fn any_doubt_makes_the_run_inconclusive() {
        let inconclusive_reasons: [fn(&mut ConfigurationReport); 5] = [
            TOO_SLOW,
            |configuration| configuration.quiesced = false,
            |configuration| configuration.failed_before_fault = 1,
            |configuration| {
                configuration.unanswered_reads = 1;
                configuration.uploads_present -= 1;
            },
            |configuration| {
                configuration.uploads_acknowledged = 0;
                configuration.uploads_present = 0;
            },
        ];
        for configuration in Configuration::PHASE_1 {
            for (number, reason) in inconclusive_reasons.iter().enumerate() {
                assert_eq!(
                    outcome(configuration, reason),
                    Outcome::Inconclusive,
                    "{number}"
                );
            }
        }
    }

    #[test]
    fn one_failed_request_is_singular_in_the_reason() {
        let mut configuration =
            expected_report(Scenario::RedisGoesAway, Configuration::Central);
        configuration.failed_before_fault = 1;
        let inconclusive_reasons =
            inconclusive_reasons(Scenario::RedisGoesAway, &[configuration]);
        let reason: Vec<_> =
            inconclusive_reasons.iter().map(|reason| reason.reason.as_str()).collect();
        assert_eq!(reason, ["1 request failed before the fault"]);
    }

    #[test]
    fn target_without_sessions_makes_the_run_inconclusive() {
        let no_session = |configuration: &mut ConfigurationReport| {
            configuration.on_target = 0;
            configuration.on_target_users.clear();
            configuration.logged_out_users.clear();
        };
        assert_eq!(
            outcome(Configuration::MemorySticky, no_session),
            Outcome::Inconclusive
        );
    }

    #[test]
    fn user_without_answers_does_not_fail_a_slow_run() {
        let starved = |configuration: &mut ConfigurationReport| {
            configuration.logged_out_users.pop_first();
            TOO_SLOW(configuration);
        };
        assert_eq!(outcome(Configuration::MemorySticky, starved), Outcome::Inconclusive);
    }

    #[test]
    fn inexcusable_failure_fails_a_slow_run() {
        let both = |change: fn(&mut ConfigurationReport)| {
            move |configuration: &mut ConfigurationReport| {
                change(configuration);
                TOO_SLOW(configuration);
            }
        };
        for configuration in Configuration::PHASE_1 {
            assert_eq!(
                outcome(configuration, both(lost_upload)),
                Outcome::Fail,
                "{configuration:?}"
            );
            let twice = both(|configuration| configuration.uploads_duplicated = 1);
            assert_eq!(outcome(configuration, twice), Outcome::Fail, "{configuration:?}");
            let misread = both(|configuration| configuration.uploads_corrupted = 1);
            assert_eq!(
                outcome(configuration, misread),
                Outcome::Fail,
                "{configuration:?}"
            );
        }
        assert_eq!(outcome(Configuration::Token, both(logged_out)), Outcome::Fail);
        let logins_lost_before_fault =
            both(|configuration| configuration.logins_lost_before_fault = 1);
        assert_eq!(
            outcome(Configuration::Token, logins_lost_before_fault),
            Outcome::Fail
        );
        let sticky = outcome(
            Configuration::MemorySticky,
            both(|configuration| configuration.logins_lost_before_fault = 1),
        );
        assert_eq!(sticky, Outcome::Inconclusive);
    }
}
