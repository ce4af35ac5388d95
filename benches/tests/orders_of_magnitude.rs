//! The orders of magnitude in the README are those of the last kept run of the benches: a
//! figure is valid on one machine only, its order on most machines.

use report::machine::{Machine, profile};
use report::table::Table;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The table stands between these lines of the README.
const BEGIN: &str = "<!-- cargo lab dev measure benches writes this table -->\n";
const END: &str = "<!-- that was it -->\n";

/// The units, and nanoseconds in one of each.
const UNITS: [(&str, f64); 4] = [("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1.0)];

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

/// The text before the table, the table, and the text after it.
fn parts(page: &str) -> (&str, &str, &str) {
    let (before, rest) = page.split_once(BEGIN).expect("the table begins");
    let (table, after) = rest.split_once(END).expect("the table ends");
    (before, table, after)
}

/// The folder in which criterion keeps its measurements.
fn kept() -> PathBuf {
    let built = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    built.unwrap_or_else(|| root.join("target")).join("criterion")
}

/// The nearest power of ten in nanoseconds, as an exponent; at least 0.
fn order(nanoseconds: f64) -> i32 {
    let mut exponent = 0;
    // Halfway between two powers on a logarithmic scale.
    while nanoseconds >= 10_f64.powi(exponent) * 10_f64.sqrt() {
        exponent += 1;
    }
    exponent
}

/// Such as `100 µs`.
fn written(order: i32) -> String {
    let power = 10_f64.powi(order);
    let fits = UNITS.into_iter().find(|(_, size)| power >= *size);
    let (unit, size) = fits.expect("a nanosecond is the smallest");
    format!("{:.0} {unit}", power / size)
}

fn json(path: &Path) -> Option<Value> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

/// Every measured function by its full name, with its median in nanoseconds.
fn medians(folder: &Path, found: &mut BTreeMap<String, f64>) {
    let about = json(&folder.join("new/benchmark.json"));
    let figures = json(&folder.join("new/estimates.json"));
    if let (Some(about), Some(figures)) = (about, figures) {
        let name = about["full_id"].as_str().expect("a name").to_owned();
        let median = figures["median"]["point_estimate"].as_f64().expect("a median");
        found.insert(name, median);
        return;
    }
    for inside in fs::read_dir(folder).into_iter().flatten().flatten() {
        if inside.path().is_dir() {
            medians(&inside.path(), found);
        }
    }
}

/// A row for each order of each group, the quickest first.
fn table(medians: &BTreeMap<String, f64>) -> String {
    let mut rows = BTreeMap::<(&str, i32), Vec<String>>::new();
    for (name, median) in medians {
        let (group, function) = name.split_once('/').expect("a group");
        rows.entry((group, order(*median))).or_default().push(format!("`{function}`"));
    }
    let row = |((group, order), functions): ((&str, i32), Vec<String>)| {
        vec![format!("`{group}`"), written(order), functions.join(", ")]
    };
    let header = ["group", "takes about", "what"];
    Table::new(&header, rows.into_iter().map(row).collect()).markdown()
}

#[test]
fn order_is_the_nearest_power_of_ten() {
    let orders = [0.4, 2.0, 40.0, 999.0, 31_000.0, 33_000.0, 2e7, 4e9];
    let words = ["1 ns", "1 ns", "100 ns", "1 µs", "10 µs", "100 µs", "10 ms", "10 s"];
    assert_eq!(orders.map(|time| written(order(time))), words);
}

#[test]
fn functions_with_the_same_order_share_a_row() {
    let measured = [("map/read", 120.0), ("map/write", 90.0), ("map/all", 5e6)];
    let measured = measured.map(|(name, time)| (name.to_owned(), time)).into();
    let rows = "| `map` | 100 ns | `read`, `write` |\n| `map` | 10 ms | `all` |\n";
    assert!(table(&measured).ends_with(rows), "{}", table(&measured));
}

#[test]
fn readme_lists_the_order_of_every_measured_group() {
    let page = fs::read_to_string(readme()).expect("the page");
    let (_, table, _) = parts(&page);
    for group in ["balancer", "cache-on-", "session-map", "upload", "who-is-calling"] {
        assert!(table.contains(&format!("| `{group}")), "no order of {group}");
    }
}

#[test]
#[ignore = "writes into the README, after a run of the benches: cargo lab dev measure benches"]
fn readme_table_is_written_from_the_last_run() {
    let mut measured = BTreeMap::new();
    medians(&kept(), &mut measured);
    assert!(!measured.is_empty(), "nothing is in {}: run the benches", kept().display());
    let date = std::env::var("LAB_DATE").expect("LAB_DATE is the day of the run");
    assert_eq!(profile(), "release", "figures of a debug build are none");
    let made = format!("Measured on {date} ({}).", Machine::current().description());
    let page = fs::read_to_string(readme()).expect("the page");
    let (before, _, after) = parts(&page);
    let text = format!("{before}{BEGIN}\n{made}\n\n{}\n{END}{after}", table(&measured));
    fs::write(readme(), text).expect("the page can be written");
}
