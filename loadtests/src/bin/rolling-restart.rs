//! Does anybody notice when every replica is replaced, one after the other?

use loadtests::{Plot, Story, Usual, Work, tell};
use std::process::ExitCode;

const STORY: Story = Story {
    name: "rolling-restart",
    asks: "Does anybody notice when every replica is replaced, one after the other?",
    work: Work::SessionsAndUploads,
    plot: Plot::RollingRestart,
    usual: Usual { replicas: 3, users: 20, seconds: 30, rate: 4.0 },
    smoke: Usual::SMOKE,
};

fn main() -> ExitCode {
    tell(&STORY)
}
