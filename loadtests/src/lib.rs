//! Load tests of a whole cluster, one scenario for each program.

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
