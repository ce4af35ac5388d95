//! The layout of the repository: the direction of imports, the files at the top, the headers
//! of sources and scripts, and the links of the documentation.

use crate::markdown::{Link, Page, page, pages, top};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The packages of the workspace that each package may import. A server imports no other
/// server; `launcher` combines them.
const DIRECTION: [(&str, &[&str]); 26] = [
    ("outcome", &[]),
    ("report", &["outcome"]),
    ("json-schemas", &[]),
    ("process", &[]),
    ("api-contract", &[]),
    ("upload-domain", &[]),
    ("http-edge", &["api-contract"]),
    ("client", &["api-contract", "http-edge"]),
    ("stateful-server", &SERVER),
    ("stateless-server", &SERVER),
    ("api-conformance", &CONFORMANCE),
    ("records", &STORE),
    ("cache", &STORE),
    ("gossip", &STORE),
    ("blobs", &STORE),
    ("upload-server", &UPLOAD_SERVER),
    ("load-balancer", &["api-contract", "http-edge"]),
    ("backing-services", &["process"]),
    ("fault-proxy", &[]),
    ("workload", &["api-contract", "client", "outcome"]),
    ("launcher", &LAUNCHER),
    ("deployment", &["api-contract", "upload-domain", "records"]),
    (
        "stateless-checker",
        &["api-contract", "client", "http-edge", "launcher", "outcome", "report"],
    ),
    ("language", &[]),
    ("grader", &GRADER),
    ("checks", &["client", "grader", "load-balancer", "backing-services", "report"]),
];

/// A store imports no other store: `upload-server` combines them.
const STORE: [&str; 2] = ["api-contract", "upload-domain"];

const SERVER: [&str; 3] = ["api-contract", "upload-domain", "http-edge"];

/// The checks send their requests with `client`.
const CONFORMANCE: [&str; 5] =
    ["api-contract", "upload-domain", "http-edge", "client", "process"];

const UPLOAD_SERVER: [&str; 7] =
    ["api-contract", "upload-domain", "http-edge", "records", "cache", "gossip", "blobs"];

/// `records` is here because its schema has to exist before a replica starts.
const LAUNCHER: [&str; 12] = [
    "client",
    "outcome",
    "process",
    "api-contract",
    "upload-domain",
    "http-edge",
    "stateful-server",
    "stateless-server",
    "records",
    "upload-server",
    "load-balancer",
    "backing-services",
];

const GRADER: [&str; 7] = [
    "client",
    "http-edge",
    "load-balancer",
    "backing-services",
    "outcome",
    "process",
    "report",
];

/// Packages that may import any package, and that no other package may import.
const AT_THE_END: [&str; 5] = ["comparison", "benchmark", "lab", "benches", "loadtests"];

/// Additional packages that tests may import.
const IN_TESTS: [&str; 9] = [
    "process",
    "api-conformance",
    "client",
    "backing-services",
    "fault-proxy",
    "json-schemas",
    "report",
    "workload",
    "load-balancer",
];

/// The files at the top of the repository, besides hidden and ignored ones.
const TOP: [&str; 12] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "benches",
    "docs",
    "labs",
    "loadtests",
    "phase1-mockup",
    "phase2-production",
    "rust-toolchain.toml",
    "scripts",
];

fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(top().join("Cargo.toml")).no_deps();
    command.other_options(["--offline".to_owned()]);
    command.exec().expect("cargo metadata works offline")
}

#[test]
fn packages_import_each_other_in_one_direction_only() {
    let metadata = metadata();
    let ours: BTreeSet<&str> =
        metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let directed = |name: &str| !AT_THE_END.contains(&name);
    for package in metadata.packages.iter().filter(|package| directed(&package.name)) {
        let place = DIRECTION.iter().find(|(name, _)| *name == package.name.as_str());
        let Some((name, allowed)) = place else {
            panic!("{} is not in DIRECTION: add it there", package.name);
        };
        for import in &package.dependencies {
            let import_name = import.name.as_str();
            let in_tests = import.kind == DependencyKind::Development;
            let fine = !ours.contains(import_name)
                || allowed.contains(&import_name)
                || (in_tests && IN_TESTS.contains(&import_name));
            assert!(fine, "{name} must not import {import_name}");
        }
    }
}

#[test]
fn every_package_has_a_description() {
    for package in metadata().packages {
        let description = package.description.as_deref().unwrap_or_default();
        assert!(description.len() > 10, "{} has no description", package.name);
    }
}

#[test]
fn top_of_repository_has_only_listed_files() {
    let ignored = fs::read_to_string(top().join(".gitignore")).unwrap_or_default();
    let ignored: Vec<_> =
        ignored.lines().filter_map(|line| line.trim().strip_prefix('/')).collect();
    for entry in fs::read_dir(top()).expect("the top can be read") {
        let name = entry.expect("the top can be read").file_name();
        let name = name.to_str().expect("plain names");
        let fine = name.starts_with('.')
            || TOP.contains(&name)
            || ignored.iter().any(|ignored| ignored.trim_end_matches('/') == name);
        assert!(fine, "{name} does not belong at the top of the repository");
    }
}

#[test]
fn sources_have_header_and_no_documentation_tests() {
    let sources = sources();
    assert!(sources.len() > 50, "the sources were not found");
    let mut wrong = Vec::new();
    for path in sources {
        let text = fs::read_to_string(&path).expect("sources are text");
        if !text.starts_with("//!") {
            wrong.push(format!("{}: does not begin with //!", path.display()));
        }
        if path.ends_with("mod.rs") {
            wrong.push(format!("{}: name it after the module", path.display()));
        }
        if has_documentation_test(&text) {
            let why = "scripts/test runs no documentation tests: mark the block as text";
            wrong.push(format!("{}: {why}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a doc comment opens a code block that rustdoc would compile.
fn has_documentation_test(text: &str) -> bool {
    let mut open = false;
    for line in text.lines().map(str::trim_start) {
        let comment = line.strip_prefix("//!").or_else(|| line.strip_prefix("///"));
        let Some(info) = comment.and_then(|text| text.trim().strip_prefix("```")) else {
            continue;
        };
        open = !open;
        if open && !["text", "sh", "json", "toml", "sql"].contains(&info) {
            return true;
        }
    }
    false
}

#[test]
fn scripts_have_a_header() {
    let images = "phase2-production/deployment/images";
    let folders = ["scripts", ".ci", images, &format!("{images}/postgres")];
    let files = folders.map(|folder| fs::read_dir(top().join(folder)));
    let files = files.into_iter().flat_map(|files| files.expect("the folder is there"));
    let mut scripts = 0;
    for file in files {
        let path = file.expect("it can be read").path();
        let text = fs::read_to_string(&path).unwrap_or_default();
        if !text.starts_with("#!") {
            continue;
        }
        scripts += 1;
        let header = text.lines().nth(1).is_some_and(|line| line.starts_with("# "));
        assert!(header, "{} does not begin with its purpose", path.display());
    }
    assert!(scripts > 4, "the scripts were not found");
}

/// Every Rust file of the repository.
fn sources() -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![top()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let hidden = name.to_str().is_none_or(|name| name.starts_with('.'));
            if hidden || name == "target" || path == top().join("labs/work") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn every_page_is_in_the_summary() {
    let summary: Vec<_> =
        page("docs/SUMMARY.md").links().into_iter().map(|link| link.target).collect();
    for page in pages() {
        let Some(name) = page.name.strip_prefix("docs/") else {
            continue;
        };
        let listed = name == "SUMMARY.md" || summary.iter().any(|target| target == name);
        assert!(listed, "{name} is not in docs/SUMMARY.md");
    }
}

#[test]
fn link_targets_exist() {
    let mut wrong = Vec::new();
    for page in pages() {
        for link in page.links() {
            if !link.target.contains("://") && !target_exists(&page, &link) {
                wrong.push(format!("{}: [{}]({})", page.name, link.text, link.target));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "the targets of these links do not exist:\n{}",
        wrong.join("\n")
    );
}

fn target_exists(page: &Page, link: &Link) -> bool {
    let (path, anchor) = link.target.split_once('#').unwrap_or((&link.target, ""));
    let folder = Path::new(&page.name).parent().unwrap_or(Path::new(""));
    let target = match path {
        "" => top().join(&page.name),
        path => top().join(folder).join(path),
    };
    if anchor.is_empty() || !target.exists() {
        return target.exists();
    }
    let text = fs::read_to_string(&target).unwrap_or_default();
    let target = Page { name: path.to_owned(), text };
    target.anchors().iter().any(|known| known == anchor)
}

/// A link such as [`Sessions::touch`](…/sessions.rs) names an item of the file; one such as
/// [`sessions.rs`](…/sessions.rs) names the file.
#[test]
fn names_in_links_to_source_exist_there() {
    let mut wrong = Vec::new();
    for page in pages() {
        let folder = top().join(&page.name);
        let folder = folder.parent().expect("a page lies in a folder");
        for link in page.links() {
            let Some(name) = link.text.strip_prefix('`') else {
                continue;
            };
            let name = name.trim_end_matches('`');
            if !link.target.ends_with(".rs") || link.target.contains(name) {
                continue;
            }
            let source = fs::read_to_string(folder.join(&link.target));
            if !has_word(&source.unwrap_or_default(), name) {
                wrong.push(format!("{}: {name} in {}", page.name, link.target));
            }
        }
    }
    let wrong = wrong.join("\n");
    assert!(wrong.is_empty(), "these names are not in the linked file:\n{wrong}");
}

/// Whether the last part of a name such as `Sessions::touch` is a word of the source.
fn has_word(source: &str, name: &str) -> bool {
    let last = name.rsplit("::").next().unwrap_or_default();
    source.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == last)
}
