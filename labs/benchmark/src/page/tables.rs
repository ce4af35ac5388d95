//! The tables of a report.

use crate::goals::performance_goals;
use crate::growth::SessionCost;
use crate::report::Report;
use report::figure::{Figure, format_number};
use report::table::Table;

/// Replies per second of each server.
#[must_use]
pub fn request_costs(report: &Report) -> Table {
    let head = [
        "who",
        "answers a second",
        "of the reference",
        "p50, ms",
        "p99, ms",
        "processor, µs",
        "client, % of a core",
    ];
    let rows = report.request_costs.iter().map(|read| {
        let or_none = |value: Option<f64>| value.map_or("none".to_owned(), format_number);
        vec![
            read.title.clone(),
            read.per_second.table_cell(),
            read.ratio.table_cell(),
            or_none(read.p50_ms),
            or_none(read.p99_ms),
            or_none(read.processor_us),
            read.client_percent.table_cell(),
        ]
    });
    Table::new(&head, rows.collect())
}

/// The goals.
#[must_use]
pub fn goals(report: &Report) -> Table {
    let rows = performance_goals(report).into_iter().map(|goal| {
        let measured = goal.measured.map_or("none".to_owned(), format_number);
        let result = goal.result_text().to_owned();
        vec![goal.quantity.clone(), goal.limit_text(), measured, result]
    });
    Table::new(&["what", "wanted", "measured", "result"], rows.collect())
}

pub(super) fn outage(report: &Report) -> Table {
    let outage = &report.outage;
    let row = |what: String, figure: &Figure| vec![what, figure.table_cell()];
    let window = outage.detection_ms;
    Table::new(
        &["what", "measured"],
        vec![
            vec!["requests a second".to_owned(), format_number(outage.per_second)],
            row("p99 before, ms".to_owned(), &outage.p99_before_ms),
            row(format!("p99 in the {window} ms after, ms"), &outage.p99_within_ms),
            row("p99 from then on, ms".to_owned(), &outage.p99_after_ms),
            row("from then on / before".to_owned(), &outage.ratio),
            row(format!("failed in the {window} ms after"), &outage.failed_within),
            row("failed from then on".to_owned(), &outage.failed_after),
        ],
    )
}

#[expect(clippy::cast_precision_loss, reason = "for display")]
pub(super) fn memory(report: &Report) -> Table {
    let memory = &report.memory;
    let size = format_number(memory.upload_bytes as f64 / 1e6);
    let mb = |figure: &Figure| match figure.median() {
        Some(bytes) => format!("{} MB", format_number(bytes / 1e6)),
        None => figure.table_cell(),
    };
    Table::new(
        &["what", "memory"],
        vec![
            vec![format!("1 upload of {size} MB"), mb(&memory.one_upload)],
            vec![
                format!("{} uploads of {size} MB at once", crate::memory::UPLOADS),
                mb(&memory.all_uploads),
            ],
            vec![
                format!("{} idle connections", memory.idle_count),
                mb(&memory.idle_connections),
            ],
        ],
    )
}

#[expect(clippy::cast_precision_loss, reason = "for display")]
pub(super) fn sessions(report: &Report) -> Table {
    let growth = &report.growth;
    let of = |place: &'static str, rows: &[SessionCost]| {
        let cells = |row: &SessionCost| {
            vec![
                place.to_owned(),
                format_number(row.sessions as f64),
                format_number(row.bytes),
                format_number(row.read_us),
            ]
        };
        rows.iter().map(cells).collect::<Vec<_>>()
    };
    let mut rows = of("one replica's memory", &growth.in_memory);
    rows.extend(of("Redis", &growth.in_redis));
    rows.extend(of("Postgres", &growth.in_postgres));
    let why = growth.without_postgres.iter().map(|why| {
        vec!["Postgres".to_owned(), format!("none: {why}"), String::new(), String::new()]
    });
    rows.extend(why);
    Table::new(&["where", "sessions", "bytes each", "one look, µs"], rows)
}

#[expect(clippy::cast_precision_loss, reason = "for display")]
pub(super) fn replicas(report: &Report) -> Table {
    let cells = report.growth.replicas.iter().map(|row| {
        vec![
            format_number(row.replicas as f64),
            format_number(row.per_second),
            format_number(row.p99_ms),
            format_number(row.replica_us),
            format_number(row.balancer_us),
        ]
    });
    let head = ["replicas", "answers a second", "p99, ms", "replica, µs", "balancer, µs"];
    Table::new(&head, cells.collect())
}

#[expect(clippy::cast_precision_loss, reason = "for display")]
pub(super) fn files(report: &Report) -> Table {
    let cells = report.growth.files.iter().map(|row| {
        vec![
            format_number(row.bytes as f64),
            format_number(row.upload_ms),
            format_number(row.per_second / 1e6),
            format_number(row.peak_bytes as f64 / 1e6),
        ]
    });
    Table::new(
        &["bytes", "upload, ms", "MB a second", "peak of memory, MB"],
        cells.collect(),
    )
}
