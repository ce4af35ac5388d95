//! The size of a session in a place, and the sizes that are impossible.

/// The size in one place.
#[derive(Clone, Debug)]
pub struct Row {
    /// The place.
    pub place: &'static str,
    /// The method of measurement.
    pub how: &'static str,
    /// Bytes per session; absent where the store does not report it.
    pub bytes: Option<f64>,
}

/// A place, and the smallest and the greatest size of a session there, in bytes.
type Bounds = (&'static str, f64, f64);

/// Places that every run must have. An id has 43 characters, an Ed25519 signature 86 and an RSA
/// signature of 3072 bits 512; the rest is room for allocators and headers.
const MUST_BE: [Bounds; 7] = [
    ("memory of a replica, phase 1", 150.0, 2_000.0),
    ("memory of a replica, phase 2", 150.0, 2_000.0),
    ("Redis, key and value", 150.0, 1_000.0),
    ("request, session id", 59.0, 59.0),
    ("request, token of phase 1, HS256", 200.0, 600.0),
    ("request, token of phase 2, EdDSA", 300.0, 900.0),
    ("request, token of phase 2, RS256", 700.0, 1_400.0),
];

/// Places that not every Redis reports.
const MAY_BE: [Bounds; 2] =
    [("Redis, one key", 150.0, 2_000.0), ("Redis, one of many", 150.0, 2_000.0)];

impl Row {
    /// The size of a session in `place`, found by the method `how`.
    #[must_use]
    pub const fn new(place: &'static str, how: &'static str, bytes: Option<f64>) -> Self {
        Self { place, how, bytes }
    }

    /// The number of bytes for a table.
    #[must_use]
    pub fn cell(&self) -> String {
        self.bytes
            .map_or_else(|| "not reported".to_owned(), |bytes| format!("{bytes:.0}"))
    }
}

/// The faults of a table: missing figures, and figures that cannot be true.
#[must_use]
pub fn faults(rows: &[Row]) -> Vec<String> {
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
        faults(&rows)
    }

    #[test]
    fn missing_or_impossible_figure_is_reported() {
        assert!(faults(&plausible()).is_empty());
        for (place, least, most) in MUST_BE {
            for bytes in [None, Some(0.0), Some(least - 1.0), Some(most + 1.0)] {
                let found = doubts_with(place, bytes);
                assert_eq!(found.len(), 1, "{place} {bytes:?}: {found:?}");
            }
        }
        assert_eq!(faults(&[]).len(), MUST_BE.len());
    }

    #[test]
    fn redis_may_omit_memory_but_not_report_impossible_memory() {
        for (place, least, most) in MAY_BE {
            assert!(doubts_with(place, None).is_empty());
            assert_eq!(doubts_with(place, Some(least - 1.0)).len(), 1);
            assert_eq!(doubts_with(place, Some(most + 1.0)).len(), 1);
        }
    }
}
