//! The phases of a run, and the assignment of requests to them.

use crate::sample::Sample;

/// A phase, up to the start of the next one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Phase {
    pub(crate) name: String,
    /// Microseconds since the start of the load.
    pub(crate) start_us: u64,
    /// Whether a fault is active that the balancer has not noticed yet.
    pub(crate) fault_undetected: bool,
    /// Expected number of replicas.
    pub(crate) replicas: usize,
}

/// The phase of a request: the fault if any part of its latency overlaps one, otherwise the
/// phase of its intended start. A fault affects requests that were under way when a replica
/// died, and requests with an intended start during it count there even if the answer came
/// later.
pub(crate) fn phase_of(sample: &Sample, phases: &[Phase]) -> usize {
    let ends = |at: usize| phases.get(at + 1).map_or(u64::MAX, |next| next.start_us);
    let fault_phase = (0..phases.len()).find(|&at| {
        let phase = &phases[at];
        phase.fault_undetected
            && sample.intended_us < ends(at)
            && phase.start_us <= sample.completed_us
    });
    let started =
        phases.iter().filter(|phase| phase.start_us <= sample.intended_us).count();
    fault_phase.unwrap_or(started.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Call, RequestResult};

    fn phase(name: &str, start_us: u64, fault_undetected: bool) -> Phase {
        Phase { name: name.to_owned(), start_us, fault_undetected, replicas: 3 }
    }

    fn at(intended_us: u64, completed_us: u64) -> usize {
        let phases = [
            phase("before", 0, false),
            phase("until it is noticed", 100, true),
            phase("after", 200, false),
        ];
        let (call, result) = (Call::List, RequestResult::Success);
        let sent_us = intended_us;
        let sample = Sample {
            user: 0,
            call,
            intended_us,
            sent_us,
            completed_us,
            result,
            served_by: None,
        };
        phase_of(&sample, &phases)
    }

    #[test]
    fn request_belongs_to_phase_of_its_intended_start() {
        assert_eq!((at(0, 50), at(99, 99), at(200, 900)), (0, 0, 2));
    }

    #[test]
    fn request_overlapping_a_fault_belongs_to_the_fault() {
        assert_eq!(at(90, 110), 1, "under way at the start of the fault");
        assert_eq!(at(150, 160), 1);
        assert_eq!(at(190, 400), 1, "intended during the fault");
        assert_eq!(at(50, 400), 1, "it waited during the whole fault");
    }
}
