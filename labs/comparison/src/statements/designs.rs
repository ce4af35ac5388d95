//! Statements about a design that do not depend on the scenario.

use super::Statement;
use crate::elsewhere::Elsewhere;
use crate::held::Held;
use api_contract::design::Design;
use outcome::Outcome;

/// Tolerated deviation of the session count of a replica, of 1,000: some sessions end
/// meanwhile.
const SLACK: f64 = 10.0;

/// The statements about a design.
#[must_use]
pub fn of_design(design: Design, elsewhere: &Elsewhere, held: &Held) -> Vec<Statement> {
    let mut statements = vec![accepted(design, elsewhere)];
    if design == Design::Token {
        let forged = elsewhere.accepts_a_forgery == Some(true);
        statements.push(statement(
            design,
            ("another service refuses a forged credential", "refused"),
            if forged { "accepted" } else { "refused" }.to_owned(),
            !forged,
        ));
    }
    statements.push(remembered(design, held));
    statements
}

fn statement(
    design: Design,
    (says, expected): (&str, &str),
    measured: String,
    holds: bool,
) -> Statement {
    Statement {
        design,
        scenario: None,
        says: says.to_owned(),
        expected: expected.to_owned(),
        measured,
        outcome: if holds { Outcome::Pass } else { Outcome::Fail },
        doubts: Vec::new(),
    }
}

fn accepted(design: Design, elsewhere: &Elsewhere) -> Statement {
    let measured = if elsewhere.accepts { "yes" } else { "no" }.to_owned();
    match design {
        Design::Token => {
            let says = ("another service accepts the credential", "yes");
            statement(design, says, measured, elsewhere.accepts)
        }
        _ => {
            let says = ("another service cannot accept the credential", "no");
            statement(design, says, measured, !elsewhere.accepts)
        }
    }
}

fn remembered(design: Design, held: &Held) -> Statement {
    let found = held.sessions;
    let (says, holds) = match design {
        Design::Memory | Design::Sticky => (
            (
                "of 1,000 logins a replica stores its own, and no others",
                "more than 0, fewer than 1,000",
            ),
            found.is_some_and(|(fewest, most)| fewest > 0.0 && most < 1_000.0 - SLACK),
        ),
        Design::Replicated => (
            ("of 1,000 logins every replica stores all", "1000 to 1000"),
            found.is_some_and(|(fewest, most)| {
                fewest > 1_000.0 - SLACK && most < 1_000.0 + SLACK
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
    let mut statement = statement(design, says, measured, holds);
    if !holds && !held.settled {
        statement.outcome = Outcome::Inconclusive;
        statement.doubts = vec!["the replicas had not finished their gossip".into()];
    }
    statement
}
