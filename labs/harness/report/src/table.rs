//! Tables, the same in a terminal, in Markdown and on a page.

use comfy_table::{Cell, ContentArrangement, LineStyle, TableStyle};
use maud::{Markup, html};

/// A line under the header and no borders.
const PLAIN: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Below this many columns of a terminal, the columns of a table are closer.
pub const WIDE_COLUMNS: usize = 100;

/// A header, and rows with as many cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Names of the columns; the first is empty if rows have names.
    pub header: Vec<String>,
    /// Cells.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table of these columns.
    #[must_use]
    pub fn new(header: &[&str], rows: Vec<Vec<String>>) -> Self {
        Self { header: header.iter().map(|name| (*name).to_owned()).collect(), rows }
    }

    /// As Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells = cells.iter().map(|cell| cell.replace('|', "\\|"));
            format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
        };
        let rule = vec!["---".to_owned(); self.header.len()];
        let rows = self.rows.iter().map(|row| line(row));
        [line(&self.header), line(&rule)].into_iter().chain(rows).collect()
    }

    /// As HTML. The first cell of a row is its name.
    #[must_use]
    pub fn html(&self) -> Markup {
        html! {
            div class="wide" {
                table {
                    thead { tr { @for name in &self.header { th scope="col" { (name) } } } }
                    tbody {
                        @for row in &self.rows {
                            tr { @for (at, cell) in row.iter().enumerate() { (html_cell(at, cell)) } }
                        }
                    }
                }
            }
        }
    }

    /// For a terminal: cells are wrapped to the width.
    #[must_use]
    pub fn terminal(&self, width: usize) -> comfy_table::Table {
        terminal_table(width, &self.header, self.rows.clone())
    }
}

/// Reasons are set smaller than figures.
fn html_cell(at: usize, cell: &str) -> Markup {
    html! {
        @match (at, cell.strip_prefix("none: ")) {
            (0, _) => th scope="row" { (cell) },
            (_, Some(reason)) => td class="none" { "none" small { (reason) } },
            _ if cell.starts_with(char::is_numeric) => td class="figure" { (cell) },
            _ => td { (cell) },
        }
    }
}

/// A table for a terminal, of cells that may have colours. Cells are wrapped to the width.
#[must_use]
pub fn terminal_table(
    width: usize,
    header: &[impl AsRef<str>],
    rows: Vec<Vec<impl Into<Cell>>>,
) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table
        .load_style(PLAIN)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX))
        .set_header(header.iter().map(AsRef::as_ref));
    for row in rows {
        table.add_row(row);
    }
    if width < WIDE_COLUMNS {
        table.column_iter_mut().for_each(|column| {
            column.set_padding((0, 1));
        });
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let row = ["<a|b>", "12", "none: too few"].map(str::to_owned).to_vec();
        Table::new(&["", "ms", "p99"], vec![row])
    }

    #[test]
    fn markdown_escapes_the_separator_of_cells() {
        let text =
            "|  | ms | p99 |\n| --- | --- | --- |\n| <a\\|b> | 12 | none: too few |\n";
        assert_eq!(table().markdown(), text);
    }

    #[test]
    fn html_escapes_cells_and_sets_reasons_apart() {
        let html = table().html().into_string();
        assert!(html.contains("<th scope=\"row\">&lt;a|b&gt;</th>"), "{html}");
        assert!(html.contains("<td class=\"figure\">12</td>"), "{html}");
        assert!(html.contains("<td class=\"none\">none<small>too few</small></td>"));
    }

    #[test]
    fn terminal_table_fits_its_width() {
        let row = ["word ".repeat(40), "12".to_owned(), String::new()].to_vec();
        let table = Table::new(&["", "ms", "p99"], vec![row]);
        let text = table.terminal(60).to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
    }
}
