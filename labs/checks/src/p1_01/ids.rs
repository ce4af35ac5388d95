//! Can the next id be guessed? From outside that can be refuted and not proved: what is
//! looked for are the ways in which guessable ids are usually made.

use super::Session;
use grader::{Exam, Outcome, Replica, Stop, require};
use std::collections::BTreeSet;

/// Logins that are looked at.
const LOGINS: usize = 40;

/// Places in which ids have to differ. 128 bits are 22 letters of base64 and 32 of hex;
/// some places of a few dozen may be equal by chance.
const PLACES: usize = 16;

pub(super) async fn ids_cannot_be_guessed(exam: &Exam) -> Outcome {
    let server = exam.start(&[]).await?;
    let user = exam.user();
    let before = collect(exam, &server, &user).await?;
    let different: BTreeSet<_> = before.iter().collect();
    let actual = format!("{} different ids", different.len());
    let help = "an id must not come twice";
    require(different.len() == LOGINS, format!("{LOGINS} different ids"), actual, help)?;

    let places = places_that_differ(&before);
    let example = format!("{} and {}", before[0], before[1]);
    let actual = format!("they differ in {places} places only, such as {example}");
    let help = "how many ids would somebody have to try who knows the last one? A counter \
                and a clock can be tried out";
    let expected = format!("ids that differ in at least {PLACES} places");
    require(places >= PLACES, expected, actual, help)?;

    // What comes from a fixed start, such as a counter behind a hash, comes again.
    server.kill().await;
    server.restart().await?;
    let after = collect(exam, &server, &user).await?;
    let again = after.iter().find(|id| different.contains(id));
    let actual = format!("{} again", again.map_or("", String::as_str));
    let help = "where does the randomness come from? A generator with a fixed seed, or a \
                hash of a counter, starts anew with each process";
    require(again.is_none(), "ids that were never there before", actual, help)
}

async fn collect(exam: &Exam, server: &Replica, user: &str) -> Result<Vec<String>, Stop> {
    exam.say(format!("{LOGINS} logins of {user}"));
    exam.transcript().quiet(true);
    let mut ids = Vec::new();
    for _ in 0..LOGINS {
        ids.push(Session::open(exam, server, user).await?.id);
    }
    exam.transcript().quiet(false);
    exam.say(format!("  the first three ids: {}", ids[..3].join(" ")));
    Ok(ids)
}

/// Places, counted from the left, in which at least four different letters stand.
fn places_that_differ(ids: &[String]) -> usize {
    let longest = ids.iter().map(String::len).max().unwrap_or_default();
    let letters = |place: usize| {
        let letters: BTreeSet<_> =
            ids.iter().filter_map(|id| id.as_bytes().get(place)).collect();
        letters.len()
    };
    (0..longest).filter(|place| letters(*place) >= 4).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_differs_in_two_places_and_a_random_number_in_nearly_all() {
        let counted: Vec<_> = (0..40).map(|n| format!("session-{n:08}")).collect();
        assert!(places_that_differ(&counted) <= 2);
        let random =
            |n: u64| format!("{:016x}", (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let random: Vec<_> = (0..40).map(random).collect();
        assert!(places_that_differ(&random) >= 15);
    }
}
