//! Measures lost requests and logins while every replica is replaced, one after another.

use loadtests::{Plot, Story, Usual, Work, tell};
use std::process::ExitCode;

const STORY: Story = Story {
    name: "rolling-restart",
    asks: "Measures lost requests and logins while every replica is replaced in turn.",
    work: Work::SessionsAndUploads,
    plot: Plot::RollingRestart,
    usual: Usual { replicas: 3, users: 20, seconds: 30, rate: 4.0 },
    smoke: Usual::SMOKE,
};

fn main() -> ExitCode {
    tell(&STORY)
}
