//! Mistakes that the format allows.

use super::{DescriptionError, Document, InstanceEntry, Source, Step, line_of};
use crate::template;
use crate::user::RANDOM_VALUES;
use reqwest::Url;
use serde_json::Value;
use std::collections::BTreeSet;
use toml::Spanned;

/// Every mistake, in no order.
pub(super) fn mistakes(text: &str, document: &Document) -> Vec<DescriptionError> {
    let mut collector = MistakeCollector { text, mistakes: Vec::new() };
    for instance in &document.instances {
        collector.check_instance(instance);
    }
    let mut known: BTreeSet<String> = RANDOM_VALUES.map(str::to_owned).into();
    known.extend(document.values.keys().cloned());
    let mut names = BTreeSet::new();
    for step in &document.steps {
        collector.check_step(step, &known);
        if !names.insert(&step.get_ref().name) {
            collector.add(step.span().start, "expected a name that no other step has");
        }
        known.extend(step.get_ref().capture.keys().cloned());
    }
    if document.steps.len() < 2 {
        let message = "expected two steps at least: one that leaves something with the \
                    service, and one that needs it";
        collector.add(0, message);
    }
    collector.mistakes
}

struct MistakeCollector<'a> {
    text: &'a str,
    mistakes: Vec<DescriptionError>,
}

impl MistakeCollector<'_> {
    fn add(&mut self, position: usize, message: impl Into<String>) {
        let line = line_of(self.text, position);
        self.mistakes.push(DescriptionError { line, message: message.into() });
    }

    fn check_instance(&mut self, instance: &Spanned<InstanceEntry>) {
        let (at, entry) = (instance.span().start, instance.get_ref());
        if let Err(message) = check_url(&entry.url) {
            self.add(self.position(at, &entry.url), message);
        } else if let Some(key) = command(entry)
            && !is_loopback(&entry.url)
        {
            let message = format!(
                "{key} is for instances on this machine only, such as \
                 http://127.0.0.1:5001, and not for {}",
                entry.url
            );
            self.add(self.position(at, key), message);
        }
        let (stop, start) = (entry.stop.is_some(), entry.start.is_some());
        if stop != start || (stop && entry.restart.is_some()) {
            let message = "expected stop and start, or restart and neither of them";
            self.add(self.position(at, command(entry).unwrap_or_default()), message);
        }
        if entry.ready.as_ref().is_some_and(|path| !path.starts_with('/')) {
            self.add(self.position(at, "ready"), "expected a path such as \"/health\"");
        }
    }

    fn check_step(&mut self, step: &Spanned<Step>, known: &BTreeSet<String>) {
        let (at, step) = (step.span().start, step.get_ref());
        let bodies = [
            step.json.is_some(),
            step.form.is_some(),
            step.text.is_some(),
            step.file.is_some(),
        ];
        if bodies.into_iter().filter(|there| *there).count() > 1 {
            self.add(at, "expected one body at most: json, form, text or file");
        }
        if step.settle_ms > 0 && !step.request.method.is_safe() {
            let message = "settle-ms sends the request again until the reply is right, so it \
                        is for GET and HEAD only";
            self.add(self.position(at, "settle-ms"), message);
        }
        for pointer in pointers(step) {
            if !pointer.is_empty() && !pointer.starts_with('/') {
                let message = format!(
                    "expected a JSON pointer, which begins with /, such as \
                     \"/{pointer}\", and not {pointer:?}"
                );
                self.add(self.position(at, pointer), message);
            }
        }
        for text in template_texts(step) {
            self.check_template(at, &text, known);
        }
    }

    fn check_template(&mut self, at: usize, text: &str, known: &BTreeSet<String>) {
        let names = match template::placeholders(text) {
            Ok(names) => names,
            Err(message) => return self.add(self.position(at, text), message),
        };
        for name in names.into_iter().filter(|name| !known.contains(*name)) {
            let all = known.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let message = format!(
                "${{{name}}} is not known here: no value has that name, and no earlier \
                 step captures it. There are: {all}"
            );
            self.add(self.position(at, &format!("${{{name}}}")), message);
        }
    }

    /// The position of a piece of a table. The reader of the file keeps only the position of the
    /// table, so the text is searched from there.
    fn position(&self, table: usize, piece: &str) -> usize {
        let rest = self.text.get(table..).unwrap_or_default();
        rest.find(piece).map_or(table, |offset| table + offset)
    }
}

/// The first of the commands that an instance has.
fn command(entry: &InstanceEntry) -> Option<&'static str> {
    let all = [
        ("stop", entry.stop.is_some()),
        ("start", entry.start.is_some()),
        ("restart", entry.restart.is_some()),
    ];
    all.into_iter().find_map(|(key, there)| there.then_some(key))
}

/// Checks a base URL; the error names the fault.
pub(crate) fn check_url(url: &str) -> Result<(), String> {
    let parsed = Url::parse(url).ok();
    let is_valid = parsed.is_some_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.host().is_some()
    });
    if is_valid {
        return Ok(());
    }
    Err(format!("expected a base URL such as \"http://127.0.0.1:5001\", not {url:?}"))
}

/// Whether a URL can only mean this machine.
pub(crate) fn is_loopback(url: &str) -> bool {
    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn pointers(step: &Step) -> impl Iterator<Item = &str> {
    let captured = step.capture.values().filter_map(|source| match source {
        Source::Json(pointer) => Some(pointer.as_str()),
        Source::Header(_) | Source::Cookie(_) => None,
    });
    let compared = step.equal.keys().chain(step.greater.keys()).map(String::as_str);
    captured.chain(compared)
}

/// Every text of a step in which names may stand.
pub(crate) fn template_texts(step: &Step) -> Vec<String> {
    let mut all: Vec<String> = vec![step.request.path.clone()];
    all.extend(step.headers.values().cloned());
    all.extend(step.form.iter().flat_map(|form| form.values().cloned()));
    all.extend(step.text.iter().cloned());
    all.extend(step.equal_text.iter().cloned());
    all.extend(
        step.file.iter().flat_map(|file| [file.name.clone(), file.content.clone()]),
    );
    let values = step.json.iter().chain(step.equal.values()).chain(step.greater.values());
    values.for_each(|value| strings(value, &mut all));
    all
}

fn strings(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, into)),
        Value::Object(fields) => fields.values().for_each(|field| strings(field, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
