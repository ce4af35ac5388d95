//! The progress of the demo: a spinner in a terminal, plain lines in a pipe.

use crate::screen::remark;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// One step of the demo. On standard error, so that a pipe gets results only.
#[derive(Debug)]
pub(crate) struct ProgressStep {
    bar: Option<ProgressBar>,
    title: String,
}

impl ProgressStep {
    pub(crate) fn start(number: usize, of: usize, title: &str) -> Self {
        let title = format!("[{number}/{of}] {title}");
        if !std::io::stderr().is_terminal() {
            remark(&title);
            return Self { bar: None, title };
        }
        let bar = ProgressBar::new_spinner().with_message(title.clone());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar: Some(bar), title }
    }

    /// Shows progress within the step.
    pub(crate) fn update(&self, note: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{}: {note}", self.title));
        }
    }

    /// Ends the step with a line of its result.
    pub(crate) fn finish(self, note: &str) {
        match self.bar {
            Some(bar) => {
                bar.finish_and_clear();
                remark(format!("{}: {note}", self.title));
            }
            None => remark(format!("      {note}")),
        }
    }
}
