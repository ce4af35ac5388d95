//! The breaker, on a clock that the test moves.

use super::*;
use tokio::time::advance;

const REST: Duration = Duration::from_secs(2);

fn failed(breaker: &Breaker, times: u32) {
    for _ in 0..times {
        breaker.permit().unwrap().failed();
    }
}

#[tokio::test(start_paused = true)]
async fn it_opens_after_failures_in_a_row_and_not_before() {
    let breaker = Breaker::new(5, REST);
    failed(&breaker, 4);
    breaker.permit().unwrap().succeeded();
    failed(&breaker, 4);
    assert_eq!(breaker.state(), BreakerState::Closed);
    failed(&breaker, 1);
    assert_eq!(breaker.state(), BreakerState::Open);
    assert!(breaker.permit().is_none());
}

#[tokio::test(start_paused = true)]
async fn after_the_rest_one_call_probes_and_all_others_are_refused() {
    let breaker = Breaker::new(5, REST);
    failed(&breaker, 5);
    advance(REST).await;
    let probe = breaker.permit().unwrap();
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert!((0..100).all(|_| breaker.permit().is_none()));
    probe.succeeded();
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert!(breaker.permit().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_opens_it_again_for_the_whole_rest() {
    let breaker = Breaker::new(5, REST);
    failed(&breaker, 5);
    advance(REST).await;
    assert!(breaker.permit().unwrap().failed());
    advance(REST / 2).await;
    assert!(breaker.permit().is_none());
    advance(REST / 2).await;
    assert!(breaker.permit().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_given_up_lets_the_next_one_probe() {
    let breaker = Breaker::new(5, REST);
    failed(&breaker, 5);
    advance(REST).await;
    drop(breaker.permit().unwrap());
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker.permit().unwrap().succeeded();
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn answers_to_calls_from_before_change_nothing_while_it_is_open() {
    let breaker = Breaker::new(2, REST);
    let (early, late) = (breaker.permit().unwrap(), breaker.permit().unwrap());
    failed(&breaker, 2);
    early.succeeded();
    assert_eq!(breaker.state(), BreakerState::Open);
    advance(REST).await;
    let probe = breaker.permit().unwrap();
    assert!(!late.failed());
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    probe.succeeded();
}
