//! Measures concurrent logins of all users. Password checks are expensive by design, so some logins wait or get 503 with Retry-After.

use loadtests::{Defaults, FaultSchedule, LoadTest, Workload, run_load_test};
use std::process::ExitCode;

const LOAD_TEST: LoadTest = LoadTest {
    name: "login-burst",
    purpose: "Measures concurrent logins of all users, with production password hashes.",
    workload: Workload::Logins,
    fault_schedule: FaultSchedule::NoFault,
    defaults: Defaults { replicas: 3, users: 40, seconds: 60, rate: 0.1 },
    smoke_defaults: Defaults { replicas: 3, users: 4, seconds: 4, rate: 0.5 },
};

fn main() -> ExitCode {
    run_load_test(&LOAD_TEST)
}
