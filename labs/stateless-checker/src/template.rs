//! `${name}` in a text, filled with values of a user.

use serde_json::Value;
use std::collections::BTreeMap;

/// Values of a user so far.
pub(crate) type Values = BTreeMap<String, Value>;

/// The names in a text, in order.
pub(crate) fn placeholders(text: &str) -> Result<Vec<&str>, String> {
    let mut placeholders = Vec::new();
    for segment in segments(text) {
        if let Segment::Name(name) = segment? {
            placeholders.push(name);
        }
    }
    Ok(placeholders)
}

/// The text with its names filled. An unknown name stays as it is.
pub(crate) fn fill(text: &str, values: &Values) -> String {
    let filled = segments(text).map(|segment| match segment {
        Ok(Segment::Name(name)) => {
            values.get(name).map_or_else(|| format!("${{{name}}}"), as_text)
        }
        Ok(Segment::Text(text)) => text.to_owned(),
        Err(_) => String::new(),
    });
    filled.collect()
}

/// The same for JSON. A string that consists of one name becomes the value itself, so that a
/// number stays a number.
pub(crate) fn fill_json(value: &Value, values: &Values) -> Value {
    match value {
        Value::String(text) => {
            let alone = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
            let whole = alone.and_then(|name| values.get(name)).cloned();
            whole.unwrap_or_else(|| Value::String(fill(text, values)))
        }
        Value::Array(items) => items.iter().map(|item| fill_json(item, values)).collect(),
        Value::Object(fields) => {
            let filled = fields.iter();
            filled.map(|(name, field)| (name.clone(), fill_json(field, values))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// A value as text for a path, a header or a form.
pub(crate) fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

enum Segment<'a> {
    Text(&'a str),
    Name(&'a str),
}

fn segments(text: &str) -> impl Iterator<Item = Result<Segment<'_>, String>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(opened) = rest.strip_prefix("${") else {
            let end = rest.find("${").unwrap_or(rest.len());
            let (segment, after) = rest.split_at(end);
            rest = after;
            return Some(Ok(Segment::Text(segment)));
        };
        let Some((name, after)) = opened.split_once('}') else {
            rest = "";
            return Some(Err(format!("expected }} after ${{ in {text:?}")));
        };
        rest = after;
        Some(Ok(Segment::Name(name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn values() -> Values {
        [("id".to_owned(), json!(7)), ("name".to_owned(), json!("ann"))].into()
    }

    #[test]
    fn names_are_filled_wherever_they_stand() {
        assert_eq!(fill("/of/${name}/${id}?x=$1", &values()), "/of/ann/7?x=$1");
        assert_eq!(placeholders("/of/${name}/${id}"), Ok(vec!["name", "id"]));
    }

    #[test]
    fn a_name_alone_keeps_its_type() {
        let filled = fill_json(&json!({"n": "${id}", "t": ["no ${id}"]}), &values());
        assert_eq!(filled, json!({"n": 7, "t": ["no 7"]}));
    }

    #[test]
    fn a_name_that_never_ends_is_a_mistake() {
        assert!(placeholders("/of/${name").is_err());
    }
}
