//! Figures in `docs/comparison.md` are those of the run that is kept with them: see
//! [`comparison::quotation`].

use comparison::quotation::{quoted, run_of};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The JSON beside the page that is linked to.
fn quoted_run(page: &str) -> Value {
    let name = run_of(page).expect("the run is linked to");
    let path = docs().join("measurements").join(format!("{name}.json"));
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
    let quotations = quoted(&page);
    assert!(quotations.len() > 5, "the page quotes nothing");
    let run = quoted_run(&page);
    for one in quotations {
        let kept = look_up(&run, one.place).unwrap_or_else(|| panic!("{one:?}"));
        assert_eq!(one.text, comparison::figure::number(kept), "{}", one.place);
    }
}

#[test]
fn every_kept_run_can_be_read_and_says_how_it_was_made() {
    let mut kept = 0;
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
        kept += 1;
    }
    assert!(kept > 0, "no run is kept");
}

#[test]
fn a_place_leads_to_a_figure_of_the_run_or_nowhere() {
    let run = serde_json::to_value(crate::specimen::report()).expect("JSON");
    assert_eq!(look_up(&run, "memory kill-one logins_lost"), Some(20.0));
    assert_eq!(look_up(&run, "token carried_bytes"), Some(505.0));
    assert_eq!(look_up(&run, "token kill-one luck"), None);
}
