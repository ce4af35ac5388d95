//! The report of a run, written as JSON: its setup, figures and checks.

use crate::checks::{CheckResult, Evidence, run_checks};
use crate::figures::Figures;
use crate::load_test::LoadTest;
use crate::phase::{Phase, phase_of};
use crate::run_state::RunRecords;
use crate::sample::{Call, RequestResult, Sample};
use crate::settings::Settings;
use crate::verification_reads::VerificationReads;
use comparison::cpu_use::CpuUse;
use comparison::latency::client_late_p99;
use comparison::{Outcome, series};
use report::machine::Machine;
use serde::Serialize;
use std::collections::BTreeMap;

/// The JSON document of a load test, described in `docs/json.md`.
pub(crate) const SCHEMA: &str = "lab-loadtest";

/// The version of [`SCHEMA`].
pub(crate) const SCHEMA_VERSION: u32 = 2;

/// Explains the two kinds of latencies in the report.
const LATENCY_NOTE: &str = "from_intended counts from the intended start of a request, by a \
    schedule that no answer moves; from_sent counts from the actual start, and hides the delay \
    of requests behind a stalled one (coordinated omission)";

/// The report of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) schema: &'static str,
    pub(crate) version: u32,
    #[serde(rename = "made")]
    pub(crate) run_info: RunInfo,
    /// The worst outcome of all checks; inconclusive if the run is invalid.
    pub(crate) outcome: Outcome,
    /// Whether its latencies count.
    pub(crate) valid: bool,
    /// The reasons why they do not.
    #[serde(rename = "doubts")]
    pub(crate) invalid_reasons: Vec<String>,
    pub(crate) checks: Vec<CheckResult>,
    #[serde(rename = "waits")]
    pub(crate) latency_note: &'static str,
    /// The figures of the whole run.
    #[serde(rename = "all")]
    pub(crate) whole_run: Figures,
    pub(crate) phases: Vec<PhaseReport>,
    pub(crate) verification_reads: VerificationReads,
    /// CPU use of client and machine during the load.
    #[serde(rename = "busy")]
    pub(crate) cpu_use: CpuUse,
    /// Scheduling delay of the client, p99 in milliseconds, for requests without an earlier
    /// one under way.
    pub(crate) client_late_p99_ms: f64,
}

/// Setup, time and machine of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RunInfo {
    /// Start of the run, RFC 3339, UTC.
    pub(crate) date: String,
    pub(crate) scenario: &'static str,
    /// The command line that repeats the run.
    pub(crate) command: String,
    pub(crate) design: &'static str,
    pub(crate) replicas: usize,
    pub(crate) users: usize,
    /// Requests a second of each user.
    pub(crate) rate: f64,
    pub(crate) seconds: u64,
    pub(crate) seed: u64,
    pub(crate) smoke: bool,
    /// `debug` or `release`, for client and servers alike.
    pub(crate) profile: &'static str,
    pub(crate) machine: Machine,
    /// The services that the replicas share.
    pub(crate) services: Vec<String>,
}

/// A phase of the run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PhaseReport {
    pub(crate) name: String,
    pub(crate) replicas: usize,
    pub(crate) seconds: f64,
    /// The figures of all calls.
    #[serde(rename = "all")]
    pub(crate) all_calls: Figures,
    pub(crate) calls: BTreeMap<&'static str, Figures>,
}

impl Report {
    /// Assembles the report.
    pub(crate) fn new(
        load_test: &LoadTest,
        settings: &Settings,
        run_info: RunInfo,
        records: &RunRecords,
        verification_reads: VerificationReads,
        cpu_use: CpuUse,
    ) -> Self {
        let invalid_reasons: Vec<_> = cpu_use.invalid_reason().into_iter().collect();
        let checks = run_checks(&Evidence {
            workload: load_test.workload,
            fault_schedule: load_test.fault_schedule,
            design: settings.design,
            users: settings.users,
            samples: &records.samples,
            phases: &records.phases,
            verification_reads: &verification_reads,
            failed_waves: records
                .finished_users
                .iter()
                .map(|user| user.failed_waves)
                .sum(),
            invalid_reason: invalid_reasons.first().map(String::as_str),
        });
        let valid = invalid_reasons.is_empty();
        let open = (!valid).then_some(Outcome::Inconclusive);
        Self {
            schema: SCHEMA,
            version: SCHEMA_VERSION,
            run_info,
            outcome: Outcome::of(checks.iter().map(|one| one.outcome).chain(open)),
            valid,
            invalid_reasons,
            checks,
            latency_note: LATENCY_NOTE,
            whole_run: Figures::of(records.samples.iter()),
            phases: phase_reports(records),
            verification_reads,
            cpu_use,
            client_late_p99_ms: client_delay_p99(settings.users, &records.samples),
        }
    }
}

fn phase_reports(records: &RunRecords) -> Vec<PhaseReport> {
    let mut samples: Vec<Vec<&Sample>> = vec![Vec::new(); records.phases.len()];
    for sample in &records.samples {
        if let Some(own) = samples.get_mut(phase_of(sample, &records.phases)) {
            own.push(sample);
        }
    }
    let ends = records.phases.iter().skip(1).map(|next| next.start_us);
    let ends = ends.chain([records.duration_us]);
    let all = records.phases.iter().zip(ends).zip(samples);
    all.map(|((phase, end_us), samples)| phase_report(phase, end_us, &samples)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a run are exact")]
fn phase_report(phase: &Phase, end_us: u64, samples: &[&Sample]) -> PhaseReport {
    let mut by_call: BTreeMap<Call, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        by_call.entry(sample.call).or_default().push(sample);
    }
    let calls = by_call.into_iter();
    let calls = calls.map(|(call, own)| (call.as_str(), Figures::of(own.into_iter())));
    PhaseReport {
        name: phase.name.clone(),
        replicas: phase.replicas,
        seconds: end_us.saturating_sub(phase.start_us) as f64 / 1e6,
        all_calls: Figures::of(samples.iter().copied()),
        calls: calls.collect(),
    }
}

/// Computed as in `comparison`, which reads only the intended start, the actual start and
/// the end of requests.
fn client_delay_p99(users: usize, samples: &[Sample]) -> f64 {
    let sample = |one: &Sample| series::Sample {
        user: one.user,
        intended_us: one.intended_us,
        sent_us: one.sent_us,
        completed_us: one.completed_us,
        result: match one.result {
            RequestResult::Success => series::RequestResult::Success,
            _ => series::RequestResult::Failed,
        },
        served_by: None,
    };
    let samples = samples.iter().map(sample).collect();
    client_late_p99(&series::Series { users, samples, ..series::Series::default() })
}

#[cfg(test)]
mod tests;
