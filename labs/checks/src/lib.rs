//! The checks of all exercises, one file per exercise. They test a program from outside.
//! Titles and points are in the exercise's manifest.

mod database_file;
mod p1_01;
mod p1_02;
mod p1_03;
mod p2_01;
mod p2_02;
mod p2_03;
mod p2_04;
mod p2_05;
mod redis_probe;
mod session_lifetimes;

use grader::Suite;

/// The checks of each exercise.
pub const SUITES: &[Suite] = &[
    p1_01::SUITE,
    p1_02::SUITE,
    p1_03::SUITE,
    p2_01::SUITE,
    p2_02::SUITE,
    p2_03::SUITE,
    p2_04::SUITE,
    p2_05::SUITE,
];

/// The checks of one exercise.
///
/// # Errors
/// When no suite has this id.
pub fn suite(exercise: &str) -> anyhow::Result<Suite> {
    let found = SUITES.iter().find(|suite| suite.exercise == exercise);
    found.copied().ok_or_else(|| anyhow::anyhow!("{exercise} has no checks"))
}
