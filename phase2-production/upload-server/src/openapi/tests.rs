//! Compares the document with the router, the contract and the API reference.

use super::*;
use crate::app::app;
use crate::config::Config;
use crate::state::AppState;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use axum::body::Body;
use clap::Parser;
use http::{Method, Request};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use tower::ServiceExt;

/// Method and path.
type Route = (String, String);

fn read_repository_file(path: &str) -> String {
    let read_repository_file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(read_repository_file.join(path)).unwrap()
}

/// The contract's paths on this listener; metrics have another one.
fn contract_paths() -> Vec<String> {
    let source = read_repository_file("phase1-mockup/api-contract/src/paths.rs");
    let constants = source.lines().filter(|line| line.starts_with("pub const "));
    let paths: Vec<_> =
        constants.filter_map(|line| Some(line.split('"').nth(1)?.to_owned())).collect();
    assert!(paths.len() > 20);
    paths.into_iter().filter(|path| path != paths::METRICS).collect()
}

/// The document of a server that starts sessions, and of one that issues tokens.
fn both() -> [Value; 2] {
    [true, false].map(|has_sessions| {
        document(&Described::new(has_sessions, "session", 100 * 1024 * 1024))
    })
}

/// The schemas of both documents.
fn schemas() -> BTreeMap<String, Value> {
    let schemas = both().map(|document| document["components"]["schemas"].clone());
    let members = schemas.iter().flat_map(|all| all.as_object().unwrap());
    members.map(|(name, schema)| (name.clone(), schema.clone())).collect()
}

fn documented(document: &Value) -> BTreeSet<Route> {
    let items = document["paths"].as_object().unwrap();
    let routes = items.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(move |method| (method.to_uppercase(), path.clone()))
    });
    routes.collect()
}

/// The routes of the router, read from the `Allow` header of its 405 replies.
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
        let asked = asked.header("host", "lab.test");
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
async fn document_lists_exactly_the_routes_of_the_router() {
    let folder = tempfile::tempdir().unwrap();
    for (document, design) in both().iter().zip(["memory", "token"]) {
        assert_eq!(documented(document), routes_of(design, folder.path()).await);
    }
}

#[test]
fn routes_use_the_paths_of_the_contract() {
    for (file, source) in
        [("app", include_str!("../app.rs")), ("docs", include_str!("../docs.rs"))]
    {
        let tight: String = source.split_whitespace().collect();
        for after in tight.split(".route(").skip(1) {
            assert!(after.starts_with("paths::"), "{file}: .route({after:.40}");
        }
    }
    let documented = both().iter().flat_map(documented).collect::<Vec<_>>();
    let paths: BTreeSet<_> = documented.into_iter().map(|(_, path)| path).collect();
    assert_eq!(paths, contract_paths().into_iter().collect());
}

#[test]
fn document_lists_exactly_the_types_of_the_contract() {
    let derived = "derive(utoipa::ToSchema)";
    let mut types = BTreeSet::new();
    for module in
        ["lib", "events", "files", "accounts", "problem", "sessions", "tokens", "uploads"]
    {
        let source =
            read_repository_file(&format!("phase1-mockup/api-contract/src/{module}.rs"));
        for after in source.split(derived).skip(1) {
            let line = after.lines().find(|line| line.starts_with("pub ")).unwrap();
            let name = line.split([' ', '{', '(']).nth(2).unwrap();
            types.insert(name.to_owned());
        }
    }
    types.insert("Secret".to_owned());
    assert_eq!(schemas().into_keys().collect::<BTreeSet<_>>(), types);
}

#[test]
fn api_reference_examples_match_their_schemas() {
    let (reference, schemas) = (read_repository_file("docs/api.md"), schemas());
    let mut seen = 0;
    for block in reference.split("```json ").skip(1) {
        let (name, rest) = block.split_once('\n').unwrap();
        let example: BTreeMap<String, Value> =
            serde_json::from_str(rest.split("```").next().unwrap()).unwrap();
        let schema = &schemas[name];
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
fn every_problem_kind_is_documented() {
    let anywhere =
        calls::all().flat_map(problems::kinds).collect::<std::collections::HashSet<_>>();
    let elsewhere = [
        // On every path, on a path of another design, or only from the balancer.
        ProblemKind::NotFound,
        ProblemKind::BalancerOverloaded,
        ProblemKind::MethodNotAllowed,
        ProblemKind::NoReplica,
        ProblemKind::ReplicaFailed,
        ProblemKind::ReplicaTimeout,
        ProblemKind::RequestTimeout,
    ];
    for kind in ProblemKind::ALL {
        let documented = anywhere.contains(kind) != elsewhere.contains(kind);
        assert!(documented, "{} must be in a call or in the list above", kind.slug());
    }
}

#[test]
fn every_call_documents_security_and_all_statuses() {
    for (document, running) in both().iter().zip([Designs::Sessions, Designs::Tokens]) {
        let mut ids = BTreeSet::new();
        for call in calls::all().filter_map(|call| call.in_design(running)) {
            let (path, method) = (call.path, call::method_name(&call.method));
            let operation = &document["paths"][path][method];
            let good = call.responses.iter().map(|response| response.status.to_string());
            let bad = problems::kinds(&call);
            let bad = bad.iter().map(|kind| kind.status().as_u16().to_string());
            let all: BTreeSet<_> = good.chain(bad).collect();
            let answers = operation["responses"].as_object().unwrap();
            assert_eq!(answers.keys().cloned().collect::<BTreeSet<_>>(), all, "{path}");
            let open = operation.get("security").is_none();
            let known = matches!(
                call.security,
                call::SecurityRequirement::Caller | call::SecurityRequirement::Admin
            );
            assert_eq!(open, !known, "{path}");
            assert!(!operation["summary"].as_str().unwrap().ends_with('.'), "{path}");
            assert!(ids.insert(operation["operationId"].to_string()), "{path}: id twice");
        }
    }
}

#[test]
fn document_is_openapi_3_1_without_dangling_references() {
    for document in both() {
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
        let rustdoc = text.contains("crate::") || text.contains("[`");
        assert!(!rustdoc, "a rustdoc link remains");
    }
}

#[test]
fn document_names_only_credentials_of_its_design() {
    let names = both().map(|document| {
        let schemes = document["components"]["securitySchemes"].as_object().unwrap();
        schemes.keys().cloned().collect::<Vec<_>>()
    });
    assert_eq!(names[0], ["session-cookie", "session-header"]);
    assert_eq!(names[1], ["basic", "bearer"]);
    let https = document(&Described::new(true, "__Host-session", 1));
    let cookie = &https["components"]["securitySchemes"]["session-cookie"];
    assert_eq!(cookie["name"], "__Host-session");
}

#[test]
fn objects_of_the_contract_have_no_other_members() {
    for (name, schema) in schemas() {
        let variants = schema["oneOf"].as_array().cloned().unwrap_or_default();
        for object in [schema].iter().chain(&variants) {
            if object["type"] == "object" {
                assert_eq!(object["additionalProperties"], false, "{name}");
            }
        }
    }
}

#[test]
fn parameters_have_types_and_limits() {
    let [document, _tokens] = both();
    let parameter = |path: &str, method: &str, name: &str| {
        let all = document["paths"][path][method]["parameters"].as_array().unwrap();
        all.iter().find(|one| one["name"] == name).unwrap()["schema"].clone()
    };
    let limit = parameter(paths::FILES, "get", "limit");
    assert_eq!((&limit["type"], &limit["minimum"]), (&json!("integer"), &json!(1)));
    assert_eq!((&limit["maximum"], &limit["default"]), (&json!(200), &json!(50)));
    assert_eq!(parameter(paths::FILE, "get", "file_id")["format"], "uuid");
    let length = parameter(paths::TUS, "post", "Upload-Length");
    assert_eq!(length["maximum"], 100 * 1024 * 1024);
    let version = parameter(paths::TUS, "post", "Tus-Resumable");
    assert_eq!(version["enum"], json!(["1.0.0"]));
}
