//! Figures in `docs/comparison.md` come from the stored run next to it: see
//! [`comparison::quotation`].

use comparison::quotation::{quoted, quoted_anew, run_of};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The JSON of the run that the page links to.
fn quoted_run(page: &str) -> Value {
    let name = run_of(page).expect("the page links to a run");
    kept(&docs().join("measurements").join(format!("{name}.json")))
}

fn kept(json: &Path) -> Value {
    let text = fs::read_to_string(json).expect("the kept run");
    serde_json::from_str(&text).expect("JSON")
}

/// The JSON files of all stored runs, in order of their dates.
fn kept_runs() -> Vec<PathBuf> {
    let folder = fs::read_dir(docs().join("measurements")).expect("the folder");
    let mut runs: Vec<_> = folder
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| name(path).starts_with("comparison-"))
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    runs.sort();
    assert!(!runs.is_empty(), "there are no stored runs");
    runs
}

/// The file name without its extension.
fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// `DESIGN SCENARIO FIGURE`, or `DESIGN FIGURE` for figures without a scenario.
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
fn every_quoted_figure_equals_the_stored_run() {
    let page = fs::read_to_string(docs().join("comparison.md")).expect("the page");
    let quotations = quoted(&page);
    assert!(quotations.len() > 5, "the page quotes nothing");
    let run = quoted_run(&page);
    for one in quotations {
        let kept = look_up(&run, one.place).unwrap_or_else(|| panic!("{one:?}"));
        assert_eq!(one.text, comparison::figure::number(kept), "{}", one.place);
    }
}

#[test]
fn every_stored_run_is_readable_and_describes_its_setup() {
    for path in kept_runs() {
        let (name, report) = (name(&path), kept(&path));
        assert_eq!(report["schema"], comparison::report::SCHEMA, "{name}");
        for made in ["date", "command", "profile"] {
            let said = report["made"][made].as_str().unwrap_or_default();
            assert!(!said.is_empty(), "{name} lacks {made}");
        }
        assert!(path.with_extension("md").exists(), "{name} has no Markdown file");
    }
}

/// Limit for a demonstration in class.
const MAX_SECONDS: f64 = 90.0;

#[test]
fn stored_run_is_a_fast_passing_release_run() {
    for path in kept_runs() {
        let (name, report) = (name(&path), kept(&path));
        let made = &report["made"];
        assert_eq!(
            (&made["profile"], &report["verdict"]),
            (&"release".into(), &"pass".into()),
            "{name}"
        );
        let command = made["command"].as_str().expect("a command");
        assert!(command.starts_with("cargo run --release "), "{name}: {command}");
        let seconds = made["seconds"].as_f64().expect("seconds");
        assert!(seconds < MAX_SECONDS, "{name}: {seconds}");
    }
}

#[test]
#[ignore = "writes into the documentation, after a run: scripts/keep-measurements"]
fn the_page_quotes_the_newest_run() {
    let mut runs = kept_runs();
    let newest = runs.pop().expect("a run");
    let run = kept(&newest);
    for page in ["comparison.md", "SUMMARY.md"].map(|page| docs().join(page)) {
        let mut text = fs::read_to_string(&page).expect("the page");
        for old in &runs {
            text = text.replace(&name(old), &name(&newest));
        }
        let number = |place: &str| look_up(&run, place).map(comparison::figure::number);
        fs::write(&page, quoted_anew(&text, number)).expect("the page is writable");
    }
    for old in runs {
        fs::remove_file(old.with_extension("md")).expect("the Markdown file exists");
        fs::remove_file(old).expect("it is there");
    }
}

#[test]
fn place_resolves_to_a_figure_or_none() {
    let run = serde_json::to_value(crate::specimen::report()).expect("JSON");
    assert_eq!(look_up(&run, "memory kill-one logins_lost"), Some(80.0));
    assert_eq!(look_up(&run, "token carried_bytes"), Some(505.0));
    assert_eq!(look_up(&run, "token kill-one luck"), None);
}
