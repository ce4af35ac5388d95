//! Resource use of uploads.

use crate::PROGRAM;
use api_conformance::fixture::Fixture;
use api_conformance::resources::{
    a_full_disk_loses_nothing, endless_part_headers_cost_no_memory,
    memory_does_not_grow_with_the_size_of_uploads, on_a_small_disk,
};
use api_conformance::target::Way;

#[tokio::test]
async fn memory_does_not_grow_with_uploads() -> anyhow::Result<()> {
    memory_does_not_grow_with_the_size_of_uploads(PROGRAM, Way::Token).await
}

#[tokio::test]
async fn part_headers_use_bounded_memory() -> anyhow::Result<()> {
    endless_part_headers_cost_no_memory(PROGRAM, Way::Token).await
}

/// `scripts/test` reports whether this machine can run this test.
#[tokio::test]
async fn full_disk_loses_no_acknowledged_upload() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    match on_a_small_disk(&fixture, PROGRAM, Way::Token, &[]).await? {
        Some(started) => a_full_disk_loses_nothing(&started).await,
        None => Ok(()),
    }
}
