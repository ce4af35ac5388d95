//! Tests of both stores: common behaviour (`both`), and that of only one of them.

#![expect(clippy::unwrap_used, reason = "in a test, to panic is to fail")]

mod both;
mod bucket;
mod folder;
mod support;
