//! Measures the latency of steady small uploads, and verifies afterwards that none is missing.

use loadtests::{Defaults, FaultSchedule, LoadTest, Workload, run_load_test};
use std::process::ExitCode;

const LOAD_TEST: LoadTest = LoadTest {
    name: "steady-uploads",
    purpose: "Measures the latency of steady small uploads, and verifies them afterwards.",
    workload: Workload::Files,
    fault_schedule: FaultSchedule::NoFault,
    defaults: Defaults { replicas: 3, users: 20, seconds: 60, rate: 2.0 },
    smoke_defaults: Defaults::SMOKE,
};

fn main() -> ExitCode {
    run_load_test(&LOAD_TEST)
}
