//! The recovery time after a fault.

use crate::series::{Ended, Series};

/// Successful requests in a row, up to the end of the observation, that mean recovery.
pub const GOOD_IN_A_ROW: usize = 3;

/// Microseconds from the fault to the recovery of the slowest user. [`None`] if a user had
/// not recovered at the end, or had too few requests.
#[must_use]
pub fn recovered_after_us(series: &Series) -> Option<u64> {
    let fault = series.fault_us?;
    let mut slowest = 0;
    for user in 0..series.users {
        slowest = slowest.max(of_user(series, user, fault)?);
    }
    Some(slowest)
}

fn of_user(series: &Series, user: usize, fault: u64) -> Option<u64> {
    let theirs = || series.since_fault().filter(|sample| sample.user == user);
    let good = theirs().rev().take_while(|one| one.ended == Ended::Fine).count();
    if good < GOOD_IN_A_ROW {
        return None;
    }
    let before = theirs().count() - good;
    match before {
        0 => Some(0),
        _ => theirs().nth(before).map(|first| first.ended_us.saturating_sub(fault)),
    }
}

/// Whether every user's last requests were answered, refusals included.
#[must_use]
pub fn is_calm(series: &Series) -> bool {
    (0..series.users).all(|user| {
        let theirs = series.since_fault().rev().filter(|sample| sample.user == user);
        let last = theirs.take(GOOD_IN_A_ROW);
        last.filter(|sample| !sample.ended.is_error()).count() == GOOD_IN_A_ROW
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::series;
    use Ended::{Failed, Fine, LoginLost};

    #[test]
    fn fault_without_failed_request_needs_no_recovery() {
        let series = series(Some(250), &[&[Fine; 8], &[Fine; 8]]);
        assert_eq!(recovered_after_us(&series), Some(0));
    }

    #[test]
    fn recovery_is_that_of_the_slowest_user() {
        let quick = [Fine, Fine, Failed, Fine, Fine, Fine, Fine, Fine];
        let slow = [Fine, Fine, Failed, Fine, LoginLost, Fine, Fine, Fine];
        let series = series(Some(250), &[&quick, &slow]);
        // The sixth request of the slow user ends at 510; the fault is at 250.
        assert_eq!(recovered_after_us(&series), Some(260));
    }

    #[test]
    fn one_success_between_two_failures_is_no_recovery() {
        let up_and_down = [Fine, Failed, Fine, Failed, Fine, Failed, Fine, Fine];
        let series = series(Some(50), &[&up_and_down]);
        assert_eq!(recovered_after_us(&series), None, "two are not enough");
    }

    #[test]
    fn starved_user_has_not_recovered() {
        let series = series(Some(50), &[&[Fine; 8], &[Fine, Fine]]);
        assert_eq!(recovered_after_us(&series), None);
        assert!(!is_calm(&series));
    }

    #[test]
    fn failure_before_the_fault_does_not_count() {
        let mut early = [Fine; 8];
        early[0] = Failed;
        assert_eq!(recovered_after_us(&series(Some(250), &[&early])), Some(0));
    }

    #[test]
    fn refusals_count_as_answers_for_calm() {
        assert!(is_calm(&series(Some(0), &[&[LoginLost; 4]])));
        assert!(!is_calm(&series(Some(0), &[&[Fine, Fine, Fine, Failed]])));
    }
}
