//! Measures lost requests and logins while every replica is replaced, one after another.

use loadtests::{Defaults, FaultSchedule, LoadTest, Workload, run_load_test};
use std::process::ExitCode;

const LOAD_TEST: LoadTest = LoadTest {
    name: "rolling-restart",
    purpose: "Measures lost requests and logins while every replica is replaced in turn.",
    workload: Workload::SessionsAndUploads,
    fault_schedule: FaultSchedule::RollingRestart,
    defaults: Defaults { replicas: 3, users: 20, seconds: 30, rate: 4.0 },
    smoke_defaults: Defaults::SMOKE,
};

fn main() -> ExitCode {
    run_load_test(&LOAD_TEST)
}
