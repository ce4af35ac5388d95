//! The progress of a comparison.

use crate::screen::remark;
use comparison::Plan;
use indicatif::{ProgressBar, ProgressStyle};
use std::cell::Cell;
use std::io::IsTerminal;
use std::time::Duration;

/// A bar in a terminal, plain lines in a pipe. On standard error: a pipe gets results only.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    steps: usize,
    done: Cell<usize>,
}

impl Progress {
    pub(super) fn of(plan: &Plan) -> Self {
        let steps = plan.steps();
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(steps as u64);
            if let Ok(style) = ProgressStyle::with_template(
                "{spinner} [{pos}/{len}] {bar:24} {msg} ({elapsed})",
            ) {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar, steps, done: Cell::new(0) }
    }

    pub(super) fn step(&self, what: &str) {
        self.done.set(self.done.get() + 1);
        match &self.bar {
            Some(bar) => {
                bar.set_position(self.done.get() as u64);
                bar.set_message(what.to_owned());
            }
            None => remark(format!("[{}/{}] {what}", self.done.get(), self.steps)),
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
