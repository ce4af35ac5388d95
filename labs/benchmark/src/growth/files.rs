//! Uploads of growing size: the memory of the server must not grow with them.

use super::{Files, median};
use crate::child::{forget_peak, memory_bytes};
use crate::memory::upload;
use crate::plan::Plan;
use crate::testbed::Testbed;
use comparison::figure::rounded;

/// Bytes to upload of each size, approximately, with the least and the greatest number of
/// uploads.
const TOTAL: u64 = 200_000_000;
const FEWEST: u64 = 3;
const MOST: u64 = 50;

pub(super) async fn measure(
    testbed: &Testbed,
    plan: &Plan,
) -> anyhow::Result<Vec<Files>> {
    let largest = plan.file_sizes.iter().max().copied().unwrap_or_default();
    let limit = format!("--max-upload={}", largest + 1);
    let server = testbed.upload_server("memory", "files", &[&limit]).await?;
    let session = testbed.session(server.address).await?;
    let mut rows = Vec::new();
    for &bytes in plan.file_sizes {
        forget_peak(server.pid()?)?;
        let mut seconds = Vec::new();
        for _ in 0..(TOTAL / bytes).clamp(FEWEST, MOST) {
            seconds.push(upload(server.address, &session, bytes).await?);
        }
        let seconds = median(seconds);
        #[expect(clippy::cast_precision_loss, reason = "sizes of files are exact")]
        rows.push(Files {
            bytes,
            upload_ms: rounded(seconds * 1_000.0),
            per_second: (bytes as f64 / seconds.max(1e-9)).round(),
            peak_bytes: memory_bytes(server.pid()?, "VmHWM")?,
        });
    }
    Ok(rows)
}
