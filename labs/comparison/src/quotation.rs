//! Figures in the documentation are those of a run that is kept with it.
//!
//! A page links to the run that it quotes, `](measurements/NAME.md)`. Each figure is followed
//! by a comment that names its place in it: `12.3<!-- central steady-load p50_ms -->`.

/// A figure as it is quoted, and its place in the run.
#[derive(Debug, PartialEq, Eq)]
pub struct Quoted<'a> {
    /// As the page says it.
    pub text: &'a str,
    /// Words that lead to it in the run.
    pub place: &'a str,
}

/// Every `TEXT<!-- PLACE -->` of a page.
#[must_use]
pub fn quoted(page: &str) -> Vec<Quoted<'_>> {
    let mut found = Vec::new();
    for (at, opening) in page.match_indices("<!--") {
        let before = page[..at].rsplit(|c: char| c.is_whitespace() || c == '(').next();
        let place = page[at + opening.len()..].split("-->").next().unwrap_or_default();
        found.push(Quoted { text: before.unwrap_or_default(), place: place.trim() });
    }
    found
}

/// The page with each figure as `figure` gives it for its place; where it gives none, the
/// text stays.
#[must_use]
pub fn quoted_anew(page: &str, figure: impl Fn(&str) -> Option<String>) -> String {
    let mut written = String::new();
    let mut rest = page;
    for one in quoted(page) {
        let as_it_is = format!("{}<!--", one.text);
        let Some((before, after)) = rest.split_once(&as_it_is) else {
            continue;
        };
        let text = figure(one.place).unwrap_or_else(|| one.text.to_owned());
        written += &format!("{before}{text}<!--");
        rest = after;
    }
    written + rest
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

    #[test]
    fn a_quotation_is_found_with_its_place_in_the_run() {
        let page = "takes (1.5<!-- token steady-load p50_ms --> ms)";
        let place = "token steady-load p50_ms";
        assert_eq!(quoted(page), [Quoted { text: "1.5", place }]);
    }

    #[test]
    fn a_page_is_quoted_anew_and_keeps_what_stands_around_its_figures() {
        let page = "5 of 5<!-- a b --> | (5<!-- c d --> ms), 5<!-- e -->.";
        let figure = |place: &str| (place != "e").then(|| place.len().to_string());
        let anew = quoted_anew(page, figure);
        assert_eq!(anew, "5 of 3<!-- a b --> | (3<!-- c d --> ms), 5<!-- e -->.");
    }

    #[test]
    fn a_page_names_the_run_that_it_quotes() {
        assert_eq!(run_of("[a run](measurements/comparison-1.md)"), Some("comparison-1"));
        assert_eq!(run_of("[another page](comparison.md)"), None);
    }
}
