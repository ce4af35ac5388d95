//! One request of a step, sent to one instance, and the equivalent curl command.

use crate::description::Step;
use crate::instances::Instance;
use crate::template::{as_text, fill, fill_json};
use crate::user::User;
use anyhow::{Context, bail};
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, COOKIE};
use http::{HeaderMap, Method, StatusCode};
use reqwest::Url;
use reqwest::multipart::{Form, Part};
use std::time::Duration;

/// The timeout of one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest reply in bytes.
const MAX_REPLY_BYTES: usize = 8 * 1024 * 1024;

/// A complete reply.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A client without retries, redirects or proxies. It opens a new connection for each request,
/// because a balancer chooses a replica for each connection.
pub(crate) fn client() -> reqwest::Client {
    http_edge::crypto::install_provider();
    reqwest::Client::builder()
        .timeout(REQUEST_TIMEOUT)
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .build()
        .expect("nothing in these options can fail")
}

/// A request with all placeholders filled.
pub(crate) struct PreparedRequest {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Body,
}

enum Body {
    Empty,
    Text(String),
    File { field: String, name: String, content: String },
}

impl PreparedRequest {
    /// The request of a step, for this user and this instance.
    pub(crate) fn new(step: &Step, user: &User, to: &Instance) -> Self {
        let filled = |text: &String| fill(text, &user.values);
        let mut headers: Vec<(String, String)> = to.headers.clone().into_iter().collect();
        if let Some(cookies) = user.cookies() {
            headers.push((COOKIE.to_string(), cookies));
        }
        let body = body(step, user);
        let declared =
            step.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"));
        if let (Some(kind), false) = (media_type(step), declared) {
            headers.push((CONTENT_TYPE.to_string(), kind.to_owned()));
        }
        let own = step.headers.iter().map(|(name, value)| (name.clone(), filled(value)));
        headers.extend(own);
        let url = to.url.trim_end_matches('/').to_owned() + &filled(&step.request.path);
        Self { method: step.request.method.clone(), url, headers, body }
    }

    /// The same request as a curl command.
    pub(crate) fn curl(&self) -> String {
        let mut words = vec!["curl".to_owned(), "-i".to_owned()];
        match self.method {
            Method::HEAD => words.push("--head".to_owned()),
            Method::GET if matches!(self.body, Body::Empty) => {}
            ref method => words.extend(["-X".to_owned(), method.to_string()]),
        }
        words.push(self.url.clone());
        for (name, value) in &self.headers {
            words.extend(["-H".to_owned(), format!("{name}: {value}")]);
        }
        let mut piped = String::new();
        match &self.body {
            Body::Empty => {}
            Body::Text(text) => words.extend(["--data-binary".to_owned(), text.clone()]),
            Body::File { field, name, content } => {
                piped = format!("printf %s {} | ", shell_quoted(content));
                words.extend(["-F".to_owned(), format!("{field}=@-;filename={name}")]);
            }
        }
        piped + &words.iter().map(|word| shell_quoted(word)).collect::<Vec<_>>().join(" ")
    }

    /// Sends it and reads the whole reply, with any status.
    pub(crate) async fn send(&self, client: &reqwest::Client) -> anyhow::Result<Reply> {
        let url = Url::parse(&self.url).context("this is no URL")?;
        let mut request = client.request(self.method.clone(), url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request = match &self.body {
            Body::Empty => request,
            Body::Text(text) => request.body(text.clone()),
            Body::File { field, name, content } => {
                let part = Part::text(content.clone()).file_name(name.clone());
                request.multipart(Form::new().part(field.clone(), part))
            }
        };
        let mut response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_REPLY_BYTES {
                bail!("the reply has more than {MAX_REPLY_BYTES} bytes");
            }
        }
        Ok(Reply { status, headers, body: body.freeze() })
    }
}

fn body(step: &Step, user: &User) -> Body {
    if let Some(json) = &step.json {
        return Body::Text(fill_json(json, &user.values).to_string());
    }
    if let Some(form) = &step.form {
        let pairs = form.iter().map(|(name, value)| (name, fill(value, &user.values)));
        // The encoding of a URL's query is the same as that of a form.
        let mut url = Url::parse("http://localhost").expect("this is a URL");
        url.query_pairs_mut().extend_pairs(pairs);
        return Body::Text(url.query().unwrap_or_default().to_owned());
    }
    if let Some(file) = &step.file {
        let (field, name) = (file.field.clone(), fill(&file.name, &user.values));
        return Body::File { field, name, content: fill(&file.content, &user.values) };
    }
    match &step.text {
        Some(text) => Body::Text(fill(text, &user.values)),
        None => Body::Empty,
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

/// A word quoted for a shell. A word with a NUL cannot be quoted; the NUL is removed.
fn shell_quoted(word: &str) -> String {
    let word = word.replace('\0', "");
    shlex::try_quote(&word).map(String::from).unwrap_or_default()
}

/// The reply, shortened for a line of a transcript.
pub(crate) fn summary(reply: &Reply) -> String {
    const MAX_SHOWN: usize = 160;
    let text = String::from_utf8_lossy(&reply.body);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = line.chars().take(MAX_SHOWN).collect();
    let more = if cut.len() < line.len() { "..." } else { "" };
    format!("{} {cut}{more}", reply.status.as_u16()).trim_end().to_owned()
}

/// The value at a JSON pointer of a reply.
pub(crate) fn json_at(reply: &Reply, pointer: &str) -> Option<serde_json::Value> {
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
