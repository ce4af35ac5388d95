//! Measures the latency of steady small uploads, and verifies afterwards that none is missing.

use loadtests::{Plot, Story, Usual, Work, tell};
use std::process::ExitCode;

const STORY: Story = Story {
    name: "steady-uploads",
    asks: "Measures the latency of steady small uploads, and verifies them afterwards.",
    work: Work::Files,
    plot: Plot::Nothing,
    usual: Usual { replicas: 3, users: 20, seconds: 60, rate: 2.0 },
    smoke: Usual::SMOKE,
};

fn main() -> ExitCode {
    tell(&STORY)
}
