//! `/readyz` looks at what a server needs, names what is missing, and is cheap to ask.

use crate::support::{DEADLINE, start_with};
use api_contract::Ready;
use api_contract::problem::Problem;
use axum::Router;
use http_edge::health::{Check, Readiness, Standing};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A server that needs one thing and would like another, and what a test makes of the two.
struct Rig {
    server: crate::support::Running,
    records: Arc<Mutex<Standing>>,
    looks: Arc<AtomicUsize>,
}

async fn rig() -> Rig {
    let records = Arc::new(Mutex::new(Standing::Fine));
    let looks = Arc::new(AtomicUsize::new(0));
    let (found, counted) = (Arc::clone(&records), Arc::clone(&looks));
    let needed = Check::new("records", move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let found = found.lock().expect("nobody panics").clone();
        async { found }
    });
    let liked = Check::new("cache", || async { Standing::Impaired("breaker open") });
    let readiness = Readiness::looking_at(vec![needed, liked]);
    let server = start_with(Router::new(), readiness, Duration::ZERO, DEADLINE).await;
    Rig { server, records, looks }
}

impl Rig {
    async fn ask(&self) -> reqwest::Response {
        reqwest::get(self.server.url("/readyz")).await.expect("it answers")
    }

    /// Asks until the answer has this status.
    async fn until(&self, status: u16) -> reqwest::Response {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let reply = self.ask().await;
            if reply.status() == status {
                return reply;
            }
            assert!(Instant::now() < deadline, "still not {status}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn a_server_that_can_do_without_something_is_ready_and_says_what_it_lacks() {
    let rig = rig().await;
    let ready: Ready = rig.until(200).await.json().await.unwrap();
    assert_eq!(ready.message, "degraded");
    let checks: Vec<_> =
        ready.checks.iter().map(|(name, how)| (&**name, &**how)).collect();
    assert_eq!(checks, [("cache", "breaker open"), ("records", "ok")]);
}

#[tokio::test]
async fn a_server_that_misses_what_it_needs_is_not_ready_until_that_is_back() {
    let rig = rig().await;
    *rig.records.lock().unwrap() = Standing::Missing("do not answer");
    let reply = rig.until(503).await;
    assert_eq!(reply.headers()["retry-after"], "1");
    let problem: Problem = reply.json().await.unwrap();
    assert_eq!(problem.slug(), "not-ready");
    assert_eq!(problem.detail, "records: do not answer; cache: breaker open");
    *rig.records.lock().unwrap() = Standing::Fine;
    rig.until(200).await;
}

#[tokio::test]
async fn what_all_replicas_lack_is_named_and_takes_none_of_them_out() {
    let lost = Check::new("records", || async { Standing::Missing("do not answer") });
    let silent = Check::new("files", std::future::pending);
    let readiness = Readiness::looking_at(vec![lost.shared(), silent.shared()]);
    let server = start_with(Router::new(), readiness, Duration::ZERO, DEADLINE).await;
    let reply = reqwest::get(server.url("/readyz")).await.unwrap();
    assert_eq!(reply.status(), 200);
    let ready: Ready = reply.json().await.unwrap();
    assert_eq!(ready.message, "degraded");
    assert_eq!(ready.checks["records"], "do not answer");
    assert_eq!(ready.checks["files"], "does not answer in time");
}

#[tokio::test]
async fn a_server_that_lacks_nothing_is_ready() {
    let fine = Check::new("records", || async { Standing::Fine });
    let readiness = Readiness::looking_at(vec![fine.shared()]);
    let server = start_with(Router::new(), readiness, Duration::ZERO, DEADLINE).await;
    let ready: Ready =
        reqwest::get(server.url("/readyz")).await.unwrap().json().await.unwrap();
    assert_eq!(ready.message, "ready");
}

#[tokio::test]
async fn asking_often_does_not_mean_looking_often() {
    let rig = rig().await;
    let begun = Instant::now();
    for _ in 0..200 {
        rig.ask().await;
    }
    let windows = begun.elapsed().as_millis() / 250 + 1;
    let looks = rig.looks.load(Ordering::Relaxed);
    assert!(looks >= 1 && looks as u128 <= windows, "{looks} looks in {windows} windows");
}

#[tokio::test]
async fn what_does_not_answer_is_missing_before_the_asker_gives_up() {
    let stuck = Check::new("records", std::future::pending);
    let readiness = Readiness::looking_at(vec![stuck]);
    let server = start_with(Router::new(), readiness, Duration::ZERO, DEADLINE).await;
    let begun = Instant::now();
    let reply = reqwest::get(server.url("/readyz")).await.unwrap();
    assert_eq!(reply.status(), 503);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let problem: Problem = reply.json().await.unwrap();
    assert_eq!(problem.detail, "records: does not answer in time");
}
