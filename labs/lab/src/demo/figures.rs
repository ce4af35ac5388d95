//! The figures of a lane, counted from its ledger.

use crate::demo::lane::Lane;
use crate::demo::ledger::{Entry, Ledger, Outcome, Phase, seconds};
use crate::demo::read_back::Found;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The figures of one lane.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LaneReport {
    pub(crate) lane: Lane,
    /// Requests after login, whatever came of them.
    pub(crate) requests: usize,
    /// No answer, or one that says that the system cannot.
    pub(crate) failed: usize,
    /// The same before the fault, when nothing was wrong.
    pub(crate) failed_before: usize,
    /// What failed, and how often.
    pub(crate) failures: BTreeMap<String, usize>,
    /// Logins lost while nothing was wrong.
    pub(crate) lost_before: usize,
    /// Logins lost from the fault on.
    pub(crate) lost_since: usize,
    /// Users who had to log in again from the fault on.
    pub(crate) logged_out: usize,
    /// Who they are: users are numbered from 1.
    pub(crate) who_was_logged_out: BTreeSet<usize>,
    /// Users whose login came from the victim when the fault struck.
    pub(crate) at_home: usize,
    /// Who they are.
    pub(crate) who_was_at_home: BTreeSet<usize>,
    pub(crate) uploads_acknowledged: usize,
    pub(crate) uploads_there: usize,
    /// Acknowledged uploads that are not there (404), or came back as other bytes.
    pub(crate) uploads_lost: usize,
    /// Acknowledgements that named another hash than that of the bytes sent.
    pub(crate) uploads_misread: usize,
    /// Files that no upload accounts for.
    pub(crate) uploads_twice: usize,
    /// Questions about uploads that got no answer in the end.
    pub(crate) unanswered: usize,
    /// Seconds from the fault to the last request that failed or lost its login;
    /// absent when that was still going on at the end.
    pub(crate) recovery_s: Option<f64>,
    /// Requests answered by a replica that was not there before the fault.
    pub(crate) served_by_newcomer: usize,
    /// Whether each user made the requests that every act waits for.
    pub(crate) complete: bool,
    /// Whether users were served again before the demo's patience ended.
    pub(crate) calmed_down: bool,
    /// One letter for each quarter of a second.
    pub(crate) timeline: String,
}

/// Requests without trouble at the end that mean that it is over.
pub(crate) const CALM: usize = 3;

/// Letters of the timeline before the fault.
const TICKS_BEFORE: usize = 16;

/// Milliseconds that one letter of the timeline stands for.
pub(crate) const TICK_MS: u64 = 250;

impl LaneReport {
    /// Counts.
    pub(crate) fn of(
        lane: Lane,
        ledger: &Ledger,
        (victim, newcomer): (&str, &str),
        found: Found,
        complete: bool,
    ) -> Self {
        let count = |wanted: &dyn Fn(&Entry) -> bool| {
            ledger.entries.iter().filter(|entry| wanted(entry)).count()
        };
        let in_phase = |outcome, phase| {
            count(&|entry| entry.outcome == outcome && entry.phase == phase)
        };
        let who_was_logged_out = logged_out(ledger);
        let who_was_at_home = at_home(ledger, victim);
        let failed_before = in_phase(Outcome::Failed, Phase::Baseline);
        Self {
            lane,
            requests: ledger.entries.len(),
            failed: failed_before + in_phase(Outcome::Failed, Phase::Fault),
            failed_before,
            failures: failures(ledger),
            lost_before: in_phase(Outcome::LoginLost, Phase::Baseline),
            lost_since: in_phase(Outcome::LoginLost, Phase::Fault),
            logged_out: who_was_logged_out.len(),
            who_was_logged_out,
            at_home: who_was_at_home.len(),
            who_was_at_home,
            uploads_acknowledged: ledger.uploads.len(),
            uploads_there: found.there,
            uploads_lost: found.lost,
            uploads_misread: ledger.uploads.iter().filter(|one| !one.echoed).count(),
            uploads_twice: found.twice,
            unanswered: found.unanswered,
            recovery_s: recovery(ledger),
            served_by_newcomer: count(&|entry| {
                entry.served_by.as_deref() == Some(newcomer)
            }),
            complete,
            calmed_down: ledger.each_ends_with(CALM, |ended| ended != Outcome::Failed),
            timeline: timeline(ledger),
        }
    }
}

fn failures(ledger: &Ledger) -> BTreeMap<String, usize> {
    let mut failures = BTreeMap::new();
    for entry in &ledger.entries {
        if let (Outcome::Failed, Some(why)) = (entry.outcome, &entry.why) {
            *failures.entry(format!("{}: {why}", entry.call)).or_default() += 1;
        }
    }
    failures
}

fn logged_out(ledger: &Ledger) -> BTreeSet<usize> {
    let lost = |entry: &&Entry| {
        entry.outcome == Outcome::LoginLost && entry.phase == Phase::Fault
    };
    ledger.entries.iter().filter(lost).map(|entry| entry.user + 1).collect()
}

fn at_home(ledger: &Ledger, victim: &str) -> BTreeSet<usize> {
    let homes = (1..).zip(&ledger.home_at_fault);
    let theirs = homes.filter(|(_, home)| home.as_deref() == Some(victim));
    theirs.map(|(user, _)| user).collect()
}

/// From the fault to the last trouble, unless trouble is what the lane ended with.
fn recovery(ledger: &Ledger) -> Option<f64> {
    let fault = ledger.fault_ms?;
    let calm = ledger.each_ends_with(CALM, |ended| ended == Outcome::Fine);
    let trouble =
        |entry: &&Entry| entry.outcome != Outcome::Fine && entry.phase == Phase::Fault;
    let last = ledger.entries.iter().filter(trouble).map(|entry| entry.ended_ms).max();
    calm.then(|| last.map_or(0.0, |last| seconds(last.saturating_sub(fault))))
}

/// `.` fine, `L` a login was lost, `x` a request failed, `*` both, `|` the fault.
fn timeline(ledger: &Ledger) -> String {
    let end = ledger.entries.iter().map(|entry| entry.ended_ms).max().unwrap_or(0);
    let ticks = usize::try_from(end / TICK_MS + 1).unwrap_or(1);
    let mut line = vec![' '; ticks];
    for entry in &ledger.entries {
        let tick = usize::try_from(entry.ended_ms / TICK_MS).unwrap_or(0);
        line[tick] = match (line[tick], entry.outcome) {
            ('L' | '*', Outcome::Failed) | ('x' | '*', Outcome::LoginLost) => '*',
            (_, Outcome::Failed) => 'x',
            (_, Outcome::LoginLost) => 'L',
            (' ', Outcome::Fine) => '.',
            (before, Outcome::Fine) => before,
        };
    }
    let Some(fault) = ledger.fault_ms else {
        return line.into_iter().collect();
    };
    let at = usize::try_from(fault / TICK_MS).unwrap_or(0).min(line.len());
    line.insert(at, '|');
    // A class may have talked for minutes before the fault; what matters is around it,
    // and the fault stands in the same column in every lane.
    line.drain(..at.saturating_sub(TICKS_BEFORE));
    let padding = std::iter::repeat_n(' ', TICKS_BEFORE.saturating_sub(at));
    padding.chain(line).collect()
}
