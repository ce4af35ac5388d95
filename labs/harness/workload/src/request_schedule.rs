//! The intended start of each request.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

/// The intended starts of one user, in order, since the start of the load.
#[derive(Clone, Debug)]
pub struct RequestSchedule {
    rng: ChaCha8Rng,
    mean: Duration,
    next: Duration,
}

impl RequestSchedule {
    /// One request every `mean`, ± 50 %, from a seed. Users of the same seed have different
    /// times.
    #[must_use]
    pub fn new(seed: u64, user: usize, mean: Duration) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(user as u64);
        let first = mean.mul_f64(rng.random_range(0.0..1.0));
        Self { rng, mean, next: first }
    }
}

impl Iterator for RequestSchedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let now = self.next;
        self.next += self.mean.mul_f64(self.rng.random_range(0.5..1.5));
        Some(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEAN: Duration = Duration::from_millis(100);

    fn times(seed: u64, user: usize) -> Vec<Duration> {
        RequestSchedule::new(seed, user, MEAN).take(1_000).collect()
    }

    #[test]
    fn seed_and_user_determine_the_times() {
        assert_eq!(times(7, 0), times(7, 0));
        assert_ne!(times(7, 0), times(7, 1));
        assert_ne!(times(7, 0), times(8, 0));
    }

    #[test]
    fn times_increase_and_keep_the_mean() {
        let times = times(1, 0);
        assert!(times.is_sorted());
        let span = times[999] - times[0];
        let mean = span / 999;
        assert!(mean.abs_diff(MEAN) < MEAN / 20, "{mean:?}");
    }
}
