//! Output of results, to a wide terminal, a narrow one, or a pipe.

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use std::fmt::Display;
use std::io::{IsTerminal, Write};

/// A line under the header and no borders.
const PLAIN: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Columns assumed where there is no terminal.
const PIPE_COLUMNS: usize = 100;

/// Writes a line of results. A closed pipe is not an error: its reader has read enough, and
/// the exit code still reports the outcome.
pub(crate) fn print_line(text: impl Display) {
    let _closed_pipe = writeln!(std::io::stdout(), "{text}");
}

/// Writes a line that is not a result, to standard error.
pub(crate) fn remark(text: impl Display) {
    let _closed_pipe = writeln!(std::io::stderr(), "{text}");
}

/// A number with its noun, in the singular or with a plural s.
pub(crate) fn counted(count: usize, thing: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{s}")
}

/// The width of the terminal.
pub(crate) fn columns() -> usize {
    if !std::io::stdout().is_terminal() {
        return PIPE_COLUMNS;
    }
    usize::from(console::Term::stdout().size().1)
}

/// A table that wraps its cells to the width of the terminal.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table
        .load_style(PLAIN)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(columns()).unwrap_or(u16::MAX))
        .set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    table
}

/// Text with line breaks at spaces, each line indented.
pub(crate) fn wrapped(text: &str, indent: usize) -> String {
    let width = columns().saturating_sub(indent).max(20);
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
