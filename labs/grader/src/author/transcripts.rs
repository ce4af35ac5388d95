//! The golden transcript of a failure: without ports, times and ids, which differ from run to
//! run.

use crate::format::failure;
use crate::record::CheckRecord;
use crate::source_text::with_line_feeds;
use anyhow::{Context, ensure};
use std::fs;
use std::path::Path;

/// Length in bytes from which a word may be an id or a token.
const MIN_ID_LENGTH: usize = 16;

/// Lines of the longest step that may be repeated: a pause, a request and its reply.
const MAX_STEP_LINES: usize = 4;

pub(super) struct GoldenTranscript(String);

impl GoldenTranscript {
    /// The golden transcript of a failed check. The program's own output is left out,
    /// because a panic names threads. If the failure varies, as a race does, only the
    /// expectation and the help are kept.
    pub(super) fn of(check: &CheckRecord, varies: bool) -> Self {
        let mut check = check.clone();
        check.log.clear();
        if varies {
            check.transcript.clear();
            "(varies)".clone_into(&mut check.actual);
        }
        let text = without_repeats(&normal(&failure(&check)));
        Self(format!("✘ {}\n{text}", check.title))
    }

    pub(super) fn write(&self, file: &Path) -> anyhow::Result<()> {
        fs::write(file, &self.0)
            .with_context(|| format!("cannot write {}", file.display()))
    }

    pub(super) fn compare(&self, file: &Path) -> anyhow::Result<()> {
        let kept = fs::read_to_string(file)
            .context("no transcript.txt: write it with --record")?;
        let kept = with_line_feeds(&kept);
        ensure!(
            kept == self.0,
            "the transcript differs; --record replaces it\nkept:\n{kept}\nnow:\n{}",
            self.0
        );
        Ok(())
    }
}

/// Removes steps that repeat the steps before them: the number of repetitions may depend on
/// the duration.
fn without_repeats(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        lines.push(line);
        for step in 1..=MAX_STEP_LINES.min(lines.len() / 2) {
            let (before, last) = lines[lines.len() - 2 * step..].split_at(step);
            if before == last {
                lines.truncate(lines.len() - step);
                break;
            }
        }
    }
    lines.join("\n") + "\n"
}

/// Replaces ports, times, ids and tokens by placeholders.
pub(super) fn normal(text: &str) -> String {
    let part_of_word = |c: char| c.is_ascii_alphanumeric() || "_-.=+".contains(c);
    let (mut out, mut word) = (String::new(), String::new());
    for c in text.chars() {
        if part_of_word(c) {
            word.push(c);
            continue;
        }
        out.push_str(&normal_word(&word, &out));
        word.clear();
        out.push(c);
    }
    out.push_str(&normal_word(&word, &out));
    for unit in [" ms", " s"] {
        out = without_times(&out, unit);
    }
    out
}

fn normal_word(word: &str, before: &str) -> String {
    let core = word.trim_end_matches('.');
    let digits = core.chars().filter(char::is_ascii_digit).count();
    if before.ends_with("127.0.0.1:") && !core.is_empty() && digits == core.len() {
        return format!("<port>{}", &word[core.len()..]);
    }
    let upper = core.chars().any(|c| c.is_ascii_uppercase());
    let lower = core.chars().any(|c| c.is_ascii_lowercase());
    let flag = core.starts_with('-');
    let generated =
        core.len() >= MIN_ID_LENGTH && (digits >= 5 || (upper && lower && digits > 0));
    if generated && !flag {
        format!("<id>{}", &word[core.len()..])
    } else {
        word.to_owned()
    }
}

/// Replaces numbers before a unit of time.
fn without_times(text: &str, unit: &str) -> String {
    let mut parts = text.split(unit).peekable();
    let mut out = String::new();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            out.push_str(part);
            break;
        }
        let kept = part.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        out.push_str(kept);
        out.push_str(if kept.len() < part.len() { "<n>" } else { "" });
        out.push_str(unit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_times_and_ids_become_placeholders() {
        let text = "$ curl http://127.0.0.1:40123/api -H 'X-Session-ID: 0a1b2c3d4e5f60718293a4b5'\n\
                    … 1.4 s later; within 1200 ms. p1-01-life-of-a-session session-of-ada";
        let normal = normal(text);
        assert_eq!(
            normal,
            "$ curl http://127.0.0.1:<port>/api -H 'X-Session-ID: <id>'\n\
             … <n> s later; within <n> ms. p1-01-life-of-a-session session-of-ada"
        );
    }

    #[test]
    fn token_is_replaced_and_short_id_stays() {
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";
        assert_eq!(normal(token), "<id>");
        assert_eq!(normal("session-17"), "session-17");
    }
}
