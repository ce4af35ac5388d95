//! How long until everybody is in when all log in at once? A password check costs what it costs, so somebody has to wait, or be told when to come back.

use loadtests::{Plot, Story, Usual, Work, tell};
use std::process::ExitCode;

const STORY: Story = Story {
    name: "login-burst",
    asks: "How long until everybody is in when all log in at once, with real password hashes?",
    work: Work::Logins,
    plot: Plot::Nothing,
    usual: Usual { replicas: 3, users: 40, seconds: 60, rate: 0.1 },
    smoke: Usual { replicas: 3, users: 4, seconds: 4, rate: 0.5 },
};

fn main() -> ExitCode {
    tell(&STORY)
}
