//! Task 5: the time during which a revoked token is still accepted, measured in each mode
//! and compared with the value that the program reports.
//!
//! The program reads its clock at an unknown moment between a request and its reply. Two
//! facts are certain: the window was open at the last accepted request, and closed at the
//! first rejected one.

use super::fixture::Pair;
use futures_util::future::try_join_all;
use grader::{CheckContext, CheckError, CheckResult, Replica, require};
use std::time::{Duration, Instant};

const MODES: [&str; 4] = ["none", "short-lived", "deny-list", "token-version"];

/// The two logout endpoints, and the member of `/api/window` with their window.
const LOGOUT_ENDPOINTS: [(&str, &str); 2] =
    [("/api/logout", "logout_ms"), ("/api/logout-everywhere", "logout_everywhere_ms")];

const USUAL: Duration = Duration::from_millis(2100);
const SHORT: Duration = Duration::from_millis(900);

/// Pause between two requests.
const PAUSE: Duration = Duration::from_millis(60);

/// The measurement of one revoked token.
struct Measured {
    what: String,
    stated: Duration,
    /// Minimum time after the revocation during which it was accepted.
    accepted: Duration,
    /// Age of the token at its first rejection.
    dead: Duration,
}

pub(super) async fn the_window_is_as_long_as_stated(ctx: &CheckContext) -> CheckResult {
    let (usual, short) = (USUAL.as_millis().to_string(), SHORT.as_millis().to_string());
    let mut replicas = Vec::new();
    for mode in MODES {
        let args = ["--revocation", mode, "--access-ms", &usual, "--short-ms", &short];
        replicas.push((mode, ctx.start(&args).await?));
    }
    ctx.note("in each mode, a token is revoked and then used until it is rejected");
    ctx.transcript().quiet(true);
    let endpoints = replicas.iter().flat_map(|(mode, replica)| {
        LOGOUT_ENDPOINTS.map(|way| measure(ctx, mode, replica, way))
    });
    let measured = try_join_all(endpoints).await;
    ctx.transcript().quiet(false);
    let measured = measured?;
    for Measured { what, stated, accepted, .. } in &measured {
        let (stated, accepted) = (stated.as_millis(), accepted.as_millis());
        ctx.note(format!("  {what}: accepted for {accepted} ms, stated {stated} ms"));
    }
    measured.iter().try_for_each(judge)
}

async fn measure(
    ctx: &CheckContext,
    mode: &str,
    server: &Replica,
    (path, field): (&str, &str),
) -> Result<Measured, CheckError> {
    let what = format!("{mode}, POST {path}");
    let told = ctx.get(&server.url(), "/api/window").send().await?;
    let help = "the finished part answers this request with the result of `window`";
    let told = told.expect(200, help)?;
    let stated = told.json()[field].as_u64().unwrap_or_default();
    let pair = Pair::login(ctx, server, &ctx.random_user()).await?;
    let life = if mode == "short-lived" { SHORT } else { USUAL };
    let ended = pair.end(server, path).await?;
    let late = ended.at.1 - pair.born.0 >= life;
    if ended.status == 401 && late {
        return Err(CheckError::inconclusive(
            "this machine was too busy: the token had expired",
        ));
    }
    let ended = ended.expect(204, "a valid token can end its session")?;
    let mut accepted = Duration::ZERO;
    let deadline = Instant::now() + USUAL * 4;
    loop {
        let reply = pair.whoami(server).await?;
        if reply.status == 401 {
            let (stated, dead) =
                (Duration::from_millis(stated), reply.at.1 - pair.born.0);
            return Ok(Measured { what, stated, accepted, dead });
        }
        let after = reply.at.0.saturating_duration_since(ended.at.1);
        let help =
            format!("({what}) an access token must not be accepted after its expiry");
        require(
            Instant::now() < deadline,
            "status 401 after the expiry",
            reply.shown(),
            help,
        )?;
        reply.expect(200, "a token that is not revoked yet must be accepted")?;
        accepted = after.max(Duration::from_millis(1));
        tokio::time::sleep(PAUSE).await;
    }
}

fn judge(measured: &Measured) -> CheckResult {
    let Measured { what, stated, accepted, dead } = measured;
    let (stated, accepted, dead) =
        (stated.as_millis(), accepted.as_millis(), dead.as_millis());
    let expected =
        format!("{what}: rejected {stated} ms after its revocation, as stated");
    let actual = format!("it was still accepted {accepted} ms after its revocation");
    let help = "in this mode, which store is read for this token? If none is, the token \
                is valid until it expires. If the stated window is wrong, correct \
                `window`; if the token is accepted too long, check `is_good`";
    require(accepted <= stated, expected, actual, help)?;
    let expected = format!("{what}: accepted for up to {stated} ms, as stated");
    let actual = format!("it was rejected {dead} ms after it was issued");
    let help = "in this mode a token is rejected sooner than `window` states. Either a \
                request reads a store that this mode does not need, or the stated window \
                is a guess";
    require(stated <= dead, expected, actual, help)
}
