//! Cases that the checker must distinguish, and cases that are inconclusive.

use crate::replicas::{App, two, two_without_restart};
use crate::servers::{
    cached, counter, latest, local_disk, queue, stateless, sticky, undecided,
};
use stateless_checker::cause::StateKind;
use stateless_checker::{Description, Instances, Options, Outcome, Report, check};

async fn on(description: &str, instances: &mut Instances, options: Options) -> Report {
    let description = Description::parse(description).expect("a description");
    check(&description, instances, options).await
}

async fn check_app(description: &str, app: App) -> Report {
    on(description, &mut two(app), Options { seed: 3, rounds: 2 }).await
}

fn kinds(report: &Report) -> Vec<StateKind> {
    report.findings.iter().map(|finding| finding.kind).collect()
}

#[tokio::test]
async fn queue_is_found_even_if_job_states_are_shared() {
    let app: App = |database, _| queue::app_with_states_in_the_database(database);
    let report = check_app(queue::DESCRIPTION, app).await;
    assert_eq!(kinds(&report), [StateKind::InProcessQueue], "{report}");
    assert_eq!(report.findings[0].needs[0].name, "order a report");
}

#[tokio::test]
async fn cache_without_shared_invalidation_is_found_stale() {
    let report =
        check_app(cached::DESCRIPTION, |database, _| cached::app(database)).await;
    assert_eq!(kinds(&report), [StateKind::StaleCopy], "{report}");
    assert_eq!(report.findings[0].steps[0].name, "look again");
    assert_eq!(report.findings[0].needs[0].name, "change");
}

#[tokio::test]
async fn different_repeats_are_inconclusive() {
    let report =
        check_app(undecided::DESCRIPTION, |database, _| undecided::app(database));
    let report = report.await;
    assert_eq!(report.outcome, Outcome::Inconclusive, "{report}");
    assert!(kinds(&report).is_empty(), "{report}");
    assert!(
        report.inconclusive_reasons[0].contains("wrong in 1 of 2 repeats"),
        "{report}"
    );
}

#[tokio::test]
async fn a_server_that_fails_alone_is_not_called_stateful() {
    let broken: App = |_, _| axum::Router::new();
    let report = check_app(stateless::DESCRIPTION, broken).await;
    assert_eq!(report.outcome, Outcome::Inconclusive, "{report}");
    assert!(report.findings.is_empty(), "{report}");
    assert_eq!(report.failed_controls.len(), 1, "{report}");
}

#[tokio::test]
async fn server_that_answers_503_is_not_called_stateful() {
    let report =
        check_app(undecided::DESCRIPTION, |database, _| undecided::busy(database));
    let report = report.await;
    assert_eq!(report.outcome, Outcome::Inconclusive, "{report}");
    assert!(report.failed_controls.is_empty(), "{report}");
    assert!(report.inconclusive_reasons[0].contains("status 503"), "{report}");
}

#[tokio::test]
async fn users_that_disturb_each_other_are_no_finding() {
    let report =
        check_app(latest::DESCRIPTION, |database, _| latest::app(database)).await;
    assert_eq!(report.outcome, Outcome::Pass, "{report}");
    assert!(report.limits.is_empty(), "{report}");
}

#[tokio::test]
async fn memory_and_disk_look_alike_without_restarts() {
    let apps: [(&str, App); 2] = [
        (local_disk::DESCRIPTION, local_disk::app),
        (stateless::DESCRIPTION, |database, _| sticky::app(database)),
    ];
    for (description, app) in apps {
        let (mut instances, _replicas) = two_without_restart(app);
        let report = on(description, &mut instances, Options::default()).await;
        assert_eq!(report.outcome, Outcome::Fail, "{report}");
        assert_eq!(kinds(&report), [StateKind::MemoryOrDisk], "{report}");
        assert!(report.limits[0].contains("No replica could be restarted"), "{report}");
    }
}

#[tokio::test]
async fn the_same_seed_makes_the_same_users() {
    let app: App = |database, _| counter::app(database);
    let lines = async |seed| {
        let options = Options { seed, rounds: 1 };
        let report = on(stateless::DESCRIPTION, &mut two(app), options).await;
        let text =
            serde_json::to_value(&report.failed_controls[0].transcript).expect("JSON");
        let curl = text[0]["curl"].as_str().expect("a line").to_owned();
        curl.split_once("-H").expect("headers").1.to_owned()
    };
    assert_eq!(lines(5).await, lines(5).await);
    assert_ne!(lines(5).await, lines(6).await);
}

#[tokio::test]
async fn a_report_is_json_with_words_for_programs() {
    let report =
        check_app(stateless::DESCRIPTION, |database, _| sticky::app(database)).await;
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!(json["outcome"], "fail");
    assert_eq!(json["seed"], 3);
    assert_eq!(json["findings"][0]["kind"], "replica-memory");
    assert_eq!(json["findings"][0]["needs"][0]["name"], "log in");
    assert_eq!(json["findings"][0]["transcript"][0]["instance"], "a");
}
