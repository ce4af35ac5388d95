//! Measurements that a sceptic can run again, one file a question. See `benches/`.
//!
//! Here is only what needs no server: whether a run is to measure or to show that it still
//! works, and which sizes of a session cannot be true.

pub mod sizes;

/// Whether this run is to measure. `cargo bench` says so with `--bench`; `cargo test` does
/// not, and then each measurement is made once, with little to do.
#[must_use]
pub fn measures() -> bool {
    asks_for_figures(std::env::args())
}

/// What a measurement needs, or the little that shows that it works.
#[must_use]
pub fn at_full_size<T>(full: T, little: T) -> T {
    if measures() { full } else { little }
}

/// `cargo bench … -- --test` is a run without figures, too: criterion has it so.
fn asks_for_figures(args: impl Iterator<Item = String>) -> bool {
    let (mut bench, mut test) = (false, false);
    for arg in args {
        bench |= arg == "--bench";
        test |= arg == "--test";
    }
    bench && !test
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(args: &[&str]) -> bool {
        asks_for_figures(args.iter().map(ToString::to_string))
    }

    #[test]
    fn figures_are_made_by_cargo_bench_and_not_by_cargo_test() {
        assert!(asked(&["program", "--bench"]));
        assert!(asked(&["program", "a filter", "--bench"]));
        assert!(!asked(&["program"]));
        assert!(!asked(&["program", "--test"]));
        assert!(!asked(&["program", "--test", "--bench"]));
    }
}
