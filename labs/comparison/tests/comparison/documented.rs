//! The figures in `docs/comparison.md` are those of the kept run: see
//! [`report::quotation`].

use comparison::report::SCHEMA;
use report::figure::format_number;
use report::quotation::{run_of, templates};
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

/// How version 2 of the report named itself. The kept runs may be of that version.
const VERSION_2: &str = "stateless-lab/comparison/2";

/// The name of a scenario in a report of version 2.
fn name_in_version_2(scenario: &str) -> &str {
    match scenario {
        "kill-a-replica" => "kill-one",
        "kill-replicas-in-turn" => "kill-all",
        "scale-out" => "add-replica",
        other => other,
    }
}

/// `DESIGN SCENARIO FIGURE`, or `DESIGN FIGURE` for a figure of every scenario.
fn look_up(report: &Value, place: &str) -> Option<f64> {
    let words: Vec<_> = place.split(' ').collect();
    let is = |value: &Value, field: &str, word: &str| value[field] == word;
    let figure = match words[..] {
        [design, scenario, figure] => {
            let cells = report["cells"].as_array()?.iter();
            let old = name_in_version_2(scenario);
            let mut cells = cells.filter(|cell| {
                is(cell, "scenario", scenario) || is(cell, "scenario", old)
            });
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

/// The file with the templates of the page's figures.
fn figures() -> String {
    fs::read_to_string(docs().join("comparison.figures")).expect("the templates")
}

#[test]
fn every_quoted_figure_equals_the_stored_run() {
    let page = fs::read_to_string(docs().join("comparison.md")).expect("the page");
    let file = figures();
    let templates = templates(&file);
    assert!(templates.len() > 5, "the page quotes too few figures");
    let run = quoted_run(&page);
    for template in templates {
        let quoted = template.figures(&page);
        let quoted = quoted.unwrap_or_else(|| panic!("not once: {template:?}"));
        for (text, place) in quoted.into_iter().zip(&template.places) {
            let kept = look_up(&run, place).unwrap_or_else(|| panic!("{place}"));
            assert_eq!(text, format_number(kept), "{place}");
        }
    }
}

#[test]
fn every_stored_run_is_readable_and_describes_its_setup() {
    for path in kept_runs() {
        let (name, report) = (name(&path), kept(&path));
        let schema = report["schema"].as_str().expect("a schema");
        assert!([SCHEMA, VERSION_2].contains(&schema), "{name}: {schema}");
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
        let outcome = match report["schema"] == VERSION_2 {
            true => &report["verdict"],
            false => &report["outcome"],
        };
        let found = (&made["profile"], outcome);
        assert_eq!(found, (&"release".into(), &"pass".into()), "{name}");
        let command = made["command"].as_str().expect("a command");
        assert!(command.starts_with("cargo run --release "), "{name}: {command}");
        let seconds = made["seconds"].as_f64().expect("seconds");
        assert!(seconds < MAX_SECONDS, "{name}: {seconds}");
    }
}

#[test]
#[ignore = "writes into the documentation, after a run: cargo lab dev measure"]
fn the_page_quotes_the_newest_run() {
    let mut runs = kept_runs();
    let newest = runs.pop().expect("a run");
    let run = kept(&newest);
    for page in ["comparison.md", "SUMMARY.md"].map(|page| docs().join(page)) {
        let mut text = fs::read_to_string(&page).expect("the page");
        for old in &runs {
            text = text.replace(&name(old), &name(&newest));
        }
        if page.ends_with("comparison.md") {
            for template in templates(&figures()) {
                let figure = |place: &str| look_up(&run, place).map(format_number);
                text = template.rewrite(&text, figure).expect("the template matches");
            }
        }
        fs::write(&page, text).expect("it can be written");
    }
    for old in runs {
        fs::remove_file(old.with_extension("md")).expect("the page of the run");
        fs::remove_file(old).expect("the run");
    }
}

#[test]
fn place_resolves_to_a_figure_or_none() {
    let run = serde_json::to_value(crate::fixture::report()).expect("JSON");
    assert_eq!(look_up(&run, "memory kill-a-replica logins_lost"), Some(80.0));
    assert_eq!(look_up(&run, "token carried_bytes"), Some(505.0));
    assert_eq!(look_up(&run, "token kill-a-replica luck"), None);
}
