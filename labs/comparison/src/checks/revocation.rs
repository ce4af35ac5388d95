//! Checks about the revocation of a user.

use super::Check;
use crate::revocation::RevocationEffect;
use crate::trial::Trial;
use api_contract::design::Design;
use outcome::Outcome;

/// The checks about a trial's revocation; empty without one.
pub(super) fn checks(trial: &Trial) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(revoked) = &trial.revocation {
        checks.push(check_effect(trial, revoked));
    }
    if let Some(revoked) = &trial.revocation_without_lookup {
        checks.extend(check_without_lookup(trial, revoked));
    }
    checks
}

/// A trial is inconclusive if the credential was not accepted before the revocation.
fn check(
    trial: &Trial,
    revoked: &RevocationEffect,
    (title, expected): (&str, &str),
    measured: String,
    holds: bool,
) -> Check {
    let outcome = match (revoked.accepted_before, holds) {
        (false, _) => Outcome::Inconclusive,
        (true, true) => Outcome::Pass,
        (true, false) => Outcome::Fail,
    };
    let reason = "the credential was not accepted before its revocation".to_owned();
    Check {
        design: trial.design,
        scenario: Some(trial.scenario),
        title: title.to_owned(),
        expected: expected.to_owned(),
        measured,
        outcome,
        inconclusive_reasons: if revoked.accepted_before {
            Vec::new()
        } else {
            vec![reason]
        },
    }
}

fn check_effect(trial: &Trial, revoked: &RevocationEffect) -> Check {
    let still = match revoked.still_accepted_by.join(", ") {
        none if none.is_empty() => "none".to_owned(),
        names => names,
    };
    match trial.design {
        Design::Memory | Design::Sticky => {
            let text = "a revocation at one replica does not reach sessions in another";
            let holds = !revoked.still_accepted_by.is_empty();
            check(trial, revoked, (text, "still accepted by some"), still, holds)
        }
        // Gossip is sent before the answer, with a timeout: a late replica is no violation.
        Design::Replicated => {
            let text = "in the end no replica accepts the credential";
            let holds = revoked.still_accepted_by.is_empty();
            check(trial, revoked, (text, "none"), still, holds)
        }
        Design::Central | Design::Token => {
            let text = "after an answered revocation no replica accepts the credential";
            let after = revoked.accepted_after;
            let holds = after == 0 && revoked.still_accepted_by.is_empty();
            let measured = format!("accepted {after} times");
            check(trial, revoked, (text, "accepted 0 times"), measured, holds)
        }
    }
}

fn check_without_lookup(trial: &Trial, revoked: &RevocationEffect) -> [Check; 2] {
    let after = revoked.accepted_after;
    let expired = revoked.still_accepted_by.is_empty();
    let lives = ("without a lookup the token stays valid after the revocation", "some");
    let dies = ("without a lookup the token expires after its lifetime", "dead");
    let end = if expired { "dead" } else { "alive" }.to_owned();
    [
        check(trial, revoked, lives, format!("accepted {after} times"), after > 0),
        check(trial, revoked, dies, end, expired),
    ]
}
