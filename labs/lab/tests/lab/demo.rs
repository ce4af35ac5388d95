//! The demos, whole: real processes, real kills, and the statements about them.

use crate::markdown::page;
use crate::run::{World, kill_9, until};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::Mutex;

/// A demo fills the machine; two at once would measure each other.
pub(crate) static STAGE: Mutex<()> = Mutex::new(());

fn report(scenario: &str) -> Value {
    let _alone = STAGE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let world = World::new();
    let printed = world.ok(&["demo", scenario, "--yes", "--assert", "--json"]);
    world.until_empty();
    let report: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(report["verdict"], "pass", "{report:#}");
    assert_eq!(report["scenario"], scenario);
    report
}

/// The scenarios that Phase 2 has added. `.ci/run` plays each of them whole.
const OF_PHASE_2: [&str; 5] = [
    "central-store",
    "redis-goes-away",
    "postgres-restarts",
    "revoke-a-token",
    "upload-survives-a-kill",
];

/// The fields that `docs/ci.md` gives for `what`, as in "field of a lane".
fn documented(what: &str) -> BTreeSet<String> {
    let text = page("docs/ci.md").text;
    let header = format!("| field of {what} |");
    let rows = text.lines().skip_while(|line| !line.starts_with(&header)).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let fields: BTreeSet<_> = rows.flat_map(|row| names(row.split('|').nth(1))).collect();
    assert!(!fields.is_empty(), "docs/ci.md has no fields of {what}");
    fields
}

/// What stands in backticks in a cell.
fn names(cell: Option<&str>) -> Vec<String> {
    let parts = cell.unwrap_or_default().split('`').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

fn fields(object: &Value) -> BTreeSet<String> {
    object.as_object().expect("an object").keys().cloned().collect()
}

fn figure(report: &Value, lane: &str, figure: &str) -> u64 {
    let lanes = report["lanes"].as_array().expect("a list");
    let lane = lanes.iter().find(|one| one["lane"] == lane).expect("it is there");
    lane[figure].as_u64().expect("a number")
}

#[test]
fn killing_a_replica_logs_out_those_it_remembered_and_nobody_with_a_token() {
    let report = report("kill-a-replica");
    for (object, what) in [
        (&report, "the report"),
        (&report["lanes"][0], "a lane"),
        (&report["facts"][0], "a fact"),
    ] {
        assert_eq!(fields(object), documented(what), "fields of {what}");
    }
    let at_home = figure(&report, "memory-sticky", "at_home");
    assert!(at_home > 0, "the victim had users");
    assert_eq!(figure(&report, "memory-sticky", "logged_out"), at_home);
    assert_eq!(figure(&report, "token", "logged_out"), 0);
    assert!(figure(&report, "memory-round-robin", "lost_before") > 0);
}

#[test]
fn restarting_everything_logs_everybody_out_but_those_with_a_token() {
    let report = report("restart-everything");
    assert_eq!(figure(&report, "memory-sticky", "logged_out"), 12);
    assert_eq!(figure(&report, "token", "logged_out"), 0);
}

#[test]
fn scaling_out_helps_only_where_nobody_has_to_stay_where_they_are_known() {
    let report = report("scale-out");
    assert_eq!(figure(&report, "memory-sticky", "served_by_newcomer"), 0);
    assert!(figure(&report, "token", "served_by_newcomer") > 0);
}

#[test]
fn a_rolling_restart_fails_no_request_and_still_logs_out_those_who_are_remembered() {
    let report = report("rolling-restart");
    for lane in ["memory-round-robin", "memory-sticky", "token"] {
        assert_eq!(figure(&report, lane, "failed"), 0, "{lane}");
    }
    assert_eq!(figure(&report, "memory-sticky", "logged_out"), 12);
    assert_eq!(figure(&report, "token", "logged_out"), 0);
}

#[test]
fn an_upload_survives_a_kill_piece_by_piece_and_its_story_has_the_documented_fields() {
    let story = report("upload-survives-a-kill");
    assert_eq!(fields(&story), documented("a story"));
    assert_eq!(fields(&story["statements"][0]), documented("a statement"));
    assert_eq!(story["reasons"], serde_json::json!([]));
    let [plain, pieces] = story["trials"].as_array().expect("a list").as_slice() else {
        panic!("two ways of uploading: {story:#}");
    };
    let bytes = |trial: &Value, field: &str| trial[field].as_u64().expect("a number");
    assert_eq!(bytes(plain, "resumed_from"), 0, "one request starts all over");
    assert!(bytes(pieces, "resumed_from") > 0, "{pieces}");
    assert!(bytes(pieces, "sent") < bytes(plain, "sent"), "{story:#}");
    for trial in [plain, pieces] {
        assert_eq!(trial["whole"], true, "{trial}");
    }
}

/// Without a place for its files a demo breaks after it was understood, and before it has
/// started anything.
#[test]
fn every_scenario_of_phase_2_is_known_by_its_name() {
    for scenario in OF_PHASE_2 {
        let world = World::new();
        let mut command = world.command(&["demo", scenario, "--yes", "--json"]);
        let output = command.env("TMPDIR", "/dev/null/nowhere").output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{scenario}: {text}");
        assert!(text.contains("TMPDIR") && output.stdout.is_empty(), "{text}");
    }
}

#[test]
fn a_wrong_option_is_a_usage_error_in_every_scenario_of_phase_2() {
    let world = World::new();
    for scenario in OF_PHASE_2 {
        for (wrong, says) in [
            (["--users", "2"], "3..=100"),
            (["--users", "many"], "--users"),
            (["--seed", "-1"], "-1"),
            (["--seed", "later"], "--seed"),
            (["--design", "token"], "--design"),
        ] {
            let args = [&["demo", scenario, "--yes", "--assert"][..], &wrong].concat();
            let refused = world.lab(&args);
            let text = String::from_utf8(refused.stderr).unwrap();
            assert_eq!(refused.status.code(), Some(2), "{args:?}: {text}");
            assert!(text.contains(says) && !text.contains("panicked"), "{text}");
        }
    }
    world.until_empty();
}

#[test]
fn a_demo_killed_with_sigkill_leaves_no_process_and_no_file() {
    let _alone = STAGE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let world = World::new();
    let mut demo = world
        .command(&["demo", "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The demo, its reaper, three lanes of a reaper, a balancer and three replicas.
    until("everything runs", || world.processes().len() >= 17);
    kill_9(&mut demo);
    world.until_empty();
}

#[test]
fn a_demo_whose_reader_has_read_enough_goes_on_to_its_verdict() {
    let _alone = STAGE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let world = World::new();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = world.command(&["demo", "--yes", "--assert", "--users", "6"]);
    command.stdout(writer.try_clone().expect("a second end")).stderr(writer);
    let status = command.status().expect("it runs");
    assert!(matches!(status.code(), Some(0 | 2)), "a verdict, not a panic: {status}");
    world.until_empty();
}

#[test]
fn an_unknown_scenario_is_a_usage_error_that_names_the_known_ones() {
    let refused = World::new().lab(&["demo", "earthquake"]);
    assert_eq!(refused.status.code(), Some(2));
    let text = String::from_utf8(refused.stderr).unwrap();
    for known in [&["kill-a-replica", "rolling-restart"][..], &OF_PHASE_2].concat() {
        assert!(text.contains(known), "{known} is missing: {text}");
    }
}

#[test]
fn a_demo_that_cannot_start_its_servers_says_that_the_lab_broke() {
    let world = World::new();
    let mut command = world.command(&["demo", "--yes", "--assert"]);
    let output = command.env("TMPDIR", "/dev/null/nowhere").output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("TMPDIR") && !text.contains("panicked"), "{text}");
}
