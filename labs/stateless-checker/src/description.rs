//! The file that describes the steps of a user.
//!
//! `docs/check-stateless.md` explains the format. A mistake is reported with its line and the
//! expected value; `validate` finds mistakes that the format allows.

pub(crate) mod validate;

use http::Method;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use toml::Spanned;

/// A service: its replicas, and the steps of one user.
#[derive(Clone, Debug)]
pub struct Description {
    /// Name of the service in the report.
    pub service: String,
    /// Values that steps may use, such as an account.
    pub values: BTreeMap<String, Value>,
    /// The replicas, unless the command line names them.
    pub instances: Vec<InstanceEntry>,
    /// The steps of a user, in order.
    pub steps: Vec<Step>,
}

/// One replica.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceEntry {
    /// Name in the report; `a`, `b`, ... by default.
    pub name: Option<String>,
    /// Base URL that reaches this replica and no other.
    pub url: String,
    /// Headers that make a balancer send a request to this replica.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Shell command that ends the process. On loopback only, and not without `start`.
    pub stop: Option<String>,
    /// Shell command that starts it again, and returns.
    pub start: Option<String>,
    /// Shell command that does both, if there is no command for each. Then the moment at which
    /// the process is down is unknown.
    pub restart: Option<String>,
    /// Path that answers 2xx once the replica is ready again; any reply to `/` if absent.
    pub ready: Option<String>,
}

/// One request, its expected reply, and the values that later steps need.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// Name of the step in the report.
    pub name: String,
    /// Such as `POST /login`.
    pub request: RequestLine,
    /// More headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Body: a JSON value.
    pub json: Option<Value>,
    /// Body: fields of an HTML form.
    pub form: Option<BTreeMap<String, String>>,
    /// Body: text as it is.
    pub text: Option<String>,
    /// Body: a multipart form with one file.
    pub file: Option<FilePart>,
    /// Correct statuses; any 2xx by default.
    #[serde(default)]
    pub status: ExpectedStatus,
    /// JSON pointers into the reply, and the expected values.
    #[serde(default)]
    pub equal: BTreeMap<String, Value>,
    /// The expected text of the whole reply.
    pub equal_text: Option<String>,
    /// JSON pointers into the reply, and numbers that the value must exceed.
    #[serde(default)]
    pub greater: BTreeMap<String, Value>,
    /// Values of the reply that later steps need.
    #[serde(default)]
    pub capture: BTreeMap<String, Source>,
    /// Milliseconds within which a wrong reply may become right.
    #[serde(default)]
    pub settle_ms: u64,
    /// Whether the service only accepts the work and does it later. By default true for a step
    /// with 202 as its only status.
    pub finishes_later: Option<bool>,
}

impl Step {
    /// The time within which a wrong reply may become right.
    #[must_use]
    pub const fn settle(&self) -> Duration {
        Duration::from_millis(self.settle_ms)
    }

    /// Whether the work goes on after the reply.
    #[must_use]
    pub fn finishes_later(&self) -> bool {
        self.finishes_later.unwrap_or(self.status == ExpectedStatus::One(202))
    }
}

/// A method and a path.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct RequestLine {
    /// Such as `POST`.
    pub method: Method,
    /// Starts with `/`, and may contain `${names}`.
    pub path: String,
}

impl TryFrom<String> for RequestLine {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let error = || format!("expected a request such as \"GET /cart\", not {text:?}");
        let (method, path) = text.split_once(' ').ok_or_else(error)?;
        let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
        if !known.contains(&method) || !path.starts_with('/') {
            return Err(error());
        }
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| error())?;
        Ok(Self { method, path: path.to_owned() })
    }
}

/// A file to upload.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilePart {
    /// The name of the form's field.
    pub field: String,
    /// The name of the file.
    pub name: String,
    /// Its content.
    pub content: String,
}

/// The correct statuses.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(untagged, expecting = "expected a status such as 200, or a list of them")]
pub enum ExpectedStatus {
    /// Any from 200 to 299.
    #[default]
    Success,
    /// This one.
    One(u16),
    /// Any of these.
    Any(Vec<u16>),
}

/// The place of a value in a reply.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// At a JSON pointer.
    Json(String),
    /// In a header.
    Header(String),
    /// In a cookie that the reply sets.
    Cookie(String),
}

/// A mistake in a description, with its line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct DescriptionError {
    /// From 1.
    pub line: usize,
    /// The expected value, and the actual one.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    service: Option<String>,
    #[serde(default)]
    values: BTreeMap<String, Value>,
    #[serde(default, rename = "instance")]
    instances: Vec<Spanned<InstanceEntry>>,
    #[serde(rename = "step")]
    steps: Vec<Spanned<Step>>,
}

impl Description {
    /// Reads a description from its text.
    ///
    /// # Errors
    /// Every mistake, in the order of lines.
    pub fn parse(text: &str) -> Result<Self, Vec<DescriptionError>> {
        Self::parse_with(text, &[])
    }

    /// Reads a description with additional values, which replace those of the text. Use it for
    /// values that do not belong in a file, such as a password.
    ///
    /// # Errors
    /// Every mistake, in the order of lines.
    pub fn parse_with(
        text: &str,
        values: &[(String, String)],
    ) -> Result<Self, Vec<DescriptionError>> {
        let mut document: Document = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            vec![DescriptionError { line, message: error.message().to_owned() }]
        })?;
        let values =
            values.iter().map(|(name, value)| (name.clone(), value.clone().into()));
        document.values.extend(values);
        let mut mistakes = validate::mistakes(text, &document);
        if !mistakes.is_empty() {
            mistakes.sort_by_key(|mistake| mistake.line);
            return Err(mistakes);
        }
        Ok(Self {
            service: document.service.unwrap_or_else(|| "the service".to_owned()),
            values: document.values,
            instances: document.instances.into_iter().map(Spanned::into_inner).collect(),
            steps: document.steps.into_iter().map(Spanned::into_inner).collect(),
        })
    }

    /// Reads a description from a file, with more values.
    ///
    /// # Errors
    /// When it cannot be read, or is not a description: a line for each mistake.
    pub fn read(file: &Path, values: &[(String, String)]) -> anyhow::Result<Self> {
        let name = file.display();
        let text = std::fs::read_to_string(file)
            .map_err(|error| anyhow::anyhow!("cannot read {name}: {error}"))?;
        Self::parse_with(&text, values).map_err(|mistakes| {
            let lines = mistakes.iter().map(|mistake| format!("{name}, {mistake}"));
            anyhow::anyhow!("{}", lines.collect::<Vec<_>>().join("\n"))
        })
    }
}

/// The line of a position in bytes, from 1.
fn line_of(text: &str, position: usize) -> usize {
    let before = text.get(..position).unwrap_or(text);
    before.matches('\n').count() + 1
}
