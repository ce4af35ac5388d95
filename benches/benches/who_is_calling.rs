//! The cost of authenticating a caller, by the place where the server looks.
//!
//! `cargo bench -p benches --bench who_is_calling`
//!
//! Each function starts with the text of the credential and ends with the account: the code
//! that the servers run, without HTTP around it. One request at a time, so these are the times
//! of an idle server; `session_map` measures concurrent requests.

mod fixture {
    pub(crate) mod accounts;
    pub(crate) mod cached;
    pub(crate) mod database;
    pub(crate) mod redis;
    pub(crate) mod signed;
    pub(crate) mod worker;
}

use anyhow::{Context, ensure};
use api_contract::headers;
use backing_services::{Backing, Kind, ServiceType, offers};
use criterion::measurement::WallTime;
use criterion::{AxisScale, BenchmarkGroup, Criterion, PlotConfiguration};
use fixture::accounts::{member, now, username};
use fixture::cached::{self, IDLE};
use fixture::database::Database;
use fixture::redis::Redis;
use fixture::signed::Signed;
use fixture::worker;
use http::{HeaderMap, HeaderValue};
use records::sessions::{self, Found};
use records::{Member, Records, Scope};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use upload_domain::passwords::{self, HashCost, PasswordChecks};
use upload_server::config::credentials::SigningAlgorithm;
use upload_server::sessions::SessionId;

/// Sessions that exist in every store, so that the look-ups do not always hit the same one.
const SESSIONS: usize = 100;

/// Lifetime of a session: longer than any measurement.
const LIFETIME: Duration = Duration::from_secs(12 * 3_600);

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn main() -> ExitCode {
    benches::begin(env!("CARGO_CRATE_NAME"));
    let runtime = Runtime::new().expect("a runtime can be started");
    http_edge::program::exit_code(measure_all(&runtime))
}

/// One group, so that one plot compares them; from nanoseconds to tens of milliseconds.
fn measure_all(runtime: &Runtime) -> anyhow::Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("who-is-calling");
    let scale = PlotConfiguration::default().summary_scale(AxisScale::Logarithmic);
    group.plot_config(scale);
    own_memory_of_phase_1(&mut group)?;
    own_memory_of_phase_2(&mut group)?;
    signature_of_phase_1(&mut group)?;
    signatures_of_phase_2(&mut group, runtime)?;
    let ids: Arc<[SessionId]> = (0..SESSIONS).map(|_| SessionId::random()).collect();
    redis(&mut group, runtime, &ids)?;
    database(&mut group, runtime, Backing::Embedded, &ids)?;
    match runtime.block_on(postgres())? {
        Ok(_) => database(&mut group, runtime, Backing::Local, &ids)?,
        Err(why) => eprintln!("left out: database-postgres ({why})"),
    }
    password(&mut group, runtime)?;
    group.finish();
    criterion.final_summary();
    Ok(())
}

fn own_memory_of_phase_1(group: &mut Group<'_>) -> anyhow::Result<()> {
    use stateful_server::sessions::{SessionId, SessionLimits, Sessions};
    let sessions = Sessions::new(SessionLimits {
        idle: LIFETIME,
        absolute: LIFETIME,
        max_live: SESSIONS,
    });
    let mut requests = Vec::new();
    for number in 0..SESSIONS {
        let id = sessions.start(username(number)).ok().context("there is room")?;
        let mut request = HeaderMap::new();
        request.insert(headers::SESSION_ID, HeaderValue::from_str(id.secret().expose())?);
        requests.push(request);
    }
    let mut next = requests.iter().cycle();
    group.bench_function("own-memory-phase-1", |bencher| {
        bencher.iter(|| {
            let id = next.next().and_then(SessionId::from_headers);
            sessions.touch(&id.expect("it is an id")).expect("it lives")
        });
    });
    Ok(())
}

fn own_memory_of_phase_2(group: &mut Group<'_>) -> anyhow::Result<()> {
    use upload_server::sessions::SessionLimits;
    use upload_server::sessions::memory::Memory;
    let sessions = Memory::new(SessionLimits {
        idle: LIFETIME,
        absolute: LIFETIME,
        max_live: SESSIONS,
        max_per_user: 1,
    });
    let ids: Result<Vec<_>, _> =
        (0..SESSIONS).map(|number| sessions.start(&member(number))).collect();
    let texts: Vec<_> = ids?.iter().map(SessionId::secret).collect();
    let mut next = texts.iter().cycle();
    group.bench_function("own-memory-phase-2", |bencher| {
        bencher.iter(|| {
            let id = next.next().and_then(|text| SessionId::parse(text.expose()));
            sessions.touch(&id.expect("it is an id")).expect("it lives")
        });
    });
    Ok(())
}

fn signature_of_phase_1(group: &mut Group<'_>) -> anyhow::Result<()> {
    use stateless_server::tokens::{TokenRules, Tokens};
    let tokens = Tokens::open(None, TokenRules { life: LIFETIME })?;
    let token = tokens.issue(username(0))?;
    group.bench_function("signature-hs256", |bencher| {
        bencher.iter(|| tokens.check(token.expose()).expect("it is good"));
    });
    Ok(())
}

/// Without revocation, which would ask Redis as well.
fn signatures_of_phase_2(group: &mut Group<'_>, runtime: &Runtime) -> anyhow::Result<()> {
    let both = [
        ("signature-eddsa", SigningAlgorithm::Eddsa),
        ("signature-rs256-3072-bits", SigningAlgorithm::Rs256),
    ];
    for (name, algorithm) in both {
        let signed = Arc::new(runtime.block_on(Signed::with(algorithm))?);
        group.bench_function(name, |bencher| {
            let signed = Arc::clone(&signed);
            worker::time(bencher, runtime, move |_| {
                let signed = Arc::clone(&signed);
                async move { signed.tokens.check(&signed.token).await.expect("it is good") }
            });
        });
    }
    Ok(())
}

fn redis(
    group: &mut Group<'_>,
    runtime: &Runtime,
    ids: &Arc<[SessionId]>,
) -> anyhow::Result<()> {
    let redis = runtime.block_on(Redis::start())?;
    for id in ids.iter() {
        runtime.block_on(cached::fill(&redis.cache, &id.hash(), member(0)))?;
    }
    let name = format!("redis-{}", redis.service.kind.as_str());
    group.bench_function(name, |bencher| {
        let (cache, ids) = (redis.cache.clone(), Arc::clone(ids));
        worker::time(bencher, runtime, move |number| {
            let (cache, session_id_hash) = (cache.clone(), session_id_hash(&ids, number));
            async move {
                let found = cache.use_session::<Member>(&session_id_hash, IDLE).await;
                let found = found.expect("Redis answers");
                assert!(matches!(found, cache::Found::Live { .. }), "{found:?}");
            }
        });
    });
    Ok(())
}

/// The URL of a Postgres to measure, or the reason why there is none.
async fn postgres() -> anyhow::Result<Result<String, String>> {
    if !benches::measures() {
        return Ok(Err("it takes seconds to start, and nothing is measured".to_owned()));
    }
    let offers = offers(ServiceType::Database).await;
    let local = offers.into_iter().find(|offer| offer.kind == Kind::Local);
    Ok(local.context("a database may be installed")?.found)
}

fn database(
    group: &mut Group<'_>,
    runtime: &Runtime,
    backing: Backing,
    ids: &Arc<[SessionId]>,
) -> anyhow::Result<()> {
    let database = runtime.block_on(Database::start(backing))?;
    let session_id_hashes = ids.iter().map(SessionId::hash).collect();
    runtime.block_on(database.log_in(session_id_hashes))?;
    let of = if database.records.is_postgres() { "postgres" } else { "sqlite" };
    group.bench_function(format!("database-{of}"), |bencher| {
        let (records, ids) = (database.records.clone(), Arc::clone(ids));
        worker::time(bencher, runtime, move |number| {
            let (records, session_id_hash) =
                (records.clone(), session_id_hash(&ids, number));
            async move { owner(&records, session_id_hash).await.expect("it lives") }
        });
    });
    runtime.block_on(database.records.close());
    Ok(())
}

/// The owner of a session, as a replica reads it.
async fn owner(records: &Records, session_id_hash: String) -> Option<Member> {
    let found = records.read(Scope::CredentialHash(session_id_hash.clone()), |tx| {
        Box::pin(async move { sessions::find(tx, &session_id_hash, now()).await })
    });
    match found.await {
        Ok(Found::Live(session)) => Some(session.member),
        _ => None,
    }
}

/// With the hashing cost of real passwords.
fn password(group: &mut Group<'_>, runtime: &Runtime) -> anyhow::Result<()> {
    let password = "correct horse battery staple";
    let hash: Arc<str> = Arc::from(passwords::hash(password, HashCost::Owasp)?);
    let checks = PasswordChecks::default();
    let right = runtime.block_on(checks.check(password, &hash))?;
    ensure!(right, "a password does not fit its own hash");
    group.bench_function("password-argon2id", |bencher| {
        let (checks, hash) = (checks.clone(), Arc::clone(&hash));
        worker::time(bencher, runtime, move |_| {
            let (checks, hash) = (checks.clone(), Arc::clone(&hash));
            async move { assert_eq!(checks.check(password, &hash).await, Ok(true)) }
        });
    });
    Ok(())
}

/// The hash under which the stores keep a session. Hashing the id is part of each request.
fn session_id_hash(ids: &[SessionId], number: u64) -> String {
    let at = usize::try_from(number).unwrap_or(0) % ids.len();
    ids[at].hash()
}
