//! The health of a backend, as a state machine without I/O and clock. `health/check.rs`
//! makes the checks and passes their results in.

pub(crate) mod check;

use crate::config::Checks;

/// The result of one check, or of one failed connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum CheckResult {
    /// `/readyz` answered 2xx.
    Ready,
    /// `/readyz` answered 503: alive, and accepts no new requests.
    NotReady,
    /// Any other result, such as a timeout or a refused connection; the text describes it.
    Failed(String),
}

/// The health according to the results so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HealthStatus {
    /// No check has decided yet. It gets no requests, because a configured backend may not
    /// be running.
    Starting,
    /// It answers and accepts requests.
    Up,
    /// It answers and accepts no new requests.
    NotReady,
    /// It does not answer.
    Down,
}

/// A backend's health status, and the consecutive results that may change it.
#[derive(Debug)]
pub(crate) struct Health {
    status: HealthStatus,
    passes: u64,
    failures: u64,
}

impl Health {
    /// The health before the first check.
    pub(crate) const fn unknown() -> Self {
        Self { status: HealthStatus::Starting, passes: 0, failures: 0 }
    }

    /// The current status.
    pub(crate) const fn status(&self) -> HealthStatus {
        self.status
    }

    /// Applies a result. Returns whether the status changed.
    pub(crate) fn note(&mut self, result: &CheckResult, checks: &Checks) -> bool {
        let before = self.status;
        match result {
            CheckResult::Ready => {
                self.failures = 0;
                self.passes += 1;
                if self.passes >= checks.rise {
                    self.status = HealthStatus::Up;
                }
            }
            // At once, without counting: the backend reports it itself.
            CheckResult::NotReady => {
                (self.passes, self.failures) = (0, 0);
                self.status = HealthStatus::NotReady;
            }
            CheckResult::Failed(_) => {
                self.passes = 0;
                self.failures += 1;
                if self.failures >= checks.fall {
                    self.status = HealthStatus::Down;
                }
            }
        }
        self.status != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const CHECKS: Checks =
        Checks { interval: Duration::ZERO, timeout: Duration::ZERO, fall: 2, rise: 2 };

    fn after(results: &[CheckResult]) -> HealthStatus {
        let mut health = Health::unknown();
        for result in results {
            health.note(result, &CHECKS);
        }
        health.status()
    }

    fn failed() -> CheckResult {
        CheckResult::Failed("refused".to_owned())
    }

    #[test]
    fn backend_is_up_after_rise_passes_in_a_row() {
        assert_eq!(after(&[]), HealthStatus::Starting);
        assert_eq!(after(&[CheckResult::Ready]), HealthStatus::Starting);
        assert_eq!(
            after(&[CheckResult::Ready, failed(), CheckResult::Ready]),
            HealthStatus::Starting
        );
        assert_eq!(after(&[CheckResult::Ready, CheckResult::Ready]), HealthStatus::Up);
    }

    #[test]
    fn single_failure_does_not_eject_backend() {
        let up = [CheckResult::Ready, CheckResult::Ready];
        let flicker = [&up[..], &[failed(), CheckResult::Ready, failed()]].concat();
        assert_eq!(after(&flicker), HealthStatus::Up);
        assert_eq!(after(&[&up[..], &[failed(), failed()]].concat()), HealthStatus::Down);
    }

    #[test]
    fn not_ready_takes_effect_at_once() {
        let draining = [CheckResult::Ready, CheckResult::Ready, CheckResult::NotReady];
        assert_eq!(after(&draining), HealthStatus::NotReady);
        assert_eq!(after(&[&draining[..], &[failed()]].concat()), HealthStatus::NotReady);
        assert_eq!(after(&[&draining[..], &draining[..2]].concat()), HealthStatus::Up);
    }
}
