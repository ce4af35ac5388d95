//! The JSON document: valid against its schema, and consistent in itself.

use crate::fixture::report;
use comparison::Outcome;
use comparison::report::{SCHEMA, SCHEMA_VERSION};
use serde_json::Value;

#[test]
fn report_is_valid_against_its_schema() {
    json_schemas::assert_valid(&serde_json::to_value(report()).expect("JSON"));
}

#[test]
fn report_starts_with_schema_and_version() {
    let text = serde_json::to_string(&report()).expect("JSON");
    let head = format!("{{\"schema\":\"{SCHEMA}\",\"version\":{SCHEMA_VERSION},");
    assert!(text.starts_with(&head), "{text:.60}");
}

#[test]
fn inapplicable_figure_has_a_reason_and_no_number() {
    let report = serde_json::to_value(report()).expect("JSON");
    let cells = report["cells"].as_array().expect("a list").iter();
    let figures = cells.flat_map(|cell| cell["figures"].as_object().expect("figures"));
    let mut absent = 0;
    for (name, figure) in figures {
        if figure["kind"] == "absent" {
            absent += 1;
            assert!(figure["why"].as_str().is_some_and(|why| why.len() > 8), "{name}");
            assert_eq!(figure["median"], Value::Null, "{name}");
        }
    }
    assert!(absent > 0, "the fixture has cells without a figure");
}

#[test]
fn outcome_is_the_worst_of_the_checks() {
    let mut report = report();
    assert_eq!(report.outcome, Outcome::Pass, "{:#?}", report.checks);
    report.checks[0].outcome = Outcome::Fail;
    let all = report.checks.iter().map(|one| one.outcome);
    assert_eq!(Outcome::of(all), Outcome::Fail);
}
