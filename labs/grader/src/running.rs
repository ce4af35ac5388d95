//! Runs one check with its own processes and services, a timeout, and repeats with
//! different seeds.

use crate::assignment::Assignment;
use crate::check::Check;
use crate::check_error::{CheckError, CheckResult};
use crate::context::CheckContext;
use crate::manifest::{CheckEntry, Service as RequiredService};
use crate::program_file::ProgramFile;
use crate::record::{CheckRecord, Status};
use crate::replica::{SharedSetup, too_much_output};
use crate::transcript::{Transcript, one_line};
use anyhow::Context;
use backing_services::{Backing, Kind, Service, ServiceType, database, offers, redis};
use futures_util::FutureExt;
use process::RunDir;
use report::statistics::whole_millis;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Maximum number of runs of a check that is inconclusive.
const MAX_ATTEMPTS: u32 = 3;

/// Maximum time to detect that a program exited before a failure.
const EXIT_DETECTION_TIMEOUT: Duration = Duration::from_millis(250);

/// A built program and the settings to check it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running<'a> {
    pub(crate) assignment: &'a Assignment,
    pub(crate) program: &'a Arc<ProgramFile>,
    pub(crate) run_dir: &'a RunDir,
    pub(crate) http: &'a reqwest::Client,
}

/// Runs a check once per repeat, each time with the next seed. Stops at the first run
/// that does not pass.
pub(crate) async fn run_check(running: &Running<'_>, entry: &CheckEntry) -> CheckRecord {
    let mut record = running.assignment.blank(entry);
    let Some(check) = running.assignment.suite.check(&entry.id) else {
        record.status = Status::Error;
        record.actual = format!("no check is called {}", entry.id);
        return record;
    };
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    for repeat in 0..u64::from(running.assignment.repeat.max(1)) {
        record.seed = running.assignment.seed.wrapping_add(repeat);
        let attempt = run_until_conclusive(running, check, record.seed).await;
        let (requests, p99) = attempt.transcript.cost();
        record.requests += requests;
        slowest = slowest.max(p99);
        record_result(&mut record, attempt);
        if record.status != Status::Pass {
            break;
        }
    }
    record.points = if record.status == Status::Pass { entry.points } else { 0 };
    record.duration_ms = whole_millis(began.elapsed());
    record.p99_ms = (slowest.as_secs_f64() * 10_000.0).round() / 10.0;
    let short = running.assignment.manifest.short_id();
    record.rerun = format!("cargo lab grade {short} --seed {} --repeat 1", record.seed);
    record
}

struct Attempt {
    result: CheckResult,
    transcript: Transcript,
    log: String,
}

fn record_result(record: &mut CheckRecord, attempt: Attempt) {
    match attempt.result {
        Ok(()) => {
            record.status = Status::Pass;
            return;
        }
        Err(CheckError::Failed(failed)) => {
            record.status = Status::Fail;
            record.expected = one_line(&failed.expected);
            record.actual = one_line(&failed.actual);
            record.help = one_line(&failed.help);
        }
        Err(CheckError::Inconclusive(why)) => {
            record.status = Status::Inconclusive;
            record.actual = one_line(&why);
        }
        Err(CheckError::Harness(error)) => {
            record.status = Status::Error;
            record.actual = one_line(&format!("{error:#}"));
        }
    }
    record.transcript = attempt.transcript.lines();
    record.log = attempt.log;
}

async fn run_until_conclusive(
    running: &Running<'_>,
    check: &Check,
    seed: u64,
) -> Attempt {
    let mut attempt = run_once(running, check, seed).await;
    let mut timed_out_before = false;
    for _ in 1..MAX_ATTEMPTS {
        let again = match &attempt.result {
            Err(CheckError::Inconclusive(_)) => true,
            Err(CheckError::Failed(failed)) => failed.timed_out && !timed_out_before,
            _ => false,
        };
        if !again {
            break;
        }
        timed_out_before |= matches!(attempt.result, Err(CheckError::Failed(_)));
        attempt = run_once(running, check, seed).await;
    }
    attempt
}

async fn run_once(running: &Running<'_>, check: &Check, seed: u64) -> Attempt {
    let transcript = Transcript::default();
    let ctx = match prepare(running, check, seed, transcript.clone()).await {
        Ok(ctx) => ctx,
        Err(error) => {
            return Attempt { result: Err(error.into()), transcript, log: String::new() };
        }
    };
    let limits = running.assignment.manifest.limits;
    let result = tokio::select! {
        result = catch_panic(check, &ctx) => result,
        replica = ctx.output_limit_exceeded() => Err(too_much_output(&replica, limits)),
        () = tokio::time::sleep(limits.time()) => Err(CheckError::timed_out(
            format!("the check ends within {} s", limits.seconds),
            "the check was still waiting for the program",
            "does the program wait for an event that never happens?",
        )),
    };
    let result = with_exit_reasons(result, &ctx).await;
    ctx.finish().await;
    Attempt { result, transcript, log: ctx.log() }
}

/// Converts a panic of the check into a harness error.
async fn catch_panic(check: &Check, ctx: &CheckContext) -> CheckResult {
    // Partial work of the check ends with its context.
    let run = AssertUnwindSafe((check.run)(ctx)).catch_unwind();
    run.await.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let what = text.unwrap_or("no message");
        Err(anyhow::anyhow!("the check {} panicked: {what}", check.id).into())
    })
}

/// Adds the exit reasons of replicas to a failure. A connection closes before the exit is
/// detected, so this waits a moment.
async fn with_exit_reasons(result: CheckResult, ctx: &CheckContext) -> CheckResult {
    let Err(CheckError::Failed(mut failed)) = result else {
        return result;
    };
    let deadline = Instant::now() + EXIT_DETECTION_TIMEOUT;
    let mut exit_reasons = ctx.exit_reasons();
    while exit_reasons.is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
        exit_reasons = ctx.exit_reasons();
    }
    // A failed start contains the reason already.
    if !exit_reasons.is_empty() && !failed.actual.contains(&exit_reasons[0]) {
        failed.actual = format!("{} ({})", failed.actual, exit_reasons.join("; "));
    }
    Err(CheckError::Failed(failed))
}

async fn prepare(
    running: &Running<'_>,
    check: &Check,
    seed: u64,
    transcript: Transcript,
) -> anyhow::Result<CheckContext> {
    let folder = tempfile::tempdir_in(running.run_dir.folder("checks")?);
    let folder = folder.context("cannot create a folder for the replicas")?;
    let (mut services, mut urls) = (Vec::new(), Vec::new());
    for required in &running.assignment.manifest.services {
        let service = start(*required, folder.path()).await?;
        urls.push((service.what().variable().to_owned(), service.url.clone()));
        services.push(service);
    }
    let Running { assignment, program, http, .. } = *running;
    let setup = SharedSetup {
        sandbox: assignment.sandbox.clone(),
        program: Arc::clone(program),
        limits: assignment.manifest.limits,
        services: urls,
        transcript,
        folder,
    };
    Ok(CheckContext::new(setup, http.clone(), services, seed_of(check, seed)))
}

async fn start(required: RequiredService, folder: &Path) -> anyhow::Result<Service> {
    match required {
        RequiredService::Redis => redis(own_redis().await?, folder).await,
        RequiredService::Database => database(Backing::Embedded, folder).await,
    }
}

/// Finds a Redis that the harness can start. It never uses a running one: checks empty
/// and kill Redis, and the environment may name a Redis with data.
async fn own_redis() -> anyhow::Result<Backing> {
    let offers = offers(ServiceType::Redis).await;
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

/// Derives the seed of one check. Two checks must not draw the same random values.
fn seed_of(check: &Check, seed: u64) -> u64 {
    let mix =
        |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    check.id.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, mix)
}
