//! `docs/api.md` has exactly the members, problems, paths and headers of the code.

use crate::markdown::{Page, page, top};
use api_contract::accounts::{
    Account, AccountUpdate, Accounts, Audit, AuditEntry, PasswordChange,
};
use api_contract::events::Event;
use api_contract::files::{FileCreated, FileEntry, FileList, FileWithContent};
use api_contract::problem::{Problem, ProblemKind};
use api_contract::sessions::{SessionStarted, SessionView};
use api_contract::tokens::{RefreshRequest, RevokeRequest, TokenIssued};
use api_contract::uploads::{
    PendingUpload, PendingUploads, UploadComplete, UploadStart, UploadStarted,
};
use api_contract::{LoginRequest, Message, Ready};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

/// Parses an example as its type and serializes it again.
type RoundTrip = fn(&str) -> Value;

/// The types with an example.
const EXAMPLES: [(&str, RoundTrip); 25] = [
    ("LoginRequest", round_trip::<LoginRequest>),
    ("Message", round_trip::<Message>),
    ("Ready", round_trip::<Ready>),
    ("Event", round_trip::<Event>),
    ("SessionStarted", round_trip::<SessionStarted>),
    ("SessionView", round_trip::<SessionView>),
    ("TokenIssued", round_trip::<TokenIssued>),
    ("RefreshRequest", round_trip::<RefreshRequest>),
    ("RevokeRequest", round_trip::<RevokeRequest>),
    ("PasswordChange", round_trip::<PasswordChange>),
    ("Accounts", round_trip::<Accounts>),
    ("Account", round_trip::<Account>),
    ("AccountUpdate", round_trip::<AccountUpdate>),
    ("Audit", round_trip::<Audit>),
    ("AuditEntry", round_trip::<AuditEntry>),
    ("FileCreated", round_trip::<FileCreated>),
    ("FileEntry", round_trip::<FileEntry>),
    ("FileList", round_trip::<FileList>),
    ("FileWithContent", round_trip::<FileWithContent>),
    ("UploadStart", round_trip::<UploadStart>),
    ("UploadStarted", round_trip::<UploadStarted>),
    ("UploadComplete", round_trip::<UploadComplete>),
    ("PendingUpload", round_trip::<PendingUpload>),
    ("PendingUploads", round_trip::<PendingUploads>),
    ("Problem", round_trip::<Problem>),
];

fn round_trip<T: DeserializeOwned + Serialize>(json: &str) -> Value {
    let value: T = serde_json::from_str(json).unwrap_or_else(|error| {
        panic!("the example is not a {}: {error}\n{json}", std::any::type_name::<T>())
    });
    serde_json::to_value(value).expect("wire types are JSON")
}

fn api() -> Page {
    page("docs/api.md")
}

#[test]
fn every_json_example_round_trips_through_its_type() {
    for block in api().blocks() {
        let Some(name) = block.info.strip_prefix("json") else {
            continue;
        };
        let example = EXAMPLES.iter().find(|(known, _)| *known == name.trim());
        let (_, round_trip) =
            example.unwrap_or_else(|| panic!("no type is named after json: {name:?}"));
        let written: Value = serde_json::from_str(&block.text).expect("JSON");
        assert_eq!(round_trip(&block.text), written, "{name}");
    }
}

#[test]
fn every_wire_type_has_a_json_example() {
    let given: BTreeSet<_> = api().blocks().into_iter().map(|block| block.info).collect();
    for (name, _) in EXAMPLES {
        assert!(given.contains(&format!("json {name}")), "no example of {name}");
    }
    let strict = "#[serde(deny_unknown_fields)]\npub struct ";
    for module in ["lib", "files", "accounts", "problem", "sessions", "tokens", "uploads"]
    {
        let source = contract(module);
        for after in source.split(strict).skip(1) {
            let name = after.split([' ', '<', '{']).next().expect("a struct has a name");
            let known = EXAMPLES.iter().any(|(known, _)| *known == name);
            assert!(
                known,
                "{name} is a wire type without an example: add it to EXAMPLES"
            );
        }
    }
}

#[test]
fn documented_problems_equal_the_problems_in_code() {
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
fn example_problem_is_a_known_problem() {
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
fn every_path_and_header_is_documented() {
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
fn every_documented_call_is_in_the_contract() {
    let paths = constants(&contract("paths"));
    for (method, path) in headings(&api()) {
        assert!(paths.contains(&path), "{path} is not in the contract");
        let methods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
        assert!(methods.contains(&method.as_str()), "{method} {path}");
    }
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
    assert!(!values.is_empty(), "the constants have moved");
    values
}

/// The calls with a heading: method and path.
fn headings(page: &Page) -> Vec<(String, String)> {
    let calls = page.text.lines().filter_map(|line| line.strip_prefix("### `"));
    let calls = calls.filter_map(|call| call.strip_suffix('`')?.split_once(' '));
    calls.map(|(method, path)| (method.to_owned(), path.to_owned())).collect()
}
