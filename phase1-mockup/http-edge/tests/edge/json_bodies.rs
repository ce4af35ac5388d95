//! A JSON body is one object, with the members of the call and nothing else.

use crate::support::start;
use api_contract::LoginRequest;
use api_contract::accounts::{AccountUpdate, PasswordChange};
use api_contract::problem::Problem;
use api_contract::tokens::{RefreshRequest, RevokeRequest};
use api_contract::uploads::{UploadComplete, UploadStart};
use axum::Router;
use axum::routing::post;
use http_edge::json_body::JsonBody;
use serde::de::DeserializeOwned;
use std::time::Duration;

async fn take<T>(JsonBody(_): JsonBody<T>) -> &'static str {
    "taken"
}

fn taking<T: DeserializeOwned + Send + 'static>(routes: Router, path: &str) -> Router {
    routes.route(path, post(take::<T>))
}

/// A route for each type of request body, with an object that it accepts and an array with
/// the same values in order.
fn routes() -> (Router, [(&'static str, &'static str, &'static str); 7]) {
    let routes = taking::<LoginRequest>(Router::new(), "/login");
    let routes = taking::<PasswordChange>(routes, "/password");
    let routes = taking::<RefreshRequest>(routes, "/refresh");
    let routes = taking::<RevokeRequest>(routes, "/revoke");
    let routes = taking::<UploadStart>(routes, "/start");
    let routes = taking::<UploadComplete>(routes, "/complete");
    let routes = taking::<AccountUpdate>(routes, "/account");
    let bodies = [
        ("/login", r#"{"username":"a","password":"b"}"#, r#"["a","b"]"#),
        ("/password", r#"{"current":"a","new":"b"}"#, r#"["a","b"]"#),
        ("/refresh", r#"{"refresh_token":"a"}"#, r#"["a"]"#),
        ("/revoke", r#"{"token":"a"}"#, r#"["a"]"#),
        ("/start", r#"{"name":"a","content_type":"b","size":1}"#, r#"["a","b",1]"#),
        ("/complete", r#"{"upload_id":"a"}"#, r#"["a"]"#),
        ("/account", r#"{"role":"admin","disabled":true}"#, r#"["admin",true]"#),
    ];
    (routes, bodies)
}

async fn status_of(url: &str, body: impl Into<reqwest::Body>) -> u16 {
    let request = reqwest::Client::new().post(url).body(body);
    let reply = request.header("content-type", "application/json").send().await.unwrap();
    let status = reply.status().as_u16();
    if status != 200 {
        assert_eq!(reply.json::<Problem>().await.unwrap().slug(), "malformed-request");
    }
    status
}

#[tokio::test]
async fn array_is_not_taken_for_an_object() {
    let (routes, bodies) = routes();
    let server = start(routes, Duration::ZERO, Duration::ZERO).await;
    for (path, object, array) in bodies {
        let url = server.url(path);
        assert_eq!(status_of(&url, object).await, 200, "{object}");
        assert_eq!(status_of(&url, format!(" \r\n\t{object}\n")).await, 200, "{object}");
        for other in [array, "[]", &format!("[{object}]"), &format!(" \n{array}")] {
            assert_eq!(status_of(&url, other.to_owned()).await, 400, "{other}");
        }
    }
}

/// A password may have been sent as a number, or without its object.
#[tokio::test]
async fn refusal_quotes_no_value() {
    let server = start(routes().0, Duration::ZERO, Duration::ZERO).await;
    for (path, body) in [
        ("/login", r#"{"username":"a","password":424242}"#),
        ("/login", r#"{"username":"a","password":-424242.5}"#),
        ("/login", r#"{"username":424242,"password":"b"}"#),
        ("/login", r#"{"username":"a","password":[424242]}"#),
        ("/login", r#""424242""#),
        ("/login", r#""424242, expected 424242""#),
        ("/login", "424242"),
        ("/password", r#"{"current":424242,"new":"b"}"#),
        ("/refresh", r#"{"refresh_token":424242}"#),
        ("/revoke", r#"{"token":424242}"#),
        ("/start", r#"{"name":"a","content_type":"b","size":"424242"}"#),
        ("/account", r#"{"role":"424242"}"#),
        ("/account", r#"{"role":424242}"#),
    ] {
        let request = reqwest::Client::new().post(server.url(path)).body(body);
        let request = request.header("content-type", "application/json");
        let problem: Problem = request.send().await.unwrap().json().await.unwrap();
        let detail = problem.detail;
        assert!(detail.contains("expected"), "{body}: {detail}");
        assert!(!detail.contains("424242"), "{body}: {detail}");
    }
}

/// A member has the type of the contract too: a role is text, not an object with that key.
#[tokio::test]
async fn unusual_json_is_refused() {
    let server = start(routes().0, Duration::ZERO, Duration::ZERO).await;
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let nested = format!(r#"{{"username":{deep},"password":"b"}}"#);
    for body in [
        r#"{"username":"a","password":"b","password":"c"}"#,
        r#"{"username":"a","password":"b"}x"#,
        r#"{"username":"a","password":"b"}{}"#,
        r#"{"username":NaN,"password":"b"}"#,
        r#"{"username":"a","password":"b",}"#,
        r#"{"username":"a","password":["b"]}"#,
        r#"{"username":"a","password":{"0":"b"}}"#,
        "\u{feff}{\"username\":\"a\",\"password\":\"b\"}",
        "null",
        "\"a\"",
        "1",
        "",
        " ",
        &deep,
        &nested,
    ] {
        assert_eq!(
            status_of(&server.url("/login"), body.to_owned()).await,
            400,
            "{body}"
        );
    }
    for body in [r#"{"role":{"admin":null}}"#, r#"{"role":["admin"]}"#, r#"{"role":1}"#] {
        assert_eq!(status_of(&server.url("/account"), body).await, 400, "{body}");
    }
}
