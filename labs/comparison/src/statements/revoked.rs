//! Statements about the revocation of a user.

use super::Statement;
use crate::revocation::Revoked;
use crate::trial::Trial;
use api_contract::design::Design;
use outcome::Outcome;

/// The statements about a trial's revocation; empty without one.
pub(super) fn statements(trial: &Trial) -> Vec<Statement> {
    let mut statements = Vec::new();
    if let Some(revoked) = &trial.revoked {
        statements.push(of(trial, revoked));
    }
    if let Some(revoked) = &trial.without_lookup {
        statements.extend(without_lookup(trial, revoked));
    }
    statements
}

/// A trial is inconclusive if the credential was not accepted before the revocation.
fn statement(
    trial: &Trial,
    revoked: &Revoked,
    (says, expected): (&str, &str),
    measured: String,
    holds: bool,
) -> Statement {
    let outcome = match (revoked.accepted_before, holds) {
        (false, _) => Outcome::Inconclusive,
        (true, true) => Outcome::Pass,
        (true, false) => Outcome::Fail,
    };
    let doubt = "the credential was not accepted before its revocation".to_owned();
    Statement {
        design: trial.design,
        scenario: Some(trial.scenario),
        says: says.to_owned(),
        expected: expected.to_owned(),
        measured,
        outcome,
        doubts: if revoked.accepted_before { Vec::new() } else { vec![doubt] },
    }
}

fn of(trial: &Trial, revoked: &Revoked) -> Statement {
    let still = match revoked.still_accepted_by.join(", ") {
        none if none.is_empty() => "none".to_owned(),
        names => names,
    };
    match trial.design {
        Design::Memory | Design::Sticky => {
            let text = "a revocation at one replica does not reach sessions in another";
            let holds = !revoked.still_accepted_by.is_empty();
            statement(trial, revoked, (text, "still accepted by some"), still, holds)
        }
        // Gossip is sent before the answer, with a timeout: a late replica is no violation.
        Design::Replicated => {
            let text = "in the end no replica accepts the credential";
            let holds = revoked.still_accepted_by.is_empty();
            statement(trial, revoked, (text, "none"), still, holds)
        }
        Design::Central | Design::Token => {
            let text = "after an answered revocation no replica accepts the credential";
            let after = revoked.accepted_after;
            let holds = after == 0 && revoked.still_accepted_by.is_empty();
            let measured = format!("accepted {after} times");
            statement(trial, revoked, (text, "accepted 0 times"), measured, holds)
        }
    }
}

fn without_lookup(trial: &Trial, revoked: &Revoked) -> [Statement; 2] {
    let after = revoked.accepted_after;
    let dead = revoked.still_accepted_by.is_empty();
    let lives = ("without a lookup the token stays valid after the revocation", "some");
    let dies = ("without a lookup the token expires after its lifetime", "dead");
    let end = if dead { "dead" } else { "alive" }.to_owned();
    [
        statement(trial, revoked, lives, format!("accepted {after} times"), after > 0),
        statement(trial, revoked, dies, end, dead),
    ]
}
