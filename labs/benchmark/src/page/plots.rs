//! Plots of costs by size.

use crate::growth::{ReplicaCost, SessionCost, UploadCost};
use crate::report::Report;
use report::chart::{Line, lines};

/// The plots, each with the end of its file name.
#[must_use]
pub fn plots(report: &Report) -> [(&'static str, String); 4] {
    let growth = &report.growth;
    let both = |of: fn(&SessionCost) -> f64| {
        [
            Line { name: "in memory", points: sessions(&growth.in_memory, of) },
            Line { name: "in Redis", points: sessions(&growth.in_redis, of) },
            Line { name: "in Postgres", points: sessions(&growth.in_postgres, of) },
        ]
    };
    let bytes = lines("Bytes for each session", "sessions", &both(|row| row.bytes));
    let looks = lines("Microseconds for one look", "sessions", &both(|row| row.read_us));
    [
        ("bytes", bytes),
        ("looks", looks),
        ("replicas", replicas(&growth.replicas)),
        ("files", files(&growth.files)),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "for display")]
fn sessions(rows: &[SessionCost], of: fn(&SessionCost) -> f64) -> Vec<(f64, f64)> {
    rows.iter().map(|row| (row.sessions as f64, of(row))).collect()
}

#[expect(clippy::cast_precision_loss, reason = "for display")]
fn replicas(rows: &[ReplicaCost]) -> String {
    let points = rows.iter().map(|row| (row.replicas as f64, row.per_second)).collect();
    let line = Line { name: "behind our balancer", points };
    lines("Answers a second, all on one machine", "replicas", &[line])
}

#[expect(clippy::cast_precision_loss, reason = "for display")]
fn files(rows: &[UploadCost]) -> String {
    let points = |of: fn(&UploadCost) -> f64| {
        rows.iter().map(|row| (row.bytes as f64, of(row))).collect::<Vec<_>>()
    };
    let time = Line { name: "milliseconds", points: points(|row| row.upload_ms) };
    let peak =
        Line { name: "peak, MB", points: points(|row| row.peak_bytes as f64 / 1e6) };
    let title = "An upload: milliseconds, and the peak of memory in MB";
    lines(title, "bytes of the file", &[time, peak])
}
