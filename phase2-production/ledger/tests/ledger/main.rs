//! The checker on histories that were written by hand: what it must let pass, and what it
//! must catch. A checker that catches nothing would pass every run.

mod caught;
mod left_open;
mod lines;
mod passed;
mod story;
mod unanswered;
