//! Running one check: its own processes and services, a deadline, and as many repeats as
//! luck needs to be ruled out.

use crate::check::Check;
use crate::exam::Exam;
use crate::grade::{Assignment, blank, millis};
use crate::manifest::{CheckEntry, Service as Asked};
use crate::record::{CheckRecord, Status};
use crate::replica::Ground;
use crate::stop::{Outcome, Stop};
use crate::transcript::{Transcript, one_line};
use anyhow::Context;
use backing_services::{Backing, Kind, Service, What, database, offers, redis};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often a check that could not tell is asked again.
const ATTEMPTS: u32 = 3;

/// How long after a failure a program may turn out to have ended before it.
const FATE: Duration = Duration::from_millis(250);

/// A built program that is being checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running<'a> {
    pub(crate) assignment: &'a Assignment,
    pub(crate) program: &'a Path,
    pub(crate) http: &'a reqwest::Client,
}

/// Runs a check with as many seeds as there are repeats, and stops at the first that does
/// not pass.
pub(crate) async fn run_check(running: &Running<'_>, entry: &CheckEntry) -> CheckRecord {
    let mut record = blank(running.assignment, entry);
    let Some(check) = running.assignment.suite.check(&entry.id) else {
        record.status = Status::Error;
        record.actual = format!("no check is called {}", entry.id);
        return record;
    };
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    for repeat in 0..u64::from(running.assignment.repeat.max(1)) {
        record.seed = running.assignment.seed.wrapping_add(repeat);
        let attempt = judge(running, check, record.seed).await;
        let (requests, p99) = attempt.transcript.cost();
        record.requests += requests;
        slowest = slowest.max(p99);
        tell(&mut record, attempt);
        if record.status != Status::Pass {
            break;
        }
    }
    record.points = if record.status == Status::Pass { entry.points } else { 0 };
    record.duration_ms = millis(began);
    record.p99_ms = (slowest.as_secs_f64() * 10_000.0).round() / 10.0;
    let short = running.assignment.manifest.short_id();
    record.rerun = format!("cargo lab grade {short} --seed {} --repeat 1", record.seed);
    record
}

struct Attempt {
    outcome: Outcome,
    transcript: Transcript,
    log: String,
}

fn tell(record: &mut CheckRecord, attempt: Attempt) {
    match attempt.outcome {
        Ok(()) => {
            record.status = Status::Pass;
            return;
        }
        Err(Stop::Failed(failed)) => {
            record.status = Status::Fail;
            record.expected = one_line(&failed.expected);
            record.actual = one_line(&failed.actual);
            record.help = one_line(&failed.help);
        }
        Err(Stop::Unsure(why)) => {
            record.status = Status::Inconclusive;
            record.actual = one_line(&why);
        }
        Err(Stop::Broken(error)) => {
            record.status = Status::Error;
            record.actual = one_line(&format!("{error:#}"));
        }
    }
    record.transcript = attempt.transcript.lines();
    record.log = attempt.log;
}

async fn judge(running: &Running<'_>, check: &Check, seed: u64) -> Attempt {
    let mut attempt = once(running, check, seed).await;
    let mut slow_before = false;
    for _ in 1..ATTEMPTS {
        let again = match &attempt.outcome {
            Err(Stop::Unsure(_)) => true,
            Err(Stop::Failed(failed)) => failed.by_clock && !slow_before,
            _ => false,
        };
        if !again {
            break;
        }
        slow_before |= matches!(attempt.outcome, Err(Stop::Failed(_)));
        attempt = once(running, check, seed).await;
    }
    attempt
}

async fn once(running: &Running<'_>, check: &Check, seed: u64) -> Attempt {
    let transcript = Transcript::default();
    let exam = match prepare(running, check, seed, transcript.clone()).await {
        Ok(exam) => exam,
        Err(error) => {
            return Attempt {
                outcome: Err(error.into()),
                transcript,
                log: String::new(),
            };
        }
    };
    let limits = running.assignment.manifest.limits;
    let outcome = tokio::select! {
        outcome = unless_it_panics(check, &exam) => outcome,
        replica = exam.flood() => Err(Stop::failed(
            format!("at most {} KiB of output", limits.output_kib),
            format!("replica {replica} wrote more"),
            "a loop that prints?",
        )),
        () = tokio::time::sleep(limits.time()) => Err(Stop::too_slow(
            format!("an end within {} s", limits.seconds),
            "the check was still waiting for the program",
            "does it wait for something that never comes?",
        )),
    };
    let outcome = with_fate(outcome, &exam).await;
    exam.finish().await;
    Attempt { outcome, transcript, log: exam.log() }
}

/// A check that panics is a fault of the lab, and of no other check.
async fn unless_it_panics(check: &Check, exam: &Exam) -> Outcome {
    // What it leaves half done ends with the exam.
    let run = AssertUnwindSafe((check.run)(exam)).catch_unwind();
    run.await.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let what = text.unwrap_or("it does not say why");
        Err(anyhow::anyhow!("the check {} panicked: {what}", check.id).into())
    })
}

/// A program that ended in the middle explains whatever else was seen. Its connections end
/// before it is known to have ended, so this waits a little.
async fn with_fate(outcome: Outcome, exam: &Exam) -> Outcome {
    let Err(Stop::Failed(mut failed)) = outcome else {
        return outcome;
    };
    let deadline = Instant::now() + FATE;
    let mut fates = exam.fates();
    while fates.is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
        fates = exam.fates();
    }
    // A program that never came up has said so already.
    if !fates.is_empty() && !failed.actual.contains(&fates[0]) {
        failed.actual = format!("{} ({})", failed.actual, fates.join("; "));
    }
    Err(Stop::Failed(failed))
}

async fn prepare(
    running: &Running<'_>,
    check: &Check,
    seed: u64,
    transcript: Transcript,
) -> anyhow::Result<Exam> {
    let folder = tempfile::tempdir().context("cannot make a folder for the replicas")?;
    let (mut services, mut urls) = (Vec::new(), Vec::new());
    for asked in &running.assignment.manifest.services {
        let service = start(*asked, folder.path()).await?;
        urls.push((service.what().variable().to_owned(), service.url.clone()));
        services.push(service);
    }
    let Running { assignment, program, http } = *running;
    let ground = Ground {
        cage: assignment.cage.clone(),
        program: program.to_owned(),
        limits: assignment.manifest.limits,
        services: urls,
        transcript,
        folder,
    };
    Ok(Exam::new(ground, http.clone(), services, seed_of(check, seed)))
}

async fn start(asked: Asked, folder: &Path) -> anyhow::Result<Service> {
    match asked {
        Asked::Redis => redis(own_redis().await?, folder).await,
        Asked::Database => database(Backing::Embedded, folder).await,
    }
}

/// Which Redis there is that can be started here. Never one that runs already: checks
/// empty theirs and kill it, and a reader may have a Redis in the environment.
async fn own_redis() -> anyhow::Result<Backing> {
    let offers = offers(What::Redis).await;
    let mut missing = Vec::new();
    for offer in offers {
        match (offer.kind, offer.found) {
            (Kind::Url, _) => {}
            (_, Err(why)) => missing.push(why),
            (Kind::Local, Ok(_)) => return Ok(Backing::Local),
            (Kind::Container, Ok(_)) => return Ok(Backing::Container),
            (Kind::Embedded, Ok(_)) => return Ok(Backing::Embedded),
        }
    }
    anyhow::bail!("no Redis can be started: {}", missing.join("; "))
}

/// Checks must not share their chance, or the first would tell what the second does.
fn seed_of(check: &Check, seed: u64) -> u64 {
    let mix =
        |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    check.id.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, mix)
}
