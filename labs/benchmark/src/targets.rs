//! Goals, as ratios, so that a slow machine does not decide about the design.

use crate::memory::UPLOADS;
use crate::reads::Read;
use crate::report::Report;
use comparison::figure::format_number;
use serde::{Deserialize, Serialize};

/// A goal, and the measured value.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Target {
    /// The measured quantity.
    pub what: String,
    /// The limit.
    pub wanted: Wanted,
    /// The measured value; absent where it could not be measured.
    pub measured: Option<f64>,
}

/// The limit of a goal.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
}

impl Target {
    fn new(what: &str, wanted: Wanted, measured: Option<f64>) -> Self {
        Self { what: what.to_owned(), wanted, measured }
    }

    /// Whether the goal was reached; [`None`] without a measured value.
    #[must_use]
    pub fn reached(&self) -> Option<bool> {
        self.measured.map(|measured| match self.wanted {
            Wanted::AtLeast(least) => measured >= least,
            Wanted::AtMost(most) => measured <= most,
        })
    }

    /// The limit as text.
    #[must_use]
    pub fn wanted(&self) -> String {
        match self.wanted {
            Wanted::AtLeast(least) => format!("at least {}", format_number(least)),
            Wanted::AtMost(most) => format!("at most {}", format_number(most)),
        }
    }

    /// The result as text.
    #[must_use]
    pub fn result(&self) -> &'static str {
        match self.reached() {
            Some(true) => "reached",
            Some(false) => "missed",
            None => "not measured",
        }
    }
}

/// A million bytes.
const MB: f64 = 1e6;

/// All goals.
#[must_use]
pub fn of(report: &Report) -> Vec<Target> {
    let reads = &report.reads;
    let ratio = |name| ratio(reads, name);
    let quotient = |one, other| Some(ratio(one)? / ratio(other)?);
    let least =
        |what: &str, least, measured| Target::new(what, Wanted::AtLeast(least), measured);
    let most =
        |what: &str, most, measured| Target::new(what, Wanted::AtMost(most), measured);
    let memory = &report.memory;
    vec![
        least("Phase 1, session in memory / hello", 0.85, ratio("stateful")),
        least("Phase 2, session in memory / hello", 0.85, ratio("memory")),
        least("Phase 1, token / hello", 0.70, ratio("stateless")),
        least("Phase 2, token without a look-up / hello", 0.70, ratio("token")),
        least("session in Redis / hello", 0.50, ratio("central")),
        least(
            "session in Redis / tower-sessions with one connection",
            1.0,
            quotient("central", "tower-sessions-1"),
        ),
        least("our balancer / HAProxy", 1.0, quotient("balancer", "haproxy")),
        most(
            "p99 after one of three replicas died / before",
            2.0,
            report.outage.ratio.median(),
        ),
        most(
            &format!("MB of memory with {UPLOADS} uploads at once"),
            256.0,
            memory.all_uploads.median().map(|bytes| bytes / MB),
        ),
        most(
            &format!("MB of memory with {} idle connections", memory.idle),
            300.0,
            memory.idle_connections.median().map(|bytes| bytes / MB),
        ),
    ]
}

/// The ratio to the reference, in the row of that name.
#[must_use]
pub fn ratio(reads: &[Read], name: &str) -> Option<f64> {
    reads.iter().find(|read| read.name == name)?.ratio.median()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_reached_missed_or_not_known() {
        let result = |wanted, measured| Target::new("it", wanted, measured).result();
        assert_eq!(result(Wanted::AtLeast(0.5), Some(0.5)), "reached");
        assert_eq!(result(Wanted::AtLeast(0.5), Some(0.49)), "missed");
        assert_eq!(result(Wanted::AtMost(2.0), Some(2.1)), "missed");
        assert_eq!(result(Wanted::AtMost(2.0), None), "not measured");
    }
}
