//! The comparison, whole but short: real processes, real kills, and what is printed.

use crate::demo::STAGE;
use crate::run::World;
use serde_json::Value;
use std::fs;
use std::sync::PoisonError;

#[test]
fn a_short_comparison_is_judged_and_kept_and_leaves_nothing_running() {
    let _alone = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let (world, kept) = (World::new(), tempfile::tempdir().expect("a temporary folder"));
    let folder = kept.path().to_str().expect("plain names");
    let page = kept.path().join("page.html");
    let page_name = page.to_str().expect("plain names");
    let only = ["--only", "memory,token", "--only", "kill-one"];
    let told = ["--json", "--save", folder, "--html", page_name, "--assert"];
    let args = [&["compare", "--seed", "5"], &only[..], &told[..]].concat();
    let output = world.lab(&args);
    let code = output.status.code();
    let printed = String::from_utf8(output.stdout).expect("text");
    assert!(matches!(code, Some(0 | 2)), "{code:?}: {printed:.2000}");
    world.until_empty();

    let report: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(report["schema"], "stateless-lab/comparison/2");
    assert_eq!(report["made"]["seed"], 5);
    let verdict = if code == Some(0) { "pass" } else { "could-not-tell" };
    assert_eq!(report["verdict"], verdict);
    let designs: Vec<_> =
        list(&report, "designs").iter().map(|one| &one["design"]).collect();
    assert_eq!(designs, ["memory", "token"]);
    assert_eq!(list(&report, "cells").len(), 2, "two designs, one scenario");
    let lost = |cell: &Value| cell["figures"]["logins_lost"]["median"].as_f64();
    let lost: Vec<_> = list(&report, "cells").iter().map(lost).collect();
    assert!(lost[0] > Some(0.0) && lost[1] == Some(0.0), "{lost:?}");

    let page = fs::read_to_string(page).expect("the page was written");
    assert!(page.contains("kill -9 r3"), "the victim of seed 5 is marked");
    let mut endings: Vec<_> = fs::read_dir(kept.path())
        .expect("the folder is there")
        .filter_map(|entry| Some(entry.ok()?.path().extension()?.to_str()?.to_owned()))
        .collect();
    endings.sort();
    assert_eq!(endings, ["html", "json", "md"]);
}

fn list<'a>(report: &'a Value, name: &str) -> &'a [Value] {
    report[name].as_array().expect("a list")
}

#[test]
fn a_comparison_of_something_unknown_names_what_there_is() {
    let refused = World::new().lab(&["compare", "--only", "cookies"]);
    assert_eq!(refused.status.code(), Some(2));
    let text = String::from_utf8(refused.stderr).expect("text");
    assert!(text.contains("replicated") && text.contains("rolling-restart"), "{text}");
}

#[test]
fn a_comparison_that_cannot_start_its_servers_says_that_the_lab_broke() {
    let world = World::new();
    let mut command = world.command(&["compare", "--assert", "--only", "memory"]);
    let output = command.env("TMPDIR", "/dev/null/nowhere").output().expect("it runs");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(text.contains("TMPDIR") && !text.contains("panicked"), "{text}");
}
