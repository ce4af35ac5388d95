//! Dependencies: each package uses those that it names, and a build of `lab` shares every
//! compiled package with a build of all tests.

use crate::markdown::top;
use cargo_metadata::{Dependency, DependencyKind, MetadataCommand, Package};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Dependencies that no source names, each with the reason.
const UNNAMED: [(&str, &str, &str); 3] = [
    ("blobs", "reqwest", "only its feature: without it the client of buckets has no TLS"),
    ("lab", "simdutf8", "only its features: see the manifest"),
    ("lab", "zerocopy", "only its features: see the manifest"),
];

/// The Rust sources of a package: those of the product, or all of them.
fn sources(package: &Package, with_tests: bool) -> String {
    let folder = package.manifest_path.parent().expect("a manifest is in a folder");
    let mut text = String::new();
    read_sources(folder.as_std_path(), with_tests, &mut text);
    text
}

fn read_sources(folder: &Path, with_tests: bool, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let tests = ["tests", "benches", "examples"].contains(&name.as_str());
        if path.is_dir() && !path.join("Cargo.toml").exists() && (with_tests || !tests) {
            read_sources(&path, with_tests, text);
        } else if name.ends_with(".rs") {
            *text += &std::fs::read_to_string(&path).expect("a source is text");
        }
    }
}

/// Whether a source names the package in a path, a macro or an attribute.
fn is_named(dependency: &Dependency, source: &str) -> bool {
    let name = dependency.rename.as_deref().unwrap_or(&dependency.name).replace('-', "_");
    let word = |before: Option<char>, after: Option<char>| {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        !before.is_some_and(part) && !after.is_some_and(part)
    };
    source.match_indices(&name).any(|(at, _)| {
        let (before, after) = (&source[..at], &source[at + name.len()..]);
        word(before.chars().next_back(), after.chars().next())
            && (after.starts_with("::") || before.ends_with("use "))
    })
}

#[test]
fn packages_use_every_dependency_that_they_name() {
    let metadata = MetadataCommand::new().no_deps().exec().expect("cargo metadata");
    assert!(metadata.packages.len() > 20, "the packages were not found");
    let mut unused = Vec::new();
    for package in &metadata.packages {
        let (product, all) = (sources(package, false), sources(package, true));
        for dependency in &package.dependencies {
            let excused = UNNAMED.iter().any(|(user, name, _)| {
                *user == package.name.as_str() && *name == dependency.name
            });
            let source = match dependency.kind {
                DependencyKind::Development => &all,
                // A dependency of tests cannot be optional; so it stands beside the others.
                _ if dependency.optional => &all,
                // The benches of `benches` are its product.
                _ if package.name.as_str() == "benches" => &all,
                _ => &product,
            };
            if !excused && !is_named(dependency, source) {
                unused.push(format!("{} -> {}", package.name, dependency.name));
            }
        }
    }
    assert!(unused.is_empty(), "remove these dependencies:\n{}", unused.join("\n"));
}

#[test]
fn name_inside_another_word_is_no_use() {
    let metadata = MetadataCommand::new().no_deps().exec().expect("cargo metadata");
    let mut packages = metadata.packages.iter().flat_map(|package| &package.dependencies);
    let http = packages.find(|dependency| dependency.name == "http").expect("http");
    assert!(is_named(http, "let method = http::Method::GET;"));
    assert!(is_named(http, "use http;"));
    assert!(!is_named(http, "use http_edge::serve; // http"));
}

#[test]
fn settings_of_nextest_name_existing_packages() {
    let metadata = MetadataCommand::new().no_deps().exec().expect("cargo metadata");
    let settings = std::fs::read_to_string(top().join(".config/nextest.toml"));
    let settings = settings.expect("the settings of nextest");
    let named = settings.split("package(").skip(1);
    let named: Vec<_> = named.filter_map(|after| after.split(')').next()).collect();
    assert!(!named.is_empty(), "the settings name no package");
    for name in named {
        let exists =
            metadata.packages.iter().any(|package| package.name.as_str() == name);
        assert!(exists, "nextest refuses a filter with the unknown package {name}");
    }
}

/// Every package of a build with its features, as `cargo tree` prints them.
fn features(edges: &str) -> BTreeSet<String> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["tree", "--workspace", "--locked", "--offline", "--prefix", "none"]);
    command.args(["--edges", edges, "--format", "{p} {f}"]).current_dir(top());
    let output = command.output().expect("cargo tree starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("the names are text");
    lines.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

#[test]
fn lab_and_tests_compile_packages_with_the_same_features() {
    let (lab, tests) = (features("normal,build"), features("all"));
    assert!(lab.len() > 300, "only {} packages were found", lab.len());
    let again: Vec<_> = lab.difference(&tests).collect();
    assert!(
        again.is_empty(),
        "`cargo lab` and the tests compile these packages twice; give labs/lab the features \
         that the tests use: {again:#?}"
    );
}
