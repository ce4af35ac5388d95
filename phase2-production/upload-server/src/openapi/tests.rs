//! The document against the router, the contract and the API reference.

use super::*;
use crate::app::{AppState, app};
use crate::config::Config;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use axum::body::Body;
use clap::Parser;
use http::{Method, Request};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use tower::ServiceExt;

/// Method and path.
type Route = (String, String);

fn top(path: &str) -> String {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(top.join(path)).unwrap()
}

/// The paths of the contract that this server has: the metrics are on another listener.
fn contract_paths() -> Vec<String> {
    let source = top("phase1-mockup/api-contract/src/paths.rs");
    let constants = source.lines().filter(|line| line.starts_with("pub const "));
    let paths: Vec<_> =
        constants.filter_map(|line| Some(line.split('"').nth(1)?.to_owned())).collect();
    assert!(paths.len() > 20);
    paths.into_iter().filter(|path| path != paths::METRICS).collect()
}

fn documented() -> BTreeSet<Route> {
    let items = json()["paths"].as_object().unwrap();
    let routes = items.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(move |method| (method.to_uppercase(), path.clone()))
    });
    routes.collect()
}

/// What the router takes, as it says itself to a method that it does not take.
async fn routes_of(design: &str, folder: &Path) -> BTreeSet<Route> {
    let folder = folder.join(design);
    let flags =
        ["upload-server", "--design", design, "--data-dir", folder.to_str().unwrap()];
    let state = AppState::open(&Config::parse_from(flags)).await.unwrap();
    let router = app(state);
    let mut routes = BTreeSet::new();
    for path in contract_paths() {
        let asked =
            Request::builder().method(Method::TRACE).uri(path.replace(['{', '}'], ""));
        let reply =
            router.clone().oneshot(asked.body(Body::empty()).unwrap()).await.unwrap();
        let allowed = reply.headers().get("allow").map(|value| value.to_str().unwrap());
        let allowed: Vec<_> = allowed.unwrap_or_default().split(',').collect();
        let own = |method: &&&str| **method != "HEAD" || !allowed.contains(&"GET");
        let own = allowed.iter().filter(|method| !method.is_empty()).filter(own);
        routes.extend(own.map(|method| ((*method).to_owned(), path.clone())));
    }
    routes
}

#[tokio::test]
async fn every_route_that_the_router_has_is_documented_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut routes = routes_of("memory", folder.path()).await;
    routes.extend(routes_of("token", folder.path()).await);
    assert_eq!(documented(), routes);
}

#[test]
fn every_route_is_registered_under_a_path_of_the_contract() {
    for (file, source) in
        [("app", include_str!("../app.rs")), ("docs", include_str!("../docs.rs"))]
    {
        let tight: String = source.split_whitespace().collect();
        for after in tight.split(".route(").skip(1) {
            assert!(after.starts_with("paths::"), "{file}: .route({after:.40}");
        }
    }
    let paths: BTreeSet<_> = documented().into_iter().map(|(_, path)| path).collect();
    assert_eq!(paths, contract_paths().into_iter().collect());
}

#[test]
fn every_type_of_the_contract_that_travels_is_in_the_document_and_no_other() {
    let derived = "derive(utoipa::ToSchema)";
    let mut types = BTreeSet::new();
    for module in
        ["lib", "events", "files", "people", "problem", "sessions", "tokens", "uploads"]
    {
        let source = top(&format!("phase1-mockup/api-contract/src/{module}.rs"));
        for after in source.split(derived).skip(1) {
            let line = after.lines().find(|line| line.starts_with("pub ")).unwrap();
            let name = line.split([' ', '{', '(']).nth(2).unwrap();
            types.insert(name.to_owned());
        }
    }
    types.insert("Secret".to_owned());
    let schemas = json()["components"]["schemas"].as_object().unwrap();
    assert_eq!(schemas.keys().cloned().collect::<BTreeSet<_>>(), types);
}

#[test]
fn every_example_of_the_api_reference_has_the_members_of_its_schema() {
    let reference = top("docs/api.md");
    let mut seen = 0;
    for block in reference.split("```json ").skip(1) {
        let (name, rest) = block.split_once('\n').unwrap();
        let example: BTreeMap<String, Value> =
            serde_json::from_str(rest.split("```").next().unwrap()).unwrap();
        let schema = &json()["components"]["schemas"][name];
        let Some(properties) = schema["properties"].as_object() else {
            assert!(schema["oneOf"].is_array(), "{name}");
            continue;
        };
        for member in example.keys() {
            assert!(properties.contains_key(member), "{name}.{member}");
        }
        let required = schema["required"].as_array().into_iter().flatten();
        for member in required.map(|member| member.as_str().unwrap()) {
            assert!(example.contains_key(member), "{name}.{member} is missing");
        }
        seen += 1;
    }
    assert!(seen > 20, "{seen} examples");
}

#[test]
fn every_kind_of_problem_has_its_place() {
    let anywhere =
        calls::all().flat_map(refusals::kinds).collect::<std::collections::HashSet<_>>();
    let elsewhere = [
        // On every path, and in front of the replicas.
        ProblemKind::MethodNotAllowed,
        ProblemKind::NoReplica,
        ProblemKind::ReplicaFailed,
        ProblemKind::ReplicaTimeout,
    ];
    for kind in ProblemKind::ALL {
        let documented = anywhere.contains(kind) != elsewhere.contains(kind);
        assert!(documented, "{} is in no call, or in one too many", kind.slug());
    }
}

#[test]
fn every_call_says_what_it_wants_and_what_can_become_of_it() {
    let mut ids = BTreeSet::new();
    for call in calls::all() {
        let (path, method) = (call.path, call::method_name(&call.method));
        let operation = &json()["paths"][path][method];
        let good = call.gives.iter().map(|given| given.status.to_string());
        let bad = refusals::kinds(call);
        let bad = bad.iter().map(|kind| kind.status().as_u16().to_string());
        let all: BTreeSet<_> = good.chain(bad).collect();
        let answers = operation["responses"].as_object().unwrap();
        assert_eq!(answers.keys().cloned().collect::<BTreeSet<_>>(), all, "{path}");
        let open = operation.get("security").is_none();
        let known = matches!(call.proof, call::Proof::Caller | call::Proof::Admin);
        assert_eq!(open, !known, "{path}");
        assert!(!operation["summary"].as_str().unwrap().ends_with('.'), "{path}");
        assert!(ids.insert(operation["operationId"].to_string()), "{path}: id twice");
    }
}

#[test]
fn the_document_is_openapi_3_1_and_every_reference_leads_somewhere() {
    assert!(json()["openapi"].as_str().unwrap().starts_with("3.1."));
    let text = json().to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(json().pointer(pointer).is_some(), "{pointer}");
    }
    for scheme in ALL_SCHEMES {
        assert!(json()["components"]["securitySchemes"][scheme].is_object(), "{scheme}");
    }
    assert!(
        !text.contains("crate::") && !text.contains("[`"),
        "a link for rustdoc is left"
    );
}
