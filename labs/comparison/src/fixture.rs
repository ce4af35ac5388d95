//! Test fixtures: synthetic runs.

use crate::scenario::Scenario;
use crate::series::{RequestResult, Sample, Series};
use crate::trial::Trial;
use api_contract::design::Design;
use std::collections::BTreeSet;

/// Each user's requests, one every 100 microseconds, each taking 10.
pub(crate) fn series(fault_start_us: Option<u64>, of: &[&[RequestResult]]) -> Series {
    let mut samples = Vec::new();
    for (user, ends) in of.iter().enumerate() {
        for (at, result) in (0..).step_by(100).zip(ends.iter()) {
            samples.push(Sample {
                user,
                intended_us: at,
                sent_us: at,
                completed_us: at + 10,
                result: *result,
                served_by: Some("r1".to_owned()),
            });
        }
    }
    samples.sort_by_key(|sample| sample.completed_us);
    let duration_us = samples.last().map_or(0, |sample| sample.completed_us);
    Series {
        users: of.len(),
        samples,
        duration_us,
        fault_start_us,
        fault_end_us: fault_start_us,
    }
}

/// A trial with these requests and no other event.
pub(crate) fn trial(design: Design, scenario: Scenario, series: Series) -> Trial {
    Trial {
        design,
        scenario,
        series,
        on_target: BTreeSet::new(),
        new_replica: None,
        enough_answers: true,
        revocation: None,
        revocation_without_lookup: None,
    }
}
