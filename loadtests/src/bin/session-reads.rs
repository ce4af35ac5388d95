//! How long do people wait who are logged in and only ask who they are?

use loadtests::{Plot, Story, Usual, Work, tell};
use std::process::ExitCode;

const STORY: Story = Story {
    name: "session-reads",
    asks: "How long do people wait who are logged in and only ask who they are?",
    work: Work::Sessions,
    plot: Plot::Nothing,
    usual: Usual { replicas: 3, users: 40, seconds: 60, rate: 5.0 },
    smoke: Usual::SMOKE,
};

fn main() -> ExitCode {
    tell(&STORY)
}
