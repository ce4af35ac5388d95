//! Uploads of growing size: the memory of the server must not grow with them.

use super::UploadCost;
use crate::child::{memory_bytes, reset_peak_memory};
use crate::memory::upload;
use crate::plan::Plan;
use crate::testbed::Testbed;
use report::figure::rounded;
use report::statistics::median;

/// Bytes to upload of each size, approximately, with the least and the greatest number of
/// uploads.
const TOTAL_BYTES: u64 = 200_000_000;
const MIN_UPLOADS: u64 = 3;
const MAX_UPLOADS: u64 = 50;

pub(super) async fn measure(
    testbed: &Testbed,
    plan: &Plan,
) -> anyhow::Result<Vec<UploadCost>> {
    let largest = plan.file_sizes.iter().max().copied().unwrap_or_default();
    let limit = format!("--max-upload={}", largest + 1);
    let server = testbed.upload_server("memory", "files", &[&limit]).await?;
    let session = testbed.session(server.address).await?;
    let mut rows = Vec::new();
    for &bytes in plan.file_sizes {
        reset_peak_memory(server.pid()?)?;
        let mut seconds = Vec::new();
        for _ in 0..(TOTAL_BYTES / bytes).clamp(MIN_UPLOADS, MAX_UPLOADS) {
            seconds.push(upload(server.address, &session, bytes).await?);
        }
        let seconds = median(seconds).unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "sizes of files are exact")]
        rows.push(UploadCost {
            bytes,
            upload_ms: rounded(seconds * 1_000.0),
            per_second: (bytes as f64 / seconds.max(1e-9)).round(),
            peak_bytes: memory_bytes(server.pid()?, "VmHWM")?,
        });
    }
    Ok(rows)
}
