//! Task 1: the login, and what it tells to somebody who should not come in.

use super::scene::Scene;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use grader::{Exam, Outcome, Stop, require};
use std::time::Duration;

/// Rounds that take tens of milliseconds in an unoptimised build.
const ROUNDS: u64 = 3000;

/// Logins of each kind whose times are compared.
const LOGINS: usize = 5;

/// A refusal that takes this many times as long as the other one gives itself away.
const RATIO: u32 = 3;

pub(super) async fn a_login_opens_the_door(exam: &Exam) -> Outcome {
    let scene = Scene::set(exam).await?;
    let help = "`login` returns what `who` will later accept: both are yours";
    let token = scene.log_in().await?;
    scene.accepted(&scene.server, &token, help).await?;
    let others = scene.log_in_as(&scene.other).await?;
    let name = &scene.other.name;
    scene.accepted_as(&scene.server, &others, name, help).await?;
    let wrong = scene.login(&scene.user.name, &scene.other.password).await?;
    wrong.expect(401, "this is another user's password")?;
    let nothing = exam.get(&scene.server.url(), "/api/profile").send().await?;
    nothing.expect(401, "nothing came with this request that shows who sent it").map(drop)
}

pub(super) async fn refusals_look_alike(exam: &Exam) -> Outcome {
    let scene = Scene::with_rounds(exam, ROUNDS).await?;
    let help = "somebody is trying names out: what do the two replies tell them?";
    let known = scene.login(&scene.user.name, &exam.word()).await?.expect(401, help)?;
    let unknown = scene.login(&exam.user(), &exam.word()).await?;
    let alike = unknown.status == known.status && unknown.body == known.body;
    let expected = format!("the same reply for an unknown name: {}", known.shown());
    require(alike, expected, unknown.shown(), help)?;
    let (mut knowns, mut unknowns) = (Vec::new(), Vec::new());
    // In turns, so that a machine that becomes busy is busy for both.
    exam.say(format!("{LOGINS} more of each kind"));
    exam.transcript().quiet(true);
    for _ in 0..LOGINS {
        knowns.push(time_of(&scene, &scene.user.name).await?);
        unknowns.push(time_of(&scene, &exam.user()).await?);
    }
    exam.transcript().quiet(false);
    let (known, unknown) = (median(knowns), median(unknowns));
    let ms = |time: Duration| time.as_millis();
    exam.say(format!("  known: {} ms, unknown: {} ms (medians)", ms(known), ms(unknown)));
    if known.max(unknown) < known.min(unknown) * RATIO {
        return Ok(());
    }
    let help = "the words are the same, and a stopwatch tells them apart. Which step is left \
                out when there is no such account?";
    let expected =
        "refusals that take about as long for a known name as for an unknown one";
    let actual = format!("{} ms and {} ms", ms(known), ms(unknown));
    // A machine may be busy in just the wrong moments: believed if it happens again.
    Err(Stop::too_slow(expected, actual, help))
}

async fn time_of(scene: &Scene<'_>, name: &str) -> Result<Duration, Stop> {
    let reply = scene.login(name, &scene.exam.word()).await?;
    let (sent, read) = reply.at;
    reply.expect(401, "a wrong password is wrong each time")?;
    Ok(read - sent)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

pub(super) async fn the_password_is_for_the_login_only(exam: &Exam) -> Outcome {
    let scene = Scene::set(exam).await?;
    let (name, password) = (&scene.user.name, &scene.user.password);
    let url = scene.server.url();
    let path = format!("/api/profile?username={name}&password={password}");
    let help = "addresses are kept by browsers, proxies and logs: a password in one is no \
                secret any more (ASVS 14.2.1)";
    exam.get(&url, &path).send().await?.expect(401, help)?;
    let help = "a password that travels with each request can be lost with each request";
    let both = STANDARD.encode(format!("{name}:{password}"));
    let basic =
        exam.get(&url, "/api/profile").header("Authorization", &format!("Basic {both}"));
    basic.send().await?.expect(401, help)?;
    scene.refused("name and password instead of a token", &both, help).await?;
    scene.refused("the password instead of a token", password, help).await?;
    let token = scene.log_in().await?;
    scene.accepted(&scene.server, &token, "the token is proof enough").await
}
