//! How results look, in a wide terminal, a narrow one, and a pipe.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{ContentArrangement, Table};

/// A table that wraps its cells to the terminal, and to 100 columns in a pipe.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header.to_vec());
    if !table.is_tty() {
        table.set_width(100);
    }
    for row in rows {
        table.add_row(row);
    }
    table
}
