//! Each toxic, on connections that exist and on new ones, and the end of each.

mod rig;
mod toxics;
mod whole;
