//! Resource use of uploads.

use crate::PROGRAM;
use api_conformance::fixture::Fixture;
use api_conformance::resources::{
    endless_part_headers_use_bounded_memory, full_disk_loses_no_acknowledged_file,
    memory_is_independent_of_upload_size, on_a_small_disk,
};
use client::AuthScheme;

#[tokio::test]
async fn memory_does_not_grow_with_uploads() -> anyhow::Result<()> {
    memory_is_independent_of_upload_size(PROGRAM, AuthScheme::Token).await
}

#[tokio::test]
async fn part_headers_use_bounded_memory() -> anyhow::Result<()> {
    endless_part_headers_use_bounded_memory(PROGRAM, AuthScheme::Token).await
}

/// `scripts/test` reports whether this machine can run this test.
#[tokio::test]
async fn full_disk_loses_no_acknowledged_upload() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    match on_a_small_disk(&fixture, PROGRAM, AuthScheme::Token, &[]).await? {
        Some(started) => full_disk_loses_no_acknowledged_file(&started).await,
        None => Ok(()),
    }
}
