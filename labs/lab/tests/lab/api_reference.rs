//! `docs/api.md` and `docs/ci.md` say what the code says: no member, problem, path or
//! figure more, and none less.

use crate::markdown::{Page, page, top};
use api_contract::events::Event;
use api_contract::files::{FileCreated, FileEntry, FileList, FileWithContent};
use api_contract::people::{
    Audit, AuditEntry, PasswordChange, People, Person, PersonChange,
};
use api_contract::problem::{Problem, ProblemKind};
use api_contract::sessions::{SessionStarted, SessionView};
use api_contract::tokens::{RefreshRequest, RevokeRequest, TokenIssued};
use api_contract::uploads::{
    PendingUpload, PendingUploads, UploadComplete, UploadStart, UploadStarted,
};
use api_contract::{Credentials, Message, Ready};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

/// Reads an example into its type and writes that again.
type ThereAndBack = fn(&str) -> Value;

/// The types that have an example.
const EXAMPLES: [(&str, ThereAndBack); 25] = [
    ("Credentials", there_and_back::<Credentials>),
    ("Message", there_and_back::<Message>),
    ("Ready", there_and_back::<Ready>),
    ("Event", there_and_back::<Event>),
    ("SessionStarted", there_and_back::<SessionStarted>),
    ("SessionView", there_and_back::<SessionView>),
    ("TokenIssued", there_and_back::<TokenIssued>),
    ("RefreshRequest", there_and_back::<RefreshRequest>),
    ("RevokeRequest", there_and_back::<RevokeRequest>),
    ("PasswordChange", there_and_back::<PasswordChange>),
    ("People", there_and_back::<People>),
    ("Person", there_and_back::<Person>),
    ("PersonChange", there_and_back::<PersonChange>),
    ("Audit", there_and_back::<Audit>),
    ("AuditEntry", there_and_back::<AuditEntry>),
    ("FileCreated", there_and_back::<FileCreated>),
    ("FileEntry", there_and_back::<FileEntry>),
    ("FileList", there_and_back::<FileList>),
    ("FileWithContent", there_and_back::<FileWithContent>),
    ("UploadStart", there_and_back::<UploadStart>),
    ("UploadStarted", there_and_back::<UploadStarted>),
    ("UploadComplete", there_and_back::<UploadComplete>),
    ("PendingUpload", there_and_back::<PendingUpload>),
    ("PendingUploads", there_and_back::<PendingUploads>),
    ("Problem", there_and_back::<Problem>),
];

fn there_and_back<T: DeserializeOwned + Serialize>(json: &str) -> Value {
    let value: T = serde_json::from_str(json).unwrap_or_else(|error| {
        panic!("this example is not a {}: {error}\n{json}", std::any::type_name::<T>())
    });
    serde_json::to_value(value).expect("wire types are JSON")
}

fn api() -> Page {
    page("docs/api.md")
}

#[test]
fn every_json_example_is_what_its_type_reads_and_writes() {
    for block in api().blocks() {
        let Some(name) = block.info.strip_prefix("json") else {
            continue;
        };
        let example = EXAMPLES.iter().find(|(known, _)| *known == name.trim());
        let (_, there_and_back) =
            example.unwrap_or_else(|| panic!("no type is named after json: {name:?}"));
        let written: Value = serde_json::from_str(&block.text).expect("JSON");
        assert_eq!(there_and_back(&block.text), written, "{name}");
    }
}

#[test]
fn every_type_of_the_contract_that_travels_has_an_example() {
    let given: BTreeSet<_> = api().blocks().into_iter().map(|block| block.info).collect();
    for (name, _) in EXAMPLES {
        assert!(given.contains(&format!("json {name}")), "no example of {name}");
    }
    let strict = "#[serde(deny_unknown_fields)]\npub struct ";
    for module in ["lib", "files", "people", "problem", "sessions", "tokens", "uploads"] {
        let source = contract(module);
        for after in source.split(strict).skip(1) {
            let name = after.split([' ', '<', '{']).next().expect("a struct has a name");
            let known = EXAMPLES.iter().any(|(known, _)| *known == name);
            assert!(known, "{name} travels and has no example: add it to EXAMPLES");
        }
    }
}

#[test]
fn the_table_of_problems_is_the_table_in_the_code() {
    let documented: Vec<_> = api().table("slug");
    let documented =
        documented.iter().map(|row| (row[0].clone(), row[1].clone(), row[2].clone()));
    let known = ProblemKind::ALL.iter().map(|kind| {
        let status = kind.status().as_u16().to_string();
        (format!("`{}`", kind.slug()), status, kind.title().to_owned())
    });
    assert_eq!(documented.collect::<Vec<_>>(), known.collect::<Vec<_>>());
}

#[test]
fn the_example_of_a_problem_is_a_problem_that_exists() {
    let blocks = api().blocks();
    let example = blocks.iter().find(|block| block.info == "json Problem");
    let problem: Problem =
        serde_json::from_str(&example.expect("there is one").text).expect("a problem");
    let known = ProblemKind::ALL.iter().find(|kind| kind.slug() == problem.slug());
    let known = known.expect("its kind is known");
    assert_eq!(*known, ProblemKind::SessionUnknown);
    assert_eq!(known.problem(problem.detail.clone(), &problem.instance), problem);
}

#[test]
fn every_path_and_header_of_the_contract_has_its_place() {
    let (page, headings) = (api(), headings(&api()));
    for path in constants(&contract("paths")) {
        let heading = headings.iter().any(|(_, documented)| *documented == path);
        assert!(heading, "no heading of a call names {path}");
    }
    let text = page.text.to_lowercase();
    for header in constants(&contract("headers")) {
        assert!(text.contains(&format!("`{header}")), "{header} is not explained");
    }
}

#[test]
fn every_documented_call_is_one_of_the_contract() {
    let paths = constants(&contract("paths"));
    for (method, path) in headings(&api()) {
        assert!(paths.contains(&path), "{path} is not in the contract");
        let methods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
        assert!(methods.contains(&method.as_str()), "{method} {path}");
    }
}

#[test]
fn every_figure_of_the_demo_is_explained_to_those_who_read_its_json() {
    let source = folder("labs/lab/src/demo");
    for (table, name) in [
        ("field of the report", "Report"),
        ("field of a lane", "LaneReport"),
        ("field of a fact", "Fact"),
        ("field of a doubt", "Doubt"),
    ] {
        let rows = page("docs/ci.md").table(table);
        let documented: Vec<_> = rows.iter().map(|row| row[0].replace('`', "")).collect();
        assert_eq!(documented, members(&source, name), "{table}");
    }
}

/// All files of a folder, one after the other.
fn folder(path: &str) -> String {
    let entries = fs::read_dir(top().join(path)).expect("it is there").flatten();
    let texts = entries.filter_map(|entry| fs::read_to_string(entry.path()).ok());
    texts.collect()
}

fn contract(module: &str) -> String {
    let path = top().join(format!("phase1-mockup/api-contract/src/{module}.rs"));
    fs::read_to_string(path).expect("the contract is there")
}

/// The values of `pub const NAME: &str = "value";`.
fn constants(source: &str) -> Vec<String> {
    let values = source.lines().filter(|line| line.starts_with("pub const "));
    let values = values.filter_map(|line| line.split('"').nth(1));
    let values: Vec<_> = values.map(str::to_owned).collect();
    assert!(!values.is_empty(), "the constants are no longer where they were");
    values
}

/// The calls that have a heading of their own: method and path.
fn headings(page: &Page) -> Vec<(String, String)> {
    let calls = page.text.lines().filter_map(|line| line.strip_prefix("### `"));
    let calls = calls.filter_map(|call| call.strip_suffix('`')?.split_once(' '));
    calls.map(|(method, path)| (method.to_owned(), path.to_owned())).collect()
}

/// The members of a struct, in order.
fn members(source: &str, name: &str) -> Vec<String> {
    let (_, body) = source
        .split_once(&format!("pub(crate) struct {name} {{"))
        .unwrap_or_else(|| panic!("{name} is no longer where it was"));
    let body = body.lines().take_while(|line| *line != "}");
    let member = |line: &str| {
        let (member, _) = line.trim().strip_prefix("pub(crate) ")?.split_once(':')?;
        Some(member.to_owned())
    };
    body.filter_map(member).collect()
}
