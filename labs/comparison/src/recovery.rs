//! The recovery time after a fault.

use crate::series::{RequestResult, Series};

/// Successful requests in a row, up to the end of the observation, that mean recovery.
pub const SUCCESSES_FOR_RECOVERY: usize = 3;

/// Microseconds from the fault to the recovery of the slowest user. [`None`] if a user had
/// not recovered at the end, or had too few requests.
#[must_use]
pub fn recovered_after_us(series: &Series) -> Option<u64> {
    let fault = series.fault_start_us?;
    let mut slowest = 0;
    for user in 0..series.users {
        slowest = slowest.max(recovered_user(series, user, fault)?);
    }
    Some(slowest)
}

fn recovered_user(series: &Series, user: usize, fault: u64) -> Option<u64> {
    let own = || series.since_fault().filter(|sample| sample.user == user);
    let good = own().rev().take_while(|one| one.result == RequestResult::Success).count();
    if good < SUCCESSES_FOR_RECOVERY {
        return None;
    }
    let before = own().count() - good;
    match before {
        0 => Some(0),
        _ => own().nth(before).map(|first| first.completed_us.saturating_sub(fault)),
    }
}

/// Whether every user's last requests were answered, refusals included.
#[must_use]
pub fn is_quiesced(series: &Series) -> bool {
    (0..series.users).all(|user| {
        let own = series.since_fault().rev().filter(|sample| sample.user == user);
        let last = own.take(SUCCESSES_FOR_RECOVERY);
        last.filter(|sample| !sample.result.is_error()).count() == SUCCESSES_FOR_RECOVERY
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::series;
    use RequestResult::{Failed, LoginLost, Success};

    #[test]
    fn fault_without_failed_request_needs_no_recovery() {
        let series = series(Some(250), &[&[Success; 8], &[Success; 8]]);
        assert_eq!(recovered_after_us(&series), Some(0));
    }

    #[test]
    fn recovery_is_that_of_the_slowest_user() {
        let quick =
            [Success, Success, Failed, Success, Success, Success, Success, Success];
        let slow =
            [Success, Success, Failed, Success, LoginLost, Success, Success, Success];
        let series = series(Some(250), &[&quick, &slow]);
        // The sixth request of the slow user ends at 510; the fault is at 250.
        assert_eq!(recovered_after_us(&series), Some(260));
    }

    #[test]
    fn one_success_between_two_failures_is_no_recovery() {
        let up_and_down =
            [Success, Failed, Success, Failed, Success, Failed, Success, Success];
        let series = series(Some(50), &[&up_and_down]);
        assert_eq!(recovered_after_us(&series), None, "two are not enough");
    }

    #[test]
    fn starved_user_has_not_recovered() {
        let series = series(Some(50), &[&[Success; 8], &[Success, Success]]);
        assert_eq!(recovered_after_us(&series), None);
        assert!(!is_quiesced(&series));
    }

    #[test]
    fn failure_before_the_fault_does_not_count() {
        let mut early = [Success; 8];
        early[0] = Failed;
        assert_eq!(recovered_after_us(&series(Some(250), &[&early])), Some(0));
    }

    #[test]
    fn refusals_count_as_answers_for_calm() {
        assert!(is_quiesced(&series(Some(0), &[&[LoginLost; 4]])));
        assert!(!is_quiesced(&series(Some(0), &[&[Success, Success, Success, Failed]])));
    }
}
