//! A check: an id and a function that gets a [`CheckContext`].

use crate::check_error::CheckResult;
use crate::context::CheckContext;
use std::pin::Pin;

/// The future that a check's function returns.
pub type Running<'a> = Pin<Box<dyn Future<Output = CheckResult> + Send + 'a>>;

/// One check. Its points and its title are in the exercise's manifest.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its id in the manifest, which is the name of its function.
    pub id: &'static str,
    /// The function.
    pub run: for<'a> fn(&'a CheckContext) -> Running<'a>,
}

/// The checks of one exercise.
#[derive(Clone, Copy, Debug)]
pub struct Suite {
    /// The exercise's id.
    pub exercise: &'static str,
    /// Its checks. The manifest defines their order.
    pub checks: &'static [Check],
}

impl Suite {
    /// The check with this id.
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
                run: |ctx| Box::pin($check(ctx)),
            }),+],
        }
    };
}
