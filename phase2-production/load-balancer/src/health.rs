//! Who is well: a backend's standing, and what moves it. No I/O and no clock in here;
//! `health/check.rs` asks the backends and feeds the answers in.

pub(crate) mod check;

use crate::config::Checks;

/// What one check, or one failed connection, showed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Finding {
    /// `/readyz` answered 2xx.
    Ready,
    /// `/readyz` answered 503: alive, and wants nothing new.
    NotReady,
    /// Anything else, a timeout and a refused connection among it; the text says what.
    Failed(String),
}

/// What the findings so far amount to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// Nothing is known yet. It gets no requests: a backend that is merely configured
    /// may not be there.
    Starting,
    /// It answers and wants work.
    Up,
    /// It answers and wants no work.
    NotReady,
    /// It does not answer.
    Down,
}

/// A backend's standing and the findings in a row that may change it.
#[derive(Debug)]
pub(crate) struct Health {
    standing: Standing,
    passes: u64,
    failures: u64,
}

impl Health {
    /// The health of a backend that nobody has asked yet.
    pub(crate) const fn unknown() -> Self {
        Self { standing: Standing::Starting, passes: 0, failures: 0 }
    }

    /// The present standing.
    pub(crate) const fn standing(&self) -> Standing {
        self.standing
    }

    /// Takes a finding in. Returns whether the standing changed.
    pub(crate) fn note(&mut self, finding: &Finding, checks: &Checks) -> bool {
        let before = self.standing;
        match finding {
            Finding::Ready => {
                self.failures = 0;
                self.passes += 1;
                if self.passes >= checks.rise {
                    self.standing = Standing::Up;
                }
            }
            // At once and without counting: it is the backend's own word.
            Finding::NotReady => {
                (self.passes, self.failures) = (0, 0);
                self.standing = Standing::NotReady;
            }
            Finding::Failed(_) => {
                self.passes = 0;
                self.failures += 1;
                if self.failures >= checks.fall {
                    self.standing = Standing::Down;
                }
            }
        }
        self.standing != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const CHECKS: Checks =
        Checks { interval: Duration::ZERO, timeout: Duration::ZERO, fall: 2, rise: 2 };

    fn after(findings: &[Finding]) -> Standing {
        let mut health = Health::unknown();
        for finding in findings {
            health.note(finding, &CHECKS);
        }
        health.standing()
    }

    fn failed() -> Finding {
        Finding::Failed("refused".to_owned())
    }

    #[test]
    fn a_backend_is_up_only_after_the_asked_number_of_passes_in_a_row() {
        assert_eq!(after(&[]), Standing::Starting);
        assert_eq!(after(&[Finding::Ready]), Standing::Starting);
        assert_eq!(
            after(&[Finding::Ready, failed(), Finding::Ready]),
            Standing::Starting
        );
        assert_eq!(after(&[Finding::Ready, Finding::Ready]), Standing::Up);
    }

    #[test]
    fn one_failure_between_two_passes_does_not_eject() {
        let up = [Finding::Ready, Finding::Ready];
        let flicker = [&up[..], &[failed(), Finding::Ready, failed()]].concat();
        assert_eq!(after(&flicker), Standing::Up);
        assert_eq!(after(&[&up[..], &[failed(), failed()]].concat()), Standing::Down);
    }

    #[test]
    fn a_backend_that_says_not_ready_is_believed_at_once() {
        let leaving = [Finding::Ready, Finding::Ready, Finding::NotReady];
        assert_eq!(after(&leaving), Standing::NotReady);
        assert_eq!(after(&[&leaving[..], &[failed()]].concat()), Standing::NotReady);
        assert_eq!(after(&[&leaving[..], &leaving[..2]].concat()), Standing::Up);
    }
}
