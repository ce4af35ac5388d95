//! Task 1: the login, and information leaks of a failed login.

use super::fixture::Fixture;
use super::timing::takes_as_long;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use grader::{CheckContext, CheckResult, require};

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
    let fixture = Fixture::create(ctx).await?;
    let help = "an attacker is testing user names: do the two replies reveal which names \
                exist?";
    let known =
        fixture.login(&fixture.user.name, &ctx.random_word()).await?.expect(401, help)?;
    let unknown = fixture.login(&ctx.random_user(), &ctx.random_word()).await?;
    let alike = unknown.status == known.status && unknown.body == known.body;
    let expected = format!("the same reply for an unknown name: {}", known.shown());
    require(alike, expected, unknown.shown(), help)?;
    takes_as_long(ctx).await
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
