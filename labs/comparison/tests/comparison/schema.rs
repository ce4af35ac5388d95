//! The JSON is an interface, so its shape changes only with its schema version.

use crate::specimen::report;
use comparison::Verdict;
use comparison::report::SCHEMA;
use serde_json::Value;

#[test]
fn the_json_has_the_documented_shape() {
    let mut report = serde_json::to_value(report()).expect("JSON");
    // One tick shows the shape of all.
    for timeline in report["timelines"].as_array_mut().expect("a list") {
        timeline["ticks"].as_array_mut().expect("a list").truncate(1);
    }
    let text = serde_json::to_string_pretty(&report).expect("JSON");
    insta::assert_snapshot!(text);
}

#[test]
fn the_json_names_its_schema_first() {
    let text = serde_json::to_string(&report()).expect("JSON");
    assert!(text.starts_with(&format!("{{\"schema\":\"{SCHEMA}\"")), "{text:.60}");
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
    assert_eq!(report.verdict, Verdict::Pass, "{:#?}", report.statements);
    report.statements[0].verdict = Verdict::Fail;
    let all = report.statements.iter().map(|one| one.verdict);
    assert_eq!(Verdict::of(all), Verdict::Fail);
}
