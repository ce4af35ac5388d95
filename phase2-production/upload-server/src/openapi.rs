//! The API of this server as OpenAPI 3.1, generated from code.
//!
//! Schemas come from the contract's types. Calls are listed together in `calls`, so that
//! their pattern is easy to read. Tests compare them with the router, the contract's
//! paths and types, and the API reference.

mod call;
mod calls;
mod operation;
mod parts;
mod problems;
mod server;
mod value_type;

pub(crate) use server::Described;

use api_contract::events::Event;
use api_contract::headers::SESSION_ID;
use call::Designs;
use parts::{Schemas, of};
use serde_json::Value;
use std::collections::BTreeSet;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Paths, Tag,
};

const SESSION_SCHEMES: &[&str] = &["session-header", "session-cookie"];
const TOKEN_SCHEMES: &[&str] = &["bearer", "basic"];

const ABOUT: &str = "One server with five designs. They differ only in where identity \
    lives. Every reply has X-Served-By and X-Request-ID. Every error is \
    application/problem+json (RFC 9457); check its type. A path answers 405 \
    method-not-allowed to a method that it does not support, and a path of another design \
    404 not-found. A body \
    that stops gets 408 request-timeout. In front of the replicas, the balancer may answer \
    502 replica-failed, 503 no-replica or balancer-overloaded, or 504 replica-timeout.";

const TAGS: [(&str, &str); 9] = [
    ("sessions", "Log in once; the server stores the session."),
    ("tokens", "Send a credential with each request; the server stores no session."),
    ("account", "The caller's own account."),
    ("admin", "The accounts of the caller's organisation; admins only."),
    ("files", "The same in every design."),
    ("uploads", "Uploads to a signed URL."),
    ("tus", "Resumable uploads, on any replica (tus 1.0)."),
    ("events", "Events about the caller's files."),
    ("service", "The server itself."),
];

/// The document of a server as JSON. It has only the calls of the server's design.
pub(crate) fn document(server: &Described) -> Value {
    let mut json = serde_json::to_value(openapi(server)).unwrap_or_default();
    remove_rustdoc_links(&mut json);
    close_variants(&mut json["components"]["schemas"]);
    json
}

fn openapi(server: &Described) -> OpenApi {
    let (mut paths, mut schemas) = (Paths::new(), Schemas::new());
    let mut tags = BTreeSet::new();
    for call in calls::all().filter_map(|call| call.in_design(server.designs)) {
        let operation = operation::operation(&call, server, &mut schemas);
        paths.add_path_operation(call.path, vec![call.method.clone()], operation);
        tags.insert(call.tag);
    }
    // Sent over the WebSocket, which OpenAPI cannot describe.
    of::<Event>(&mut schemas);
    let components = ComponentsBuilder::new().schemas_from_iter(schemas);
    let components =
        schemes(server).into_iter().fold(components, |components, (name, scheme)| {
            components.security_scheme(name, scheme)
        });
    let info = InfoBuilder::new()
        .title("Upload server")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT));
    let tags = TAGS.iter().filter(|(name, _)| tags.contains(name));
    OpenApiBuilder::new()
        .info(info.build())
        .paths(paths)
        .components(Some(components.build()))
        .tags(Some(tags.map(tag)))
        .build()
}

fn tag((name, what): &(&str, &str)) -> Tag {
    TagBuilder::new().name(*name).description(Some(*what)).build()
}

fn schemes(server: &Described) -> [(&'static str, SecurityScheme); 2] {
    match server.designs {
        Designs::Tokens => token_schemes(),
        Designs::Sessions | Designs::All => session_schemes(server.cookie),
    }
}

fn session_schemes(cookie: &str) -> [(&'static str, SecurityScheme); 2] {
    let header = ApiKeyValue::with_description(
        SESSION_ID,
        "The id from POST /api/session/start. If it is present, the cookie is ignored.",
    );
    let cookie = ApiKeyValue::with_description(
        cookie,
        "The same id, for browsers. A request that changes state must then have Origin or \
         Sec-Fetch-Site.",
    );
    [
        ("session-header", SecurityScheme::ApiKey(ApiKey::Header(header))),
        ("session-cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie))),
    ]
}

fn token_schemes() -> [(&'static str, SecurityScheme); 2] {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The access token from POST /api/token."));
    let basic = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("Name and password with each request (RFC 7617)."));
    [
        ("bearer", SecurityScheme::Http(bearer.build())),
        ("basic", SecurityScheme::Http(basic.build())),
    ]
}

/// The variants of an enum refuse unknown members, as the contract does; utoipa writes this for
/// structs only.
fn close_variants(schemas: &mut Value) {
    let schemas = schemas.as_object_mut().into_iter().flatten();
    let variants =
        schemas.filter_map(|(_, schema)| schema.get_mut("oneOf")?.as_array_mut());
    for variant in variants.flatten() {
        if variant["type"] == "object" {
            variant["additionalProperties"] = Value::Bool(false);
        }
    }
}

/// Removes rustdoc links from the contract's comments; they lead nowhere here.
fn remove_rustdoc_links(json: &mut Value) {
    match json {
        Value::Object(members) => {
            members.iter_mut().for_each(|(name, value)| match value {
                Value::String(text) if name == "description" => {
                    *text = remove_rustdoc_link(text)
                }
                value => remove_rustdoc_links(value),
            })
        }
        Value::Array(values) => values.iter_mut().for_each(remove_rustdoc_links),
        _ => {}
    }
}

fn remove_rustdoc_link(text: &str) -> String {
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
