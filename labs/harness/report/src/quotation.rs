//! Figures in the documentation come from a measurement run that is kept in
//! `docs/measurements`.
//!
//! A page links to the run that it quotes, `](measurements/NAME.md)`. A file beside the page
//! lists its figures as templates, one a line: the text of the page, with `{PLACE}` for each
//! figure. `| p50, ms | {central steady-load p50_ms} |` matches `| p50, ms | 2.61 |`. A
//! template must match exactly once, begin with text and end with text.

use std::ops::Range;

/// One line of the file beside a page.
#[derive(Debug)]
pub struct Template<'a> {
    /// The text around the figures: one piece more than there are places.
    text: Vec<&'a str>,
    /// The place of each figure in the run.
    pub places: Vec<&'a str>,
}

/// Every template of a file; lines that begin with `#` are comments.
#[must_use]
pub fn templates(file: &str) -> Vec<Template<'_>> {
    let lines = file.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(Template::parse).collect()
}

impl<'a> Template<'a> {
    fn parse(line: &'a str) -> Self {
        let mut pieces = line.split(['{', '}']);
        let mut template = Self { text: Vec::new(), places: Vec::new() };
        while let Some(text) = pieces.next() {
            template.text.push(text);
            template.places.extend(pieces.next());
        }
        template
    }

    /// The figures in the page, in order. `None` if the template does not match exactly once.
    #[must_use]
    pub fn figures<'p>(&self, page: &'p str) -> Option<Vec<&'p str>> {
        let ranges = self.find(page)?;
        Some(ranges.into_iter().map(|range| &page[range]).collect())
    }

    /// The page with new figures. A figure stays if `figure` has none for its place.
    #[must_use]
    pub fn rewrite(
        &self,
        page: &str,
        figure: impl Fn(&str) -> Option<String>,
    ) -> Option<String> {
        let mut page_text = page.to_owned();
        // From the last to the first, so that the ranges before stay valid.
        for (range, place) in self.find(page)?.into_iter().zip(&self.places).rev() {
            if let Some(text) = figure(place) {
                page_text.replace_range(range, &text);
            }
        }
        Some(page_text)
    }

    fn find(&self, page: &str) -> Option<Vec<Range<usize>>> {
        let starts = page.match_indices(self.text[0]).map(|(start, _)| start);
        let mut matches = starts.filter_map(|start| self.match_at(page, start));
        let found = matches.next()?;
        matches.next().is_none().then_some(found)
    }

    fn match_at(&self, page: &str, start: usize) -> Option<Vec<Range<usize>>> {
        let mut at = start + self.text[0].len();
        let mut ranges = Vec::new();
        for text in &self.text[1..] {
            let length =
                page[at..].find(|c: char| !c.is_ascii_digit() && !",.-".contains(c))?;
            let end = at + length;
            if length == 0 || !page[end..].starts_with(text) {
                return None;
            }
            ranges.push(at..end);
            at = end + text.len();
        }
        Some(ranges)
    }
}

/// The name of the run that a page quotes.
#[must_use]
pub fn run_of(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("](measurements/")?;
    rest.split(')').next()?.strip_suffix(".md")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# a comment\n| p50 | {a p50} | {b p50} |\ntakes ({a time} ms)\n";
    const PAGE: &str = "| p50 | 1.5 | 2,000 |\n| p95 | 3 | 4 |\nIt takes (7 ms).\n";

    #[test]
    fn a_template_finds_its_figures_and_their_places() {
        let templates = templates(FILE);
        assert_eq!(templates[0].places, ["a p50", "b p50"]);
        assert_eq!(templates[0].figures(PAGE), Some(vec!["1.5", "2,000"]));
        assert_eq!(templates[1].figures(PAGE), Some(vec!["7"]));
    }

    #[test]
    fn a_template_without_exactly_one_match_finds_nothing() {
        let twice = PAGE.repeat(2);
        assert_eq!(templates(FILE)[0].figures(&twice), None);
        assert_eq!(templates("| p99 | {a p99} |")[0].figures(PAGE), None);
        assert_eq!(templates("| p50 | {a p50} ms |")[0].figures(PAGE), None);
    }

    #[test]
    fn a_rewrite_replaces_figures_and_keeps_the_text_around_them() {
        let figure = |place: &str| (place != "a p50").then(|| place.len().to_string());
        let page = templates(FILE)[0].rewrite(PAGE, figure).expect("a match");
        assert_eq!(page, "| p50 | 1.5 | 5 |\n| p95 | 3 | 4 |\nIt takes (7 ms).\n");
    }

    #[test]
    fn a_page_names_the_run_that_it_quotes() {
        assert_eq!(run_of("[a run](measurements/comparison-1.md)"), Some("comparison-1"));
        assert_eq!(run_of("[another page](comparison.md)"), None);
    }
}
