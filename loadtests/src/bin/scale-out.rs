//! Measures the same load on 1, 2, 4 and 8 replicas, and the errors while the cluster grows.

use loadtests::{Plot, Story, Usual, Work, tell};
use std::process::ExitCode;

const STORY: Story = Story {
    name: "scale-out",
    asks: "Measures the same load at each cluster size, and the errors while it grows.",
    work: Work::SessionsAndUploads,
    plot: Plot::ScaleOut,
    usual: Usual { replicas: 8, users: 20, seconds: 80, rate: 4.0 },
    smoke: Usual { replicas: 2, ..Usual::SMOKE },
};

fn main() -> ExitCode {
    tell(&STORY)
}
