//! The messages for wrong arguments.

use crate::benchmark;

fn message(args: &[&str]) -> (Option<i32>, String) {
    let message = benchmark(args);
    (message.status.code(), String::from_utf8_lossy(&message.stderr).into_owned())
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "a build for speed measures")]
fn debug_build_is_refused_with_a_reason() {
    let (code, message) = message(&["--quick"]);
    assert_eq!(code, Some(3), "{message}");
    assert!(message.contains("debug build"), "{message}");
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    let (code, message) = message(&["--quickly"]);
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("--quick"), "{message}");
}

#[test]
fn invalid_report_is_refused_before_measuring() {
    let (code, message) = message(&["--smoke", "--against", "Cargo.toml"]);
    assert_eq!(code, Some(3), "{message}");
    assert!(message.contains("Cargo.toml is not a report of the benchmark"), "{message}");
}
