//! What every report of measurements needs. It knows no server and no command: it turns values
//! into figures, and figures into tables, plots and files.
//!
//! Reading order: `statistics` and `latency` (values), `figure` (a value over repetitions, as
//! text), `machine` (the conditions), `table` and `chart` (for readers), `saved` (files), and
//! `quotation` (the figures that the documentation quotes).

pub mod chart;
pub mod figure;
pub mod latency;
pub mod machine;
pub mod quotation;
pub mod saved;
pub mod statistics;
pub mod table;
pub mod text;
