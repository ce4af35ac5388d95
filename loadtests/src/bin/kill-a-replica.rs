//! Measures the cost of a replica crash: before it, until the balancer notices it, during the outage, and after the restart.

use loadtests::{Plot, Story, Usual, Work, tell};
use std::process::ExitCode;

const STORY: Story = Story {
    name: "kill-a-replica",
    asks: "Measures the cost of a replica crash: before it, until it is noticed, and after.",
    work: Work::SessionsAndUploads,
    plot: Plot::Kill,
    usual: Usual { replicas: 3, users: 20, seconds: 60, rate: 4.0 },
    smoke: Usual::SMOKE,
};

fn main() -> ExitCode {
    tell(&STORY)
}
