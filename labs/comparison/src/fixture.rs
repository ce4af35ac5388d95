//! Test fixtures: synthetic runs.

use crate::scenario::Scenario;
use crate::series::{Ended, Sample, Series};
use crate::trial::Trial;
use api_contract::design::Design;
use std::collections::BTreeSet;

/// Each user's requests, one every 100 microseconds, each taking 10.
pub(crate) fn series(fault_us: Option<u64>, of: &[&[Ended]]) -> Series {
    let mut samples = Vec::new();
    for (user, ends) in of.iter().enumerate() {
        for (at, ended) in (0..).step_by(100).zip(ends.iter()) {
            samples.push(Sample {
                user,
                intended_us: at,
                sent_us: at,
                ended_us: at + 10,
                ended: *ended,
                served_by: Some("r1".to_owned()),
            });
        }
    }
    samples.sort_by_key(|sample| sample.ended_us);
    let span_us = samples.last().map_or(0, |sample| sample.ended_us);
    Series { users: of.len(), samples, span_us, fault_us, done_us: fault_us }
}

/// A trial with these requests and no other event.
pub(crate) fn trial(design: Design, scenario: Scenario, series: Series) -> Trial {
    Trial {
        design,
        scenario,
        series,
        on_target: BTreeSet::new(),
        new_replica: None,
        enough: true,
        revoked: None,
        without_lookup: None,
    }
}
