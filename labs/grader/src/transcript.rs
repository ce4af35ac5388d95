//! What was done to the program and what it answered, in lines that a person can replay.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Lines beyond which a transcript keeps its beginning and its end only.
const LONGEST: usize = 60;

/// Characters of a reply that are shown.
const SHOWN: usize = 240;

/// Characters of any line. A command with a token in it has to fit, to be repeated.
const LINE: usize = 1000;

/// One check's story so far. Clones write into the same one.
#[derive(Clone, Debug, Default)]
pub struct Transcript(Arc<Mutex<Story>>);

#[derive(Debug, Default)]
struct Story {
    lines: Vec<String>,
    took: Vec<Duration>,
    quiet: bool,
}

impl Transcript {
    /// Adds a line. Whatever is in it, it is one line, and not a long one.
    pub fn say(&self, line: impl AsRef<str>) {
        let mut story = self.story();
        if !story.quiet {
            story.lines.push(one_line(line.as_ref()));
        }
    }

    /// From now on lines are left out; requests are still counted. For the hundredth of a
    /// hundred equal requests.
    pub fn quiet(&self, quiet: bool) {
        self.story().quiet = quiet;
    }

    /// Adds a request, as a command that repeats it, and its reply.
    pub(crate) fn exchange(&self, curl: &str, reply: &str) {
        self.say(format!("$ {curl}"));
        self.say(format!("  {}", shortened(reply)));
    }

    /// Counts a request that took so long.
    pub(crate) fn count(&self, took: Duration) {
        self.story().took.push(took);
    }

    /// The lines, with the middle left out when there are too many.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let story = self.story();
        let (lines, half) = (&story.lines, LONGEST / 2);
        if lines.len() <= LONGEST {
            return lines.clone();
        }
        let (head, tail) = (&lines[..half], &lines[lines.len() - half..]);
        let left_out = lines.len() - LONGEST;
        let gap = format!("… {left_out} lines left out …");
        head.iter().cloned().chain([gap]).chain(tail.iter().cloned()).collect()
    }

    /// How many requests were answered, and how long the slowest percent took at least.
    #[must_use]
    pub fn cost(&self) -> (usize, Duration) {
        let mut took = self.story().took.clone();
        took.sort_unstable();
        let rank = (took.len() * 99).div_ceil(100);
        let p99 = took.get(rank.saturating_sub(1)).copied();
        (took.len(), p99.unwrap_or_default())
    }

    fn story(&self) -> std::sync::MutexGuard<'_, Story> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The beginning of a reply, as one line.
#[must_use]
pub fn shortened(text: &str) -> String {
    cut(text, SHOWN)
}

/// One line that is not too long: a program must not be able to draw on the terminal of
/// whoever reads this, nor to write lines that look like ours.
pub(crate) fn one_line(text: &str) -> String {
    cut(text, LINE)
}

fn cut(text: &str, most: usize) -> String {
    let mut line: String = text.chars().map(plain).take(most).collect();
    if text.chars().nth(most).is_some() {
        line.push('…');
    }
    line
}

/// A blank instead of what a terminal obeys, what ends a line, and what turns the direction
/// of writing.
pub(crate) fn plain(c: char) -> char {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2066}'..='\u{2069}');
    let ends = matches!(c, '\u{2028}' | '\u{2029}');
    if c.is_control() || turns || ends { ' ' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_story_keeps_its_beginning_and_its_end() {
        let transcript = Transcript::default();
        (0..200).for_each(|n| transcript.say(format!("line {n}")));
        let lines = transcript.lines();
        assert_eq!((lines.len(), lines[0].as_str()), (LONGEST + 1, "line 0"));
        assert_eq!(lines[LONGEST], "line 199");
    }

    #[test]
    fn the_cost_of_nothing_is_nothing() {
        assert_eq!(Transcript::default().cost(), (0, Duration::ZERO));
    }

    #[test]
    fn a_reply_cannot_move_the_cursor() {
        assert_eq!(shortened("a\u{1b}[2Jb\nc"), "a [2Jb c");
        assert_eq!(shortened("a\u{9b}2Jb\u{2028}c\u{202e}d"), "a 2Jb c d");
    }

    #[test]
    fn a_line_is_one_line_whoever_says_it_and_has_an_end() {
        let transcript = Transcript::default();
        transcript.say("  the first id: a\u{1b}[2J\r\npass: 5 of 5 points");
        transcript.exchange(&"c".repeat(5000), "200 a\nb");
        let lines = transcript.lines();
        assert_eq!(lines[0], "  the first id: a [2J  pass: 5 of 5 points");
        assert_eq!(lines[1].chars().count(), LINE + 1, "and a sign that it was cut");
        assert_eq!(lines[2], "  200 a b");
        assert_eq!(lines.len(), 3);
    }
}
