//! Renders the OpenAPI document as one page: calls by tag, then the types.

use super::prose::prose;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

/// The page's only style sheet.
pub(super) const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;\
    margin:2rem auto;padding:0 1rem;color:#1c1c1c;background:#fff}\
    h2{margin-top:3rem;border-bottom:2px solid #ccc}h3{margin-top:2rem}\
    code{font:.9em ui-monospace,monospace;background:#f2f2f2;padding:.1em .3em}\
    table{border-collapse:collapse;width:100%}\
    td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;border-top:1px solid #ddd}\
    a{color:#0b57a4}li{overflow-wrap:anywhere}td p{margin:0}td:first-child{white-space:nowrap}\
    @media(max-width:40rem){body{margin:1rem auto}tr{display:block;border-top:1px solid #ddd;\
    padding:.3rem 0}td{display:block;border:0;padding:.1rem 0;overflow-wrap:anywhere}\
    td:first-child{white-space:normal}}";

const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

/// The whole page.
pub(super) fn page(document: &Value) -> String {
    let title = text(&document["info"]["title"]);
    let tags = document["tags"].as_array().into_iter().flatten();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                p { (prose(text(&document["info"]["description"]))) }
                ul { @for item in members(&document["paths"]) { (contents_of(item)) } }
                h2 { "Authentication" }
                table {
                    @for one in members(&document["components"]["securitySchemes"]) {
                        (scheme(one))
                    }
                }
                @for tag in tags { (group(document, tag)) }
                h2 { "Types" }
                @for one in members(&document["components"]["schemas"]) { (schema(one)) }
            }
        }
    };
    page.into_string()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn operations<'d>(
    (path, item): (&'d String, &'d Value),
) -> impl Iterator<Item = (&'static str, &'d str, &'d Value)> {
    METHODS.iter().filter_map(move |method| {
        let operation = item.get(*method)?;
        Some((*method, path.as_str(), operation))
    })
}

fn contents_of(item: (&String, &Value)) -> Markup {
    html! {
        @for (method, path, operation) in operations(item) {
            li {
                a href={ "#" (text(&operation["operationId"])) } {
                    code { (method.to_uppercase()) " " (path) }
                }
                " " (prose(text(&operation["summary"])))
            }
        }
    }
}

fn group(document: &Value, tag: &Value) -> Markup {
    let tagged = |operation: &Value| {
        operation["tags"].as_array().is_some_and(|tags| tags.contains(&tag["name"]))
    };
    let calls = members(&document["paths"]).flat_map(operations);
    html! {
        h2 { (text(&tag["name"])) }
        p { (prose(text(&tag["description"]))) }
        @for one in calls.filter(|(.., operation)| tagged(operation)) { (call(one)) }
    }
}

fn call((method, path, operation): (&str, &str, &Value)) -> Markup {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    html! {
        h3 id=(text(&operation["operationId"])) {
            code { (method.to_uppercase()) " " (path) }
        }
        p {
            b { (prose(text(&operation["summary"]))) "." }
            " " (prose(text(&operation["description"])))
        }
        @for sent in members(&operation["requestBody"]["content"]) { (body("Takes", sent)) }
        table {
            @for one in parameters { (parameter(one)) }
            @for one in members(&operation["responses"]) { (answer(one)) }
        }
    }
}

fn parameter(parameter: &Value) -> Markup {
    let must = if parameter["required"] == true { "required" } else { "optional" };
    html! {
        tr {
            td { code { (text(&parameter["name"])) } }
            td { (text(&parameter["in"])) ", " (must) ", " (limits(&parameter["schema"])) }
            td { (prose(text(&parameter["description"]))) }
        }
    }
}

/// The type of a value, with its limits.
fn limits(schema: &Value) -> Markup {
    let between = match (&schema["minimum"], &schema["maximum"]) {
        (Value::Number(min), Value::Number(max)) => format!(" from {min} to {max}"),
        (Value::Number(min), _) => format!(" from {min}"),
        _ => String::new(),
    };
    let only = schema["enum"].as_array().into_iter().flatten();
    html! {
        @if schema["format"] == "uuid" { "uuid" } @else { (text(&schema["type"])) }
        (between)
        @for value in only { " " code { (text(value)) } }
        @if let Some(pattern) = schema["pattern"].as_str() { " like " code { (pattern) } }
    }
}

fn answer((status, answer): (&String, &Value)) -> Markup {
    html! {
        tr {
            td { (status) }
            td { @for sent in members(&answer["content"]) { (body("", sent)) } }
            td { (prose(text(&answer["description"]))) }
        }
    }
}

fn body(label: &str, (media, content): (&String, &Value)) -> Markup {
    html! {
        p {
            (label) " "
            @match reference(&content["schema"]) {
                Some(name) => { a href={ "#" (name) } { (name) } " as " (media) },
                None => (media),
            }
        }
    }
}

/// The name of the type that a schema refers to.
fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.rsplit('/').next()
}

fn scheme((name, scheme): (&String, &Value)) -> Markup {
    html! {
        tr { td { code { (name) } } td { (prose(text(&scheme["description"]))) } }
    }
}

fn schema((name, schema): (&String, &Value)) -> Markup {
    let variants = schema["oneOf"].as_array().into_iter().flatten();
    html! {
        h3 id=(name) { (name) }
        p { (prose(text(&schema["description"]))) }
        table { @for one in [schema].into_iter().chain(variants) { (rows(one)) } }
    }
}

fn rows(schema: &Value) -> Markup {
    let values = schema["enum"].as_array().into_iter().flatten();
    html! {
        @for (name, property) in members(&schema["properties"]) {
            tr {
                td { code { (name) } }
                td { (kind(property)) }
                td { (prose(text(&property["description"]))) }
            }
        }
        @for value in values { tr { td { code { (text(value)) } } } }
    }
}

/// A short name of a property's type.
fn kind(property: &Value) -> Markup {
    if let Some(name) = reference(property) {
        return html! { a href={ "#" (name) } { (name) } };
    }
    if let Some(items) = property.get("items") {
        return html! { "list of " (kind(items)) };
    }
    let one_of = property["oneOf"].as_array().into_iter().flatten();
    let one_of: Vec<_> = one_of.map(kind).collect();
    match &property["type"] {
        _ if !one_of.is_empty() => alternatives(&one_of),
        Value::Array(types) => {
            let types = types.iter().map(|one| html! { (text(one)) });
            alternatives(&types.collect::<Vec<_>>())
        }
        one => html! { (text(one)) },
    }
}

fn alternatives(kinds: &[Markup]) -> Markup {
    html! {
        @for (number, kind) in kinds.iter().enumerate() {
            @if number > 0 { " or " }
            (kind)
        }
    }
}
