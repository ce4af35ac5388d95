//! Compares a reply with a step's expectation, and captures values.

use crate::description::{ExpectedStatus, Source, Step};
use crate::exchange::{display_value, json_at};
use crate::template::{Values, as_text, fill, fill_json};
use bytes::Bytes;
use client::{Reply, set_cookies};
use serde_json::Value;

/// The difference from the expected reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// No reply, or one that means "not now" (429, 502, 503, 504), which says nothing about state.
    NoAnswer(String),
    /// Another status.
    Status { expected: String, actual: u16 },
    /// The right status, and another number.
    Number { expected: String, actual: String },
    /// The right status, and another value.
    Value { expected: String, actual: String },
}

impl Mismatch {
    /// The expected and the actual value, for a reader.
    pub(crate) fn expected_and_actual(&self) -> (String, String) {
        match self {
            Self::NoAnswer(why) => ("an answer".to_owned(), why.clone()),
            Self::Status { expected, actual } => (expected.clone(), actual.to_string()),
            Self::Number { expected, actual } | Self::Value { expected, actual } => {
                (expected.clone(), actual.clone())
            }
        }
    }

    /// Whether two failures are of the same kind; the expected values differ for each user.
    pub(crate) fn resembles(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Status { actual: one, .. }, Self::Status { actual: other, .. }) => {
                one == other
            }
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

/// The captured values if the reply is right.
pub(crate) fn compare(
    step: &Step,
    values: &Values,
    reply: &Reply<Bytes>,
) -> Result<Vec<(String, Value)>, Mismatch> {
    check_status(step, reply)?;
    for (pointer, expected) in &step.equal {
        let expected = fill_json(expected, values);
        let actual = json_at(reply, pointer);
        if !actual.as_ref().is_some_and(|actual| is_equal(&expected, actual)) {
            return Err(value_mismatch(pointer, "", &expected, actual.as_ref()));
        }
    }
    for (pointer, bound) in &step.greater {
        let bound = fill_json(bound, values);
        let actual = json_at(reply, pointer);
        let number = |value: &Value| as_text(value).parse::<f64>().ok();
        let exceeds = match (actual.as_ref().and_then(number), number(&bound)) {
            (Some(actual), Some(bound)) => actual > bound,
            _ => false,
        };
        if !exceeds {
            return Err(value_mismatch(pointer, "more than ", &bound, actual.as_ref()));
        }
    }
    if let Some(expected) = &step.equal_text {
        let expected = fill(expected, values);
        if reply.body != expected.as_bytes() {
            let actual = String::from_utf8_lossy(&reply.body).chars().take(160).collect();
            let [expected, actual] = [expected, actual].map(Value::String);
            return Err(value_mismatch("the text", "", &expected, Some(&actual)));
        }
    }
    let capture = |(name, source)| {
        captured_value(reply, source).map(|value| (String::clone(name), value))
    };
    step.capture.iter().map(capture).collect()
}

/// The correct statuses, for a reader.
pub(crate) fn expected_status(statuses: &ExpectedStatus) -> String {
    let all = match statuses {
        ExpectedStatus::Success => return "status 2xx".to_owned(),
        ExpectedStatus::One(one) => &vec![*one],
        ExpectedStatus::Any(all) => all,
    };
    let all: Vec<_> = all.iter().map(u16::to_string).collect();
    format!("status {}", all.join(" or "))
}

fn check_status(step: &Step, reply: &Reply<Bytes>) -> Result<(), Mismatch> {
    let (actual, expected) = (reply.status.as_u16(), expected_status(&step.status));
    let is_expected = match &step.status {
        ExpectedStatus::Success => reply.status.is_success(),
        ExpectedStatus::One(one) => *one == actual,
        ExpectedStatus::Any(all) => all.contains(&actual),
    };
    match (is_expected, actual) {
        (true, _) => Ok(()),
        (false, 429 | 502 | 503 | 504) => {
            Err(Mismatch::NoAnswer(format!("status {actual}, which means \"not now\"")))
        }
        (false, _) => Err(Mismatch::Status { expected, actual }),
    }
}

fn captured_value(reply: &Reply<Bytes>, source: &Source) -> Result<Value, Mismatch> {
    let (found, place) = match source {
        Source::Json(pointer) => {
            (json_at(reply, pointer), format!("a value at {pointer}"))
        }
        Source::Header(name) => {
            let value = reply.header(name.as_str());
            (value.map(|text| Value::String(text.to_owned())), format!("a header {name}"))
        }
        Source::Cookie(name) => {
            let cookie = set_cookies(&reply.headers).find(|cookie| cookie.name == name);
            let value = cookie.map(|cookie| Value::String(cookie.value.to_owned()));
            (value, format!("a cookie {name}"))
        }
    };
    let nothing =
        || Mismatch::Value { expected: place, actual: "nothing there".to_owned() };
    found.filter(|value| !value.is_null()).ok_or_else(nothing)
}

fn value_mismatch(
    place: &str,
    how: &str,
    expected: &Value,
    actual: Option<&Value>,
) -> Mismatch {
    let numbers = expected.is_number() && actual.is_some_and(Value::is_number);
    let expected = format!("{place} to be {how}{}", display_value(expected));
    let actual = actual.map_or_else(|| "nothing there".to_owned(), display_value);
    match numbers {
        true => Mismatch::Number { expected, actual },
        false => Mismatch::Value { expected, actual },
    }
}

/// A number and its text are equal, because a value from a header is a text.
fn is_equal(one: &Value, other: &Value) -> bool {
    let scalar = |value: &Value| !value.is_array() && !value.is_object();
    one == other || (scalar(one) && scalar(other) && as_text(one) == as_text(other))
}
