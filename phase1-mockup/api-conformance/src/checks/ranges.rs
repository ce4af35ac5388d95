//! Ranges: the part of a file that was asked for, and never more than the file
//! (RFC 9110 §14).

use crate::expect::equal;
use crate::form::Upload;
use crate::outcome::Outcome;
use crate::target::Target;
use anyhow::{Context, ensure};
use api_contract::problem::ProblemKind;
use bytes::Bytes;
use http::StatusCode;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, IF_RANGE, RANGE};

/// The size of the file that is asked for in parts.
const SIZE: usize = 100_000;

/// Uploads the file, asks for a part of it, and returns both.
async fn ask(
    target: &Target,
    range: &str,
    more: &[(http::HeaderName, &str)],
) -> anyhow::Result<(Upload, Outcome<Bytes>)> {
    let (client, alice) = target.as_alice().await?;
    let file = Upload::of_size("ranged", SIZE);
    let id = client.upload(&alice, &file).await.done()?.body.file_id;
    let mut conditions = vec![(RANGE, range)];
    conditions.extend_from_slice(more);
    let outcome = client.content_if(&alice, &id, &conditions).await;
    Ok((file, outcome))
}

async fn gives(
    target: &Target,
    range: &str,
    first: usize,
    last: usize,
) -> anyhow::Result<()> {
    let (file, outcome) = ask(target, range, &[]).await?;
    let reply = outcome.done().with_context(|| range.to_owned())?;
    equal("the status", reply.status, StatusCode::PARTIAL_CONTENT)?;
    let named = format!("bytes {first}-{last}/{SIZE}");
    equal("Content-Range", reply.header(CONTENT_RANGE), Some(named.as_str()))?;
    let length = (last - first + 1).to_string();
    let announced = reply.header(CONTENT_LENGTH);
    equal("Content-Length", announced, Some(length.as_str()))?;
    ensure!(reply.body == file.bytes[first..=last], "{range}: other bytes");
    Ok(())
}

/// The first bytes, down to one.
pub async fn a_range_may_be_the_beginning(target: &Target) -> anyhow::Result<()> {
    gives(target, "bytes=0-0", 0, 0).await?;
    gives(target, "bytes=0-999", 0, 999).await
}

/// Bytes in between, across the blocks in which servers read.
pub async fn a_range_may_be_the_middle(target: &Target) -> anyhow::Result<()> {
    gives(target, "bytes=500-70000", 500, 70_000).await
}

/// An open end, and a suffix.
pub async fn a_range_may_be_the_end(target: &Target) -> anyhow::Result<()> {
    gives(target, "bytes=99000-", 99_000, SIZE - 1).await?;
    gives(target, "bytes=-10", SIZE - 10, SIZE - 1).await?;
    // Longer than the file is the whole of it (§14.1.2).
    gives(target, "bytes=-200000", 0, SIZE - 1).await
}

/// An end past the file is the file's end.
pub async fn a_range_is_cut_at_the_end_of_the_file(
    target: &Target,
) -> anyhow::Result<()> {
    gives(target, "bytes=99990-999999999", 99_990, SIZE - 1).await
}

/// Nothing of it exists: the refusal says how long the file is (RFC 9110 §15.5.17).
pub async fn a_range_past_the_end_is_told_the_size(
    target: &Target,
) -> anyhow::Result<()> {
    for range in ["bytes=100000-", "bytes=500000-500010"] {
        let (_, outcome) = ask(target, range, &[]).await?;
        let refusal = outcome.refused_as(ProblemKind::RangeNotSatisfiable)?;
        let size = format!("bytes */{SIZE}");
        equal("Content-Range", refusal.header(CONTENT_RANGE), Some(size.as_str()))?;
    }
    Ok(())
}

/// An unknown unit and an unreadable range are ignored (RFC 9110 §14.2).
pub async fn a_range_that_makes_no_sense_is_ignored(
    target: &Target,
) -> anyhow::Result<()> {
    for range in ["lines=1-2", "bytes=abc", "bytes", "bytes=9-3-1"] {
        let (file, outcome) = ask(target, range, &[]).await?;
        let reply = outcome.done().with_context(|| range.to_owned())?;
        equal(range, reply.status, StatusCode::OK)?;
        equal("bytes", reply.body.len(), file.bytes.len())?;
    }
    Ok(())
}

/// There is no first byte to begin with, and that must be said rather than promised.
pub async fn an_empty_file_has_no_ranges(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let file = Upload::new("empty", "");
    let id = client.upload(&alice, &file).await.done()?.body.file_id;
    for range in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
        let asked = client.content_range(&alice, &id, range).await;
        let refused = asked.refused_as(ProblemKind::RangeNotSatisfiable)?;
        equal("Content-Range", refused.header(CONTENT_RANGE), Some("bytes */0"))?;
    }
    Ok(())
}

/// Many or overlapping ranges cost the server no more than the file.
pub async fn a_thousand_ranges_are_no_more_than_the_file(
    target: &Target,
) -> anyhow::Result<()> {
    let thousand: Vec<_> = (0..1_000).map(|at| format!("{at}-")).collect();
    let thousand = format!("bytes={}", thousand.join(","));
    for range in ["bytes=0-1,5-6", "bytes=0-,0-,0-,0-", &thousand] {
        let (file, outcome) = ask(target, range, &[]).await?;
        let answer = outcome.status()?;
        ensure!(
            [200, 206, 416].contains(&answer.as_u16()),
            "expected: 200, 206 or 416\n  actual:   {answer}"
        );
        if let Outcome::Done(reply) = outcome {
            ensure!(reply.body.len() <= file.bytes.len(), "more than the file");
        }
    }
    Ok(())
}

/// A download that goes on must go on in the same file (RFC 9110 §13.1.5).
pub async fn a_range_of_another_version_is_answered_with_the_whole(
    target: &Target,
) -> anyhow::Result<()> {
    let (file, outcome) = ask(target, "bytes=0-9", &[(IF_RANGE, "\"old\"")]).await?;
    let reply = outcome.done()?;
    equal("the status", reply.status, StatusCode::OK)?;
    equal("bytes", reply.body.len(), file.bytes.len())
}

/// The same version goes on where it stopped, and says that it can.
pub async fn a_range_of_the_same_version_goes_on(target: &Target) -> anyhow::Result<()> {
    let tag = format!("\"{}\"", crate::digest::sha256(&Upload::of_size("", SIZE).bytes));
    let (_, outcome) = ask(target, "bytes=10-", &[(IF_RANGE, &tag)]).await?;
    let reply = outcome.done()?;
    equal("the status", reply.status, StatusCode::PARTIAL_CONTENT)?;
    equal("Accept-Ranges", reply.header(ACCEPT_RANGES), Some("bytes"))?;
    equal("bytes", reply.body.len(), SIZE - 10)
}
