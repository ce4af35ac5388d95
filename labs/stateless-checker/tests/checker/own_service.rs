//! Replicas that a description names, restarted by its commands.

use crate::replicas::{App, Replicas, two_that_last};
use crate::servers::{stateless, sticky};
use stateless_checker::cause::Kind;
use stateless_checker::{
    Description, Instances, Options, Report, Restart, Verdict, check,
};
use std::path::Path;
use std::time::Duration;

const APP: App = |database, _| sticky::app(database);

/// Describes replicas by their URLs and restart commands.
fn described(instances: &Instances, restart: impl Fn(usize) -> String) -> Description {
    let mut text = String::new();
    for (at, one) in instances.list().iter().enumerate() {
        text +=
            &format!("[[instance]]\nurl = {:?}\nrestart = {:?}\n", one.url, restart(at));
    }
    let text = stateless::DESCRIPTION.replacen("[[step]]", &(text + "[[step]]"), 1);
    Description::parse(&text).expect("a description")
}

async fn checked(description: &Description) -> Report {
    let mut instances = Instances::of(description).expect("two replicas");
    check(description, &mut instances, Options { seed: 1, rounds: 1 }).await
}

/// Plays the operating system: restarts a replica while a file of its name is there.
async fn restart_on_request(replicas: Replicas, folder: &Path) {
    loop {
        for which in 0..2 {
            let wish = folder.join(which.to_string());
            if wish.exists() {
                replicas.restart(&[which]).await.expect("it restarts");
                std::fs::remove_file(wish).expect("it is there");
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_command_restarts_a_replica() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (instances, replicas) = two_that_last(APP);
    let description = described(&instances, |which| {
        let wish = folder.path().join(which.to_string());
        let wish = wish.display();
        format!("touch {wish}; while [ -e {wish} ]; do sleep 0.01; done")
    });
    let report = tokio::select! {
        report = checked(&description) => report,
        () = restart_on_request(replicas, folder.path()) => unreachable!("it has no end"),
    };
    assert_eq!(report.verdict, Verdict::Fail, "{report}");
    assert_eq!(report.findings[0].kind, Kind::ReplicaMemory, "{report}");
    assert!(report.doubts.is_empty(), "{report}");
}

#[tokio::test]
async fn a_command_that_restarts_nothing_is_found_out() {
    let (instances, _replicas) = two_that_last(APP);
    let report = checked(&described(&instances, |_| "true".to_owned())).await;
    assert!(report.doubts[0].contains("was not restarted"), "{report}");
    assert_eq!(report.findings[0].kind, Kind::MemoryOrDisk, "{report}");
}

#[tokio::test]
async fn a_command_that_fails_is_said_and_nothing_is_made_of_it() {
    let (instances, _replicas) =
        two_that_last(|database, _| crate::servers::stateless::app(database));
    let failing = |_| "echo no such container >&2; exit 1".to_owned();
    let report = checked(&described(&instances, failing)).await;
    assert_eq!(report.verdict, Verdict::CouldNotTell, "{report}");
    assert!(report.doubts[0].contains("no such container"), "{report}");
}

#[test]
fn two_replicas_are_needed_and_they_must_be_two() {
    let url = "http://127.0.0.1:1".to_owned();
    assert!(Instances::at(std::slice::from_ref(&url)).is_err());
    assert!(Instances::at(&[url.clone(), url]).is_err());
}
