//! A short comparison with real processes and real kills.

use crate::demo::DEMO_LOCK;
use crate::run::TestLab;
use serde_json::Value;
use std::fs;
use std::sync::PoisonError;

#[test]
fn short_comparison_is_judged_and_saved() {
    let _alone = DEMO_LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let (lab, kept) = (TestLab::new(), tempfile::tempdir().expect("a temporary folder"));
    let folder = kept.path().to_str().expect("plain names");
    let page = kept.path().join("page.html");
    let page_name = page.to_str().expect("plain names");
    let only = ["--only", "memory,token", "--only", "kill-a-replica"];
    let output = ["--json", "--save", folder, "--html", page_name, "--assert"];
    let args = [&["compare", "--seed", "5"], &only[..], &output[..]].concat();
    let output = lab.run(&args);
    let code = output.status.code();
    let printed = String::from_utf8(output.stdout).expect("text");
    assert!(matches!(code, Some(0 | 4)), "{code:?}: {printed:.2000}");
    lab.until_empty();

    let report = crate::json::valid(&printed);
    assert_eq!(report["schema"], "lab-compare");
    assert_eq!(report["made"]["seed"], 5);
    let outcome = if code == Some(0) { "pass" } else { "inconclusive" };
    assert_eq!(report["outcome"], outcome);
    let designs: Vec<_> =
        list(&report, "designs").iter().map(|one| &one["design"]).collect();
    assert_eq!(designs, ["memory", "token"]);
    assert_eq!(list(&report, "cells").len(), 2, "two designs, one scenario");
    let lost = |cell: &Value| cell["figures"]["logins_lost"]["median"].as_f64();
    let lost: Vec<_> = list(&report, "cells").iter().map(lost).collect();
    assert!(lost[0] > Some(0.0) && lost[1] == Some(0.0), "{lost:?}");

    let page = fs::read_to_string(page).expect("the page was written");
    assert!(page.contains("kill -9 r3"), "the target of seed 5 is marked");
    let mut endings: Vec<_> = fs::read_dir(kept.path())
        .expect("the folder is there")
        .filter_map(|entry| Some(entry.ok()?.path().extension()?.to_str()?.to_owned()))
        .collect();
    endings.sort();
    assert_eq!(endings, ["html", "json", "md"]);
}

#[test]
fn retired_scenario_name_is_one_line_with_the_present_name() {
    for args in [&["compare", "--only", "kill-one"][..], &["demo", "kill-one"]] {
        let refused = TestLab::new().run(args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        assert_eq!(
            crate::run::only_line(&refused),
            "error: kill-one is called kill-a-replica now\n"
        );
    }
}

fn list<'a>(report: &'a Value, name: &str) -> &'a [Value] {
    report[name].as_array().expect("a list")
}

#[test]
fn comparison_of_unknown_name_lists_the_known_names() {
    let refused = TestLab::new().run(&["compare", "--only", "cookies"]);
    assert_eq!(refused.status.code(), Some(2));
    let text = String::from_utf8(refused.stderr).expect("text");
    assert!(text.contains("replicated") && text.contains("rolling-restart"), "{text}");
}

#[test]
fn comparison_without_servers_is_a_harness_error() {
    let lab = TestLab::new();
    let mut command = lab.command(&["compare", "--assert", "--only", "memory"]);
    let output = command.env("TMPDIR", "/dev/null/nowhere").output().expect("it runs");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(text.contains("TMPDIR") && !text.contains("panicked"), "{text}");
}
