//! Renders the OpenAPI document as one page: calls by tag, then the types.

use super::html::{escaped, prose};
use serde_json::{Map, Value};

/// The page's only style sheet.
pub(super) const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;\
    margin:2rem auto;padding:0 1rem;color:#1c1c1c;background:#fff}\
    h2{margin-top:3rem;border-bottom:2px solid #ccc}h3{margin-top:2rem}\
    code{font:.9em ui-monospace,monospace;background:#f2f2f2;padding:.1em .3em}\
    table{border-collapse:collapse;width:100%}\
    td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;border-top:1px solid #ddd}\
    a{color:#0b57a4}";

const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

/// The whole page.
pub(super) fn page(document: &Value) -> String {
    let title = escaped(text(&document["info"]["title"]));
    let about = prose(text(&document["info"]["description"]));
    let contents: String = members(&document["paths"]).map(contents_of).collect();
    let groups = document["tags"].as_array().into_iter().flatten();
    let groups: String = groups.map(|tag| group(document, tag)).collect();
    let schemes: String =
        members(&document["components"]["securitySchemes"]).map(scheme).collect();
    let types: String = members(&document["components"]["schemas"]).map(schema).collect();
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><h1>{title}</h1><p>{about}</p>\
         <ul>{contents}</ul><h2>Authentication</h2><table>{schemes}</table>{groups}\
         <h2>Types</h2>{types}</html>\n"
    )
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

fn contents_of(item: (&String, &Value)) -> String {
    let lines = operations(item).map(|(method, path, operation)| {
        let (method, path) = (method.to_uppercase(), escaped(path));
        let id = escaped(text(&operation["operationId"]));
        let summary = prose(text(&operation["summary"]));
        format!("<li><a href=\"#{id}\"><code>{method} {path}</code></a> {summary}")
    });
    lines.collect()
}

fn group(document: &Value, tag: &Value) -> String {
    let name = text(&tag["name"]);
    let tagged = |operation: &Value| {
        operation["tags"].as_array().is_some_and(|tags| tags.contains(&tag["name"]))
    };
    let calls = members(&document["paths"]).flat_map(operations);
    let calls = calls.filter(|(.., operation)| tagged(operation));
    let calls: String = calls.map(call).collect();
    let what = prose(text(&tag["description"]));
    format!("<h2>{}</h2><p>{what}</p>{calls}", escaped(name))
}

fn call((method, path, operation): (&str, &str, &Value)) -> String {
    let id = escaped(text(&operation["operationId"]));
    let (method, path) = (method.to_uppercase(), escaped(path));
    let summary = prose(text(&operation["summary"]));
    let more = prose(text(&operation["description"]));
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters: String = parameters.map(parameter).collect();
    let takes: String = members(&operation["requestBody"]["content"])
        .map(|sent| body("Takes", sent))
        .collect();
    let answers: String = members(&operation["responses"]).map(answer).collect();
    format!(
        "<h3 id=\"{id}\"><code>{method} {path}</code></h3><p><b>{summary}.</b> {more}</p>\
         {takes}<table>{parameters}{answers}</table>"
    )
}

fn parameter(parameter: &Value) -> String {
    let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
    let must = if parameter["required"] == true { "required" } else { "optional" };
    let what = prose(text(&parameter["description"]));
    format!("<tr><td><code>{}</code><td>{place}, {must}<td>{what}", escaped(name))
}

fn answer((status, answer): (&String, &Value)) -> String {
    let what = prose(text(&answer["description"]));
    let bodies: String = members(&answer["content"]).map(|sent| body("", sent)).collect();
    format!("<tr><td>{}<td>{bodies}<td>{what}", escaped(status))
}

fn body(label: &str, (media, content): (&String, &Value)) -> String {
    let media = escaped(media);
    match reference(&content["schema"]) {
        Some(name) => format!("<p>{label} <a href=\"#{name}\">{name}</a> as {media}</p>"),
        None => format!("<p>{label} {media}</p>"),
    }
}

/// The name of the type that a schema refers to.
fn reference(schema: &Value) -> Option<String> {
    let name = schema.get("$ref")?.as_str()?.rsplit('/').next()?;
    Some(escaped(name))
}

fn scheme((name, scheme): (&String, &Value)) -> String {
    let what = prose(text(&scheme["description"]));
    format!("<tr><td><code>{}</code><td>{what}", escaped(name))
}

fn schema((name, schema): (&String, &Value)) -> String {
    let (name, what) = (escaped(name), prose(text(&schema["description"])));
    let nothing = Vec::new();
    let variants = schema["oneOf"].as_array().unwrap_or(&nothing);
    let rows: String = [schema].into_iter().chain(variants).map(rows).collect();
    format!("<h3 id=\"{name}\">{name}</h3><p>{what}</p><table>{rows}</table>")
}

fn rows(schema: &Value) -> String {
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    let rows = properties.iter().map(|(name, property)| {
        let what = prose(text(&property["description"]));
        format!("<tr><td><code>{}</code><td>{}<td>{what}", escaped(name), kind(property))
    });
    let values = schema["enum"].as_array().into_iter().flatten();
    let values =
        values.map(|value| format!("<tr><td><code>{}</code>", escaped(text(value))));
    rows.chain(values).collect()
}

/// A short name of a property's type.
fn kind(property: &Value) -> String {
    if let Some(name) = reference(property) {
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    if let Some(items) = property.get("items") {
        return format!("list of {}", kind(items));
    }
    let one_of = property["oneOf"].as_array().into_iter().flatten();
    let one_of: Vec<_> = one_of.map(kind).collect();
    if !one_of.is_empty() {
        return one_of.join(" or ");
    }
    match &property["type"] {
        Value::Array(types) => {
            types.iter().map(text).map(escaped).collect::<Vec<_>>().join(" or ")
        }
        one => escaped(text(one)),
    }
}
