//! Tests of the page, the JSON and the figures in the documentation. Runs with real processes
//! are tested with the program, in `labs/lab/tests`.

mod documented;
mod fixture;
mod page;
mod published;
mod schema;
