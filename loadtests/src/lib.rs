//! Load on a whole cluster, one story a program.
//!
//! Each program in `src/bin` says what is asked; everything else is here. It starts a
//! cluster of real processes, lets users of goose loose on it, does to the cluster what the
//! story does, reads back every upload that was acknowledged, and judges.
//!
//! Reading order: `story` and `settings` (what is asked for), `program` and `run` (the
//! whole), `stage` (what users and the story share), `attack`, `life`, `browser`, `work`
//! (the users), `plot` (the story), `sample` and `phase` (what is written down), `figures`,
//! `read_back` (what is counted), `promises` (what that says), `report`, `show`.

mod accounts;
mod attack;
mod browser;
mod figures;
mod life;
mod phase;
mod plot;
mod program;
mod promises;
mod read_back;
mod report;
mod run;
mod sample;
mod settings;
mod show;
mod stage;
pub mod story;
mod work;

pub use program::tell;
pub use story::{Plot, Story, Usual, Work};
