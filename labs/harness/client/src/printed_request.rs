//! A request that is sent and also printed as a curl command, so that a reader can repeat it.

use crate::call_result::{CallError, Reply};
use crate::exchange::exchange;
use bytes::Bytes;
use http::Method;
use reqwest::RequestBuilder;
use reqwest::multipart::{Form, Part};

/// A request with its whole content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrintedRequest {
    /// The method.
    pub method: Method,
    /// The whole URL.
    pub url: String,
    /// Names and values of headers, in the order of the command.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: PrintedBody,
}

/// The body of a printed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrintedBody {
    /// No body.
    Empty,
    /// A text.
    Text(String),
    /// A form with one file.
    File {
        /// The name of the part.
        field: String,
        /// The file name that the client sends.
        name: String,
        /// The content of the file.
        content: String,
    },
}

/// How a command is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurlStyle {
    /// For a transcript whose next line is the reply: `-sS`, and only what curl does not
    /// choose itself.
    Short,
    /// For a reader who repeats the command: `-i` shows the head of the reply, and every
    /// method but `GET` is named.
    Full,
}

impl PrintedRequest {
    /// Sends the request once and reads the whole reply, with any status.
    ///
    /// # Errors
    /// When the request is invalid, there is no complete reply, or its body has more than
    /// `max_body_bytes`.
    pub async fn send(
        &self,
        http: &reqwest::Client,
        max_body_bytes: usize,
    ) -> Result<Reply<Bytes>, CallError> {
        exchange(self.prepare(http), max_body_bytes).await
    }

    fn prepare(&self, http: &reqwest::Client) -> RequestBuilder {
        let mut request = http.request(self.method.clone(), &self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        match &self.body {
            PrintedBody::Empty => request,
            PrintedBody::Text(text) => request.body(text.clone()),
            PrintedBody::File { field, name, content } => {
                let part = Part::text(content.clone()).file_name(name.clone());
                request.multipart(Form::new().part(field.clone(), part))
            }
        }
    }

    /// The request as a command for a POSIX shell.
    #[must_use]
    pub fn curl(&self, style: CurlStyle) -> String {
        let (shown, data) = match style {
            CurlStyle::Short => ("-sS", "-d"),
            CurlStyle::Full => ("-i", "--data-binary"),
        };
        let mut words = vec!["curl".to_owned(), shown.to_owned()];
        words.extend(self.method_option(style));
        words.push(self.url.clone());
        for (name, value) in &self.headers {
            words.extend(["-H".to_owned(), format!("{name}: {value}")]);
        }
        let mut piped = String::new();
        match &self.body {
            PrintedBody::Empty => {}
            PrintedBody::Text(text) => words.extend([data.to_owned(), text.clone()]),
            PrintedBody::File { field, name, content } => {
                piped = format!("printf %s {} | ", quoted(content));
                words.extend(["-F".to_owned(), format!("{field}=@-;filename={name}")]);
            }
        }
        piped + &words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }

    /// The option that selects the method, unless curl selects it without one.
    fn method_option(&self, style: CurlStyle) -> Vec<String> {
        let has_body = self.body != PrintedBody::Empty;
        match self.method {
            Method::HEAD => vec!["--head".to_owned()],
            Method::GET if !has_body => Vec::new(),
            Method::POST if has_body && style == CurlStyle::Short => Vec::new(),
            ref method => vec!["-X".to_owned(), method.to_string()],
        }
    }
}

/// A word quoted for a POSIX shell. A word with a NUL cannot be quoted; the NUL is removed.
fn quoted(word: &str) -> String {
    let word = word.replace('\0', "");
    // A POSIX shell changes nothing between single quotes. shlex avoids them around a backslash,
    // because fish reads it; then JSON inside JSON would be hard to read.
    if word.contains('\\') && !word.contains('\'') {
        return format!("'{word}'");
    }
    shlex::try_quote(&word).map(String::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, body: PrintedBody) -> PrintedRequest {
        let url = "http://127.0.0.1:80/a?b=1&c=2".to_owned();
        PrintedRequest { method, url, headers: Vec::new(), body }
    }

    #[test]
    fn json_inside_json_stays_in_single_quotes() {
        let text = r#"{"form":"{\"name\":null}"}"#;
        let body = PrintedBody::Text(text.to_owned());
        let command = request(Method::PUT, body).curl(CurlStyle::Short);
        assert!(command.ends_with(&format!("'{text}'")), "{command}");
        let words = shlex::split(&command).expect("a command");
        assert_eq!(words.last().map(String::as_str), Some(text));
    }

    #[test]
    fn quote_in_a_body_survives_the_shell() {
        let body = PrintedBody::Text("it's; $HOME\n".to_owned());
        let command = request(Method::PUT, body).curl(CurlStyle::Short);
        let words = shlex::split(&command).expect("a command");
        assert_eq!(words.last().map(String::as_str), Some("it's; $HOME\n"));
    }

    #[test]
    fn address_with_a_query_survives_the_shell() {
        let command = request(Method::GET, PrintedBody::Empty).curl(CurlStyle::Short);
        assert_eq!(command, "curl -sS 'http://127.0.0.1:80/a?b=1&c=2'");
    }

    #[test]
    fn method_is_named_unless_curl_selects_it() {
        let post = request(Method::POST, PrintedBody::Text("x".to_owned()));
        assert!(!post.curl(CurlStyle::Short).contains("POST"));
        assert!(post.curl(CurlStyle::Full).contains("-X POST"));
        let head = request(Method::HEAD, PrintedBody::Empty);
        assert!(head.curl(CurlStyle::Full).starts_with("curl -i --head "));
    }
}
