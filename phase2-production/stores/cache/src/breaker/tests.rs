//! The breaker, on a mocked clock.

use super::*;
use tokio::time::advance;

const OPEN_DURATION: Duration = Duration::from_secs(2);

fn fail(breaker: &Breaker, times: u32) {
    for _ in 0..times {
        breaker.permit().unwrap().failed();
    }
}

#[tokio::test(start_paused = true)]
async fn breaker_opens_after_consecutive_failures() {
    let breaker = Breaker::new(5, OPEN_DURATION);
    fail(&breaker, 4);
    breaker.permit().unwrap().succeeded();
    fail(&breaker, 4);
    assert_eq!(breaker.state(), BreakerState::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), BreakerState::Open);
    assert!(breaker.permit().is_none());
}

#[tokio::test(start_paused = true)]
async fn half_open_breaker_allows_one_probe() {
    let breaker = Breaker::new(5, OPEN_DURATION);
    fail(&breaker, 5);
    advance(OPEN_DURATION).await;
    let probe = breaker.permit().unwrap();
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert!((0..100).all(|_| breaker.permit().is_none()));
    probe.succeeded();
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert!(breaker.permit().is_some());
}

#[tokio::test(start_paused = true)]
async fn failed_probe_reopens_the_breaker() {
    let breaker = Breaker::new(5, OPEN_DURATION);
    fail(&breaker, 5);
    advance(OPEN_DURATION).await;
    assert!(breaker.permit().unwrap().failed());
    advance(OPEN_DURATION / 2).await;
    assert!(breaker.permit().is_none());
    advance(OPEN_DURATION / 2).await;
    assert!(breaker.permit().is_some());
}

#[tokio::test(start_paused = true)]
async fn abandoned_probe_lets_the_next_call_probe() {
    let breaker = Breaker::new(5, OPEN_DURATION);
    fail(&breaker, 5);
    advance(OPEN_DURATION).await;
    drop(breaker.permit().unwrap());
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker.permit().unwrap().succeeded();
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn late_replies_do_not_change_an_open_breaker() {
    let breaker = Breaker::new(2, OPEN_DURATION);
    let (early, late) = (breaker.permit().unwrap(), breaker.permit().unwrap());
    fail(&breaker, 2);
    early.succeeded();
    assert_eq!(breaker.state(), BreakerState::Open);
    advance(OPEN_DURATION).await;
    let probe = breaker.permit().unwrap();
    assert!(!late.failed());
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    probe.succeeded();
}
