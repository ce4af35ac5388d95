//! Statements about a user who was revoked.

use super::Statement;
use crate::contender::Contender;
use crate::revocation::Revoked;
use crate::trial::Trial;
use outcome::Outcome;

/// What a trial shows of it, if anybody was revoked.
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

/// A proof that nobody accepted before shows nothing after.
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
    let doubt = "the proof was not accepted before it was revoked".to_owned();
    Statement {
        design: trial.contender,
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
        nobody if nobody.is_empty() => "nobody".to_owned(),
        names => names,
    };
    match trial.contender {
        Contender::Memory | Contender::Sticky => {
            let text = "an order to one replica does not reach what another remembers";
            let holds = !revoked.still_accepted_by.is_empty();
            statement(trial, revoked, (text, "still accepted by some"), still, holds)
        }
        // They tell each other before they answer, but wait for nobody for ever: a replica
        // that is late is no fault.
        Contender::Replicated => {
            let text = "no replica accepts the proof in the end";
            let holds = revoked.still_accepted_by.is_empty();
            statement(trial, revoked, (text, "nobody"), still, holds)
        }
        Contender::Central | Contender::Token => {
            let text = "after the answer to the order nobody accepts the proof";
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
    let lives = ("without a lookup the token is good after the order", "some");
    let dies = ("without a lookup it dies with its lifetime", "dead");
    let end = if dead { "dead" } else { "alive" }.to_owned();
    [
        statement(trial, revoked, lives, format!("accepted {after} times"), after > 0),
        statement(trial, revoked, dies, end, dead),
    ]
}
