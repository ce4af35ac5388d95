//! Measures the cost of a replica crash: before it, until the balancer notices it, during the outage, and after the restart.

use loadtests::{Defaults, FaultSchedule, LoadTest, Workload, run_load_test};
use std::process::ExitCode;

const LOAD_TEST: LoadTest = LoadTest {
    name: "kill-a-replica",
    purpose: "Measures the cost of a replica crash: before it, until it is noticed, and after.",
    workload: Workload::SessionsAndUploads,
    fault_schedule: FaultSchedule::KillAReplica,
    defaults: Defaults { replicas: 3, users: 20, seconds: 60, rate: 4.0 },
    smoke_defaults: Defaults::SMOKE,
};

fn main() -> ExitCode {
    run_load_test(&LOAD_TEST)
}
