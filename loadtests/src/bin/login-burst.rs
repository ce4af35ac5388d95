//! Measures concurrent logins of all users. Password checks are expensive by design, so some logins wait or get 503 with Retry-After.

use loadtests::{Plot, Story, Usual, Work, tell};
use std::process::ExitCode;

const STORY: Story = Story {
    name: "login-burst",
    asks: "Measures concurrent logins of all users, with production password hashes.",
    work: Work::Logins,
    plot: Plot::Nothing,
    usual: Usual { replicas: 3, users: 40, seconds: 60, rate: 0.1 },
    smoke: Usual { replicas: 3, users: 4, seconds: 4, rate: 0.5 },
};

fn main() -> ExitCode {
    tell(&STORY)
}
