//! The parts of a story, and to which of them a request belongs.

use crate::sample::Sample;

/// A part of a story, from its beginning to that of the next one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Phase {
    pub(crate) name: String,
    /// Microseconds since the load began.
    pub(crate) from_us: u64,
    /// Whether something is wrong that the cluster has not noticed yet.
    pub(crate) disturbed: bool,
    /// Replicas that are meant to be there.
    pub(crate) replicas: usize,
}

/// Where among the phases a request belongs: to the fault if any part of its wait lay in
/// one, else to where it was meant to start. A request that was under way when a replica
/// died was hit by the fault, and one that was meant during it is not counted as sound
/// because its answer came later.
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
    fn a_request_belongs_to_when_it_was_meant() {
        assert_eq!((at(0, 50), at(99, 99), at(200, 900)), (0, 0, 2));
    }

    #[test]
    fn what_a_fault_has_touched_belongs_to_the_fault() {
        assert_eq!(at(90, 110), 1, "it was under way when the fault began");
        assert_eq!(at(150, 160), 1);
        assert_eq!(at(190, 400), 1, "it was meant during the fault");
        assert_eq!(at(50, 400), 1, "it waited through the whole of it");
    }
}
