//! What a check is: a name, and a function that is given an [`Exam`].

use crate::exam::Exam;
use crate::stop::Outcome;
use std::pin::Pin;

/// What a check's function returns.
pub type Running<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// One check. What it is worth and what it is called is in the exercise's manifest.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The name of its function, and its id in the manifest.
    pub id: &'static str,
    /// The function.
    pub run: for<'a> fn(&'a Exam) -> Running<'a>,
}

/// All checks of one exercise.
#[derive(Clone, Copy, Debug)]
pub struct Suite {
    /// The exercise's id.
    pub exercise: &'static str,
    /// Its checks; the manifest says in which order they run.
    pub checks: &'static [Check],
}

impl Suite {
    /// The check of this id.
    #[must_use]
    pub fn check(&self, id: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.id == id)
    }
}

/// Lists the check functions of an exercise:
/// `pub(crate) const SUITE: Suite = suite!("p1-01-…": first_check, second_check);`
#[macro_export]
macro_rules! suite {
    ($exercise:literal: $($check:ident),+ $(,)?) => {
        $crate::check::Suite {
            exercise: $exercise,
            checks: &[$($crate::check::Check {
                id: stringify!($check),
                run: |exam| Box::pin($check(exam)),
            }),+],
        }
    };
}
