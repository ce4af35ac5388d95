//! Both stores: what they have in common (`both`), and what only one of them does.

#![expect(clippy::unwrap_used, reason = "in a test, to panic is to fail")]

mod both;
mod bucket;
mod folder;
mod support;
