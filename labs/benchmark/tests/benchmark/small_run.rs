//! A whole run, small: every server is started, measured, killed and counted.

use crate::benchmark;
use benchmark::agreement::ratio_pairs;
use benchmark::request_cost::REFERENCE;
use benchmark::save::save;
use benchmark::{Report, page};

#[test]
fn small_run_measures_every_server_and_agrees_with_itself() {
    let message = benchmark(&["--smoke", "--json"]);
    let said = String::from_utf8_lossy(&message.stderr);
    assert!(message.status.success(), "{said}");
    let report: Report = serde_json::from_slice(&message.stdout).expect("a report");
    assert_every_server_answered(&report);
    assert_outages_are_measured(&report);
    assert_growth_is_complete(&report);
    assert!(
        ratio_pairs(&report, &report).iter().all(|pair| pair.difference_percent() == 0.0)
    );
    assert_report_roundtrips(&report);
}

fn assert_every_server_answered(report: &Report) {
    assert_eq!(report.request_costs[0].name, REFERENCE);
    for name in ["stateful", "stateless", "memory", "central", "token", "balancer"] {
        let read = report.request_costs.iter().find(|read| read.name == name);
        let read = read.unwrap_or_else(|| panic!("{name} is missing"));
        assert!(read.per_second.median() > Some(0.0), "{name} answered nothing");
        assert!(read.ratio.median() > Some(0.0), "{name} has no ratio");
        assert!(read.p50_ms <= read.p99_ms, "{name}: {read:?}");
    }
}

fn assert_outages_are_measured(report: &Report) {
    let outage = &report.outage;
    assert!(outage.p99_before_ms.median() > Some(0.0), "{outage:?}");
    assert!(outage.p99_after_ms.median() > Some(0.0), "{outage:?}");
    let one = report.memory.one_upload.median();
    assert!(one > Some(1e6) && report.memory.all_uploads.median() >= one);
}

fn assert_growth_is_complete(report: &Report) {
    let growth = &report.growth;
    let sessions = growth.in_memory.iter().chain(&growth.in_redis);
    assert!(
        sessions.clone().count() >= 4 && sessions.clone().all(|row| row.read_us > 0.0)
    );
    assert!(growth.replicas.iter().all(|row| row.per_second > 0.0), "{growth:?}");
    assert!(growth.files.iter().all(|row| row.upload_ms > 0.0), "{growth:?}");
}

fn assert_report_roundtrips(report: &Report) {
    let folder = tempfile::tempdir().expect("a folder");
    let [json, markdown] = save(report, folder.path()).expect("it can be kept");
    let again = Report::open(&json).expect("it can be read");
    assert_eq!(page::text(&again), page::text(report));
    let text = std::fs::read_to_string(markdown).expect("text");
    for plot in text.lines().filter_map(|line| line.strip_prefix("![")) {
        let file = plot.split_once("](").expect("a link").1.trim_end_matches(')');
        assert!(folder.path().join(file).exists(), "{file} is not there");
    }
}
