//! The report of a run, written as JSON: its setup, figures and checks.

use crate::figures::Figures;
use crate::phase::{Phase, phase_of};
use crate::promises::{Evidence, Finding, judge};
use crate::read_back::ReadBack;
use crate::sample::{Call, Ended, Sample};
use crate::settings::Settings;
use crate::stage::Book;
use crate::story::Story;
use comparison::latency::client_late_p99;
use comparison::load::Busy;
use comparison::machine::Machine;
use comparison::{Outcome, series};
use serde::Serialize;
use std::collections::BTreeMap;

/// The JSON document of a load test, described in `docs/json.md`.
pub(crate) const SCHEMA: &str = "lab-loadtest";

/// The version of [`SCHEMA`].
pub(crate) const VERSION: u32 = 2;

/// Explains the two kinds of latencies in the report.
const WAITS: &str = "from_intended counts from the intended start of a request, by a \
    schedule that no answer moves; from_sent counts from the actual start, and hides the delay \
    of requests behind a stalled one (coordinated omission)";

/// The report of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) schema: &'static str,
    pub(crate) version: u32,
    pub(crate) made: Made,
    /// The worst outcome of all checks; inconclusive if the run is invalid.
    pub(crate) outcome: Outcome,
    /// Whether its latencies count.
    pub(crate) valid: bool,
    /// The reasons why they do not.
    pub(crate) doubts: Vec<String>,
    #[serde(rename = "checks")]
    pub(crate) promises: Vec<Finding>,
    pub(crate) waits: &'static str,
    /// The figures of the whole run.
    pub(crate) all: Figures,
    pub(crate) phases: Vec<Part>,
    #[serde(rename = "verification_reads")]
    pub(crate) read_back: ReadBack,
    /// CPU use of client and machine during the load.
    pub(crate) busy: Busy,
    /// Scheduling delay of the client, p99 in milliseconds, for requests without an earlier
    /// one under way.
    pub(crate) client_late_p99_ms: f64,
}

/// Setup, time and machine of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Made {
    /// Start of the run, RFC 3339, UTC.
    pub(crate) date: String,
    #[serde(rename = "scenario")]
    pub(crate) story: &'static str,
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
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) replicas: usize,
    pub(crate) seconds: f64,
    pub(crate) all: Figures,
    pub(crate) calls: BTreeMap<&'static str, Figures>,
}

impl Report {
    /// Assembles the report.
    pub(crate) fn new(
        story: &Story,
        settings: &Settings,
        made: Made,
        book: &Book,
        read_back: ReadBack,
        busy: Busy,
    ) -> Self {
        let doubts: Vec<_> = busy.doubt().into_iter().collect();
        let promises = judge(&Evidence {
            work: story.work,
            plot: story.plot,
            design: settings.design,
            users: settings.users,
            samples: &book.samples,
            phases: &book.phases,
            read_back: &read_back,
            left_out: book.people.iter().map(|person| person.left_out).sum(),
            doubt: doubts.first().map(String::as_str),
        });
        let valid = doubts.is_empty();
        let open = (!valid).then_some(Outcome::Inconclusive);
        Self {
            schema: SCHEMA,
            version: VERSION,
            made,
            outcome: Outcome::of(promises.iter().map(|one| one.outcome).chain(open)),
            valid,
            doubts,
            promises,
            waits: WAITS,
            all: Figures::of(book.samples.iter()),
            phases: parts(book),
            read_back,
            busy,
            client_late_p99_ms: client_late(settings.users, &book.samples),
        }
    }
}

fn parts(book: &Book) -> Vec<Part> {
    let mut samples: Vec<Vec<&Sample>> = vec![Vec::new(); book.phases.len()];
    for sample in &book.samples {
        if let Some(theirs) = samples.get_mut(phase_of(sample, &book.phases)) {
            theirs.push(sample);
        }
    }
    let ends = book.phases.iter().skip(1).map(|next| next.from_us);
    let ends = ends.chain([book.span_us]);
    let all = book.phases.iter().zip(ends).zip(samples);
    all.map(|((phase, end_us), samples)| part(phase, end_us, &samples)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a run are exact")]
fn part(phase: &Phase, end_us: u64, samples: &[&Sample]) -> Part {
    let mut by_call: BTreeMap<Call, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        by_call.entry(sample.call).or_default().push(sample);
    }
    let calls = by_call.into_iter();
    let calls =
        calls.map(|(call, theirs)| (call.as_str(), Figures::of(theirs.into_iter())));
    Part {
        name: phase.name.clone(),
        replicas: phase.replicas,
        seconds: end_us.saturating_sub(phase.from_us) as f64 / 1e6,
        all: Figures::of(samples.iter().copied()),
        calls: calls.collect(),
    }
}

/// Computed as in `comparison`, which reads only the intended start, the actual start and
/// the end of requests.
fn client_late(users: usize, samples: &[Sample]) -> f64 {
    let sample = |one: &Sample| series::Sample {
        user: one.user,
        intended_us: one.meant_us,
        sent_us: one.sent_us,
        ended_us: one.ended_us,
        ended: match one.ended {
            Ended::Fine => series::Ended::Fine,
            _ => series::Ended::Failed,
        },
        served_by: None,
    };
    let samples = samples.iter().map(sample).collect();
    client_late_p99(&series::Series { users, samples, ..series::Series::default() })
}

#[cfg(test)]
mod tests;
