//! What was done to the program and what it answered, in lines that a person can replay.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Lines beyond which a transcript keeps its beginning and its end only.
const LONGEST: usize = 60;

/// Characters of a reply that are shown.
const SHOWN: usize = 240;

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
    /// Adds a line.
    pub fn say(&self, line: impl Into<String>) {
        let mut story = self.story();
        if !story.quiet {
            story.lines.push(line.into());
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

/// One line of at most `SHOWN` characters: a program must not be able to draw on the
/// terminal of whoever reads this.
#[must_use]
pub fn shortened(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut line: String = text.chars().map(plain).take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() {
        line.push('…');
    }
    line
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
    }
}
