//! Cargo's messages (`--message-format=json`). They decide whether a failed build is the
//! student's failure or a harness error: only an error of the compiler about the exercise's
//! package, at a place in a source, is the student's.

use crate::output::without_middle;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The beginning of a message of the compiler, as cargo prints it.
const COMPILER_MESSAGE: &[u8] = b"{\"reason\":\"compiler-message\"";

/// The messages of one run of cargo that matter here.
#[derive(Debug, Default)]
pub(super) struct CompilerMessages {
    /// Errors about the exercise's package.
    own: Vec<Diagnostic>,
    /// Errors about other packages.
    others: Vec<Diagnostic>,
    program: Option<PathBuf>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    message: Option<Diagnostic>,
    executable: Option<PathBuf>,
}

/// A diagnostic of the compiler, or a note of one.
#[derive(Debug, Deserialize, Serialize)]
struct Diagnostic {
    message: String,
    code: Option<Value>,
    level: String,
    spans: Vec<Span>,
    #[serde(default)]
    children: Vec<Self>,
    rendered: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Span {
    file_name: String,
    expansion: Option<Box<Expansion>>,
}

/// The macro call that produced the code of a span.
#[derive(Debug, Deserialize, Serialize)]
struct Expansion {
    span: Span,
}

impl Span {
    fn files<'a>(&'a self, files: &mut Vec<&'a str>) {
        files.push(&self.file_name);
        if let Some(expansion) = &self.expansion {
            expansion.span.files(files);
        }
    }
}

impl Diagnostic {
    fn is_error(&self) -> bool {
        self.level.starts_with("error")
    }

    /// Whether the source caused it. A missing linker or a full disk has no place in a
    /// source and no code.
    fn is_about_a_source(&self) -> bool {
        let broken = self.level.contains("internal compiler error");
        broken || !self.spans.is_empty() || self.code.is_some()
    }

    fn files<'a>(&'a self, files: &mut Vec<&'a str>) {
        self.spans.iter().for_each(|span| span.files(files));
        self.children.iter().for_each(|child| child.files(files));
    }

    /// Shortens its texts and keeps each file once. A diagnostic without a place of its own
    /// stays without one.
    fn shorten(&mut self) {
        let mut files = Vec::new();
        self.files(&mut files);
        let files: BTreeSet<_> = files.into_iter().map(str::to_owned).collect();
        let files = files.into_iter();
        let spans = files.map(|file_name| Span { file_name, expansion: None }).collect();
        self.children.truncate(1);
        if !self.spans.is_empty() {
            self.spans = spans;
            self.children.clear();
        } else if let Some(child) = self.children.first_mut() {
            child.spans = spans;
            child.message.clear();
            child.children.clear();
        }
        self.message = without_middle(&self.message);
        self.rendered = self.rendered.as_deref().map(without_middle);
    }
}

/// Shortens a line of cargo's output to what [`CompilerMessages`] needs; `None` if it needs
/// nothing of it. The compiler repeats a line of the source for each place on it, so a
/// message can be longer than all that is kept of the others.
pub(super) fn shortened(line: &[u8]) -> Option<String> {
    let parsed: Option<Message> = serde_json::from_slice(line).ok();
    let mut message = parsed.or_else(|| unreadable(line))?;
    message.message = message.message.filter(Diagnostic::is_error);
    if let Some(error) = &mut message.message {
        error.shorten();
    }
    if message.message.is_none() && message.executable.is_none() {
        return None;
    }
    serde_json::to_string(&message).ok()
}

/// A message that cannot be parsed, because it was cut or is nested too deep. Its beginning
/// has the package and the level. An error then counts as one in a source, because only a
/// source makes such a message.
fn unreadable(line: &[u8]) -> Option<Message> {
    if !line.starts_with(COMPILER_MESSAGE) {
        return None;
    }
    let text = String::from_utf8_lossy(line);
    // No text of a source can imitate a key: its quotation marks have a backslash.
    let value_of = |key: &str| {
        let (_, rest) = text.split_once(&format!("\"{key}\":\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let diagnostic = Diagnostic {
        message: "the compiler's message is too long to be shown".to_owned(),
        code: Some(Value::Bool(true)),
        level: value_of("level")?,
        spans: Vec::new(),
        children: Vec::new(),
        rendered: None,
    };
    Some(Message {
        reason: "compiler-message".to_owned(),
        package_id: value_of("package_id")?,
        message: Some(diagnostic),
        executable: None,
    })
}

impl CompilerMessages {
    /// Parses cargo's standard output, one message a line, as it is or [`shortened`]. Other
    /// lines are ignored.
    pub(super) fn parse(output: &str, id: &str) -> Self {
        let mut all = Self::default();
        let messages = output.lines().filter_map(|line| serde_json::from_str(line).ok());
        for Message { reason, package_id, message, executable } in messages {
            let is_own = is_package(&package_id, id);
            match message {
                _ if reason != "compiler-message" => {}
                Some(error) if error.is_error() && is_own => all.own.push(error),
                Some(error) if error.is_error() => all.others.push(error),
                _ => {}
            }
            if is_own && executable.is_some() {
                all.program = executable;
            }
        }
        // It counts the errors and says nothing about them.
        all.own.retain(|error| !error.message.starts_with("aborting due to"));
        all
    }

    /// Whether the compiler reported an error in the source of this exercise.
    pub(super) fn is_compile_error(&self) -> bool {
        self.own.iter().any(Diagnostic::is_about_a_source)
    }

    /// The errors about the exercise, as the compiler prints them.
    pub(super) fn own_errors(&self) -> String {
        rendered(&self.own).trim().to_owned()
    }

    /// All errors.
    pub(super) fn all_errors(&self) -> String {
        rendered(&self.others) + &rendered(&self.own)
    }

    /// The files that the errors about the exercise quote or name.
    pub(super) fn files(&self) -> Vec<&str> {
        let mut files = Vec::new();
        self.own.iter().for_each(|error| error.files(&mut files));
        files
    }

    /// The built program.
    pub(super) fn program(&self) -> Option<PathBuf> {
        self.program.clone()
    }
}

/// Whether a package id, such as `path+file:///folder/x-01#0.1.0`, is of this exercise.
fn is_package(package_id: &str, id: &str) -> bool {
    let folder = package_id.rsplit_once('#').map_or(package_id, |(folder, _)| folder);
    folder.rsplit('/').next() == Some(id)
}

fn rendered(errors: &[Diagnostic]) -> String {
    let text = |error: &Diagnostic| {
        error.rendered.clone().unwrap_or_else(|| format!("error: {}\n", error.message))
    };
    errors.iter().map(text).collect()
}

/// The signal of a compiler that crashed on the source of the exercise, such as after a stack
/// overflow, or that exceeded the size limit of a file. SIGKILL comes from outside, for example when memory is short.
pub(super) fn crash_signal(output: &str, id: &str) -> Option<&'static str> {
    let own = output.find(&format!("could not compile `{id}`"))?;
    let signals = ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGXFSZ"];
    signals.into_iter().find(|signal| output[own..].contains(signal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Output;
    use serde_json::json;
    use std::io::Cursor;

    const ID: &str = "x-01-double";

    fn error(package: &str, message: &str, file: Option<&str>) -> String {
        let spans: Vec<_> = file
            .iter()
            .map(|file| json!({ "file_name": file, "expansion": null }))
            .collect();
        let message = json!({
            "message": message, "code": null, "level": "error", "spans": spans,
            "children": [], "rendered": format!("error: {message}\n"),
        });
        let package_id = format!("path+file:///somewhere/{package}#0.1.0");
        let reason = "compiler-message";
        json!({ "reason": reason, "package_id": package_id, "message": message })
            .to_string()
    }

    /// An error, or another diagnostic, on a long line of the source.
    fn on_a_long_line(level: &str) -> String {
        let source = "x".repeat(900_000);
        let file = "x-01-double/src/answer.rs";
        let text = json!([{ "text": source, "highlight_start": 1 }]);
        let span = json!({ "file_name": file, "expansion": null, "text": text });
        let spans = vec![span; 6];
        let rendered = format!("error: mismatched types\n1 | {source}\n");
        let message = json!({
            "message": "mismatched types", "code": null, "level": level,
            "spans": spans, "children": [], "rendered": rendered,
        });
        let package_id = format!("path+file:///somewhere/{ID}#0.1.0");
        // The keys are in cargo's order, which matters in a message that was cut.
        let head = String::from_utf8_lossy(COMPILER_MESSAGE);
        format!("{head},\"package_id\":\"{package_id}\",\"message\":{message}}}\n")
    }

    fn is_compile_error(line: &str) -> bool {
        CompilerMessages::parse(line, ID).is_compile_error()
    }

    #[test]
    fn only_error_in_the_source_is_a_compile_error() {
        let own = "x-01-double/src/answer.rs";
        assert!(is_compile_error(&error(ID, "mismatched types", Some(own))));
        assert!(is_compile_error(&error(ID, "unknown token", Some("/etc/hostname"))));
        for harness in [
            error(ID, "linking with `cc` failed: exit status: 1", None),
            error(ID, "failed to write `x.d`: No space left on device", None),
            error(ID, "aborting due to 1 previous error", None),
            error("support", "mismatched types", Some("support/src/lib.rs")),
            "error: no JSON".to_owned(),
        ] {
            assert!(!is_compile_error(&harness), "{harness}");
        }
    }

    #[tokio::test]
    async fn error_on_a_long_line_is_a_compile_error() {
        let printed = on_a_long_line("warning").repeat(2) + &on_a_long_line("error");
        let output = Output::with_short_lines(64 << 10, shortened);
        output.follow(Cursor::new(printed.into_bytes())).await.unwrap();
        let messages = CompilerMessages::parse(&output.text(), ID);
        assert!(messages.is_compile_error(), "{}", output.text());
        assert_eq!(messages.files(), ["x-01-double/src/answer.rs"]);
        let shown = messages.own_errors();
        assert!(shown.starts_with("error: mismatched types\n1 | xxx"), "{shown}");
        assert!(shown.len() < 40_000);
    }

    #[test]
    fn error_that_was_cut_is_a_compile_error() {
        let cut = |level: &str| {
            let line = on_a_long_line(level);
            shortened(&line.as_bytes()[..line.len() - 1000])
        };
        let error = cut("error").unwrap();
        assert!(is_compile_error(&error), "{error}");
        assert!(!CompilerMessages::parse(&error, "x-02").is_compile_error());
        assert_eq!(cut("warning"), None);
        assert_eq!(shortened(b"\"level\":\"error\""), None);
    }

    #[test]
    fn shortened_message_keeps_files_and_the_program() {
        let place = |file: &str| json!({ "file_name": file, "expansion": null });
        let expansion = json!({ "span": place("b.rs") });
        let outer = json!({ "file_name": "a.rs", "expansion": expansion });
        let child = json!({
            "message": "note", "code": null, "level": "note", "spans": [place("c.rs")],
        });
        let package_id = format!("path+file:///somewhere/{ID}#0.1.0");
        for (spans, files) in [
            (json!([outer, place("a.rs")]), vec!["a.rs", "b.rs", "c.rs"]),
            (json!([]), vec!["c.rs"]),
        ] {
            let has_place = files.len() > 1;
            let message = json!({
                "message": "m", "code": null, "level": "error", "spans": spans,
                "children": [child], "rendered": null,
            });
            let reason = "compiler-message";
            let line =
                json!({ "reason": reason, "package_id": package_id, "message": message });
            let kept = shortened(line.to_string().as_bytes()).unwrap();
            let messages = CompilerMessages::parse(&kept, ID);
            assert_eq!(messages.files(), files, "{kept}");
            assert_eq!(messages.is_compile_error(), has_place, "{kept}");
        }
        let built = json!({
            "reason": "compiler-artifact", "package_id": package_id, "executable": "/x",
        });
        let kept = shortened(built.to_string().as_bytes()).unwrap();
        assert_eq!(CompilerMessages::parse(&kept, ID).program(), Some("/x".into()));
    }

    #[test]
    fn printed_errors_exclude_the_count_and_other_packages() {
        let lines = [
            error("support", "other", Some("support/src/lib.rs")),
            error(ID, "own", Some("x-01-double/src/answer.rs")),
            error(ID, "aborting due to 1 previous error", None),
        ];
        let messages = CompilerMessages::parse(&lines.join("\n"), ID);
        assert_eq!(messages.own_errors(), "error: own");
        assert_eq!(messages.all_errors(), "error: other\nerror: own\n");
        assert_eq!(messages.files(), ["x-01-double/src/answer.rs"]);
    }

    #[test]
    fn compiler_crash_is_the_failure_of_the_source() {
        let crash = |signal: &str| {
            format!(
                "error: could not compile `{ID}` (bin \"{ID}\")\n\nCaused by:\n  process \
                 didn't exit successfully: `rustc` (signal: {signal})"
            )
        };
        let overflow = crash("11, SIGSEGV: invalid memory reference");
        assert_eq!(crash_signal(&overflow, ID), Some("SIGSEGV"));
        assert_eq!(crash_signal(&crash("9, SIGKILL: kill"), ID), None);
        assert_eq!(crash_signal(&overflow, "x-02"), None);
    }
}
