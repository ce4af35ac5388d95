//! The OpenAPI document and its pages: complete, and loaded from this server only.

use crate::stores::{StoreKind, TestStores};
use anyhow::{Context, ensure};
use api_contract::paths;
use bytes::Bytes;
use client::expect::equal;
use client::{Client, Reply};
use http::Method;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use serde_json::Value;

async fn client() -> anyhow::Result<(Client, impl Sized)> {
    let started = TestStores::single_replica(StoreKind::Embedded, "memory", &[]).await?;
    Ok((started.client(), started))
}

async fn get(client: &Client, path: &str) -> anyhow::Result<Reply<Bytes>> {
    Ok(client.send(client.request(Method::GET, path)).await?)
}

fn policy(reply: &Reply<Bytes>) -> anyhow::Result<&str> {
    let policy = reply.header(CONTENT_SECURITY_POLICY).context("no policy")?;
    ensure!(policy.starts_with("default-src 'none'"), "{policy}");
    ensure!(!policy.contains("http") && !policy.contains('*'), "{policy}");
    Ok(policy)
}

#[tokio::test]
async fn openapi_document_needs_no_login() -> anyhow::Result<()> {
    let (client, _running) = client().await?;
    let reply = get(&client, paths::OPENAPI).await?;
    equal("type", reply.header(CONTENT_TYPE), Some("application/json"))?;
    let document: Value = serde_json::from_slice(&reply.body)?;
    ensure!(document["openapi"].as_str().is_some_and(|text| text.starts_with("3.1")));
    ensure!(document["paths"][paths::UPLOAD]["post"].is_object());
    Ok(())
}

#[tokio::test]
async fn swagger_ui_loads_only_from_this_server() -> anyhow::Result<()> {
    let (client, _running) = client().await?;
    let reply = get(&client, paths::DOCS).await?;
    equal("Location", reply.header(LOCATION), Some("/docs/"))?;
    let page = get(&client, "/docs/").await?;
    equal("status", page.status.as_u16(), 200)?;
    policy(&page)?;
    let html = String::from_utf8(page.body.to_vec())?;
    let mut loaded = 0;
    for link in html.split(['"', '\'']).filter(|text| text.starts_with("./")) {
        let reply = get(&client, &link.replacen("./", "/docs/", 1)).await?;
        equal(link, reply.status.as_u16(), 200)?;
        loaded += 1;
    }
    ensure!(loaded >= 4, "{loaded} links in {html}");
    ensure!(!html.contains("src=\"http") && !html.contains("<script>"), "{html}");
    let set_up = get(&client, "/docs/swagger-initializer.js").await?;
    let set_up = String::from_utf8(set_up.body.to_vec())?;
    ensure!(set_up.contains(paths::OPENAPI), "{set_up}");
    ensure!(!set_up.contains("petstore"), "{set_up}");
    Ok(())
}

#[tokio::test]
async fn redoc_page_lists_every_call_without_scripts() -> anyhow::Result<()> {
    let (client, _running) = client().await?;
    let reply = get(&client, paths::REDOC).await?;
    let policy = policy(&reply)?;
    ensure!(
        policy.contains("style-src 'sha256-") && !policy.contains("script"),
        "{policy}"
    );
    let html = String::from_utf8(reply.body.to_vec())?;
    ensure!(
        !html.contains("<script") && !html.contains("src="),
        "the page loads something"
    );
    let document: Value =
        serde_json::from_slice(&get(&client, paths::OPENAPI).await?.body)?;
    for path in document["paths"].as_object().context("paths")?.keys() {
        ensure!(html.contains(&format!(" {path}</code>")), "{path} is missing");
    }
    for name in document["components"]["schemas"].as_object().context("types")?.keys() {
        ensure!(html.contains(&format!("id=\"{name}\"")), "{name} is missing");
    }
    Ok(())
}

/// The first example of a parameter or a body.
fn example(of: &Value) -> Option<&Value> {
    of.get("example").filter(|example| !example.is_null())
}

/// The example of a body: its own, or the one of the type that it refers to.
fn body_example(document: &Value, operation: &Value) -> Option<Value> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let name = schema["$ref"].as_str()?.rsplit('/').next()?;
    example(&document["components"]["schemas"][name]).cloned()
}

/// What "Try it out" sends without any input: parameters and body from their examples. [`None`]
/// if a required one has no example, such as the id of a file.
fn request_of(document: &Value, path: &str, operation: &Value) -> Option<TryItOut> {
    let (mut path, mut headers) = (path.to_owned(), Vec::new());
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str()?;
        let value = example(parameter).map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        match (parameter["in"].as_str()?, value, parameter["required"] == true) {
            ("path", Some(value), _) => {
                path = path.replace(&format!("{{{name}}}"), &value)
            }
            ("header", Some(value), _) => headers.push((name.to_owned(), value)),
            (_, None, false) => {}
            _ => return None,
        }
    }
    let has_body = operation.get("requestBody").is_some();
    let body = body_example(document, operation);
    (body.is_some() == has_body).then_some(TryItOut { path, headers, body })
}

struct TryItOut {
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Value>,
}

#[tokio::test]
async fn examples_of_the_document_get_documented_replies() -> anyhow::Result<()> {
    let started = TestStores::single_replica(StoreKind::Embedded, "memory", &[]).await?;
    let (client, credential) = started.as_alice().await?;
    let document: Value =
        serde_json::from_slice(&get(&client, paths::OPENAPI).await?.body)?;
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().context("paths")? {
        for (method, operation) in item.as_object().context("methods")? {
            // These end the session, or switch to another protocol.
            let ends = [paths::SESSION_END, paths::ACCOUNT_SIGN_OUT, paths::EVENTS];
            let Some(sent) = request_of(&document, path, operation) else { continue };
            if ends.contains(&path.as_str()) {
                continue;
            }
            let method = Method::from_bytes(method.to_uppercase().as_bytes())?;
            let mut request = client.authenticated(&credential, method, &sent.path);
            for (name, value) in &sent.headers {
                request = request.header(name, value);
            }
            if let Some(body) = &sent.body {
                request = request.json(body);
            }
            let status = client.send(request).await?.status.as_u16();
            let documented = operation["responses"].get(status.to_string()).is_some();
            ensure!(documented, "{path} answers {status}");
            ensure!(![400, 415].contains(&status), "{path} answers {status}");
            tried += 1;
        }
    }
    ensure!(tried >= 15, "only {tried} calls have examples");
    Ok(())
}
