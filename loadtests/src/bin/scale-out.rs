//! Measures the same load on 1, 2, 4 and 8 replicas, and the errors while the cluster grows.

use loadtests::{Defaults, FaultSchedule, LoadTest, Workload, run_load_test};
use std::process::ExitCode;

const LOAD_TEST: LoadTest = LoadTest {
    name: "scale-out",
    purpose: "Measures the same load at each cluster size, and the errors while it grows.",
    workload: Workload::SessionsAndUploads,
    fault_schedule: FaultSchedule::ScaleOut,
    defaults: Defaults { replicas: 8, users: 20, seconds: 80, rate: 4.0 },
    smoke_defaults: Defaults { replicas: 2, ..Defaults::SMOKE },
};

fn main() -> ExitCode {
    run_load_test(&LOAD_TEST)
}
