//! The request of a step to one instance, and the parts of its reply.

use crate::description::Step;
use crate::instances::Instance;
use crate::template::{as_text, fill, fill_json};
use crate::user::User;
use bytes::Bytes;
use client::{PrintedBody, PrintedRequest, Reply};
use http::header::{CONTENT_TYPE, COOKIE};
use reqwest::Url;

/// The request of a step, for this user and this instance, with all placeholders filled.
pub(crate) fn request_of(step: &Step, user: &User, to: &Instance) -> PrintedRequest {
    let filled = |text: &String| fill(text, &user.values);
    let mut headers: Vec<(String, String)> = to.headers.clone().into_iter().collect();
    if let Some(cookies) = user.cookies() {
        headers.push((COOKIE.to_string(), cookies));
    }
    let declared =
        step.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"));
    if let (Some(kind), false) = (media_type(step), declared) {
        headers.push((CONTENT_TYPE.to_string(), kind.to_owned()));
    }
    let own = step.headers.iter().map(|(name, value)| (name.clone(), filled(value)));
    headers.extend(own);
    let url = to.url.trim_end_matches('/').to_owned() + &filled(&step.request.path);
    let method = step.request.method.clone();
    PrintedRequest { method, url, headers, body: body(step, user) }
}

fn body(step: &Step, user: &User) -> PrintedBody {
    if let Some(json) = &step.json {
        return PrintedBody::Text(fill_json(json, &user.values).to_string());
    }
    if let Some(form) = &step.form {
        let pairs = form.iter().map(|(name, value)| (name, fill(value, &user.values)));
        // The encoding of a URL's query is the same as that of a form.
        let mut url = Url::parse("http://localhost").expect("this is a URL");
        url.query_pairs_mut().extend_pairs(pairs);
        return PrintedBody::Text(url.query().unwrap_or_default().to_owned());
    }
    if let Some(file) = &step.file {
        let (field, name) = (file.field.clone(), fill(&file.name, &user.values));
        return PrintedBody::File {
            field,
            name,
            content: fill(&file.content, &user.values),
        };
    }
    match &step.text {
        Some(text) => PrintedBody::Text(fill(text, &user.values)),
        None => PrintedBody::Empty,
    }
}

fn media_type(step: &Step) -> Option<&'static str> {
    let kinds = [
        (step.json.is_some(), "application/json"),
        (step.form.is_some(), "application/x-www-form-urlencoded"),
        (step.text.is_some(), "text/plain; charset=utf-8"),
    ];
    kinds.into_iter().find_map(|(applies, kind)| applies.then_some(kind))
}

/// The reply, shortened for a line of a transcript.
pub(crate) fn summary(reply: &Reply<Bytes>) -> String {
    const MAX_SHOWN: usize = 160;
    let text = String::from_utf8_lossy(&reply.body);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = line.chars().take(MAX_SHOWN).collect();
    let more = if cut.len() < line.len() { "..." } else { "" };
    format!("{} {cut}{more}", reply.status.as_u16()).trim_end().to_owned()
}

/// The value at a JSON pointer of a reply.
pub(crate) fn json_at(reply: &Reply<Bytes>, pointer: &str) -> Option<serde_json::Value> {
    let body: serde_json::Value = serde_json::from_slice(&reply.body).ok()?;
    body.pointer(pointer).cloned()
}

/// A value for a reader: a text in quotes, other values as JSON.
pub(crate) fn display_value(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => format!("{text:?}"),
        other => as_text(other),
    }
}
