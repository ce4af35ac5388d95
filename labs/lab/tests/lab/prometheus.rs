//! A parser of the Prometheus text format (version 0.0.4) that accepts only valid pages.

use std::collections::{BTreeMap, BTreeSet};

/// A metric with all its series.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) help: Option<String>,
    /// `counter`, `gauge`, `histogram` or `summary`.
    pub(crate) kind: String,
    samples: Vec<Sample>,
}

#[derive(Debug, PartialEq)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Family {
    /// Every label with each of its values, without the bounds of buckets.
    pub(crate) fn labels(&self) -> BTreeSet<(&str, &str)> {
        let all = self.samples.iter().flat_map(|sample| &sample.labels);
        let pairs = all.map(|(label, value)| (label.as_str(), value.as_str()));
        pairs.filter(|(label, _)| *label != "le").collect()
    }

    /// # Panics
    /// When the buckets are not cumulative, or do not end with the count.
    fn check_buckets(&self) {
        let mut buckets: BTreeMap<_, Vec<(f64, f64)>> = BTreeMap::new();
        let mut counts = BTreeMap::new();
        for Sample { name, labels, value } in &self.samples {
            let mut series = labels.clone();
            let bound = series.remove("le");
            match name.strip_prefix(&self.name) {
                Some("_bucket") => {
                    let bound = number(&bound.expect("a bucket has a bound"));
                    buckets.entry(series).or_default().push((bound, *value));
                }
                Some("_count") => drop(counts.insert(series, *value)),
                Some("_sum") => {}
                _ => panic!("{name} in a histogram"),
            }
        }
        assert_eq!(buckets.len(), counts.len(), "{}: a series is incomplete", self.name);
        for (series, buckets) in buckets {
            let rising =
                buckets.is_sorted_by(|(a, below), (b, upto)| a < b && below <= upto);
            let last = buckets.last().copied();
            let count = counts.get(&series).copied().expect("a count");
            assert!(rising, "{} {series:?}: {buckets:?}", self.name);
            assert_eq!(last, Some((f64::INFINITY, count)), "{} {series:?}", self.name);
        }
    }
}

/// Parses a page.
///
/// # Panics
/// When it is not valid.
pub(crate) fn parse(page: &str) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    let mut help: Option<(&str, &str)> = None;
    for line in page.lines().filter(|line| !line.is_empty()) {
        if let Some(text) = line.strip_prefix("# HELP ") {
            help = Some(text.split_once(' ').expect("a help text"));
        } else if let Some(text) = line.strip_prefix("# TYPE ") {
            let (name, kind) = text.split_once(' ').expect("a type");
            assert!(is_name(name), "{name:?} is no name");
            let twice = families.iter().any(|family| family.name == name);
            assert!(!twice, "{name} comes twice");
            let help = help.take().filter(|(of, _)| *of == name);
            families.push(Family {
                name: name.to_owned(),
                help: help.map(|(_, text)| text.to_owned()),
                kind: kind.to_owned(),
                samples: Vec::new(),
            });
        } else {
            let sample = sample(line);
            let family = families.last_mut().expect("a type before each sample");
            let suffix = sample.name.strip_prefix(&family.name);
            let fits = match family.kind.as_str() {
                "histogram" | "summary" => suffix.is_some(),
                _ => suffix == Some(""),
            };
            assert!(fits, "{} in the family {}", sample.name, family.name);
            let same = |other: &Sample| {
                (&other.name, &other.labels) == (&sample.name, &sample.labels)
            };
            assert!(!family.samples.iter().any(same), "{line} comes twice");
            family.samples.push(sample);
        }
    }
    for family in families.iter().filter(|family| family.kind == "histogram") {
        family.check_buckets();
    }
    families
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').expect("a value");
    let (name, labels) = match series.split_once('{') {
        Some((name, rest)) => (name, rest.strip_suffix('}').expect("a closing brace")),
        None => (series, ""),
    };
    assert!(is_name(name), "{name:?} is no name");
    Sample { name: name.to_owned(), labels: labels_of(labels), value: number(value) }
}

fn labels_of(mut text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    while !text.is_empty() {
        let (label, rest) = text.split_once("=\"").expect("a label with a value");
        let label = label.trim_start_matches(',');
        assert!(is_name(label), "{label:?} is no label");
        // Our values need no escapes.
        let (value, rest) = rest.split_once('"').expect("a closing quote");
        assert!(!value.contains('\\'), "{value:?} is escaped");
        let former = labels.insert(label.to_owned(), value.to_owned());
        assert_eq!(former, None, "{label} comes twice");
        text = rest;
    }
    labels
}

fn is_name(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let plain = |byte: u8| letter(byte) || byte.is_ascii_digit();
    text.bytes().next().is_some_and(letter) && text.bytes().all(plain)
}

fn number(text: &str) -> f64 {
    let number = match text {
        "+Inf" => Ok(f64::INFINITY),
        text => text.parse(),
    };
    number.unwrap_or_else(|_| panic!("{text:?} is no number"))
}

#[test]
fn invalid_pages_are_rejected() {
    let histogram = "# TYPE h histogram\n";
    let valid = format!(
        "# HELP a_total Help\n# TYPE a_total counter\na_total{{x=\"1\"}} 2\n\
         {histogram}h_bucket{{le=\"1\"}} 2\nh_bucket{{le=\"+Inf\"}} 3\nh_sum 4\nh_count 3\n"
    );
    let families = parse(&valid);
    assert_eq!(families.len(), 2);
    assert_eq!(families[0].help.as_deref(), Some("Help"));
    assert_eq!(families[0].labels(), BTreeSet::from([("x", "1")]));
    for invalid in [
        "a 1\n".to_owned(),
        "# TYPE a gauge\nb 1\n".to_owned(),
        "# TYPE a gauge\na one\n".to_owned(),
        "# TYPE a gauge\na{x=\"1\" 1\n".to_owned(),
        "# TYPE a gauge\na 1\na 2\n".to_owned(),
        "# TYPE a-b gauge\n".to_owned(),
        format!("{histogram}h_bucket{{le=\"+Inf\"}} 2\nh_sum 4\nh_count 3\n"),
        format!(
            "{histogram}h_bucket{{le=\"1\"}} 4\nh_bucket{{le=\"+Inf\"}} 3\nh_sum 4\nh_count 3\n"
        ),
    ] {
        assert!(std::panic::catch_unwind(|| parse(&invalid)).is_err(), "{invalid}");
    }
}
