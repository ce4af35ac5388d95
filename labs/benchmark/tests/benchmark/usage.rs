//! What is said to whoever asks for something that there is not.

use crate::benchmark;

fn told(args: &[&str]) -> (Option<i32>, String) {
    let told = benchmark(args);
    (told.status.code(), String::from_utf8_lossy(&told.stderr).into_owned())
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "a build for speed measures")]
fn a_debug_build_measures_nothing_and_says_so() {
    let (code, told) = told(&["--quick"]);
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("debug build"), "{told}");
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    let (code, told) = told(&["--quickly"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("--quick"), "{told}");
}

#[test]
fn a_file_that_is_no_report_is_told_before_anything_is_measured() {
    let (code, told) = told(&["--smoke", "--against", "Cargo.toml"]);
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("Cargo.toml is no report of a benchmark"), "{told}");
}
