//! Every scenario, for a few seconds: it runs to completion, and its figures are consistent.

use crate::running_program::{ProgramOutput, RunningProgram, lock_cluster};
use serde_json::{Map, Value};

/// Runs a scenario and returns its report.
fn report(program: &str, flags: &[&str]) -> Value {
    let _cluster_lock = lock_cluster();
    let smoke = ["--smoke", "--backing", "auto"];
    let output =
        RunningProgram::start(program, &[&smoke, flags].concat()).wait_for_output();
    let ProgramOutput { status, errors, report, page } = output;
    let report = report.unwrap_or_else(|| panic!("{status}: no report: {errors}"));
    match status.code() {
        Some(0) => assert_eq!(report["outcome"], "pass", "{report:#}"),
        // The expected exit code on a busy machine.
        Some(4) => assert_eq!(report["valid"], false, "{report:#}"),
        _ => panic!("{status}: {report:#}\n{errors}"),
    }
    assert!(page, "goose wrote no page");
    assert_consistent(&report);
    report
}

fn assert_consistent(report: &Value) {
    assert_eq!(report["schema"], "lab-loadtest");
    let all = &report["all"];
    assert!(number(&all["requests"]) > 0.0, "{all:#}");
    let (mut requests, mut of_calls) = (0.0, 0.0);
    for phase in list(&report["phases"]) {
        requests += number(&phase["all"]["requests"]);
        for call in table(&phase["calls"]).values() {
            of_calls += number(&call["requests"]);
            counts_add_up(call);
        }
        counts_add_up(&phase["all"]);
    }
    counts_add_up(all);
    assert_eq!(requests, number(&all["requests"]), "each request belongs to one phase");
    assert_eq!(of_calls, requests, "each request belongs to one call");
    let verification_reads = &report["verification_reads"];
    assert_eq!(
        verification_reads["acknowledged"], verification_reads["read"],
        "{verification_reads:#}"
    );
    let busy = &report["busy"];
    assert!(number(&busy["client_percent"]) > 0.0, "{busy:#}");
}

/// Successes and failures add up to all requests, and percentiles are in order.
fn counts_add_up(figures: &Value) {
    let not_fine: f64 = table(&figures["not_fine"]).values().map(number).sum();
    let (requests, fine) = (number(&figures["requests"]), number(&figures["fine"]));
    assert_eq!(requests, fine + not_fine, "{figures:#}");
    let waits = ["from_intended", "from_sent"].map(|from| &figures[from]);
    for wait in waits.into_iter().filter(|wait| !wait.is_null()) {
        let in_order = ["p50", "p95", "p99", "p999", "max"].map(|at| number(&wait[at]));
        assert!(in_order.is_sorted(), "{wait:#}");
    }
    if waits.iter().all(|wait| !wait.is_null()) {
        let [intended, sent] = waits.map(|wait| number(&wait["max"]));
        assert!(
            intended >= sent,
            "latency from the intended start is never shorter: {figures:#}"
        );
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

fn table(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("{value} is no table"))
}

fn phases(report: &Value) -> Vec<&str> {
    let phases = list(&report["phases"]).iter();
    phases.map(|phase| phase["name"].as_str().expect("a name")).collect()
}

fn acknowledged(report: &Value) -> f64 {
    number(&report["verification_reads"]["acknowledged"])
}

#[test]
fn steady_uploads_are_complete_afterwards() {
    let report = report(env!("CARGO_BIN_EXE_steady-uploads"), &[]);
    assert!(acknowledged(&report) > 0.0);
    let calls = table(&report["phases"][0]["calls"]);
    assert!(calls.contains_key("upload"), "{calls:#?}");
}

#[test]
fn concurrent_logins_all_succeed() {
    let report = report(env!("CARGO_BIN_EXE_login-burst"), &[]);
    let logins = &report["phases"][0]["calls"]["log in"];
    let users = number(&report["made"]["users"]);
    assert!(
        number(&logins["fine"]) >= users,
        "each user logged in at least once: {logins:#}"
    );
}

#[test]
fn sessions_are_read_with_every_replica_answering() {
    let report = report(env!("CARGO_BIN_EXE_session-reads"), &[]);
    let served_by = table(&report["all"]["served_by"]);
    for replica in ["r1", "r2", "r3"] {
        assert!(served_by.contains_key(replica), "{replica} is not in {served_by:#?}");
    }
}

#[test]
fn token_users_list_files_instead_of_reading_sessions() {
    let report =
        report(env!("CARGO_BIN_EXE_session-reads"), &["--design", "token", "--seed=2"]);
    let calls = table(&report["phases"][0]["calls"]);
    assert_eq!(calls.keys().collect::<Vec<_>>(), ["list"]);
    assert_eq!(report["made"]["seed"], 2);
}

#[test]
fn kill_has_five_phases_and_loses_no_upload() {
    let report = report(env!("CARGO_BIN_EXE_kill-a-replica"), &[]);
    let output = [
        "before",
        "until it is noticed",
        "without it",
        "it comes back",
        "all replicas are back",
    ];
    assert_eq!(phases(&report), output);
    assert!(acknowledged(&report) > 0.0);
}

#[test]
fn rolling_restart_replaces_every_replica() {
    let report = report(env!("CARGO_BIN_EXE_rolling-restart"), &[]);
    let output =
        ["before", "r1 is replaced", "r2 is replaced", "r3 is replaced", "after"];
    assert_eq!(phases(&report), output);
    assert!(acknowledged(&report) > 0.0);
}

#[test]
fn cluster_grows_stepwise_with_figures_for_each_size() {
    let report = report(env!("CARGO_BIN_EXE_scale-out"), &[]);
    assert_eq!(phases(&report), ["with 1", "1 become 2", "with 2"]);
    let served_by = table(&report["phases"][2]["all"]["served_by"]);
    assert!(served_by.contains_key("r2"), "the new replica answers, too: {served_by:#?}");
}
