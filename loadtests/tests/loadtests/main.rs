//! The programs from outside: each story, told in a few seconds by the program that is
//! built, with real processes.

mod left_behind;
mod smoke;
mod stopping;
mod told;
