//! The grader on an exercise in small: every kind of program gets the verdict it deserves,
//! every format is what its reader takes, and nothing is left behind.

#![expect(clippy::unwrap_used, reason = "in a test, to panic is to fail")]

mod authors;
mod cages;
mod classes;
mod faults;
mod fixture;
mod formats;
mod github;
mod hostile;
mod screens;
mod surroundings;
mod verdicts;
