//! The figures of one configuration, counted from its ledger.

use crate::demo::configuration::Configuration;
use crate::demo::latency::Latencies;
use crate::demo::ledger::{Ledger, Phase, failure_text, seconds};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use workload::entry::Entry;
use workload::{RequestResult, VerifiedUploads};

/// The figures of one configuration.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ConfigurationReport {
    pub(crate) configuration: Configuration,
    /// All requests after login.
    pub(crate) requests: usize,
    /// Latencies of the requests before the fault.
    pub(crate) latency_before: Latencies,
    /// Latencies of the requests since the fault.
    pub(crate) latency_since: Latencies,
    /// Requests without an answer or with 5xx.
    pub(crate) failed: usize,
    /// The same before the fault.
    #[serde(rename = "failed_before")]
    pub(crate) failed_before_fault: usize,
    /// The failures by kind, with their number.
    pub(crate) failures: BTreeMap<String, usize>,
    /// Logins lost before the fault.
    #[serde(rename = "lost_before")]
    pub(crate) logins_lost_before_fault: usize,
    /// Logins lost since the fault.
    #[serde(rename = "lost_since")]
    pub(crate) logins_lost_since_fault: usize,
    /// Users that had to log in again since the fault.
    pub(crate) logged_out: usize,
    /// Their numbers, from 1.
    pub(crate) logged_out_users: BTreeSet<usize>,
    /// Users with a session from the target replica at the time of the fault.
    pub(crate) on_target: usize,
    /// Their numbers.
    pub(crate) on_target_users: BTreeSet<usize>,
    pub(crate) uploads_acknowledged: usize,
    pub(crate) uploads_present: usize,
    /// Acknowledged uploads that are missing (404) or have other bytes.
    pub(crate) uploads_lost: usize,
    /// Acknowledgements with a hash that is not that of the bytes sent.
    pub(crate) uploads_corrupted: usize,
    /// Files beyond one for each upload.
    pub(crate) uploads_duplicated: usize,
    /// Verification reads without an answer.
    #[serde(rename = "unanswered")]
    pub(crate) unanswered_reads: usize,
    /// Seconds from the fault to the last request that failed or lost its login; absent
    /// if there was no recovery before the end.
    pub(crate) recovery_s: Option<f64>,
    /// Requests answered by the replica that was added.
    pub(crate) served_by_new_replica: usize,
    /// Whether each user got the answers that every act waits for.
    #[serde(rename = "complete")]
    pub(crate) enough_answers: bool,
    /// Whether requests succeeded again before the timeout of the demo.
    pub(crate) quiesced: bool,
    /// One letter for each quarter of a second.
    pub(crate) timeline: String,
}

/// Successful requests in a row that mark the end of an outage.
pub(crate) const QUIESCED_REQUESTS: usize = 3;

/// Letters of the timeline before the fault.
const TICKS_BEFORE: usize = 16;

/// Milliseconds of one letter of the timeline.
pub(crate) const TICK_MS: u64 = 250;

impl ConfigurationReport {
    /// Counts.
    pub(crate) fn of(
        configuration: Configuration,
        ledger: &Ledger,
        (target, new_replica): (&str, &str),
        found: VerifiedUploads,
        enough_answers: bool,
    ) -> Self {
        let count = |phase, wanted: fn(RequestResult) -> bool| {
            ledger.of_phase(phase).filter(|entry| wanted(entry.request_result())).count()
        };
        let is_lost = |result| result == RequestResult::LoginLost;
        let logged_out_users = logged_out(ledger);
        let on_target_users = on_target(ledger, target);
        let failed_before_fault = count(Phase::Baseline, RequestResult::is_error);
        Self {
            configuration,
            requests: ledger.entries.len(),
            latency_before: latencies(ledger, Phase::Baseline),
            latency_since: latencies(ledger, Phase::Fault),
            failed: failed_before_fault + count(Phase::Fault, RequestResult::is_error),
            failed_before_fault,
            failures: failures(ledger),
            logins_lost_before_fault: count(Phase::Baseline, is_lost),
            logins_lost_since_fault: count(Phase::Fault, is_lost),
            logged_out: logged_out_users.len(),
            logged_out_users,
            on_target: on_target_users.len(),
            on_target_users,
            uploads_acknowledged: found.acknowledged,
            uploads_present: found.present,
            uploads_lost: found.lost,
            uploads_corrupted: found.corrupted,
            uploads_duplicated: found.duplicated,
            unanswered_reads: found.unanswered_reads,
            recovery_s: recovery(ledger),
            served_by_new_replica: served_by(ledger, new_replica),
            enough_answers,
            quiesced: ledger.each_ends_with(QUIESCED_REQUESTS, |ended| !ended.is_error()),
            timeline: timeline(ledger),
        }
    }
}

fn latencies(ledger: &Ledger, phase: Phase) -> Latencies {
    let entries = ledger.of_phase(phase);
    Latencies::of(entries.map(|entry| entry.completed_us - entry.invoked_us))
}

fn served_by(ledger: &Ledger, replica: &str) -> usize {
    let own = |entry: &&Entry| entry.served_by.as_deref() == Some(replica);
    ledger.entries.iter().filter(own).count()
}

fn failures(ledger: &Ledger) -> BTreeMap<String, usize> {
    let mut failures = BTreeMap::new();
    for entry in ledger.entries.iter().filter(|one| one.request_result().is_error()) {
        *failures.entry(failure_text(entry)).or_default() += 1;
    }
    failures
}

fn logged_out(ledger: &Ledger) -> BTreeSet<usize> {
    let since_fault = ledger.of_phase(Phase::Fault);
    let lost = |entry: &&Entry| entry.request_result() == RequestResult::LoginLost;
    since_fault.filter(lost).map(|entry| entry.user + 1).collect()
}

fn on_target(ledger: &Ledger, target: &str) -> BTreeSet<usize> {
    let login_replicas = (1..).zip(&ledger.login_replicas);
    let own = login_replicas.filter(|(_, replica)| replica.as_deref() == Some(target));
    own.map(|(user, _)| user).collect()
}

/// From the fault to the last failure; [`None`] if the run ended with failures.
fn recovery(ledger: &Ledger) -> Option<f64> {
    let fault_us = ledger.fault_us?;
    let quiesced =
        ledger.each_ends_with(QUIESCED_REQUESTS, |ended| ended == RequestResult::Success);
    let trouble = |entry: &&Entry| entry.request_result() != RequestResult::Success;
    let failures = ledger.of_phase(Phase::Fault).filter(trouble);
    let last_us = failures.map(|entry| entry.completed_us).max();
    let last_ms = last_us.map_or(0, |last_us| last_us / 1_000 - fault_us / 1_000);
    quiesced.then(|| seconds(last_ms))
}

/// `.` ok, `L` a login was lost, `x` a request failed, `*` both, `|` the fault.
fn timeline(ledger: &Ledger) -> String {
    let end = ledger.entries.iter().map(Entry::completed_ms).max().unwrap_or(0);
    let ticks = usize::try_from(end / TICK_MS + 1).unwrap_or(1);
    let mut line = vec![' '; ticks];
    for entry in &ledger.entries {
        let tick = usize::try_from(entry.completed_ms() / TICK_MS).unwrap_or(0);
        line[tick] = match (line[tick], entry.request_result()) {
            ('L' | '*', RequestResult::Failed | RequestResult::TimedOut)
            | ('x' | '*', RequestResult::LoginLost) => '*',
            (_, RequestResult::Failed | RequestResult::TimedOut) => 'x',
            (_, RequestResult::LoginLost) => 'L',
            (' ', RequestResult::Success) => '.',
            (before, RequestResult::Success) => before,
        };
    }
    let Some(fault_us) = ledger.fault_us else {
        return line.into_iter().collect();
    };
    let at = usize::try_from(fault_us / 1_000 / TICK_MS).unwrap_or(0).min(line.len());
    line.insert(at, '|');
    // There may be minutes before the fault. Only the time around it is shown, and the
    // fault is in the same column for every configuration.
    line.drain(..at.saturating_sub(TICKS_BEFORE));
    let padding = std::iter::repeat_n(' ', TICKS_BEFORE.saturating_sub(at));
    padding.chain(line).collect()
}
