//! Figures in the documentation are those of the sitting that is kept with it: see
//! [`comparison::quotation`].

use benchmark::Report;
use comparison::figure::number;
use comparison::quotation::{quoted, run_of};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The pages that quote a sitting.
const PAGES: [&str; 1] = ["scaling.md"];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// `reads NAME FIELD`, `outage FIELD`, `memory FIELD`, `growth TABLE SIZE FIELD`; a last word
/// `MB` makes millions of bytes of it.
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
            &rows.find(|row| {
                of(row, "sessions")
                    || of(row, "replicas")
                    || table == "files" && of(row, "bytes")
            })?[field]
        }
        [part, field] => &report[part][field],
        _ => return None,
    };
    found.as_f64().or_else(|| found["median"].as_f64())
}

#[test]
fn every_quoted_figure_is_the_one_in_the_kept_sitting() {
    for name in PAGES {
        let page = fs::read_to_string(docs().join(name)).expect("the page");
        let run = run_of(&page).expect("the sitting is linked to");
        let path = docs().join("measurements").join(format!("{run}.json"));
        let text = fs::read_to_string(path).expect("the kept sitting");
        let kept: Value = serde_json::from_str(&text).expect("JSON");
        let quotations = quoted(&page);
        assert!(quotations.len() > 5, "{name} quotes nothing");
        for one in quotations {
            let figure = look_up(&kept, one.place).unwrap_or_else(|| panic!("{one:?}"));
            assert_eq!(one.text, number(figure), "{name}: {}", one.place);
        }
    }
}

#[test]
fn every_kept_sitting_can_be_read_and_was_built_for_speed() {
    let mut kept = 0;
    for entry in fs::read_dir(docs().join("measurements")).into_iter().flatten().flatten()
    {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("benchmark-") && name.ends_with(".json") {
            let report = Report::open(&path).unwrap_or_else(|error| panic!("{error:#}"));
            assert_eq!(report.made.profile, "release", "{name}");
            assert!(path.with_extension("md").exists(), "{name} is not there to be read");
            kept += 1;
        }
    }
    assert!(kept > 0, "no sitting is kept");
}
