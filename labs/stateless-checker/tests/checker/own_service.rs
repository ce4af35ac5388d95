//! Replicas that a description names, restarted by its commands.

use crate::replicas::{App, Replicas, two_without_restart};
use crate::servers::{spread, stateless, sticky};
use stateless_checker::cause::StateKind;
use stateless_checker::{Description, Instances, Options, Outcome, Report, check};
use std::path::Path;
use std::time::Duration;

const APP: App = |database, _| sticky::app(database);

/// Sessions that the replicas send each other.
const SPREAD: App = |database, _| spread::app(database);

/// Describes replicas by their URLs and restart commands.
fn described(instances: &Instances, commands: impl Fn(usize) -> String) -> Description {
    let mut text = String::new();
    for (at, one) in instances.list().iter().enumerate() {
        text += &format!("[[instance]]\nurl = {:?}\n{}\n", one.url, commands(at));
    }
    let text = stateless::DESCRIPTION.replacen("[[step]]", &(text + "[[step]]"), 1);
    Description::parse(&text).expect("a description")
}

fn restart(line: &str) -> String {
    format!("restart = {line:?}")
}

/// A command that returns when its request in a file has been done.
fn request_file_command(folder: &Path, what: &str, which: usize) -> String {
    let request_file_command = folder.join(format!("{what}-{which}"));
    let request_file_command = request_file_command.display();
    format!(
        "touch {request_file_command}; while [ -e {request_file_command} ]; do sleep 0.01; done"
    )
}

async fn checked(description: &Description) -> Report {
    let mut instances = Instances::of(description).expect("two replicas");
    check(description, &mut instances, Options { seed: 1, rounds: 1 }).await
}

/// Plays the operating system: obeys the request files.
async fn obey_request_files(replicas: Replicas, folder: &Path) {
    loop {
        for which in 0..2 {
            for what in ["restart", "stop", "start"] {
                let request_file_command = folder.join(format!("{what}-{which}"));
                if !request_file_command.exists() {
                    continue;
                }
                if what != "start" {
                    replicas.stop(&[which]).await;
                }
                if what != "stop" {
                    replicas.start_again(&[which]).await;
                }
                std::fs::remove_file(request_file_command).expect("it is there");
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The report on a server with replicas that are restarted by commands.
async fn by_commands(app: App, commands: impl Fn(&Path, usize) -> String) -> Report {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (instances, replicas) = two_without_restart(app);
    let description = described(&instances, |which| commands(folder.path(), which));
    tokio::select! {
        report = checked(&description) => report,
        () = obey_request_files(replicas, folder.path()) => unreachable!("it has no end"),
    }
}

fn by_restart(folder: &Path, which: usize) -> String {
    restart(&request_file_command(folder, "restart", which))
}

fn by_stop_and_start(folder: &Path, which: usize) -> String {
    let (stop, start) = (
        request_file_command(folder, "stop", which),
        request_file_command(folder, "start", which),
    );
    format!("stop = {stop:?}\nstart = {start:?}")
}

#[tokio::test]
async fn commands_restart_a_replica_in_one_step_or_in_two() {
    for report in
        [by_commands(APP, by_restart).await, by_commands(APP, by_stop_and_start).await]
    {
        assert_eq!(report.outcome, Outcome::Fail, "{report}");
        assert_eq!(report.findings[0].kind, StateKind::ReplicaMemory, "{report}");
        assert!(report.inconclusive_reasons.is_empty(), "{report}");
    }
}

#[tokio::test]
async fn shared_memory_survives_a_staggered_restart_with_a_notice() {
    let report = by_commands(SPREAD, by_restart).await;
    assert!(report.findings.is_empty(), "{report}");
    assert!(report.limits[0].contains("stop and start instead of restart"), "{report}");
    assert!(report.to_string().contains("limits of this check"), "{report}");
}

#[tokio::test]
async fn shared_memory_is_found_when_all_replicas_stop_first() {
    let report = by_commands(SPREAD, by_stop_and_start).await;
    assert_eq!(report.outcome, Outcome::Fail, "{report}");
    assert_eq!(report.findings[0].kind, StateKind::SpreadMemory, "{report}");
    assert!(report.limits.is_empty(), "{report}");
    assert!(report.to_string().contains("a and b are down at once"), "{report}");
}

#[tokio::test]
async fn a_command_that_restarts_nothing_is_found_out() {
    let (instances, _replicas) = two_without_restart(APP);
    let report = checked(&described(&instances, |_| restart("true"))).await;
    assert!(report.inconclusive_reasons[0].contains("was not restarted"), "{report}");
    assert_eq!(report.findings[0].kind, StateKind::MemoryOrDisk, "{report}");
}

#[tokio::test]
async fn failed_restart_command_is_reported_without_a_finding() {
    let (instances, _replicas) =
        two_without_restart(|database, _| crate::servers::stateless::app(database));
    let failing = |_| restart("echo no such container >&2; exit 1");
    let report = checked(&described(&instances, failing)).await;
    assert_eq!(report.outcome, Outcome::Inconclusive, "{report}");
    assert!(report.inconclusive_reasons[0].contains("no such container"), "{report}");
}

#[test]
fn two_replicas_are_needed_and_they_must_be_two() {
    let url = "http://127.0.0.1:1".to_owned();
    assert!(Instances::at(std::slice::from_ref(&url)).is_err());
    assert!(Instances::at(&[url.clone(), url]).is_err());
}
