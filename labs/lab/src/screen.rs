//! Output of results, to a wide terminal, a narrow one, or a pipe.

use comfy_table::{Cell, Color, Table};
pub(crate) use outcome::output::{print, print_bytes, print_line, remark};
use report::table::{WIDE_COLUMNS, terminal_table};
use std::fmt::Display;
use std::io::IsTerminal;

/// Columns assumed where there is no terminal.
const PIPE_COLUMNS: usize = WIDE_COLUMNS;

/// The width of the terminal.
pub(crate) fn columns() -> usize {
    if !std::io::stdout().is_terminal() {
        return PIPE_COLUMNS;
    }
    usize::from(console::Term::stdout().size().1)
}

/// A table that wraps its cells to the width of the terminal.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>) -> Table {
    terminal_table(columns(), header, rows)
}

/// A cell in a colour, if the terminal has colours and `NO_COLOR` is not set.
pub(crate) fn coloured(text: impl Display, colour: Color) -> Cell {
    let cell = Cell::new(text);
    if console::colors_enabled() { cell.fg(colour) } else { cell }
}

/// Text with line breaks at spaces, each line indented.
pub(crate) fn wrapped(text: &str, indent: usize) -> String {
    wrapped_within(columns(), text, indent)
}

/// Text with line breaks at spaces in lines of a width, each line indented.
pub(crate) fn wrapped_within(width: usize, text: &str, indent: usize) -> String {
    let width = width.saturating_sub(indent).max(20);
    let margin = " ".repeat(indent);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.iter().map(|line| format!("{margin}{line}")).collect::<Vec<_>>().join("\n")
}
