//! The phases of a run, and the assignment of requests to them.

use crate::sample::Sample;

/// A phase, up to the start of the next one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Phase {
    pub(crate) name: String,
    /// Microseconds since the start of the load.
    pub(crate) from_us: u64,
    /// Whether a fault is active that the balancer has not noticed yet.
    pub(crate) disturbed: bool,
    /// Expected number of replicas.
    pub(crate) replicas: usize,
}

/// The phase of a request: the fault if any part of its latency overlaps one, otherwise the
/// phase of its intended start. A fault affects requests that were under way when a replica
/// died, and requests with an intended start during it count there even if the answer came
/// later.
pub(crate) fn phase_of(sample: &Sample, phases: &[Phase]) -> usize {
    let ends = |at: usize| phases.get(at + 1).map_or(u64::MAX, |next| next.from_us);
    let hit = (0..phases.len()).find(|&at| {
        let phase = &phases[at];
        phase.disturbed && sample.meant_us < ends(at) && phase.from_us <= sample.ended_us
    });
    let begun = phases.iter().filter(|phase| phase.from_us <= sample.meant_us).count();
    hit.unwrap_or(begun.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Call, Ended};

    fn phase(name: &str, from_us: u64, disturbed: bool) -> Phase {
        Phase { name: name.to_owned(), from_us, disturbed, replicas: 3 }
    }

    fn at(meant_us: u64, ended_us: u64) -> usize {
        let phases = [
            phase("before", 0, false),
            phase("until it is noticed", 100, true),
            phase("after", 200, false),
        ];
        let (call, ended) = (Call::List, Ended::Fine);
        let sent_us = meant_us;
        let sample =
            Sample { user: 0, call, meant_us, sent_us, ended_us, ended, served_by: None };
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
