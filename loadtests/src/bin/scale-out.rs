//! Who notices that a cluster grows, and what does the same load cost before 1, 2, 4 and 8 replicas?

use loadtests::{Plot, Story, Usual, Work, tell};
use std::process::ExitCode;

const STORY: Story = Story {
    name: "scale-out",
    asks: "Who notices that a cluster grows, and what does the same load cost at each size?",
    work: Work::SessionsAndUploads,
    plot: Plot::ScaleOut,
    usual: Usual { replicas: 8, users: 20, seconds: 80, rate: 4.0 },
    smoke: Usual { replicas: 2, ..Usual::SMOKE },
};

fn main() -> ExitCode {
    tell(&STORY)
}
