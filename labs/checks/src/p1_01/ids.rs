//! Predictability of session ids. A test cannot prove that ids are unpredictable. It
//! detects the usual causes of predictable ids.

use super::fixture::Session;
use grader::{CheckContext, CheckError, CheckResult, Replica, require};
use std::collections::BTreeSet;

/// Number of logins.
const LOGINS: usize = 40;

/// Minimum number of character positions in which ids must vary. 128 bits are 22
/// characters of base64 or 32 of hex, and a few positions may be equal by chance.
const MIN_VARYING_CHARS: usize = 16;

pub(super) async fn ids_cannot_be_guessed(ctx: &CheckContext) -> CheckResult {
    let server = ctx.start(&[]).await?;
    let user = ctx.random_user();
    let before = collect(ctx, &server, &user).await?;
    let different: BTreeSet<_> = before.iter().collect();
    let actual = format!("{} different ids", different.len());
    let help = "two logins must not get the same id";
    require(different.len() == LOGINS, format!("{LOGINS} different ids"), actual, help)?;

    let varying = varying_chars(&before);
    let example = format!("{} and {}", before[0], before[1]);
    let actual =
        format!("they differ in only {varying} characters, for example {example}");
    let help = "how many ids must an attacker try after seeing the last one? A counter \
                or a clock can be guessed";
    let expected = format!("ids that differ in at least {MIN_VARYING_CHARS} characters");
    require(varying >= MIN_VARYING_CHARS, expected, actual, help)?;

    // Ids derived from a fixed start, such as a hashed counter, repeat after a restart.
    server.kill().await;
    server.restart().await?;
    let after = collect(ctx, &server, &user).await?;
    let again = after.iter().find(|id| different.contains(id));
    let actual = format!("{} again", again.map_or("", String::as_str));
    let help = "what is the source of the randomness? A generator with a fixed seed, or \
                a hash of a counter, repeats its values in each process";
    require(again.is_none(), "ids that were not used before the restart", actual, help)
}

async fn collect(
    ctx: &CheckContext,
    server: &Replica,
    user: &str,
) -> Result<Vec<String>, CheckError> {
    ctx.note(format!("{LOGINS} logins of {user}"));
    ctx.transcript().quiet(true);
    let mut ids = Vec::new();
    for _ in 0..LOGINS {
        ids.push(Session::open(ctx, server, user).await?.id);
    }
    ctx.transcript().quiet(false);
    ctx.note(format!("  the first three ids: {}", ids[..3].join(" ")));
    Ok(ids)
}

/// Number of character positions, from the left, with at least four different characters.
fn varying_chars(ids: &[String]) -> usize {
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
    fn counters_differ_in_few_characters_and_random_ids_in_most() {
        let counted: Vec<_> = (0..40).map(|n| format!("session-{n:08}")).collect();
        assert!(varying_chars(&counted) <= 2);
        let random =
            |n: u64| format!("{:016x}", (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let random: Vec<_> = (0..40).map(random).collect();
        assert!(varying_chars(&random) >= 15);
    }
}
