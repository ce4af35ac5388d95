//! `${name}` in a text, filled with values of a user.

use serde_json::Value;
use std::collections::BTreeMap;

/// Values of a user so far.
pub(crate) type Known = BTreeMap<String, Value>;

/// The names in a text, in order.
pub(crate) fn names(text: &str) -> Result<Vec<&str>, String> {
    let mut names = Vec::new();
    for piece in pieces(text) {
        if let Piece::Name(name) = piece? {
            names.push(name);
        }
    }
    Ok(names)
}

/// The text with its names filled. An unknown name stays as it is.
pub(crate) fn fill(text: &str, known: &Known) -> String {
    let filled = pieces(text).map(|piece| match piece {
        Ok(Piece::Name(name)) => {
            known.get(name).map_or_else(|| format!("${{{name}}}"), as_text)
        }
        Ok(Piece::Text(text)) => text.to_owned(),
        Err(_) => String::new(),
    });
    filled.collect()
}

/// The same for JSON. A string that consists of one name becomes the value itself, so that a
/// number stays a number.
pub(crate) fn fill_json(value: &Value, known: &Known) -> Value {
    match value {
        Value::String(text) => {
            let alone = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
            let whole = alone.and_then(|name| known.get(name)).cloned();
            whole.unwrap_or_else(|| Value::String(fill(text, known)))
        }
        Value::Array(items) => items.iter().map(|item| fill_json(item, known)).collect(),
        Value::Object(fields) => {
            let filled = fields.iter();
            filled.map(|(name, field)| (name.clone(), fill_json(field, known))).collect()
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

enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

fn pieces(text: &str) -> impl Iterator<Item = Result<Piece<'_>, String>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(begun) = rest.strip_prefix("${") else {
            let end = rest.find("${").unwrap_or(rest.len());
            let (piece, after) = rest.split_at(end);
            rest = after;
            return Some(Ok(Piece::Text(piece)));
        };
        let Some((name, after)) = begun.split_once('}') else {
            rest = "";
            return Some(Err(format!("expected }} after ${{ in {text:?}")));
        };
        rest = after;
        Some(Ok(Piece::Name(name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn known() -> Known {
        [("id".to_owned(), json!(7)), ("name".to_owned(), json!("ann"))].into()
    }

    #[test]
    fn names_are_filled_wherever_they_stand() {
        assert_eq!(fill("/of/${name}/${id}?x=$1", &known()), "/of/ann/7?x=$1");
        assert_eq!(names("/of/${name}/${id}"), Ok(vec!["name", "id"]));
    }

    #[test]
    fn a_name_alone_keeps_its_type() {
        let filled = fill_json(&json!({"n": "${id}", "t": ["no ${id}"]}), &known());
        assert_eq!(filled, json!({"n": 7, "t": ["no 7"]}));
    }

    #[test]
    fn a_name_that_never_ends_is_a_mistake() {
        assert!(names("/of/${name").is_err());
    }
}
