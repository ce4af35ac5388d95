//! Whole demos with real processes and real kills, and their checks.

use crate::run::{TestLab, kill_9, until};
use serde_json::Value;
use std::process::Stdio;
use std::sync::Mutex;

/// A demo uses the whole machine, so only one runs at a time.
pub(crate) static DEMO_LOCK: Mutex<()> = Mutex::new(());

fn report(scenario: &str) -> Value {
    let _alone = DEMO_LOCK.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let lab = TestLab::new();
    let printed = lab.ok(&["demo", scenario, "--yes", "--assert", "--json"]);
    lab.until_empty();
    let report = crate::json::valid(&printed);
    assert_eq!(report["outcome"], "pass", "{report:#}");
    assert_eq!(report["scenario"], scenario);
    report
}

/// The scenarios of Phase 2. `.ci/run` plays those that no test plays.
const OF_PHASE_2: [&str; 5] = [
    "central-store",
    "redis-goes-away",
    "postgres-restarts",
    "revoke-a-token",
    "upload-survives-a-kill",
];

fn figure(report: &Value, configuration: &str, figure: &str) -> u64 {
    let all = report["configurations"].as_array().expect("a list").iter();
    let mut all = all.filter(|one| one["configuration"] == configuration);
    all.next().expect("the configuration")[figure].as_u64().expect("a number")
}

#[test]
fn killed_replica_logs_out_its_sticky_users_only() {
    let report = report("kill-a-replica");
    let on_target = figure(&report, "memory-sticky", "on_target");
    assert!(on_target > 0, "the target replica had sessions");
    assert_eq!(figure(&report, "memory-sticky", "logged_out"), on_target);
    assert_eq!(figure(&report, "token", "logged_out"), 0);
    assert!(figure(&report, "memory-round-robin", "lost_before") > 0);
}

#[test]
fn restart_of_everything_logs_out_all_but_token_users() {
    let report = report("restart-everything");
    assert_eq!(figure(&report, "memory-sticky", "logged_out"), 12);
    assert_eq!(figure(&report, "token", "logged_out"), 0);
}

#[test]
fn new_replica_serves_no_sticky_user_with_a_session() {
    let report = report("scale-out");
    assert_eq!(figure(&report, "memory-sticky", "served_by_new_replica"), 0);
    assert!(figure(&report, "token", "served_by_new_replica") > 0);
}

#[test]
fn rolling_restart_fails_no_request_but_logs_out_sticky_users() {
    let report = report("rolling-restart");
    for configuration in ["memory-round-robin", "memory-sticky", "token"] {
        let failed = figure(&report, configuration, "failed");
        assert_eq!(failed, 0, "{configuration}");
    }
    assert_eq!(figure(&report, "memory-sticky", "logged_out"), 12);
    assert_eq!(figure(&report, "token", "logged_out"), 0);
}

#[test]
fn upload_in_pieces_resumes_after_a_kill() {
    let report = report("upload-survives-a-kill");
    assert_eq!(report["doubts"], serde_json::json!([]));
    let [plain, pieces] = report["trials"].as_array().expect("a list").as_slice() else {
        panic!("two upload methods: {report:#}");
    };
    let bytes = |trial: &Value, field: &str| trial[field].as_u64().expect("a number");
    assert_eq!(bytes(plain, "resumed_from"), 0, "one request starts again at 0");
    assert!(bytes(pieces, "resumed_from") > 0, "{pieces}");
    assert!(bytes(pieces, "sent") < bytes(plain, "sent"), "{report:#}");
    for trial in [plain, pieces] {
        assert_eq!(trial["whole"], true, "{trial}");
    }
}

/// Without a folder for its files a demo breaks after it has parsed its command line, and
/// before it starts a process.
#[test]
fn every_scenario_of_phase_2_is_known() {
    for scenario in OF_PHASE_2 {
        let lab = TestLab::new();
        let mut command = lab.command(&["demo", scenario, "--yes", "--json"]);
        let output = command.env("TMPDIR", "/dev/null/nowhere").output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{scenario}: {text}");
        assert!(text.contains("TMPDIR") && output.stdout.is_empty(), "{text}");
    }
}

#[test]
fn wrong_option_is_a_usage_error_in_every_scenario() {
    let lab = TestLab::new();
    for scenario in OF_PHASE_2 {
        for (wrong, says) in [
            (["--users", "2"], "3..=100"),
            (["--users", "many"], "--users"),
            (["--seed", "-1"], "-1"),
            (["--seed", "later"], "--seed"),
            (["--design", "token"], "--design"),
        ] {
            let args = [&["demo", scenario, "--yes", "--assert"][..], &wrong].concat();
            let refused = lab.run(&args);
            let text = String::from_utf8(refused.stderr).unwrap();
            assert_eq!(refused.status.code(), Some(2), "{args:?}: {text}");
            assert!(text.contains(says) && !text.contains("panicked"), "{text}");
        }
    }
    lab.until_empty();
}

#[test]
fn killed_demo_leaves_no_process_and_no_file() {
    let _alone = DEMO_LOCK.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let lab = TestLab::new();
    let mut demo = lab
        .command(&["demo", "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The demo, its reaper, and three clusters of a reaper, a balancer and three replicas.
    until("all processes run", || lab.processes().len() >= 17);
    kill_9(&mut demo);
    lab.until_empty();
}

#[test]
fn closed_pipe_does_not_stop_a_demo() {
    let _alone = DEMO_LOCK.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let lab = TestLab::new();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = lab.command(&["demo", "--yes", "--assert", "--users", "6"]);
    command.stdout(writer.try_clone().expect("a second end")).stderr(writer);
    let status = command.status().expect("it runs");
    assert!(matches!(status.code(), Some(0 | 4)), "an outcome, not a panic: {status}");
    lab.until_empty();
}

#[test]
fn unknown_scenario_is_a_usage_error_with_the_known_names() {
    let refused = TestLab::new().run(&["demo", "earthquake"]);
    assert_eq!(refused.status.code(), Some(2));
    let text = String::from_utf8(refused.stderr).unwrap();
    for known in [&["kill-a-replica", "rolling-restart"][..], &OF_PHASE_2].concat() {
        assert!(text.contains(known), "{known} is missing: {text}");
    }
}

#[test]
fn demo_without_servers_is_a_harness_error() {
    let lab = TestLab::new();
    let mut command = lab.command(&["demo", "--yes", "--assert"]);
    let output = command.env("TMPDIR", "/dev/null/nowhere").output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("TMPDIR") && !text.contains("panicked"), "{text}");
}
