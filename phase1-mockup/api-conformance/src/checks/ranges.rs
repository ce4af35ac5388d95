//! Range requests (RFC 9110 §14).

use crate::target::Target;
use anyhow::{Context, ensure};
use api_contract::problem::ProblemKind;
use bytes::Bytes;
use client::expect::equal;
use client::{CallResult, Upload};
use http::StatusCode;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, IF_RANGE, RANGE};

/// The size of the file in bytes.
const SIZE: usize = 100_000;

/// Uploads the file, requests a range, and returns the file and the result.
async fn request_range(
    target: &Target,
    range: &str,
    more: &[(http::HeaderName, &str)],
) -> anyhow::Result<(Upload, CallResult<Bytes>)> {
    let (client, alice) = target.as_alice().await?;
    let file = Upload::of_size("ranged", SIZE);
    let id = client.upload(&alice, &file).await.done()?.body.file_id;
    let mut conditions = vec![(RANGE, range)];
    conditions.extend_from_slice(more);
    let outcome = client.content_if(&alice, &id, &conditions).await;
    Ok((file, outcome))
}

async fn returns_range(
    target: &Target,
    range: &str,
    first: usize,
    last: usize,
) -> anyhow::Result<()> {
    let (file, outcome) = request_range(target, range, &[]).await?;
    let reply = outcome.done().with_context(|| range.to_owned())?;
    equal("the status", reply.status, StatusCode::PARTIAL_CONTENT)?;
    let named = format!("bytes {first}-{last}/{SIZE}");
    equal("Content-Range", reply.header(CONTENT_RANGE), Some(named.as_str()))?;
    let length = (last - first + 1).to_string();
    let announced = reply.header(CONTENT_LENGTH);
    equal("Content-Length", announced, Some(length.as_str()))?;
    ensure!(reply.body == file.bytes[first..=last], "{range}: wrong bytes");
    Ok(())
}

/// The first bytes, and the first byte only.
pub async fn range_at_the_start_returns_206(target: &Target) -> anyhow::Result<()> {
    returns_range(target, "bytes=0-0", 0, 0).await?;
    returns_range(target, "bytes=0-999", 0, 999).await
}

/// Bytes in the middle, across buffer boundaries.
pub async fn range_in_the_middle_returns_206(target: &Target) -> anyhow::Result<()> {
    returns_range(target, "bytes=500-70000", 500, 70_000).await
}

/// An open-ended range, and a suffix range.
pub async fn range_at_the_end_returns_206(target: &Target) -> anyhow::Result<()> {
    returns_range(target, "bytes=99000-", 99_000, SIZE - 1).await?;
    returns_range(target, "bytes=-10", SIZE - 10, SIZE - 1).await?;
    // A suffix longer than the file is the whole file (§14.1.2).
    returns_range(target, "bytes=-200000", 0, SIZE - 1).await
}

/// A range that ends after the file is cut at its end, also at a number that fits no integer
/// (§14.1.1).
pub async fn range_beyond_the_end_is_clamped(target: &Target) -> anyhow::Result<()> {
    returns_range(target, "bytes=99990-999999999", 99_990, SIZE - 1).await?;
    let huge = "9".repeat(40);
    returns_range(target, &format!("bytes=99990-{huge}"), 99_990, SIZE - 1).await?;
    returns_range(target, &format!("bytes=-{huge}"), 0, SIZE - 1).await
}

/// The 416 has the size of the file (RFC 9110 §15.5.17).
pub async fn range_after_the_end_returns_416_with_the_size(
    target: &Target,
) -> anyhow::Result<()> {
    let huge = format!("bytes={}-", "9".repeat(40));
    for range in ["bytes=100000-", "bytes=500000-500010", "bytes=-0", &huge] {
        let (_, outcome) = request_range(target, range, &[]).await?;
        let refusal = outcome.refused_as(ProblemKind::RangeNotSatisfiable)?;
        let size = format!("bytes */{SIZE}");
        equal("Content-Range", refusal.header(CONTENT_RANGE), Some(size.as_str()))?;
    }
    Ok(())
}

/// An unknown unit and a malformed range are ignored (RFC 9110 §14.2).
pub async fn invalid_range_is_ignored(target: &Target) -> anyhow::Result<()> {
    for range in [
        "lines=1-2",
        "bytes=abc",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=9-3",
        "bytes=9-3-1",
        "bytes=+1-2",
        "bytes=0x1-2",
        "bytes=0-1;5-6",
    ] {
        let (file, outcome) = request_range(target, range, &[]).await?;
        let reply = outcome.done().with_context(|| range.to_owned())?;
        equal(range, reply.status, StatusCode::OK)?;
        equal("bytes", reply.body.len(), file.bytes.len())?;
    }
    Ok(())
}

/// An empty file has no first byte, so every range that begins at one is unsatisfiable. Its
/// last bytes are the whole file, which is empty (§14.1.2).
pub async fn range_of_an_empty_file_returns_416(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let file = Upload::new("empty", "");
    let id = client.upload(&alice, &file).await.done()?.body.file_id;
    for range in ["bytes=-1", "bytes=-5"] {
        let reply = client.content_range(&alice, &id, range).await.done()?;
        equal(range, reply.status, StatusCode::OK)?;
        equal("Content-Length", reply.header(CONTENT_LENGTH), Some("0"))?;
    }
    for range in ["bytes=0-", "bytes=0-0", "bytes=1-5", "bytes=-0"] {
        let outcome = client.content_range(&alice, &id, range).await;
        let refused = outcome.refused_as(ProblemKind::RangeNotSatisfiable)?;
        equal("Content-Range", refused.header(CONTENT_RANGE), Some("bytes */0"))?;
    }
    Ok(())
}

/// Many or overlapping ranges must not multiply the bytes that are sent.
pub async fn many_ranges_send_at_most_the_file(target: &Target) -> anyhow::Result<()> {
    let thousand: Vec<_> = (0..1_000).map(|at| format!("{at}-")).collect();
    let thousand = format!("bytes={}", thousand.join(","));
    for range in ["bytes=0-1,5-6", "bytes=0-1 , , 5-6", "bytes=0-,0-,0-,0-", &thousand] {
        let (file, outcome) = request_range(target, range, &[]).await?;
        let status = outcome.status()?;
        ensure!(
            [200, 206, 416].contains(&status.as_u16()),
            "expected: 200, 206 or 416\n  actual:   {status}"
        );
        if let CallResult::Done(reply) = outcome {
            ensure!(reply.body.len() <= file.bytes.len(), "more bytes than the file");
        }
    }
    Ok(())
}

/// A resumed download must not mix two versions of a file (RFC 9110 §13.1.5).
pub async fn if_range_mismatch_returns_the_whole_file(
    target: &Target,
) -> anyhow::Result<()> {
    let (file, outcome) =
        request_range(target, "bytes=0-9", &[(IF_RANGE, "\"old\"")]).await?;
    let reply = outcome.done()?;
    equal("the status", reply.status, StatusCode::OK)?;
    equal("bytes", reply.body.len(), file.bytes.len())
}

/// A download of the same version resumes, and the reply has `Accept-Ranges`.
pub async fn if_range_match_returns_the_range(target: &Target) -> anyhow::Result<()> {
    let tag = format!("\"{}\"", client::digest::sha256(&Upload::of_size("", SIZE).bytes));
    let (_, outcome) = request_range(target, "bytes=10-", &[(IF_RANGE, &tag)]).await?;
    let reply = outcome.done()?;
    equal("the status", reply.status, StatusCode::PARTIAL_CONTENT)?;
    equal("Accept-Ranges", reply.header(ACCEPT_RANGES), Some("bytes"))?;
    equal("bytes", reply.body.len(), SIZE - 10)
}
