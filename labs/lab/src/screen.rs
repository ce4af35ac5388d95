//! Output of results, to a wide terminal, a narrow one, or a pipe.

use comfy_table::{Cell, Color, ContentArrangement, LineStyle, Table, TableStyle};
pub(crate) use outcome::output::{print, print_bytes, print_line, remark};
use std::fmt::Display;
use std::io::IsTerminal;

/// A line under the header and no borders.
const PLAIN: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Columns assumed where there is no terminal.
const PIPE_COLUMNS: usize = 100;

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
    table_within(columns(), header, rows)
}

/// A table that wraps its cells to a width. In a narrow one the columns are closer.
pub(crate) fn table_within(
    width: usize,
    header: &[&str],
    rows: Vec<Vec<impl Into<Cell>>>,
) -> Table {
    let mut table = Table::new();
    table
        .load_style(PLAIN)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX))
        .set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    if width < PIPE_COLUMNS {
        table.column_iter_mut().for_each(|column| {
            column.set_padding((0, 1));
        });
    }
    table
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
