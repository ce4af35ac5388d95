//! How long do people wait who upload small files all the time, and is everything there afterwards?

use loadtests::{Plot, Story, Usual, Work, tell};
use std::process::ExitCode;

const STORY: Story = Story {
    name: "steady-uploads",
    asks: "How long do people wait who upload small files all the time, and is everything there?",
    work: Work::Files,
    plot: Plot::Nothing,
    usual: Usual { replicas: 3, users: 20, seconds: 60, rate: 2.0 },
    smoke: Usual::SMOKE,
};

fn main() -> ExitCode {
    tell(&STORY)
}
