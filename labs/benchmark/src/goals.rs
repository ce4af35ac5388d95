//! Goals, as ratios, so that a slow machine does not decide about the design.

use crate::memory::UPLOADS;
use crate::report::Report;
use crate::request_cost::RequestCost;
use report::figure::format_number;
use serde::{Deserialize, Serialize};

/// A goal, and the measured value.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct PerformanceGoal {
    /// The measured quantity.
    pub quantity: String,
    /// The limit.
    pub limit: Limit,
    /// The measured value; absent where it could not be measured.
    pub measured: Option<f64>,
}

/// The limit of a goal.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
}

impl PerformanceGoal {
    fn new(quantity: &str, limit: Limit, measured: Option<f64>) -> Self {
        Self { quantity: quantity.to_owned(), limit, measured }
    }

    /// Whether the goal was reached; [`None`] without a measured value.
    #[must_use]
    pub fn is_reached(&self) -> Option<bool> {
        self.measured.map(|measured| match self.limit {
            Limit::AtLeast(at_least) => measured >= at_least,
            Limit::AtMost(at_most) => measured <= at_most,
        })
    }

    /// The limit as text.
    #[must_use]
    pub fn limit_text(&self) -> String {
        match self.limit {
            Limit::AtLeast(at_least) => format!("at least {}", format_number(at_least)),
            Limit::AtMost(at_most) => format!("at most {}", format_number(at_most)),
        }
    }

    /// The result as text.
    #[must_use]
    pub fn result_text(&self) -> &'static str {
        match self.is_reached() {
            Some(true) => "reached",
            Some(false) => "missed",
            None => "not measured",
        }
    }
}

/// A million bytes.
const MB: f64 = 1e6;

/// All goals with the measured values.
#[must_use]
pub fn performance_goals(report: &Report) -> Vec<PerformanceGoal> {
    let costs = &report.request_costs;
    let ratio = |name| ratio(costs, name);
    let quotient = |one, other| Some(ratio(one)? / ratio(other)?);
    let at_least = |quantity: &str, at_least, measured| {
        PerformanceGoal::new(quantity, Limit::AtLeast(at_least), measured)
    };
    let at_most = |quantity: &str, at_most, measured| {
        PerformanceGoal::new(quantity, Limit::AtMost(at_most), measured)
    };
    let memory = &report.memory;
    vec![
        at_least("Phase 1, session in memory / hello", 0.85, ratio("stateful")),
        at_least("Phase 2, session in memory / hello", 0.85, ratio("memory")),
        at_least("Phase 1, token / hello", 0.70, ratio("stateless")),
        at_least("Phase 2, token without a look-up / hello", 0.70, ratio("token")),
        at_least("session in Redis / hello", 0.50, ratio("central")),
        at_least(
            "session in Redis / tower-sessions with one connection",
            1.0,
            quotient("central", "tower-sessions-1"),
        ),
        at_least("our balancer / HAProxy", 1.0, quotient("balancer", "haproxy")),
        at_most(
            "p99 after one of three replicas died / before",
            2.0,
            report.outage.ratio.median(),
        ),
        at_most(
            &format!("MB of memory with {UPLOADS} uploads at once"),
            256.0,
            memory.all_uploads.median().map(|bytes| bytes / MB),
        ),
        at_most(
            &format!("MB of memory with {} idle connections", memory.idle_count),
            300.0,
            memory.idle_connections.median().map(|bytes| bytes / MB),
        ),
    ]
}

/// The ratio to the reference, in the row of that name.
#[must_use]
pub fn ratio(costs: &[RequestCost], name: &str) -> Option<f64> {
    costs.iter().find(|cost| cost.name == name)?.ratio.median()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_reached_missed_or_not_known() {
        let result_of =
            |limit, measured| PerformanceGoal::new("it", limit, measured).result_text();
        assert_eq!(result_of(Limit::AtLeast(0.5), Some(0.5)), "reached");
        assert_eq!(result_of(Limit::AtLeast(0.5), Some(0.49)), "missed");
        assert_eq!(result_of(Limit::AtMost(2.0), Some(2.1)), "missed");
        assert_eq!(result_of(Limit::AtMost(2.0), None), "not measured");
    }
}
