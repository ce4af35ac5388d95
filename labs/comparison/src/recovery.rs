//! When users had got over a fault.
//!
//! Recovered is a user whose last requests, so many in a row and to the end of the watch,
//! were all fine. The time counts from the fault to the end of the first of those; for
//! whom nothing ever went wrong it is zero. A design has recovered when all its users have.

use crate::series::{Ended, Series};

/// Good requests in a row, to the end of the watch, that make a user's recovery.
pub const GOOD_IN_A_ROW: usize = 3;

/// Microseconds from the fault to the recovery of the slowest user. [`None`] if somebody was
/// not well at the end, or was not seen often enough to tell.
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

/// Whether every user's last requests had answers, whatever they said of who is logged in.
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
    use crate::specimen::series;
    use Ended::{Failed, Fine, LoginLost};

    #[test]
    fn nobody_noticed_a_fault_that_no_request_met() {
        let series = series(Some(250), &[&[Fine; 8], &[Fine; 8]]);
        assert_eq!(recovered_after_us(&series), Some(0));
    }

    #[test]
    fn the_slowest_user_counts_from_the_fault_to_the_first_good_of_the_last_run() {
        let quick = [Fine, Fine, Failed, Fine, Fine, Fine, Fine, Fine];
        let slow = [Fine, Fine, Failed, Fine, LoginLost, Fine, Fine, Fine];
        let series = series(Some(250), &[&quick, &slow]);
        // The sixth request of the slow one ends at 510; the fault is at 250.
        assert_eq!(recovered_after_us(&series), Some(260));
    }

    #[test]
    fn one_good_request_between_two_bad_ones_is_no_recovery() {
        let up_and_down = [Fine, Failed, Fine, Failed, Fine, Failed, Fine, Fine];
        let series = series(Some(50), &[&up_and_down]);
        assert_eq!(recovered_after_us(&series), None, "two are not enough");
    }

    #[test]
    fn a_user_who_was_starved_has_not_recovered() {
        let series = series(Some(50), &[&[Fine; 8], &[Fine, Fine]]);
        assert_eq!(recovered_after_us(&series), None);
        assert!(!is_calm(&series));
    }

    #[test]
    fn trouble_before_the_fault_is_not_the_faults() {
        let mut early = [Fine; 8];
        early[0] = Failed;
        assert_eq!(recovered_after_us(&series(Some(250), &[&early])), Some(0));
    }

    #[test]
    fn calm_is_who_gets_answers_even_if_they_are_refusals() {
        assert!(is_calm(&series(Some(0), &[&[LoginLost; 4]])));
        assert!(!is_calm(&series(Some(0), &[&[Fine, Fine, Fine, Failed]])));
    }
}
