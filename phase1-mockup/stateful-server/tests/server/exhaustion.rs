//! The server without descriptors, disk space or memory: see `api_conformance::exhaustion`.

use crate::PROGRAM;
use api_conformance::exhaustion::{
    Program, few_descriptors_end_no_connected_client, file_size_limit_refuses_one_upload,
    memory_is_flat_over_requests, read_only_disk_is_reported,
    unwritable_log_costs_no_request,
};
use api_conformance::fixture::Fixture;
use client::AuthScheme;

const SERVER: Program<'_> =
    Program { path: PROGRAM, auth_scheme: AuthScheme::Session, flags: &[] };

#[tokio::test]
async fn read_only_disk_makes_server_not_ready() -> anyhow::Result<()> {
    read_only_disk_is_reported(&Fixture::new()?, SERVER).await
}

#[tokio::test]
async fn file_above_process_limit_returns_507() -> anyhow::Result<()> {
    file_size_limit_refuses_one_upload(&Fixture::new()?, SERVER).await
}

#[tokio::test]
async fn lack_of_descriptors_causes_no_server_error() -> anyhow::Result<()> {
    few_descriptors_end_no_connected_client(&Fixture::new()?, SERVER).await
}

#[tokio::test]
async fn full_log_device_causes_no_server_error() -> anyhow::Result<()> {
    unwritable_log_costs_no_request(&Fixture::new()?, SERVER).await
}

#[tokio::test]
async fn memory_does_not_grow_with_requests() -> anyhow::Result<()> {
    memory_is_flat_over_requests(&Fixture::new()?, SERVER).await
}
