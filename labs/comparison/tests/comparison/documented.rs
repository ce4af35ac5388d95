//! Figures in `docs/comparison.md` are those of the run that is kept with them.
//!
//! The page links to the run that it quotes, once. Each figure is followed by a comment
//! that names its place in it: `12.3<!-- central steady-load p50_ms -->`.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// A figure as it is quoted, and its place in the run.
#[derive(Debug, PartialEq)]
struct Quoted<'a> {
    text: &'a str,
    place: &'a str,
}

/// `TEXT<!-- PLACE -->`
fn quoted(page: &str) -> Vec<Quoted<'_>> {
    let mut found = Vec::new();
    for (at, opening) in page.match_indices("<!--") {
        let before = page[..at].rsplit(|c: char| c.is_whitespace() || c == '(').next();
        let place = page[at + opening.len()..].split("-->").next().unwrap_or_default();
        found.push(Quoted { text: before.unwrap_or_default(), place: place.trim() });
    }
    found
}

/// The JSON beside the page `measurements/NAME.md` that is linked to.
fn quoted_run(page: &str) -> Value {
    let (_, rest) = page.split_once("](measurements/").expect("the run is linked to");
    let name = rest.split(')').next().expect("the link ends");
    let path = docs().join("measurements").join(name).with_extension("json");
    let text = fs::read_to_string(path).expect("the kept run");
    serde_json::from_str(&text).expect("JSON")
}

/// `DESIGN SCENARIO FIGURE`, or `DESIGN FIGURE` for what is so in every scenario.
fn look_up(report: &Value, place: &str) -> Option<f64> {
    let words: Vec<_> = place.split(' ').collect();
    let is = |value: &Value, field: &str, word: &str| value[field] == word;
    let figure = match words[..] {
        [design, scenario, figure] => {
            let cells = report["cells"].as_array()?.iter();
            let mut cells = cells.filter(|cell| is(cell, "scenario", scenario));
            &cells.find(|cell| is(cell, "design", design))?["figures"][figure]
        }
        [design, figure] => {
            let mut designs = report["designs"].as_array()?.iter();
            &designs.find(|one| is(one, "design", design))?[figure]
        }
        _ => return None,
    };
    figure["median"].as_f64()
}

#[test]
fn every_quoted_figure_is_the_one_in_the_kept_run() {
    let page = fs::read_to_string(docs().join("comparison.md")).expect("the page");
    for one in quoted(&page) {
        let run = quoted_run(&page);
        let kept = look_up(&run, one.place).unwrap_or_else(|| panic!("{one:?}"));
        assert_eq!(one.text, comparison::figure::number(kept), "{}", one.place);
    }
}

#[test]
fn every_kept_run_can_be_read_and_says_how_it_was_made() {
    for entry in fs::read_dir(docs().join("measurements")).into_iter().flatten().flatten()
    {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("comparison-") || !name.ends_with(".json") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("text");
        let report: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(report["schema"], comparison::report::SCHEMA, "{name}");
        for made in ["date", "command", "profile"] {
            let said = report["made"][made].as_str().unwrap_or_default();
            assert!(!said.is_empty(), "{name} does not say its {made}");
        }
        assert!(path.with_extension("md").exists(), "{name} is not there to be read");
    }
}

#[test]
fn a_quotation_is_found_with_its_place_in_the_run() {
    let page = "takes (1.5<!-- token steady-load p50_ms --> ms)";
    let place = "token steady-load p50_ms";
    assert_eq!(quoted(page), [Quoted { text: "1.5", place }]);
    let run = serde_json::to_value(crate::specimen::report()).expect("JSON");
    assert_eq!(look_up(&run, "memory kill-one logins_lost"), Some(20.0));
    assert_eq!(look_up(&run, "token carried_bytes"), Some(505.0));
    assert_eq!(look_up(&run, "token kill-one luck"), None);
}
