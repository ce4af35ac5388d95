//! Task 1: the login, and information leaks of a failed login.

use super::fixture::Fixture;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use grader::{CheckContext, CheckError, CheckResult, require};
use std::time::Duration;

/// Number of hash rounds that takes tens of milliseconds in an unoptimised build.
const ROUNDS: u64 = 3000;

/// Number of logins of each kind whose durations are compared.
const LOGINS: usize = 5;

/// Minimum ratio of the two medians that counts as a detectable difference.
const RATIO: u32 = 3;

pub(super) async fn login_returns_a_token(ctx: &CheckContext) -> CheckResult {
    let fixture = Fixture::create(ctx).await?;
    let help = "`login` must return a token that `who` accepts: both functions are yours";
    let token = fixture.log_in().await?;
    fixture.accepted(&fixture.server, &token, help).await?;
    let others = fixture.log_in_as(&fixture.other).await?;
    let name = &fixture.other.name;
    fixture.accepted_as(&fixture.server, &others, name, help).await?;
    let wrong = fixture.login(&fixture.user.name, &fixture.other.password).await?;
    wrong.expect(401, "this is the password of another user")?;
    let nothing = ctx.get(&fixture.server.url(), "/api/profile").send().await?;
    nothing.expect(401, "this request contains no credential").map(drop)
}

pub(super) async fn failed_logins_are_indistinguishable(
    ctx: &CheckContext,
) -> CheckResult {
    let fixture = Fixture::with_rounds(ctx, ROUNDS).await?;
    let help = "an attacker is testing user names: do the two replies reveal which names \
                exist?";
    let known =
        fixture.login(&fixture.user.name, &ctx.random_word()).await?.expect(401, help)?;
    let unknown = fixture.login(&ctx.random_user(), &ctx.random_word()).await?;
    let alike = unknown.status == known.status && unknown.body == known.body;
    let expected = format!("the same reply for an unknown name: {}", known.shown());
    require(alike, expected, unknown.shown(), help)?;
    let (mut knowns, mut unknowns) = (Vec::new(), Vec::new());
    // The two kinds alternate, so that load on the machine affects both.
    ctx.note(format!("{LOGINS} more of each kind"));
    ctx.transcript().quiet(true);
    for _ in 0..LOGINS {
        knowns.push(time_of(&fixture, &fixture.user.name).await?);
        unknowns.push(time_of(&fixture, &ctx.random_user()).await?);
    }
    ctx.transcript().quiet(false);
    let (known, unknown) = (median(knowns), median(unknowns));
    let ms = |time: Duration| time.as_millis();
    ctx.note(format!("  known: {} ms, unknown: {} ms (medians)", ms(known), ms(unknown)));
    if known.max(unknown) < known.min(unknown) * RATIO {
        return Ok(());
    }
    let help = "the texts are equal, but the durations differ. Which step is skipped \
                when the account does not exist?";
    let expected =
        "failed logins that take about as long for a known name as for an unknown one";
    let actual = format!("{} ms and {} ms", ms(known), ms(unknown));
    // Load on the machine can cause this once, so it counts only if it happens again.
    Err(CheckError::timed_out(expected, actual, help))
}

async fn time_of(fixture: &Fixture<'_>, name: &str) -> Result<Duration, CheckError> {
    let reply = fixture.login(name, &fixture.ctx.random_word()).await?;
    let (sent, read) = reply.at;
    reply.expect(401, "a wrong password must be rejected each time")?;
    Ok(read - sent)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

pub(super) async fn the_password_is_for_the_login_only(
    ctx: &CheckContext,
) -> CheckResult {
    let fixture = Fixture::create(ctx).await?;
    let (name, password) = (&fixture.user.name, &fixture.user.password);
    let url = fixture.server.url();
    let path = format!("/api/profile?username={name}&password={password}");
    let help = "browsers, proxies and logs store URLs, so a password in a URL is not \
                secret any more (ASVS 14.2.1)";
    ctx.get(&url, &path).send().await?.expect(401, help)?;
    let help = "a password in each request can leak with each request";
    let both = STANDARD.encode(format!("{name}:{password}"));
    let basic =
        ctx.get(&url, "/api/profile").header("Authorization", &format!("Basic {both}"));
    basic.send().await?.expect(401, help)?;
    fixture.refused("name and password instead of a token", &both, help).await?;
    fixture.refused("the password instead of a token", password, help).await?;
    let token = fixture.log_in().await?;
    fixture.accepted(&fixture.server, &token, "the token alone must be accepted").await
}
