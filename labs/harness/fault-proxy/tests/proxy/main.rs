//! Tests of each toxic on existing and new connections, and of its removal.

mod fixture;
mod no_toxics;
mod toxics;
