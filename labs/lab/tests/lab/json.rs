//! `docs/json.md` and the schemas in `docs/schemas` describe every JSON document of ours.

use crate::markdown::{page, top};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;

/// Parses a document and validates it against its schema.
#[track_caller]
pub(crate) fn valid(text: &str) -> Value {
    let document = serde_json::from_str(text).expect("JSON");
    json_schemas::assert_valid(&document);
    document
}

/// The names of all schemas.
fn names() -> BTreeSet<String> {
    let files = fs::read_dir(json_schemas::folder()).expect("the folder").flatten();
    let names = files.filter_map(|file| {
        let name = file.file_name().into_string().ok()?;
        Some(name.strip_suffix(".schema.json")?.to_owned())
    });
    names.collect()
}

fn schema(name: &str) -> Value {
    json_schemas::schema(name).unwrap_or_else(|error| panic!("{error}"))
}

/// The tables of a schema: one for the document and one for each object in it.
fn tables(name: &str) -> String {
    let schema = schema(name);
    let version = &schema["properties"]["version"]["const"];
    let title = schema["title"].as_str().expect("a title");
    let mut text = format!(
        "{title}. Schema: [`{name}`](schemas/{name}.schema.json), version {version}.\n"
    );
    table(&mut text, &schema);
    let none = Map::new();
    let objects = schema["$defs"].as_object().unwrap_or(&none);
    for (name, object) in objects {
        let _ = write!(text, "\n**{name}**: {}.\n", description(object));
        for variant in variants(object) {
            if variant != object {
                let _ = write!(text, "\n{}:\n", description(variant));
            }
            table(&mut text, variant);
        }
    }
    text
}

fn variants(object: &Value) -> Vec<&Value> {
    match object["oneOf"].as_array() {
        Some(variants) => variants.iter().collect(),
        None => vec![object],
    }
}

fn table(text: &mut String, object: &Value) {
    let _ = write!(text, "\n| member | type | meaning |\n|---|---|---|\n");
    for (name, member) in object["properties"].as_object().expect("members") {
        let (kind, meaning) = (kind(member), description(member));
        let required = object["required"].as_array().is_some_and(|required| {
            required.iter().any(|required| required == name.as_str())
        });
        let optional = if required { "" } else { ", optional" };
        let _ = writeln!(text, "| `{name}` | {kind}{optional} | {meaning} |");
    }
}

fn description(value: &Value) -> &str {
    value["description"].as_str().expect("every member has a description")
}

/// The type of a member, as a table shows it.
fn kind(member: &Value) -> String {
    if let Some(reference) = member["$ref"].as_str() {
        return reference.trim_start_matches("#/$defs/").to_owned();
    }
    if let Some(constant) = member.get("const") {
        return format!("`{constant}`");
    }
    if let Some(values) = member["enum"].as_array() {
        let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        return values.join(", ");
    }
    if let Some(variants) = member["oneOf"].as_array() {
        return variants.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    match &member["type"] {
        Value::Array(types) => {
            let types: Vec<_> = types.iter().filter_map(Value::as_str).collect();
            types.join(" or ")
        }
        Value::String(name) if name == "array" => {
            format!("list of {}", kind(&member["items"]))
        }
        Value::String(name)
            if name == "object" && member["additionalProperties"].is_object() =>
        {
            format!("object of {}", kind(&member["additionalProperties"]))
        }
        Value::String(name) => name.clone(),
        other => panic!("no type: {other}"),
    }
}

/// The section of a schema in `docs/json.md`.
fn section(text: &str, name: &str) -> String {
    let (_, rest) = text
        .split_once(&format!("\n## {name}\n"))
        .unwrap_or_else(|| panic!("docs/json.md has no section {name}"));
    rest.split("\n## ").next().unwrap_or_default().to_owned()
}

#[test]
fn every_schema_is_documented_with_its_tables() {
    let text = page("docs/json.md").text;
    for name in names() {
        let expected = tables(&name);
        assert!(
            section(&text, &name).contains(&expected),
            "docs/json.md, section {name}, differs from the schema: run \
             cargo test -p lab --test lab -- --ignored tables_of_the_json_page_are_written"
        );
    }
}

#[test]
fn every_example_on_the_json_page_is_valid() {
    let mut documented = BTreeSet::new();
    for block in page("docs/json.md").blocks() {
        if let Some(name) = block.info.strip_prefix("json ") {
            let example = valid(&block.text);
            assert_eq!(example["schema"], name);
            documented.insert(name.to_owned());
        }
    }
    assert_eq!(documented, names(), "a schema has no example");
}

#[test]
fn invalid_document_is_rejected_by_its_schema() {
    let mut document = valid(r#"{"schema":"lab-list","version":1,"exercises":[]}"#);
    document["surprise"] = true.into();
    let differences = json_schemas::validate(&document).expect_err("an extra member");
    assert!(differences.contains("surprise"), "{differences}");
}

#[test]
#[ignore = "writes docs/json.md after a change of a schema"]
fn tables_of_the_json_page_are_written() {
    let mut text = page("docs/json.md").text;
    for name in names() {
        let old = section(&text, &name);
        let rest = old.find("\nExample").map_or("", |at| &old[at..]);
        let head = old.trim_start().split("\n\n").next().unwrap_or_default();
        let new = format!("\n{head}\n\n{}{rest}", tables(&name));
        text = text.replace(&old, &new);
    }
    fs::write(top().join("docs/json.md"), text).expect("the page is writable");
}
