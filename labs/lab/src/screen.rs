//! How results look, in a wide terminal, a narrow one, and a pipe.

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use std::fmt::Display;
use std::io::{IsTerminal, Write};

/// A line under the header, and nothing else to look at.
const PLAIN: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Columns assumed where there is no terminal.
const PIPE_COLUMNS: usize = 100;

/// Writes a line of results. Whoever closed the pipe has read enough: that is no reason
/// to panic, and the exit code still says what there is to say.
pub(crate) fn say(text: impl Display) {
    let _has_read_enough = writeln!(std::io::stdout(), "{text}");
}

/// The same on standard error, for what is not a result.
pub(crate) fn remark(text: impl Display) {
    let _has_read_enough = writeln!(std::io::stderr(), "{text}");
}

/// A number of things, in words that fit it. The plurals here all end with an s.
pub(crate) fn counted(count: usize, thing: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{s}")
}

/// How many columns there are to write in.
pub(crate) fn columns() -> usize {
    if !std::io::stdout().is_terminal() {
        return PIPE_COLUMNS;
    }
    usize::from(console::Term::stdout().size().1)
}

/// A table that wraps its cells to the room there is.
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
    let room = columns().saturating_sub(indent).max(20);
    let margin = " ".repeat(indent);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > room {
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
