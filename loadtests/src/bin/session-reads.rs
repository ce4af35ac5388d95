//! Measures the latency of session reads by logged-in users.

use loadtests::{Plot, Story, Usual, Work, tell};
use std::process::ExitCode;

const STORY: Story = Story {
    name: "session-reads",
    asks: "Measures the latency of session reads by logged-in users.",
    work: Work::Sessions,
    plot: Plot::Nothing,
    usual: Usual { replicas: 3, users: 40, seconds: 60, rate: 5.0 },
    smoke: Usual::SMOKE,
};

fn main() -> ExitCode {
    tell(&STORY)
}
