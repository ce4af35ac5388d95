//! What a session takes in a place, and what it cannot take.

/// One place.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where.
    pub place: &'static str,
    /// How it was found out.
    pub how: &'static str,
    /// Bytes for each session; absent where nobody tells.
    pub bytes: Option<f64>,
}

/// A place, and the least and the most that a session can take there, in bytes.
type Bounds = (&'static str, f64, f64);

/// What nobody may be without: an id has 43 characters, a signature of Ed25519 has 86 and one
/// of RSA with 3072 bits 512; the rest is what can be explained, with room for allocators.
const MUST_BE: [Bounds; 7] = [
    ("memory of a replica, phase 1", 150.0, 2_000.0),
    ("memory of a replica, phase 2", 150.0, 2_000.0),
    ("Redis, key and value", 150.0, 1_000.0),
    ("request, session id", 59.0, 59.0),
    ("request, token of phase 1, HS256", 200.0, 600.0),
    ("request, token of phase 2, EdDSA", 300.0, 900.0),
    ("request, token of phase 2, RS256", 700.0, 1_400.0),
];

/// What not every Redis tells.
const MAY_BE: [Bounds; 2] =
    [("Redis, one key", 150.0, 2_000.0), ("Redis, one of many", 150.0, 2_000.0)];

impl Row {
    /// What was found out.
    #[must_use]
    pub const fn new(place: &'static str, how: &'static str, bytes: Option<f64>) -> Self {
        Self { place, how, bytes }
    }

    /// For people.
    #[must_use]
    pub fn cell(&self) -> String {
        self.bytes.map_or_else(|| "not told".to_owned(), |bytes| format!("{bytes:.0}"))
    }
}

/// What is wrong with a table: figures that are missing, or cannot be true.
#[must_use]
pub fn doubts(rows: &[Row]) -> Vec<String> {
    let found = |place| rows.iter().find(|row| row.place == place);
    let strange = |(place, least, most): &Bounds| {
        let bytes = found(*place)?.bytes?;
        let fits = (*least..=*most).contains(&bytes);
        (!fits).then(|| format!("{place}: {bytes:.0} bytes, not {least} to {most}"))
    };
    let missing =
        |(place, ..): &&Bounds| found(place).is_none_or(|row| row.bytes.is_none());
    let absent = MUST_BE.iter().filter(missing);
    let absent = absent.map(|(place, ..)| format!("{place}: no figure"));
    absent.chain(MUST_BE.iter().chain(&MAY_BE).filter_map(strange)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plausible() -> Vec<Row> {
        let row = |(place, least, _): &Bounds| Row::new(place, "made up", Some(*least));
        MUST_BE.iter().chain(&MAY_BE).map(row).collect()
    }

    fn doubts_with(place: &str, bytes: Option<f64>) -> Vec<String> {
        let mut rows = plausible();
        let row = rows.iter_mut().find(|row| row.place == place).unwrap();
        row.bytes = bytes;
        doubts(&rows)
    }

    #[test]
    fn a_figure_that_is_missing_or_cannot_be_true_is_a_doubt() {
        assert!(doubts(&plausible()).is_empty());
        for (place, least, most) in MUST_BE {
            for bytes in [None, Some(0.0), Some(least - 1.0), Some(most + 1.0)] {
                let found = doubts_with(place, bytes);
                assert_eq!(found.len(), 1, "{place} {bytes:?}: {found:?}");
            }
        }
        assert_eq!(doubts(&[]).len(), MUST_BE.len());
    }

    #[test]
    fn a_redis_may_keep_its_memory_to_itself_but_not_make_it_up() {
        for (place, least, most) in MAY_BE {
            assert!(doubts_with(place, None).is_empty());
            assert_eq!(doubts_with(place, Some(least - 1.0)).len(), 1);
            assert_eq!(doubts_with(place, Some(most + 1.0)).len(), 1);
        }
    }
}
