//! This server's interface as OpenAPI 3.1, made from the code.
//!
//! The schemas are those of the contract's types. The calls stand in `calls`, beside each
//! other rather than above each handler, because what is worth reading is their pattern;
//! the tests compare them with the routes that the router really has, with the contract's
//! paths and types, and with the API reference. Nothing here is written twice unwatched.

mod call;
mod calls;
mod refusals;
mod sent;

use api_contract::events::Event;
use api_contract::headers::SESSION_ID;
use sent::{Schemas, of};
use serde_json::Value;
use std::sync::LazyLock;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Paths, Tag,
};

const ALL_SCHEMES: &[&str] = &["session-header", "session-cookie", "bearer", "basic"];
const SESSION_SCHEMES: &[&str] = &["session-header", "session-cookie"];
const TOKEN_SCHEMES: &[&str] = &["bearer", "basic"];

const ABOUT: &str = "One server, five designs: they differ in where identity lives, and in \
    nothing else. Every reply has X-Served-By and X-Request-ID. Every refusal is \
    application/problem+json (RFC 9457) and is told by its type. A path that does not take a \
    method answers 405 method-not-allowed; in front of the replicas, the balancer may answer \
    502 replica-failed, 503 no-replica or 504 replica-timeout.";

const TAGS: [(&str, &str); 9] = [
    ("sessions", "The proof is given once, and the server remembers."),
    ("tokens", "The proof comes with each request, and the server forgets."),
    ("account", "One's own account."),
    ("admin", "The people of one's organisation; for its admins."),
    ("files", "The same in every design, whatever the proof."),
    ("uploads", "Uploads to a URL that is signed beforehand."),
    ("tus", "Uploads that go on where they were, on any replica (tus 1.0)."),
    ("events", "What happens to one's files."),
    ("service", "The server itself."),
];

static JSON: LazyLock<Value> = LazyLock::new(|| {
    let mut json = serde_json::to_value(document()).unwrap_or_default();
    without_links(&mut json);
    json
});

/// The document as JSON.
pub(crate) fn json() -> &'static Value {
    &JSON
}

fn document() -> OpenApi {
    let (mut paths, mut schemas) = (Paths::new(), Schemas::new());
    for call in calls::all() {
        let operation = call.operation(&mut schemas);
        paths.add_path_operation(call.path, vec![call.method.clone()], operation);
    }
    // Travels on the WebSocket, of which OpenAPI knows only the beginning.
    of::<Event>(&mut schemas);
    let components = ComponentsBuilder::new().schemas_from_iter(schemas);
    let components =
        schemes().into_iter().fold(components, |components, (name, scheme)| {
            components.security_scheme(name, scheme)
        });
    let info = InfoBuilder::new()
        .title("Upload server")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT));
    OpenApiBuilder::new()
        .info(info.build())
        .paths(paths)
        .components(Some(components.build()))
        .tags(Some(TAGS.iter().map(tag)))
        .build()
}

fn tag((name, what): &(&str, &str)) -> Tag {
    TagBuilder::new().name(*name).description(Some(*what)).build()
}

fn schemes() -> [(&'static str, SecurityScheme); 4] {
    let header = ApiKeyValue::with_description(
        SESSION_ID,
        "The id from POST /api/session/start. If it is there, the cookie is not looked at.",
    );
    let cookie = ApiKeyValue::with_description(
        "__Host-session",
        "The same id, for browsers. Without HTTPS its name is session. What changes \
         something must then say where it comes from: Origin, or Sec-Fetch-Site.",
    );
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The access token from POST /api/token."));
    let basic = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("Name and password with each request (RFC 7617)."));
    [
        ("session-header", SecurityScheme::ApiKey(ApiKey::Header(header))),
        ("session-cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie))),
        ("bearer", SecurityScheme::Http(bearer.build())),
        ("basic", SecurityScheme::Http(basic.build())),
    ]
}

/// The contract's comments are written for rustdoc; a link to an item leads nowhere here.
fn without_links(json: &mut Value) {
    match json {
        Value::Object(members) => {
            members.iter_mut().for_each(|(name, value)| match value {
                Value::String(text) if name == "description" => {
                    *text = without_link(text)
                }
                value => without_links(value),
            })
        }
        Value::Array(values) => values.iter_mut().for_each(without_links),
        _ => {}
    }
}

fn without_link(text: &str) -> String {
    let mut plain = text.replace("[`", "`").replace("`]", "`");
    while let Some(start) = plain.find("`(crate::") {
        let Some(length) = plain[start..].find(')') else {
            break;
        };
        plain.replace_range(start + 1..=start + length, "");
    }
    plain
}

#[cfg(test)]
mod tests;
