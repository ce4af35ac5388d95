//! Measures the latency of session reads by logged-in users.

use loadtests::{Defaults, FaultSchedule, LoadTest, Workload, run_load_test};
use std::process::ExitCode;

const LOAD_TEST: LoadTest = LoadTest {
    name: "session-reads",
    purpose: "Measures the latency of session reads by logged-in users.",
    workload: Workload::Sessions,
    fault_schedule: FaultSchedule::NoFault,
    defaults: Defaults { replicas: 3, users: 40, seconds: 60, rate: 5.0 },
    smoke_defaults: Defaults::SMOKE,
};

fn main() -> ExitCode {
    run_load_test(&LOAD_TEST)
}
