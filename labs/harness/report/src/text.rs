//! Words of a report.

/// A number with its noun, in the singular or with a plural s.
#[must_use]
pub fn counted(count: usize, thing: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_counted_as_many() {
        assert_eq!(counted(1, "round"), "1 round");
        assert_eq!(counted(0, "round"), "0 rounds");
    }
}
