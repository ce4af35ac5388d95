//! Checks about a design that do not depend on the scenario.

use super::Check;
use crate::other_service::OtherServiceResult;
use crate::session_memory::SessionMemory;
use api_contract::design::Design;
use outcome::Outcome;

/// Tolerated deviation of the session count of a replica, of 1,000: some sessions end
/// meanwhile.
const SESSION_TOLERANCE: f64 = 10.0;

/// The checks about a design.
#[must_use]
pub fn of_design(
    design: Design,
    other_service: &OtherServiceResult,
    session_memory: &SessionMemory,
) -> Vec<Check> {
    let mut checks = vec![check_other_service(design, other_service)];
    if design == Design::Token {
        let forged = other_service.accepts_a_forgery == Some(true);
        checks.push(check(
            design,
            ("another service refuses a forged credential", "refused"),
            if forged { "accepted" } else { "refused" }.to_owned(),
            !forged,
        ));
    }
    checks.push(check_sessions(design, session_memory));
    checks
}

fn check(
    design: Design,
    (title, expected): (&str, &str),
    measured: String,
    holds: bool,
) -> Check {
    Check {
        design,
        scenario: None,
        title: title.to_owned(),
        expected: expected.to_owned(),
        measured,
        outcome: if holds { Outcome::Pass } else { Outcome::Fail },
        inconclusive_reasons: Vec::new(),
    }
}

fn check_other_service(design: Design, other_service: &OtherServiceResult) -> Check {
    let measured = if other_service.accepts { "yes" } else { "no" }.to_owned();
    match design {
        Design::Token => {
            let title = ("another service accepts the credential", "yes");
            check(design, title, measured, other_service.accepts)
        }
        _ => {
            let title = ("another service cannot accept the credential", "no");
            check(design, title, measured, !other_service.accepts)
        }
    }
}

fn check_sessions(design: Design, session_memory: &SessionMemory) -> Check {
    let found = session_memory.sessions;
    let (title, holds) = match design {
        Design::Memory | Design::Sticky => (
            (
                "of 1,000 logins a replica stores its own, and no others",
                "more than 0, fewer than 1,000",
            ),
            found.is_some_and(|(fewest, most)| {
                fewest > 0.0 && most < 1_000.0 - SESSION_TOLERANCE
            }),
        ),
        Design::Replicated => (
            ("of 1,000 logins every replica stores all", "1000 to 1000"),
            found.is_some_and(|(fewest, most)| {
                fewest > 1_000.0 - SESSION_TOLERANCE && most < 1_000.0 + SESSION_TOLERANCE
            }),
        ),
        Design::Central | Design::Token => {
            (("a replica stores no sessions", "none"), found.is_none())
        }
    };
    let measured = found.map_or_else(
        || "none".to_owned(),
        |(fewest, most)| format!("{} to {}", fewest.round(), most.round()),
    );
    let mut check = check(design, title, measured, holds);
    if !holds && !session_memory.converged {
        check.outcome = Outcome::Inconclusive;
        check.inconclusive_reasons =
            vec!["the replicas had not finished their gossip".into()];
    }
    check
}
