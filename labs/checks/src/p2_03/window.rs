//! Task 5: how long a token is accepted that was ended, measured in each mode, beside what
//! the program says about it.
//!
//! When the program looks at its clock is not known, only that it does so between a request
//! and its reply. So two things are certain: that the window was open at the last request
//! that was accepted, and closed at the first one that was refused.

use super::Pair;
use futures_util::future::try_join_all;
use grader::{Exam, Outcome, Replica, Stop, require};
use std::time::{Duration, Instant};

const MODES: [&str; 4] = ["none", "short-lived", "deny-list", "token-version"];

/// The two ways out: the request, and what `/api/window` calls its window.
const WAYS: [(&str, &str); 2] =
    [("/api/logout", "logout_ms"), ("/api/logout-everywhere", "logout_everywhere_ms")];

const USUAL: Duration = Duration::from_millis(2100);
const SHORT: Duration = Duration::from_millis(900);

/// Between two requests.
const PAUSE: Duration = Duration::from_millis(60);

/// What happened to one token that was ended.
struct Measured {
    what: String,
    stated: Duration,
    /// It was accepted so long after its end, at least.
    accepted: Duration,
    /// So long after it was made it was refused.
    dead: Duration,
}

pub(super) async fn the_window_is_as_long_as_stated(exam: &Exam) -> Outcome {
    let (usual, short) = (USUAL.as_millis().to_string(), SHORT.as_millis().to_string());
    let mut replicas = Vec::new();
    for mode in MODES {
        let args = ["--revocation", mode, "--access-ms", &usual, "--short-ms", &short];
        replicas.push((mode, exam.start(&args).await?));
    }
    exam.say("in each mode, a token is ended and then used until it is refused");
    exam.transcript().quiet(true);
    let ways = replicas
        .iter()
        .flat_map(|(mode, replica)| WAYS.map(|way| measure(exam, mode, replica, way)));
    let measured = try_join_all(ways).await;
    exam.transcript().quiet(false);
    let measured = measured?;
    for Measured { what, stated, accepted, .. } in &measured {
        let (stated, accepted) = (stated.as_millis(), accepted.as_millis());
        exam.say(format!("  {what}: accepted for {accepted} ms, stated {stated} ms"));
    }
    measured.iter().try_for_each(judge)
}

async fn measure(
    exam: &Exam,
    mode: &str,
    server: &Replica,
    (path, field): (&str, &str),
) -> Result<Measured, Stop> {
    let what = format!("{mode}, POST {path}");
    let told = exam.get(&server.url(), "/api/window").send().await?;
    let help = "the finished part answers this with what `window` returns";
    let told = told.expect(200, help)?;
    let stated = told.json()[field].as_u64().unwrap_or_default();
    let pair = Pair::login(exam, server, &exam.user()).await?;
    let life = if mode == "short-lived" { SHORT } else { USUAL };
    let ended = pair.end(server, path).await?;
    let late = ended.at.1 - pair.born.0 >= life;
    if ended.status == 401 && late {
        return Err(Stop::unsure("this machine was too busy: the token had expired"));
    }
    let ended = ended.expect(204, "a good token can end its session")?;
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
        let help = format!("({what}) an access token is never good after its time");
        require(Instant::now() < deadline, "status 401 in the end", reply.shown(), help)?;
        let reply = reply.expect(200, "a token that is not ended yet is accepted")?;
        accepted = after.max(Duration::from_millis(1));
        drop(reply);
        tokio::time::sleep(PAUSE).await;
    }
}

fn judge(measured: &Measured) -> Outcome {
    let Measured { what, stated, accepted, dead } = measured;
    let (stated, accepted, dead) =
        (stated.as_millis(), accepted.as_millis(), dead.as_millis());
    let expected = format!("{what}: refused {stated} ms after its end, as stated");
    let actual = format!("it was still accepted {accepted} ms after its end");
    let help = "who is asked about this token in this mode, and what ends it if nobody is? \
                If the window is wrong, say the right one; if the token lives too long, \
                look at `is_good`";
    require(accepted <= stated, expected, actual, help)?;
    let expected = format!("{what}: accepted for up to {stated} ms, as stated");
    let actual = format!("{dead} ms after it was made, it was refused");
    let help = "in this mode a token dies sooner than `window` says. Does a request ask for \
                more than this mode promises, and pays for, or is the window a guess?";
    require(stated <= dead, expected, actual, help)
}
