//! The figures in the documentation are those of the kept run: see [`report::quotation`].

use benchmark::Report;
use report::figure::format_number;
use report::quotation::{run_of, templates};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The pages that quote a run. Their templates are in a file of the same name.
const PAGES: [&str; 1] = ["scaling.md"];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The name of a field in a report of version 1. The kept run may be of that version.
fn name_in_version_1(field: &str) -> &str {
    if field == "read_us" { "look_us" } else { field }
}

/// `reads NAME FIELD`, `outage FIELD`, `memory FIELD`, `growth TABLE SIZE FIELD`; with a last
/// word `MB` the value is divided by a million.
fn look_up(report: &Value, place: &str) -> Option<f64> {
    if let Some(place) = place.strip_suffix(" MB") {
        return Some(look_up(report, place)? / 1e6);
    }
    let words: Vec<_> = place.split(' ').collect();
    let found = match words[..] {
        ["reads", name, field] => {
            let mut rows = report["reads"].as_array()?.iter();
            &rows.find(|row| row["name"] == name)?[field]
        }
        ["growth", table, size, field] => {
            let size: u64 = size.parse().ok()?;
            let mut rows = report["growth"][table].as_array()?.iter();
            let of = |row: &Value, key: &str| row[key] == size;
            let row = rows.find(|row| {
                of(row, "sessions")
                    || of(row, "replicas")
                    || table == "files" && of(row, "bytes")
            })?;
            row.get(field).unwrap_or_else(|| &row[name_in_version_1(field)])
        }
        [part, field] => &report[part][field],
        _ => return None,
    };
    found.as_f64().or_else(|| found["median"].as_f64())
}

/// The file with the templates of a page's figures.
fn figures(page: &Path) -> String {
    fs::read_to_string(page.with_extension("figures")).expect("the templates")
}

#[test]
fn every_quoted_figure_is_in_the_kept_run() {
    for name in PAGES {
        let page = fs::read_to_string(docs().join(name)).expect("the page");
        let run = run_of(&page).expect("a link to the run");
        let path = docs().join("measurements").join(format!("{run}.json"));
        let text = fs::read_to_string(path).expect("the kept run");
        let kept: Value = serde_json::from_str(&text).expect("JSON");
        let file = figures(&docs().join(name));
        let templates = templates(&file);
        assert!(templates.len() > 5, "{name} quotes too few figures");
        for template in templates {
            let quoted = template.figures(&page);
            let quoted = quoted.unwrap_or_else(|| panic!("not once: {template:?}"));
            for (text, place) in quoted.into_iter().zip(&template.places) {
                let kept = look_up(&kept, place).unwrap_or_else(|| panic!("{place}"));
                assert_eq!(text, format_number(kept), "{name}: {place}");
            }
        }
    }
}

/// The file names of all kept runs with this ending.
fn kept(ending: &str) -> Vec<String> {
    let folder = fs::read_dir(docs().join("measurements")).expect("the folder");
    let names = folder.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    let mut kept: Vec<_> = names
        .filter(|name| name.starts_with("benchmark-") && name.ends_with(ending))
        .collect();
    kept.sort();
    kept
}

#[test]
fn kept_runs_are_readable_release_builds() {
    let runs = kept(".json");
    assert!(!runs.is_empty(), "no run is kept");
    for name in runs {
        let path = docs().join("measurements").join(&name);
        let report = Report::open(&path).unwrap_or_else(|error| panic!("{error:#}"));
        assert_eq!(report.run_info.profile, "release", "{name}");
        assert!(path.with_extension("md").exists(), "{name} is not there to be read");
    }
}

#[test]
#[ignore = "writes into the documentation, after a run: cargo lab dev measure"]
fn pages_quote_the_newest_run() {
    let mut runs = kept(".json");
    let newest = runs.pop().expect("a run");
    let of = |run: &str| run.trim_end_matches(".json").to_owned();
    let path = docs().join("measurements").join(&newest);
    let report: Value =
        serde_json::from_str(&fs::read_to_string(path).expect("text")).expect("JSON");
    for name in PAGES.iter().chain(&["SUMMARY.md"]) {
        let page = docs().join(name);
        let mut text = fs::read_to_string(&page).expect("the page");
        for old in &runs {
            text = text.replace(&of(old), &of(&newest));
        }
        if PAGES.contains(name) {
            for template in templates(&figures(&page)) {
                let figure = |place: &str| look_up(&report, place).map(format_number);
                text = template.rewrite(&text, figure).expect("the template matches");
            }
        }
        fs::write(&page, text).expect("it can be written");
    }
    for file in kept("").iter().filter(|file| !file.starts_with(&of(&newest))) {
        fs::remove_file(docs().join("measurements").join(file)).expect("the file");
    }
}
