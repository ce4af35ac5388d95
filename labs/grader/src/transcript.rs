//! The transcript of a check: requests, replies and faults, in lines that can be repeated
//! by hand.

use report::statistics::percentile;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Maximum number of lines. A longer transcript keeps its beginning and its end.
const MAX_LINES: usize = 60;

/// Maximum number of characters of a reply.
const MAX_REPLY_CHARS: usize = 240;

/// Maximum number of characters of a line. A command with a token must fit, so that it
/// can be repeated.
const MAX_LINE_CHARS: usize = 1000;

/// Characters that are no control characters, and that an XML document cannot contain, not
/// even escaped.
pub(crate) const NOT_IN_XML: [char; 2] = ['\u{fffe}', '\u{ffff}'];

/// The transcript of one run. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Transcript(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    lines: Vec<String>,
    latencies: Vec<Duration>,
    quiet: bool,
}

impl Transcript {
    /// Adds a line. Control characters are removed and a long line is cut.
    pub fn note(&self, line: impl AsRef<str>) {
        let mut content = self.content();
        if !content.quiet {
            content.lines.push(one_line(line.as_ref()));
        }
    }

    /// Turns lines off or on; requests are still counted. For one of many equal requests.
    pub fn quiet(&self, quiet: bool) {
        self.content().quiet = quiet;
    }

    /// Adds a request as a `curl` command, and its reply.
    pub(crate) fn exchange(&self, curl: &str, reply: &str) {
        self.note(format!("$ {curl}"));
        self.note(format!("  {}", shortened(reply)));
    }

    /// Counts a request with its duration.
    pub(crate) fn count(&self, latencies: Duration) {
        self.content().latencies.push(latencies);
    }

    /// The lines, without the middle if there are too many.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let content = self.content();
        let (lines, half) = (&content.lines, MAX_LINES / 2);
        if lines.len() <= MAX_LINES {
            return lines.clone();
        }
        let (head, tail) = (&lines[..half], &lines[lines.len() - half..]);
        let left_out = lines.len() - MAX_LINES;
        let gap = format!("… {left_out} lines left out …");
        head.iter().cloned().chain([gap]).chain(tail.iter().cloned()).collect()
    }

    /// Number of requests and the 99th percentile of their durations.
    #[must_use]
    pub fn cost(&self) -> (usize, Duration) {
        let latencies = &self.content().latencies;
        let p99 = percentile(latencies.iter().copied(), 99);
        (latencies.len(), p99.unwrap_or_default())
    }

    fn content(&self) -> std::sync::MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The beginning of a reply, as one line.
#[must_use]
pub fn shortened(text: &str) -> String {
    cut(text, MAX_REPLY_CHARS)
}

/// One line of limited length. A program must not be able to control the reader's
/// terminal or to imitate the lab's lines.
pub(crate) fn one_line(text: &str) -> String {
    cut(text, MAX_LINE_CHARS)
}

fn cut(text: &str, most: usize) -> String {
    let mut line: String = text.chars().map(plain).take(most).collect();
    if text.chars().nth(most).is_some() {
        line.push('…');
    }
    line
}

/// Replaces control characters, line separators, bidirectional overrides and characters
/// that XML excludes by a blank.
pub(crate) fn plain(c: char) -> char {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2066}'..='\u{2069}');
    let ends = matches!(c, '\u{2028}' | '\u{2029}');
    let excluded = NOT_IN_XML.contains(&c);
    if c.is_control() || turns || ends || excluded { ' ' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_transcript_keeps_its_beginning_and_end() {
        let transcript = Transcript::default();
        (0..200).for_each(|n| transcript.note(format!("line {n}")));
        let lines = transcript.lines();
        assert_eq!((lines.len(), lines[0].as_str()), (MAX_LINES + 1, "line 0"));
        assert_eq!(lines[MAX_LINES], "line 199");
    }

    #[test]
    fn empty_transcript_has_no_cost() {
        assert_eq!(Transcript::default().cost(), (0, Duration::ZERO));
    }

    #[test]
    fn a_reply_cannot_move_the_cursor() {
        assert_eq!(shortened("a\u{1b}[2Jb\nc"), "a [2Jb c");
        assert_eq!(shortened("a\u{9b}2Jb\u{2028}c\u{202e}d"), "a 2Jb c d");
    }

    #[test]
    fn characters_that_xml_excludes_are_replaced() {
        assert_eq!(shortened("a\u{fffe}b\u{ffff}c\u{fffd}"), "a b c\u{fffd}");
    }

    #[test]
    fn transcript_lines_are_single_and_limited() {
        let transcript = Transcript::default();
        transcript.note("  the first id: a\u{1b}[2J\r\npass: 5 of 5 points");
        transcript.exchange(&"c".repeat(5000), "200 a\nb");
        let lines = transcript.lines();
        assert_eq!(lines[0], "  the first id: a [2J  pass: 5 of 5 points");
        assert_eq!(
            lines[1].chars().count(),
            MAX_LINE_CHARS + 1,
            "and a sign that it was cut"
        );
        assert_eq!(lines[2], "  200 a b");
        assert_eq!(lines.len(), 3);
    }
}
